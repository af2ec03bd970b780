"""Downloader of artifacts: request, part file, final file."""

import hashlib
import os
from collections.abc import Callable, Iterable
from contextlib import aclosing, closing
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import attrs
from yarl import URL

from circleci_v1_async._calls.attempts import Attempt
from circleci_v1_async._calls.caller import Caller
from circleci_v1_async._core.tracebacks import TracebackScrubber
from circleci_v1_async._files.checks import check_file
from circleci_v1_async._files.part_file import NameTakenError, PartFile, PartInUseError
from circleci_v1_async._files.threads import FileThreads
from circleci_v1_async._transport.streams import get_length, read_chunks
from circleci_v1_async._transport.transport import Stream
from circleci_v1_async.errors import PathConflictError, StatusError, TransportError, TruncatedError
from circleci_v1_async.models import Artifact
from circleci_v1_async.request import Request

from ._checks import WAY_OUT, check_destinations
from ._destinations import Destination
from ._events import Download, DownloadStatus, OnExists, ProgressReporter
from ._requests import artifact_request, get_strong_etag, is_requested_range, require_whole

_BATCH: Final = 2**21  # bytes that one call in a thread writes
_SMALL: Final = 2**20  # maximum size in bytes of a file that is opened, written and published by one call in a thread
_POLL: Final = 0.1  # seconds between two checks of a part file that another download is writing


@attrs.frozen(eq=False)
class Downloader:
    """Downloads artifacts below the folder `root`.

    With `resume`, it resumes from the part file of an earlier download, and keeps the part file if the download fails.
    """

    caller: Caller
    threads: FileThreads
    root: Path
    reporter: ProgressReporter
    on_exists: OnExists
    resume: bool

    async def check(self, destinations: Iterable[Destination]) -> dict[Destination, Download]:
        """Return the outcomes of the destinations that need no request."""
        with TracebackScrubber():
            return await self.threads.run_on(self.root, check_destinations, destinations, self.root, self.on_exists)

    async def download_one(self, destination: Destination) -> Download:
        """Download an artifact to a path that the caller has chosen. Check both first."""
        with TracebackScrubber():
            artifact_request(self.caller, destination.artifact)
            path = self.root.joinpath(*destination.parts)
            may_exist = self.on_exists != "error"
            found = await self.threads.run_on(path, check_file, path, may_exist=may_exist, way_out=WAY_OUT)
        if found and self.on_exists == "skip":
            download = Download(destination.artifact, path, found.st_size, DownloadStatus.SKIPPED)
        else:
            download = await self.download(destination)
        await self.reporter.finish(download)
        return download

    async def download(self, destination: Destination) -> Download:
        try:
            return await self._download(destination)
        except NameTakenError:
            # The file appeared during the download.
            settled = (await self.check([destination])).get(destination)
            if settled is None:
                raise
            if settled.error is not None:
                raise settled.error from None
            return settled

    async def _download(self, destination: Destination) -> Download:
        with TracebackScrubber():
            request, url = artifact_request(self.caller, destination.artifact)
            part = PartFile(self.root, destination.parts, _identify(url))
            with self.caller.transport.track():
                async with self.threads.slots:
                    try:
                        if self.resume:
                            await self._run_when_free(part, part.open, resume=True)
                        async for attempt in self.caller.attempts(request, url):  # pragma: no branch - it ends
                            with attempt:
                                stream, offset = await self._open(part, request, url, attempt)
                                with closing(stream):
                                    return await self._save(destination.artifact, part, stream, offset)
                    finally:
                        if part.is_open:
                            await self.threads.run_part(part, part.close, keep=self.resume)
        raise AssertionError  # pragma: no cover - for the type checkers

    async def _open(self, part: PartFile, request: Request[Any], url: URL, attempt: Attempt) -> tuple[Stream, int]:
        """Return a stream of the missing bytes, and their offset in the file."""
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
        return require_whole(await self.caller.open(request, url, attempt)), 0

    async def _save(self, artifact: Artifact, part: PartFile, stream: Stream, received: int) -> Download:
        """Write the bytes of a stream to the part file, and give the complete file its name."""
        path = part.path
        rest = get_length(stream)
        await self.reporter.start(artifact, path, None if rest is None else received + rest, received)
        part.begin(received, part.etag if received else get_strong_etag(stream))
        if not part.is_open and (rest is None or rest > _SMALL):
            await self._run_when_free(part, part.open, resume=False)
        batch: list[bytes] = []
        batched = 0
        try:
            async with aclosing(read_chunks(stream, rest)) as chunks:
                async for chunk in chunks:
                    batch.append(chunk)
                    batched += len(chunk)
                    received += len(chunk)
                    await self.reporter.advance(artifact, path, received)
                    if batched >= _BATCH:
                        await self.threads.run_part(part, part.write, batch)
                        batch, batched = [], 0
        except (TransportError, TruncatedError):
            if part.is_open and part.etag:
                # Save these bytes, so that the next attempt can resume after them.
                await self.threads.run_part(part, part.write, batch)
            raise
        overwrite = self.on_exists == "overwrite"
        await self._run_when_free(part, part.publish, batch, overwrite=overwrite, durable=self.threads.durable)
        return Download(artifact, path, received, DownloadStatus.DOWNLOADED, verified=rest is not None)

    async def _run_when_free(self, part: PartFile, function: Callable[..., None], *args: Any, **options: Any) -> None:
        """Call a function that may open the part file. Wait while another download is writing the part file."""
        clock, timeout = self.caller.clock, self.caller.options.timeout
        deadline = clock.monotonic() + timeout
        while True:
            try:
                return await self.threads.run_part(part, function, *args, **options)
            except PartInUseError as error:
                if clock.monotonic() >= deadline:
                    text = f"{error}, and has not finished within {timeout:g} s; a longer timeout waits longer"
                    raise PathConflictError(text) from None
            await clock.sleep(_POLL)
            if self.on_exists != "overwrite" and await self.threads.run_part(part, os.path.lexists, part.path):
                raise NameTakenError(f"{part.path}: already exists")


def _identify(url: URL) -> str:
    """Return a hash that identifies an artifact: the path may be private, and the query a signature."""
    return hashlib.sha256(f"{url.origin()}{url.raw_path}".encode()).hexdigest()
