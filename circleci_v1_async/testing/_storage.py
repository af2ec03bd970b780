"""Where artifacts and logs lie: two sites besides the API, with manners of their own."""

from collections.abc import Iterable
from typing import Final

from circleci_v1_async.testing import _builds
from circleci_v1_async.testing._content import fingerprint
from circleci_v1_async.testing._encoding import compact
from circleci_v1_async.testing._exchange import Reply
from circleci_v1_async.testing._objects import StoredObject
from circleci_v1_async.testing._routing import Call, Route, Site
from circleci_v1_async.testing._state import Artifact, Build, Project

_NO_SUCH_KEY: Final = Reply.xml(404, "NoSuchKey", "The specified key does not exist.")


def locate_artifact(call: Call) -> Reply:
    """The way to an artifact's bytes; those of private projects take the token."""
    readable = (project for project in call.projects.values() if project.public or call.authorized)
    found = _find_artifact(call, readable)
    if found is None:
        return Reply.message(404, "Build not found")
    return Reply(302, headers={"Location": call.storage.signed_artifact_url(*found)})


def fetch_artifact(call: Call) -> Reply:
    """An artifact's bytes by their signed address, which is all the credentials it takes."""
    found = _find_artifact(call, call.projects.values())
    if found is None:
        return _served(call, None)
    build, artifact = found
    modified = build.stop_time + artifact.age
    return _served(call, StoredObject(artifact.data, artifact.content_type, modified, artifact.entity_tag))


def fetch_step_output(call: Call) -> Reply:
    """A log by its signed address, likewise."""
    project = call.projects.get("{vcs-type}/{username}/{project}".format_map(call.params))
    build = project and project.builds.get(int(call.params["build-num"]))
    action = build and build.action(call.params["step"], call.params["index"])
    if not action:
        return _served(call, None)
    data = compact(_builds.step_output(action))
    return _served(call, StoredObject(data, "application/json", action.start_time, f'"{fingerprint(data)}"'))


def _served(call: Call, stored: StoredObject | None) -> Reply:
    refusal = call.storage.refusal(call.request)
    return refusal or (stored.serve(call.request.headers) if stored else _NO_SUCH_KEY)


def _find_artifact(call: Call, projects: Iterable[Project]) -> tuple[Build, Artifact] | None:
    for project in projects:
        for build in project.builds.values():
            if build.artifacts and build.job_id == call.params["job-id"]:
                artifact = build.artifact(call.params["node-index"], call.params["path"])
                return (build, artifact) if artifact else None
    return None


ARTIFACTS: Final = Site(
    "",
    (Route("GET", "/output/job/:job-id/artifacts/:node-index/*path", locate_artifact),),
)
STORAGE: Final = Site(
    "",
    (
        Route("GET", "/artifacts/:job-id/:node-index/*path", fetch_artifact),
        Route("GET", "/logs/:vcs-type/:username/:project/:build-num/:step/:index", fetch_step_output),
    ),
    unknown=Reply.xml(403, "AccessDenied", "Access Denied"),
)
