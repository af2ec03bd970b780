"""The way of an artifact to its file."""

import hashlib
from collections.abc import Callable, Iterable
from contextlib import aclosing, closing
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs
from yarl import URL

from circleci_v1_async._calls.attempts import Attempt
from circleci_v1_async._calls.caller import Caller
from circleci_v1_async._core.tracebacks import TracebackScrubber
from circleci_v1_async._files.checks import check_file
from circleci_v1_async._files.part_file import PartFile
from circleci_v1_async._files.threads import FileThreads
from circleci_v1_async._transport.streams import get_length, read_chunks
from circleci_v1_async._transport.transport import Stream
from circleci_v1_async.errors import StatusError, TransportError, TruncatedError
from circleci_v1_async.models import Artifact
from circleci_v1_async.request import Request

from ._checks import check_destinations
from ._destinations import Destination
from ._events import Download, DownloadStatus, OnExists, ProgressReporter
from ._requests import artifact_request, get_strong_etag, is_requested_range, open_whole

__all__ = ["Downloader"]

R = TypeVar("R")

_BATCH: Final = 2**21  # bytes that are written at once, in a thread
_SMALL: Final = 2**20  # bytes of a file that is written by one call of a thread


@attrs.frozen(eq=False)
class Downloader:
    """Downloads artifacts below a folder.

    Attributes:
        caller: Makes the requests.
        threads: Do the disk work.
        root: The folder.
        on_exists: What to do with a file that is there already.
        resume: Whether to go on from what an earlier download has left, and to leave it when this one fails.
        reporter: Reports progress.
    """

    caller: Caller
    threads: FileThreads
    root: Path
    reporter: ProgressReporter
    on_exists: OnExists = "error"
    resume: bool = False

    async def check(self, destinations: Iterable[Destination]) -> dict[Destination, Download]:
        """Return the outcomes of the destinations that need no request."""
        with TracebackScrubber():
            return await self.threads.run_on(self.root, check_destinations, destinations, self.root, self.on_exists)

    async def download_one(self, destination: Destination) -> Download:
        """Download an artifact to a path of the caller's own.

        Raises:
            InvalidInputError: There is a folder.
            PathConflictError: There is something else already.
        """
        with TracebackScrubber():
            artifact_request(self.caller, destination.artifact)
            path = self.root.joinpath(*destination.parts)
            await self.threads.run_on(path, check_file, path, overwrite=False)
        download = await self.download(destination)
        self.reporter.finish(download)
        return download

    async def download(self, destination: Destination) -> Download:
        """Download an artifact to its destination."""
        with TracebackScrubber():
            request, url = artifact_request(self.caller, destination.artifact)
            part = PartFile(self.root, destination.parts, _identify(url))
            with self.caller.transport.track():
                async with self.threads.slots:
                    try:
                        if self.resume:
                            await self._run_on(part, part.open, resume=True)
                        async for attempt in self.caller.attempts(request, url):  # pragma: no branch - it ends
                            with attempt:
                                stream, offset = await self._open(part, request, url, attempt)
                                with closing(stream):
                                    return await self._save(destination.artifact, part, stream, offset)
                    finally:
                        if part.is_open:
                            await self._run_on(part, part.close, keep=self.resume)
        raise AssertionError  # pragma: no cover - for the type checkers

    async def _open(self, part: PartFile, request: Request[Any], url: URL, attempt: Attempt) -> tuple[Stream, int]:
        """Return what is missing, and where it begins."""
        if part.etag and (offset := part.size):
            headers = {"Range": f"bytes={offset}-", "If-Range": part.etag}
            try:
                stream = await self.caller.open(request, url, attempt, headers=headers)
            except StatusError as error:
                if error.status != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                    raise
            else:
                if is_requested_range(stream, offset, part.etag):
                    return stream, offset
                if stream.status == HTTPStatus.OK:
                    return stream, 0
                stream.close()
        return await open_whole(self.caller, request, url, attempt), 0

    async def _save(self, artifact: Artifact, part: PartFile, stream: Stream, received: int) -> Download:
        """Write what comes, and give the file its name."""
        path = part.path
        rest = get_length(stream)
        self.reporter.start(artifact, path, None if rest is None else received + rest, received)
        part.begin(received, part.etag if received else get_strong_etag(stream))
        if not part.is_open and (rest is None or rest > _SMALL):
            await self._run_on(part, part.open, resume=False)
        batch: list[bytes] = []
        batched = 0
        try:
            async with aclosing(read_chunks(stream, rest)) as chunks:
                async for chunk in chunks:
                    batch.append(chunk)
                    batched += len(chunk)
                    received += len(chunk)
                    self.reporter.advance(artifact, path, received)
                    if batched >= _BATCH:
                        await self._run_on(part, part.write, batch)
                        batch, batched = [], 0
        except (TransportError, TruncatedError):
            if part.is_open and part.etag:
                # These bytes need not come again.
                await self._run_on(part, part.write, batch)
            raise
        overwrite = self.on_exists == "overwrite"
        await self._run_on(part, part.publish, batch, overwrite=overwrite, durable=self.threads.durable)
        return Download(artifact, path, received, DownloadStatus.DOWNLOADED, verified=rest is not None)

    async def _run_on(self, part: PartFile, function: Callable[..., R], *args: Any, **options: Any) -> R:
        result = await self.threads.run_on(part.path, function, *args, **options)
        if not part.is_locked:
            self.threads.warn_of_no_locks(part.path)
        return result


def _identify(url: URL) -> str:
    """Return a hash that tells artifacts apart: a path may be private, a query a signature."""
    return hashlib.sha256(f"{url.origin()}{url.raw_path}".encode()).hexdigest()
