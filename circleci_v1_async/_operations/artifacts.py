"""Artifacts: the files that builds stored."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from circleci_v1_async._core.arguments import check_branch, check_callback, check_integer, check_one_of
from circleci_v1_async._files.threads import FileThreads
from circleci_v1_async.enums import BuildFilter, BuildFilterName
from circleci_v1_async.errors import InvalidInputError
from circleci_v1_async.models import Artifact, BuildSummary
from circleci_v1_async.request import Request
from circleci_v1_async.slug import ProjectSlug

from .base import Operations
from .paths import BUILD, PROJECT, build_values, project_values

if TYPE_CHECKING:
    from circleci_v1_async.artifacts import ArtifactDownloads, ArtifactStream, Download, OnError, OnExists, Progress


class ArtifactOperations(Operations):
    _file_threads: FileThreads

    async def list_build_artifacts(
        self, project: ProjectSlug | str | BuildSummary, build_num: int | None = None
    ) -> list[Artifact]:
        """List the artifacts of a build. The list is empty if the build stored none, or if they have expired.

        `GET /project/{project}/{build_num}/artifacts` (openapi.yml: listBuildArtifacts).

        Raises:
            NotFoundError: The build does not exist, or the token has no access to it.
        """
        values = build_values(project, build_num)
        return await self.send(Request("GET", f"{BUILD}/artifacts", values, returns=list[Artifact]))

    async def list_latest_artifacts(
        self,
        project: ProjectSlug | str,
        *,
        branch: str | None = None,
        filter: BuildFilter | BuildFilterName | None = None,
    ) -> list[Artifact]:
        """List the artifacts of the latest build, which is one job, not one workflow.

        `GET /project/{project}/latest/artifacts` (openapi.yml: listLatestArtifacts; `running` from CircleCI's docs).

        The latest build is often the last job of a workflow, such as `deploy`, which stores no artifacts. For the
        artifacts of a certain job, pass its latest build, from `find_latest_build`, to `list_build_artifacts`.

        Args:
            project: The project's slug or URL.
            branch: Only consider builds of this branch.
            filter: Only consider builds that are `completed`, `successful`, `failed` or `running`.

        Returns:
            The artifacts. Empty if the build stored none.

        Raises:
            NotFoundError: No build matches, or the token has no access to the project. CircleCI sometimes also answers
                404 if the build stored no artifacts.
        """
        query = {"branch": check_branch("branch", branch), "filter": check_one_of("filter", filter, BuildFilter)}
        path, values = f"{PROJECT}/latest/artifacts", project_values(project)
        return await self.send(Request("GET", path, values, query=query, returns=list[Artifact]))

    @asynccontextmanager
    async def open_artifact(self, artifact: Artifact) -> AsyncGenerator[ArtifactStream, None]:
        """Open an artifact as a stream: `async with ci.open_artifact(artifact) as stream`.

        `GET` of the artifact's `url`, and of the URLs that it redirects to (CircleCI's docs). The token is only sent to
        the API's own origin and, with CircleCI's cloud, to `https` hosts under `circle-artifacts.com`.

        Args:
            artifact: An artifact from a list of artifacts.

        Returns:
            An async context manager. Its stream has `size`, `iter_chunks()` and `read()`. If the connection breaks
            before the first byte, the request is resent. After the first byte, the session's `timeout` is the maximum
            number of seconds without a new byte.

        Raises:
            InvalidInputError: The artifact has no URL.
            RedirectError: The artifact's URL, or the target of a redirect, is not allowed.
            NotFoundError: The artifact has expired, or the token has no access to it.

        Examples:
            ```python
            for artifact in await ci.list_build_artifacts("gh/acme/web", 8):
                async with ci.open_artifact(artifact) as stream:
                    async for chunk in stream.iter_chunks():
                        print(artifact.path, len(chunk))
            ```
        """
        from circleci_v1_async.artifacts import ArtifactStream
        from circleci_v1_async.artifacts._requests import open_artifact_stream

        stream = await open_artifact_stream(self._caller, artifact)
        with closing(stream):
            yield ArtifactStream(stream, artifact.path, self._caller.options.max_body)

    async def download_artifact(
        self,
        artifact: Artifact,
        path: str | os.PathLike[str],
        *,
        on_exists: OnExists = "error",
        resume: bool = False,
        progress: Progress | None = None,
    ) -> Download:
        """Download an artifact to a file. Until the file is complete, its bytes are in a `.part` file.

        This method makes the same request as `open_artifact`. If the download breaks off, the request is resent. The
        new request fetches only the missing bytes if the service has identified the version of the file that it sends
        (by an `ETag`). Otherwise, it fetches the complete file.

        Args:
            artifact: An artifact from a list of artifacts.
            path: The file's path. Missing folders are created.
            on_exists: Action if the file exists, or appears during the download: raise an error (`error`), keep the
                file and skip the download (`skip`), or replace the file when the new file is complete (`overwrite`).
                If another download is writing the file, this download waits for up to the session's `timeout`.
            resume: Whether to continue the `.part` file of an earlier download that was killed, or that failed with
                `resume`, and to keep the `.part` file if this download fails. Without `resume`, a download that fails
                or is canceled leaves no file.
            progress: Called with each `DownloadEvent`, in the event loop. Can be a coroutine function, which the
                download waits for. Exceptions of `progress` propagate unchanged.

        Returns:
            The outcome. Its `status` is `downloaded` or `skipped`.

        Raises:
            InvalidInputError: The artifact is not an `Artifact`, or has no URL; or the path is a folder.
            PathConflictError: The file exists and `on_exists` is `error`, or another download has been writing the file
                for longer than `timeout`.
            TruncatedError: The service sent fewer bytes than it announced, or compressed data ended early.
            DownloadError: The file cannot be written. The cause is the `OSError`.
            NotFoundError: The artifact has expired, or the token has no access to it.

        Examples:
            ```python
            for artifact in await ci.list_build_artifacts("gh/acme/web", 8):
                if artifact.path == "dist/web.tar.gz":
                    await ci.download_artifact(artifact, "web.tar.gz", resume=True)
            ```
        """
        from circleci_v1_async.artifacts import OnExists
        from circleci_v1_async.artifacts._destinations import Destination
        from circleci_v1_async.artifacts._downloader import Downloader
        from circleci_v1_async.artifacts._events import ProgressReporter

        check_one_of("on_exists", str(on_exists), get_args(OnExists))  # `str` makes this reject `None`
        check_callback("progress", progress)
        file = Path(path)
        if not file.name or os.fspath(path).endswith(("/", os.sep)):
            raise InvalidInputError(f"path: expected the path of a file, got a folder: {os.fspath(path)!r}")
        downloader = Downloader(
            self._caller, self._file_threads, file.parent, ProgressReporter(progress, 1), on_exists, resume
        )
        return await downloader.download_one(Destination(artifact, (file.name,)))

    def download_artifacts(
        self,
        artifacts: Iterable[Artifact],
        dest: str | os.PathLike[str],
        *,
        match: str | None = None,
        concurrency: int = 8,
        place: Callable[[Artifact], str] | None = None,
        on_exists: OnExists = "error",
        on_error: OnError = "raise",
        resume: bool = False,
        progress: Progress | None = None,
    ) -> ArtifactDownloads:
        """Download artifacts into a folder, several at the same time.

        This method makes the same requests as `download_artifact`. They occupy a slot of the session's `concurrency`
        only until their replies begin, so downloads do not delay other calls.

        Each artifact is saved at its `path` in the folder, or at `node-<i>/<path>` if the matching artifacts come from
        several containers. All paths are checked before the first byte is downloaded. These paths are errors: a path
        that leads out of the folder; a path that is not a plain name on every system; a path through a symbolic link;
        and a path that two artifacts need, even if the two differ in case (`A` and `a`), or if one is a folder of the
        other (`p` and `p/q`). Characters that Windows rejects in names (`< > " | ? *`), control characters, and
        characters that are invisible or change the direction of text are replaced by their UTF-8 bytes as `%XX`.

        Args:
            artifacts: Artifacts from a list of artifacts.
            dest: The folder, which is created if missing.
            match: `fnmatch` pattern for the `path` of the artifacts; `None` for all. `*` also matches slashes.
            concurrency: Maximum number of files that this call downloads at the same time, from 1. The session's
                `download_concurrency` limits the files of all calls together.
            place: A function that returns the path of an artifact in `dest`, which replaces the artifact's own path and
                `node-<i>`. With `place`, one call can download the artifacts of several builds. The returned paths are
                also checked.
            on_exists: Action if a file exists: `error`, `skip` or `overwrite`, as in `download_artifact`.
            on_error: Action after a failure: download the remaining files and then raise a `DownloadError` (`raise`),
                cancel them and raise it immediately (`stop`), or never raise it (`yield`).
            resume: Whether to continue `.part` files of earlier downloads, and to keep them after a failure.
            progress: Called with each `DownloadEvent`, as in `download_artifact`.

        Returns:
            An async iterator. Use `async for` on it, without `await`. It yields a `Download` for each artifact when the
            artifact's download finishes or fails. See `ArtifactDownloads`.

        Raises:
            InvalidInputError: An argument is invalid. Raised by the call itself; other errors during iteration.
            UnsafePathError: A path is not safe, and `on_error` is not `yield`. `failed` lists the rejected artifacts.
            PathConflictError: Two artifacts need the same path, or an existing file is in the way, and `on_error` is
                not `yield`. `failed` lists the rejected artifacts.
            DownloadError: A download failed, and `on_error` is not `yield`. `failed` lists the failed downloads.

        Examples:
            ```python
            artifacts = await ci.list_build_artifacts("gh/acme/web", 8)
            async for download in ci.download_artifacts(artifacts, "reports", match="*.xml"):
                print(download.path, download.size, download.status)
            ```
        """
        from circleci_v1_async.artifacts import ArtifactDownloads, OnError, OnExists
        from circleci_v1_async.artifacts._destinations import plan_destinations
        from circleci_v1_async.artifacts._downloader import Downloader
        from circleci_v1_async.artifacts._events import ProgressReporter

        check_callback("place", place, is_plain=True)
        check_callback("progress", progress)
        check_one_of("on_exists", str(on_exists), get_args(OnExists))
        check_one_of("on_error", str(on_error), get_args(OnError))
        concurrency = check_integer("concurrency", concurrency, 1)
        destinations = plan_destinations(artifacts, match, place)
        reporter = ProgressReporter(progress, len(destinations))
        downloader = Downloader(self._caller, self._file_threads, Path(dest), reporter, on_exists, resume)
        return ArtifactDownloads(downloader, destinations, concurrency=concurrency, on_error=on_error)
