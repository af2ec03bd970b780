"""Artifacts: in lists, at the URL that redirects to storage, and in storage."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final, Literal

import attrs

from circleci_v1_async.testing._nouns.lists import parse_list_query
from circleci_v1_async.testing._server.addresses import Addresses
from circleci_v1_async.testing._server.checks import RefusedError
from circleci_v1_async.testing._server.routing import BUILD, PROJECT, Call, Route
from circleci_v1_async.testing._server.storage import StoredObject, serve_signed
from circleci_v1_async.testing._server.wire import Payload, Reply
from circleci_v1_async.testing._state.account import Account
from circleci_v1_async.testing._state.builds import Build
from circleci_v1_async.testing._state.files import Artifact, Data
from circleci_v1_async.testing._state.projects import Project


class ArtifactBuilders:
    """Methods that add artifacts to builds, and change them."""

    _account: Account

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
        """Add an artifact to a build. It replaces an artifact with the same path and container.

        Args:
            slug: The project's slug.
            build_num: The build's number.
            path: The path that lists show. The fake accepts any string, like the service.
            data: The bytes. Use `GeneratedBytes` for a large file, so that it takes no memory.
            node_index: The container that stored the artifact. Two containers can store the same path.
            etag: The kind of entity tag: "strong", as in S3; "weak", which stays the same when the bytes change; or
                None to send neither a tag nor a date.
        """
        artifact = Artifact(path, node_index, data, etag)
        self._account.get_build(slug, build_num).artifacts[str(node_index), path] = artifact

    def update_artifact(self, slug: str, build_num: int, path: str, data: Data, *, node_index: int = 0) -> None:
        """Replace the bytes of an artifact. Its date moves by a minute, and a strong entity tag changes.

        Raises:
            KeyError: The build or the artifact does not exist.
        """
        artifacts = self._account.get_build(slug, build_num).artifacts
        old = artifacts.get((str(node_index), path))
        if old is None:
            raise KeyError(f"no artifact {path!r} of container {node_index} in build {build_num} of {slug}")
        artifacts[str(node_index), path] = attrs.evolve(old, data=data, version=old.version + 1)

    def expire_signatures(self, *, credentials: bool = False) -> None:
        """Expire all signed URLs of step outputs and artifacts that exist so far.

        Args:
            credentials: Whether S3 answers with 400 instead of 403, and reports that the temporary credentials of the
                signatures have expired.
        """
        self._account.has_lost_credentials = credentials
        self._account.signed_at += timedelta(minutes=10)


def list_build_artifacts(call: Call) -> list[Payload]:
    return _render_artifacts(call, call.build)


def list_latest_artifacts(call: Call) -> list[Payload]:
    latest = next(parse_list_query(call).select(call.project.list_builds_newest_first()), None)
    if latest is None:
        raise RefusedError(Reply.json_error(404, "Build not found"))
    return _render_artifacts(call, latest)


def _render_artifacts(call: Call, build: Build) -> list[Payload]:
    return [
        _render_artifact(build, artifact.path, artifact.node_index, addresses=call.addresses)
        for artifact in build.artifacts.values()
    ]


def _render_artifact(build: Build, path: str, node_index: int, *, addresses: Addresses) -> Payload:
    """Render an artifact as lists show it."""
    return {
        "path": path,
        "pretty_path": path,
        "node_index": node_index,
        "url": addresses.make_artifact_url(build, node_index, path),
    }


def redirect_to_storage(call: Call) -> Reply:
    """Redirect to an artifact's signed URL. In a private project, this requires the token."""
    readable = (project for project in call.account.projects.values() if project.public or call.authorized)
    found = _find_artifact(call, readable)
    if found is None:
        return Reply.json_error(404, "Build not found")
    return Reply(302, headers={"Location": call.addresses.sign_artifact_url(*found)})


def fetch_artifact(call: Call) -> Reply:
    """Serve an artifact at its signed URL, without other credentials."""
    found = _find_artifact(call, call.account.projects.values())
    if found is None:
        return serve_signed(call, None)
    build, artifact = found
    modified = build.stop_time + artifact.age
    return serve_signed(call, StoredObject(artifact.data, artifact.content_type, modified, artifact.entity_tag))


def _find_artifact(call: Call, projects: Iterable[Project]) -> tuple[Build, Artifact] | None:
    for project in projects:
        for build in project.builds.values():
            if build.artifacts and build.job_id == call.params["job-id"]:
                artifact = build.find_artifact(call.params["node-index"], call.params["path"])
                return (build, artifact) if artifact else None
    return None


ROUTES: Final = (
    Route("GET", f"{BUILD}/artifacts", list_build_artifacts),
    Route("GET", f"{PROJECT}/latest/artifacts", list_latest_artifacts),
    Route("GET", "/output/job/:job-id/artifacts/:node-index/*path", redirect_to_storage, site="artifacts"),
    Route("GET", "/artifacts/:job-id/:node-index/*path", fetch_artifact, site="storage"),
)
