"""Downloads of many artifacts to a folder."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

from circleci_v1_async._core.tasks import TaskIterable
from circleci_v1_async.errors import (
    CircleCIError,
    DownloadError,
    PathConflictError,
    SessionClosedError,
    UnsafePathError,
)

from ._checks import failed_download
from ._destinations import Destination
from ._downloader import Downloader
from ._events import Download, OnError


class ArtifactDownloads(TaskIterable):
    """Downloads of artifacts to a folder. Yields a `Download` for each artifact when it is done.

    `async for download in downloads` yields the outcomes one by one, in any order, and `await downloads.collect()`
    returns all of them. You can iterate only once. At most `concurrency` files of this call are downloaded at the same
    time, and at most `download_concurrency` files of the whole session. While the loop body runs, running downloads
    continue, but no new downloads are started.

    Leaving the loop early, by `break`, an error or cancellation, stops every download. Incomplete files are deleted,
    unless `resume` keeps them for a later call. `aclose`, or `async with downloads`, stops the downloads immediately
    and waits until they have stopped.
    """

    _begun_before = "Downloads can be iterated only once: call download_artifacts again."
    _closed_early = "These downloads were closed before their end: not everything may have been fetched."

    def __init__(
        self, downloader: Downloader, destinations: list[Destination], *, concurrency: int, on_error: OnError
    ) -> None:
        super().__init__(str(downloader.root))
        self._downloader = downloader
        self._destinations = destinations
        self._concurrency = concurrency
        self._on_error = on_error
        self._finished = 0
        self._failed: list[Download] = []

    def __aiter__(self) -> AsyncGenerator[Download, None]:
        self._begin()
        return self._iterate()

    async def collect(self) -> list[Download]:
        """Download all artifacts.

        Returns:
            The outcome of each artifact, in the order that the downloads finished.

        Raises:
            DownloadError: A download failed, and `on_error` is not `yield`. The files of the successful downloads
                exist.
        """
        async with aclosing(aiter(self)) as outcomes:
            return [download async for download in outcomes]

    def _progress(self) -> str:
        failed = f", {len(self._failed)} failed" if self._failed else ""
        return f"{self._finished} of {_count(self._destinations)}{failed}"

    async def _iterate(self) -> AsyncGenerator[Download, None]:
        try:
            async with aclosing(self._fetch()) as outcomes:
                async for download in outcomes:
                    self._finished += 1
                    if download.error is not None:
                        self._failed.append(download)
                        if self._on_error == "stop":
                            break
                    yield download
                    self._check_open()
                else:
                    self._state = "done"
        finally:
            await self._end()
        if self._failed and self._on_error != "yield":
            text = f"{_count(self._failed)} of {len(self._destinations)} failed: {self._failed[0].error}"
            raise DownloadError(text, tuple(self._failed))

    # Tasks are kept without a TaskGroup, for the same reason as in `PageWalk`. At most `concurrency` tasks exist, even
    # for 10,000 artifacts.
    async def _fetch(self) -> AsyncGenerator[Download, None]:
        reporter = self._downloader.reporter
        settled = await self._downloader.check(self._destinations)
        problems = [download for download in settled.values() if download.error]
        if problems and self._on_error != "yield":
            raise self._explain(problems)
        waiting = (destination for destination in self._destinations if destination not in settled)
        running: set[asyncio.Task[Download]] = set()
        self._begin_more(running, waiting)
        for download in settled.values():
            await reporter.finish(download)
            yield download
        while running:
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            self._check_open()
            self._begin_more(running, waiting)
            for task in done:
                yield task.result()

    def _begin_more(self, running: "set[asyncio.Task[Download]]", waiting: Iterator[Destination]) -> None:
        while len(running) < self._concurrency and (destination := next(waiting, None)):
            running.add(self._create_task(self._download(destination)))

    async def _download(self, destination: Destination) -> Download:
        try:
            download = await self._downloader.download(destination)
        except SessionClosedError:
            # A closed session fails every download.
            raise
        except CircleCIError as error:
            download = failed_download(destination, self._downloader.root, error)
        await self._downloader.reporter.finish(download)
        return download

    def _explain(self, problems: list[Download]) -> DownloadError:
        """Return the error for the problems that were found before the first request."""
        errors = [problem.error for problem in problems]
        kinds = (UnsafePathError, PathConflictError, DownloadError)
        kind, first = next((kind, error) for kind in kinds for error in errors if isinstance(error, kind))
        return kind(f"{_count(problems)} cannot be saved in {self._downloader.root}: {first}", tuple(problems))


def _count(items: list[Destination] | list[Download]) -> str:
    return f"{len(items)} artifact{'s' * (len(items) != 1)}"
