"""Where artifacts and logs lie: another site than the API, with manners of its own."""

import mimetypes
from collections.abc import Iterator
from typing import Final

from circleci_v1_async.testing import _builds
from circleci_v1_async.testing._encoding import compact
from circleci_v1_async.testing._exchange import Reply
from circleci_v1_async.testing._routing import Call, Route, Site
from circleci_v1_async.testing._state import Build

_NO_SUCH_KEY: Final = Reply(404, b"<Error><Code>NoSuchKey</Code></Error>", headers={"Content-Type": "application/xml"})
# S3 refuses a signed address together with any credentials of another kind.
_TWO_CREDENTIALS: Final = Reply(
    400,
    b"<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed</Message></Error>",
    headers={"Content-Type": "application/xml"},
)


def fetch_step_output(call: Call) -> Reply:
    """A log by its signed address, which is all the credentials it takes."""
    if "Authorization" in call.request.headers:
        return _TWO_CREDENTIALS
    project = call.projects.get("{vcs-type}/{username}/{project}".format_map(call.params))
    build = project and project.builds.get(int(call.params["build-num"]))
    action = build and build.action(call.params["step"], call.params["index"])
    if not action:
        return _NO_SUCH_KEY
    return Reply(200, compact(_builds.step_output(action)), {"Content-Type": "application/json"})


def fetch_artifact(call: Call) -> Reply:
    """An artifact's bytes; those of private projects take the token."""
    for build in _readable_builds(call):
        if build.artifacts and build.job_id == call.params["job-id"]:
            artifact = build.artifact(call.params["node-index"], call.params["path"])
            if artifact:
                kind = mimetypes.guess_type(artifact.path)[0] or "application/octet-stream"
                return Reply(200, artifact.data, {"Content-Type": kind})
    return Reply.message(404, "Build not found")


def _readable_builds(call: Call) -> Iterator[Build]:
    for project in call.projects.values():
        if project.public or call.authorized:
            yield from project.builds.values()


STORAGE: Final = Site(
    "",
    (
        Route("GET", "/output/job/:job-id/artifacts/:node-index/*path", fetch_artifact),
        Route("GET", "/output/:vcs-type/:username/:project/:build-num/:step/:index", fetch_step_output),
    ),
)
