"""Stored files: artifacts and step outputs, the two sites that serve them, and byte ranges as S3 has them."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Final, Literal

import attrs

from circleci_v1_async.testing._account import EPOCH, Account
from circleci_v1_async.testing._build_payloads import render_step_output
from circleci_v1_async.testing._routing import Call, Route, Site
from circleci_v1_async.testing._state import Artifact, Build, Data, Project, make_fingerprint
from circleci_v1_async.testing._wire import Reply, encode_json


class AccountWithArtifacts(Account):
    """An account whose builds keep files."""

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
        """Add a file to a build's artifacts, in place of the one that the same container stored under the same path.

        Args:
            slug: The project.
            build_num: The build.
            path: Its name, as the list gives it. Any text will do, the service checks nothing.
            data: Its bytes; `GeneratedBytes` for a large file, which then takes no memory.
            node_index: The container that stored it. Two containers may store the same path.
            etag: What tells its versions apart: a strong entity tag, as S3 has it; a weak one, which remains when the
                bytes change; or None for a file that comes with neither a tag nor a date.
        """
        artifact = Artifact(path, node_index, data, etag)
        self._get_build(slug, build_num).artifacts[str(node_index), path] = artifact

    def update_artifact(self, slug: str, build_num: int, path: str, data: Data, *, node_index: int = 0) -> None:
        """Store other bytes under an artifact's path, a minute later: its date changes, and a strong entity tag too.

        Raises:
            KeyError: There is no such artifact.
        """
        artifacts = self._get_build(slug, build_num).artifacts
        old = artifacts.get((str(node_index), path))
        if old is None:
            raise KeyError(f"no artifact {path!r} of container {node_index} in build {build_num} of {slug}")
        artifacts[str(node_index), path] = attrs.evolve(old, data=data, version=old.version + 1)

    def expire_signatures(self) -> None:
        """Let every signed address given so far expire: those of step outputs, and where artifacts redirect to."""
        self._signed_at += timedelta(minutes=10)


@attrs.frozen
class ByteRange:
    """A stretch of other bytes, of which nothing is copied until a slice is taken."""

    data: Data = attrs.field(repr=False)
    span: range

    def __len__(self) -> int:
        return len(self.span)

    def __getitem__(self, part: slice, /) -> bytes:
        span = self.span[part]
        return self.data[span.start : span.stop]


# No more digits than any size has: int() refuses thousands of them.
_RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


@attrs.frozen
class StoredObject:
    """One file in the bucket.

    Attributes:
        content_type: Its media type.
        modified: When it was stored.
        etag: Its entity tag with quotation marks, and `W/` if it is weak; None for a file whose versions nothing tells
            apart, not even a date.
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

    def serve(self, asked: Mapping[str, str]) -> Reply:
        """All of it, the one range that the headers `asked` name, or the refusal of a range that it has not got."""
        headers = {"Accept-Ranges": "bytes", **self._validators}
        size = len(self.data)
        span = _parse_range(asked.get("Range", ""), size) if self._is_unchanged(asked.get("If-Range")) else None
        if span is None:
            return Reply(200, ByteRange(self.data, range(size)), {**headers, "Content-Type": self.content_type})
        if not span:
            refusal = Reply.xml_error(416, "InvalidRange", "The requested range is not satisfiable")
            return attrs.evolve(refusal, headers={**refusal.headers, "Content-Range": f"bytes */{size}"})
        headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{size}"
        return Reply(206, ByteRange(self.data, span), {**headers, "Content-Type": self.content_type})

    def _is_unchanged(self, condition: str | None) -> bool:
        # A weak tag says that two versions are much the same, which is too little to join parts of them.
        return condition is None or (not condition.startswith("W/") and condition in self._validators.values())


def _parse_range(asked: str, size: int) -> range | None:
    """The bytes that a `Range` means, none of them if it lies behind the end; None where S3 takes no notice of it."""
    match = _RANGE.fullmatch(asked)
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    start, stop = int(first), int(last) + 1 if last else max(size, int(first) + 1)
    return range(start, min(stop, size)) if start < stop else None


_NO_SUCH_KEY: Final = Reply.xml_error(404, "NoSuchKey", "The specified key does not exist.")


def locate_artifact(call: Call) -> Reply:
    """The way to an artifact's bytes; those of private projects take the token."""
    readable = (project for project in call.projects.values() if project.public or call.authorized)
    found = _find_artifact(call, readable)
    if found is None:
        return Reply.json_error(404, "Build not found")
    return Reply(302, headers={"Location": call.addresses.signed_artifact_url(*found)})


def fetch_artifact(call: Call) -> Reply:
    """An artifact's bytes by their signed address, which is all the credentials it takes."""
    found = _find_artifact(call, call.projects.values())
    if found is None:
        return _serve(call, None)
    build, artifact = found
    modified = build.stop_time + artifact.age
    return _serve(call, StoredObject(artifact.data, artifact.content_type, modified, artifact.entity_tag))


def fetch_step_output(call: Call) -> Reply:
    """A log by its signed address, likewise."""
    project = call.projects.get("{vcs-type}/{username}/{project}".format_map(call.params))
    build = project and project.builds.get(int(call.params["build-num"]))
    action = build and build.find_action(call.params["step"], call.params["index"])
    if not action:
        return _serve(call, None)
    data = encode_json(render_step_output(action))
    return _serve(call, StoredObject(data, "application/json", action.start_time, f'"{make_fingerprint(data)}"'))


def _serve(call: Call, stored: StoredObject | None) -> Reply:
    refusal = call.addresses.check(call.request)
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
        Route("GET", "/logs/:vcs-type/:username/:project/:build-num/:step/:index", fetch_step_output),
    ),
    unknown=Reply.xml_error(403, "AccessDenied", "Access Denied"),
)
