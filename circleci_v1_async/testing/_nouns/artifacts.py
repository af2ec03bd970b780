"""Stored files: artifacts and step outputs, and the two sites that serve them as CircleCI and S3 do."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Final, Literal

import attrs

from circleci_v1_async.testing._nouns.builds import render_step_output
from circleci_v1_async.testing._nouns.triggers import AccountWithActions
from circleci_v1_async.testing._server.routing import Call, Route, Site
from circleci_v1_async.testing._server.wire import Reply, encode_json
from circleci_v1_async.testing._state.account import EPOCH
from circleci_v1_async.testing._state.builds import Artifact, Build, Data, Project, make_fingerprint

_NO_SUCH_KEY: Final = Reply.xml_error(404, "NoSuchKey", "The specified key does not exist.")
# At most 18 digits: int() raises for thousands of them.
_RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


class AccountWithArtifacts(AccountWithActions):
    """An account whose builds have artifacts."""

    def __init__(self) -> None:
        super().__init__()
        self._signed_at: datetime = EPOCH

    def add_artifact(
        self,
        slug: str,
        build_num: int,
        path: str,
        data: Data,
        *,
        node_index: int = 0,
        etag: Literal["strong", "weak"] | None = "strong",
    ) -> None:
        """Add an artifact to a build. It replaces one with the same path and container.

        Args:
            slug: The project.
            build_num: The build.
            path: The path that lists show. Any text is accepted, as by the service.
            data: The bytes; `GeneratedBytes` for a large file, which then takes no memory.
            node_index: The container that stored it. Two containers may store the same path.
            etag: The kind of entity tag: "strong", as of S3; "weak", which stays the same when the bytes change; or
                None for neither a tag nor a date.
        """
        artifact = Artifact(path, node_index, data, etag)
        self._get_build(slug, build_num).artifacts[str(node_index), path] = artifact

    def update_artifact(self, slug: str, build_num: int, path: str, data: Data, *, node_index: int = 0) -> None:
        """Replace the bytes of an artifact. Its date becomes a minute later, and a strong entity tag changes.

        Raises:
            KeyError: There is no such artifact.
        """
        artifacts = self._get_build(slug, build_num).artifacts
        old = artifacts.get((str(node_index), path))
        if old is None:
            raise KeyError(f"no artifact {path!r} of container {node_index} in build {build_num} of {slug}")
        artifacts[str(node_index), path] = attrs.evolve(old, data=data, version=old.version + 1)

    def expire_signatures(self) -> None:
        """Expire all signed addresses so far, of step outputs and of artifacts after the redirect."""
        self._signed_at += timedelta(minutes=10)


@attrs.frozen
class ByteRange:
    """A range of an object's bytes; slices are copied only when they are taken."""

    data: Data = attrs.field(repr=False)
    span: range

    def __len__(self) -> int:
        return len(self.span)

    def __getitem__(self, part: slice, /) -> bytes:
        span = self.span[part]
        return self.data[span.start : span.stop]


@attrs.frozen
class StoredObject:
    """A file in the bucket.

    Attributes:
        content_type: The media type.
        modified: The time at which it was stored.
        etag: The entity tag with quotation marks, and `W/` if it is weak; None to send neither a tag nor a date.
    """

    data: Data = attrs.field(repr=False)
    content_type: str
    modified: datetime
    etag: str | None

    @property
    def _validators(self) -> dict[str, str]:
        if self.etag is None:
            return {}
        return {"ETag": self.etag, "Last-Modified": format_datetime(self.modified, usegmt=True)}

    def serve(self, request_headers: Mapping[str, str]) -> Reply:
        """Return the whole file, the requested range of it, or the refusal of a range past its end."""
        headers = {"Accept-Ranges": "bytes", **self._validators}
        size = len(self.data)
        span = (
            _parse_range(request_headers.get("Range", ""), size)
            if self._is_unchanged(request_headers.get("If-Range"))
            else None
        )
        if span is None:
            return Reply(200, ByteRange(self.data, range(size)), {**headers, "Content-Type": self.content_type})
        if not span:
            refusal = Reply.xml_error(416, "InvalidRange", "The requested range is not satisfiable")
            return attrs.evolve(refusal, headers={**refusal.headers, "Content-Range": f"bytes */{size}"})
        headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{size}"
        return Reply(206, ByteRange(self.data, span), {**headers, "Content-Type": self.content_type})

    def _is_unchanged(self, condition: str | None) -> bool:
        # Equal weak tags do not mean equal bytes, which joining two parts requires.
        return condition is None or (not condition.startswith("W/") and condition in self._validators.values())


def _parse_range(header: str, size: int) -> range | None:
    """Return the positions that a `Range` names: empty if past the end, None if S3 ignores the header."""
    match = _RANGE.fullmatch(header)
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    start, stop = int(first), int(last) + 1 if last else max(size, int(first) + 1)
    return range(start, min(stop, size)) if start < stop else None


def locate_artifact(call: Call) -> Reply:
    """Redirect to an artifact's signed address; one of a private project takes the token."""
    readable = (project for project in call.projects.values() if project.public or call.authorized)
    found = _find_artifact(call, readable)
    if found is None:
        return Reply.json_error(404, "Build not found")
    return Reply(302, headers={"Location": call.addresses.sign_artifact_url(*found)})


def fetch_artifact(call: Call) -> Reply:
    """Serve an artifact by its signed address, without other credentials."""
    found = _find_artifact(call, call.projects.values())
    if found is None:
        return _serve(call, None)
    build, artifact = found
    modified = build.stop_time + artifact.age
    return _serve(call, StoredObject(artifact.data, artifact.content_type, modified, artifact.entity_tag))


def fetch_step_output(call: Call) -> Reply:
    """Serve a step's output by its signed address, without other credentials."""
    project = call.projects.get("{vcs-type}/{username}/{repo}".format_map(call.params))
    build = project and project.builds.get(int(call.params["build-num"]))
    action = build and build.find_action(call.params["step"], call.params["index"])
    if not action:
        return _serve(call, None)
    data = encode_json(render_step_output(action))
    return _serve(call, StoredObject(data, "application/json", action.start_time, f'"{make_fingerprint(data)}"'))


def _serve(call: Call, stored: StoredObject | None) -> Reply:
    refusal = call.addresses.refuse(call.request)
    return refusal or (stored.serve(call.request.headers) if stored else _NO_SUCH_KEY)


def _find_artifact(call: Call, projects: Iterable[Project]) -> tuple[Build, Artifact] | None:
    for project in projects:
        for build in project.builds.values():
            if build.artifacts and build.job_id == call.params["job-id"]:
                artifact = build.find_artifact(call.params["node-index"], call.params["path"])
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
        Route("GET", "/logs/:vcs-type/:username/:repo/:build-num/:step/:index", fetch_step_output),
    ),
    not_found=Reply.xml_error(403, "AccessDenied", "Access Denied"),
)
