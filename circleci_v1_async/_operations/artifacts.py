"""Files that builds kept."""

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
from circleci_v1_async.request import Request, drop_none
from circleci_v1_async.slug import ProjectSlug

from .base import Operations
from .paths import BUILD, build_values, project_values

if TYPE_CHECKING:
    from circleci_v1_async.artifacts import (
        ArtifactDownloads,
        ArtifactStream,
        Download,
        OnError,
        OnExists,
        Progress,
    )

__all__ = ["ArtifactOperations"]


class ArtifactOperations(Operations):
    """Files that builds kept."""

    _file_threads: FileThreads

    async def list_build_artifacts(
        self, project: ProjectSlug | str | BuildSummary, build_num: int | None = None
    ) -> list[Artifact]:
        """The files that a build kept. Empty when there are none, or they have expired.

        `GET /project/{project}/{build_num}/artifacts` (openapi.yml: listBuildArtifacts).

        An item that does not fit is left out, so the list may be shorter than the list that was sent.

        Raises:
            NotFoundError: There is no such build, or the token may not see it.
        """
        return await self.send(
            Request("GET", f"{BUILD}/artifacts", build_values(project, build_num), returns=list[Artifact])
        )

    async def list_latest_artifacts(
        self,
        project: ProjectSlug | str,
        *,
        branch: str | None = None,
        filter: BuildFilter | BuildFilterName | None = None,
    ) -> list[Artifact]:
        """List the artifacts of the latest build, which is one job, not one workflow.

        `GET /project/{project}/latest/artifacts` (openapi.yml: listLatestArtifacts; `running` from CircleCI's docs).

        The latest build is the build of any job that ran last, such as `deploy`, which often stores no artifacts. For
        the artifacts of a certain job, find its latest build with `find_latest_build` and pass it to
        `list_build_artifacts`.

        An item that does not fit is left out, so the list may be shorter than the list that was sent.

        Args:
            project: The project's slug or URL.
            branch: Only consider builds of this branch.
            filter: Only consider builds that are `completed`, `successful`, `failed` or `running`.

        Returns:
            The artifacts. Empty if the build stored none.

        Raises:
            NotFoundError: There is no such build. CircleCI has been seen to answer 404 even if a build stored nothing.
        """
        query = drop_none(branch=check_branch("branch", branch), filter=check_one_of("filter", filter, BuildFilter))
        return await self.send(
            Request(
                "GET",
                "/project/{project}/latest/artifacts",
                project_values(project),
                query=query,
                returns=list[Artifact],
            )
        )

    @asynccontextmanager
    async def open_artifact(self, artifact: Artifact) -> AsyncGenerator[ArtifactStream, None]:
        """Read an artifact as it comes: `async with ci.open_artifact(artifact) as stream`.

        `GET` of the artifact's `url`, with the redirects that lead from there (CircleCI's docs). The token goes to the
        API's own origin and, from CircleCI's cloud, to `https` hosts under `circle-artifacts.com`; nowhere else.

        Args:
            artifact: As a list of artifacts gives it.

        Returns:
            Its `size`, `iter_chunks()` and `read()`. Broken connections are tried again until the first byte, and the
            session's `timeout` is how long it may then go without one.

        Raises:
            InvalidInputError: The artifact has no URL.
            RedirectError: Its URL is not one to go to.
            NotFoundError: It has expired, or the token may not see it.

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
        """Save an artifact. The file gets its name when it is whole; until then it is a `.part`.

        The request is that of `open_artifact`. It is made again when the file breaks off, for what is missing if the
        service says which version of the file it has sent, and else for all of it.

        Args:
            artifact: As a list of artifacts gives it.
            path: The file's path. Missing folders are made.
            on_exists: If the file exists already, or appears during the download: an `error`, `skip` the download and
                keep the file, or `overwrite` the file once the new one is complete. A file that another download is
                writing is waited for, up to the session's `timeout`.
            resume: Whether to continue the `.part` of an earlier download that was killed, or failed with `resume`,
                and to leave one. Without it, a download that fails or is cancelled leaves nothing.
            progress: Called with each `DownloadEvent`, in the event loop. Can be a coroutine function, which the
                download waits for. Its errors leave the call unchanged.

        Returns:
            The outcome: `downloaded`, or `skipped`.

        Raises:
            InvalidInputError: It is no artifact, or has no URL; or the path is that of a folder.
            PathConflictError: The file exists already and `on_exists` is `error`, or another download has been writing
                it for longer than `timeout`.
            TruncatedError: The service announced more than it sent, or compressed data ended early.
            DownloadError: The file cannot be written; the `OSError` is its cause.
            NotFoundError: The artifact has expired, or the token may not see it.

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

        check_one_of("on_exists", str(on_exists), get_args(OnExists))  # `None` is no choice either
        check_callback("progress", progress)
        file = Path(path)
        if not file.name or os.fspath(path).endswith(("/", os.sep)):
            raise InvalidInputError(f"path: expected the path of a file, got that of a folder: {os.fspath(path)!r}")
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
        """Save artifacts below a folder, several at a time.

        The requests are those of `download_artifact`; the session's `concurrency` counts them only until their replies
        begin, so that calls beside them are not held up. Each artifact goes to its `path`; if those that match are of
        several containers, to `node-<i>/…`. Where they go is settled before the first byte: a path that leads out of
        the folder, is no plain name on some system, runs into a symbolic link, or is wanted twice (also as `A` and
        `a`, or as `p` and `p/q`) is an error then. Characters that Windows rejects in names (`< > " | ? *`), control
        characters, and characters that are invisible or change the direction of text become `%XX` of their UTF-8.

        Args:
            artifacts: As a list of artifacts gives them.
            dest: The folder; it is made if it is missing.
            match: Only artifacts whose `path` matches, as `fnmatch` has it: `*` also stands for slashes.
            concurrency: How many files may be under way at once, from 1. The session's `download_concurrency` bounds
                those of all calls together.
            place: A function that returns the path of an artifact below `dest`, in place of its own path and of
                `node-<i>`. It lets one call take the artifacts of several builds. Its paths are checked as well.
            on_exists: As in `download_artifact`.
            on_error: After a failure the others are fetched all the same, and then a `DownloadError` is raised
                (`raise`); or they are cancelled and it is raised at once (`stop`); or it is never raised (`yield`).
            resume: As in `download_artifact`, for each of the files.
            progress: Called with each `DownloadEvent`, in the event loop. Can be a coroutine function, which the
                download waits for. Its errors leave the call unchanged.

        Returns:
            To be looped over with `async for`, without an `await`. It yields a `Download` for each artifact as it is
            done, whether it failed or not. See `ArtifactDownloads`.

        Raises:
            InvalidInputError: An argument is invalid. Raised by the call itself; other errors are raised from the loop.
            UnsafePathError: A path is not safe, and `on_error` is not `yield`; likewise `PathConflictError`. Both have
                `.failed`.
            DownloadError: `.failed` has what came of those that failed.

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

        check_callback("progress", progress)
        check_one_of("on_exists", str(on_exists), get_args(OnExists))
        check_one_of("on_error", str(on_error), get_args(OnError))
        concurrency = check_integer("concurrency", concurrency, 1)
        destinations = plan_destinations(artifacts, match, place)
        reporter = ProgressReporter(progress, len(destinations))
        downloader = Downloader(self._caller, self._file_threads, Path(dest), reporter, on_exists, resume)
        return ArtifactDownloads(downloader, destinations, concurrency=concurrency, on_error=on_error)
