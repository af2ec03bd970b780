"""Fetching what builds kept: one file as a stream, one to a path, or many to a folder.

A file appears under its name at once and as a whole, or not at all. Nothing leaves the folder that it is meant for.
"""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager, closing
from enum import StrEnum
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import attrs
from yarl import URL

from ._arguments import integer, one_of
from ._attempts import Attempts
from ._boundary import Boundary
from ._calls import Calls
from ._layout import Place, plan
from ._part import Part, is_strong_etag
from ._tasks import SelfClosing, read_exception, stop
from ._transport import Stream, gathered
from .errors import (
    BodyTooLargeError,
    CircleCIError,
    DownloadError,
    InvalidInputError,
    PathConflictError,
    RequestTimeoutError,
    SessionClosedError,
    StatusError,
    TransportError,
    TruncatedError,
    UnsafePathError,
)
from .models import Artifact
from .request import Request, shown

__all__ = [
    "ArtifactDownloads",
    "ArtifactStream",
    "Download",
    "DownloadEvent",
    "DownloadFinished",
    "DownloadProgress",
    "DownloadStarted",
    "DownloadStatus",
    "Progress",
]

R = TypeVar("R")

_BATCH: Final = 2**21  # bytes that are written at once, in a thread
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")

OnExists = Literal["error", "skip", "overwrite"]
OnError = Literal["raise", "stop", "yield"]


class DownloadStatus(StrEnum):
    """What came of a download."""

    DOWNLOADED = "downloaded"
    SKIPPED = "skipped"
    FAILED = "failed"


@attrs.frozen
class Download:
    """What came of one artifact.

    Attributes:
        artifact: The artifact.
        path: Where its file is, or would have been.
        size: Bytes that the file has; `None` when it failed.
        status: `downloaded`; `skipped`, because the file was there already; or `failed`.
        error: Why it failed; `None` when it did not.
        verified: Whether the service had said how many bytes there are. If it had not, a file that was cut off by it
            looks like a whole one.
    """

    artifact: Artifact
    path: Path
    size: int | None
    status: DownloadStatus
    error: CircleCIError | None = None
    verified: bool = False


@attrs.frozen
class DownloadStarted:
    """A file is coming, for the first time or once more.

    Attributes:
        artifact: The artifact.
        path: Where its file will be.
        size: Bytes that it has in all; `None` when the service does not say.
        received: Bytes of it that are there from before.
    """

    artifact: Artifact
    path: Path
    size: int | None
    received: int


@attrs.frozen
class DownloadProgress:
    """More of a file has come.

    Attributes:
        artifact: The artifact.
        path: Where its file will be.
        received: Bytes of it so far.
    """

    artifact: Artifact
    path: Path
    received: int


@attrs.frozen
class DownloadFinished:
    """Nothing more of a file will come.

    Attributes:
        download: What came of it.
    """

    download: Download


DownloadEvent = DownloadStarted | DownloadProgress | DownloadFinished
Progress = Callable[[DownloadEvent], object]


def say_nothing(_event: DownloadEvent) -> None:
    """What is told to nobody."""


class ArtifactStream:
    """An artifact that is being read, as `CircleCISession.open_artifact` gives it.

    Attributes:
        size: Bytes that it has in all; `None` when the service does not say.
    """

    def __init__(self, stream: Stream, max_body: int) -> None:
        self._stream = stream
        self._max_body = max_body
        self.size = length(stream)

    def iter_chunks(self) -> AsyncGenerator[bytes, None]:
        """Read on, as many bytes at a time as have come.

        Raises:
            TruncatedError: The service announced more than it sent.
            TransportError: The connection broke or stalled.
            SessionClosedError: The session was closed meanwhile.
        """
        return chunks(self._stream, self.size)

    async def read(self, *, max_bytes: int | None = None) -> bytes:
        """Read the rest.

        Args:
            max_bytes: How many bytes there may be; by default the session's `max_body`.

        Raises:
            BodyTooLargeError: There are more.
            TruncatedError: And the other errors of `iter_chunks`.
        """
        limit = self._max_body if max_bytes is None else integer("max_bytes", max_bytes, 0)
        with Boundary():
            try:
                async with aclosing(self.iter_chunks()) as rest:
                    return await gathered(rest, limit, "the artifact", "max_bytes")
            except BodyTooLargeError as error:
                raise self._stream.named(error) from None


class ArtifactDownloads(SelfClosing):
    """Artifacts on their way to a folder: yields a `Download` for each as it is done, in no order.

    `async for download in downloads` gives them one by one, `await downloads.collect()` all of them. It is looped over
    once. At most `concurrency` files are under way; while nobody asks for the next outcome, no further ones are begun.

    Leaving the loop early, by `break`, by an error or by cancellation, stops every download, and what is not whole is
    removed. `aclose`, or `async with downloads`, does so at once and waits until it is done.
    """

    def __init__(
        self,
        calls: Calls,
        artifacts: Iterable[Artifact],
        dest: str | os.PathLike[str],
        *,
        match: str | None,
        concurrency: int,
        on_exists: OnExists,
        on_error: OnError,
        tell: Progress,
    ) -> None:
        self._calls = calls
        self._dest = Path(dest)
        self._concurrency = integer("concurrency", concurrency, 1)
        self._on_exists = one_of("on_exists", on_exists, ("error", "skip", "overwrite"))
        self._on_error = one_of("on_error", on_error, ("raise", "stop", "yield"))
        self._tell = tell
        self._places = plan(artifacts, match)
        self._running: set[asyncio.Task[Download]] = set()
        self._walked = False
        self._closed = False

    def __aiter__(self) -> AsyncGenerator[Download, None]:
        self._check_open()
        if self._walked:
            raise RuntimeError("These downloads were begun before and can be looped over only once: make new ones.")
        self._walked = True
        return self._outcomes()

    async def collect(self) -> list[Download]:
        """Fetch everything and return what came of it.

        Raises:
            DownloadError: Something failed, and `on_error` is not `yield`. What came of the others is on the disk.
        """
        async with aclosing(aiter(self)) as outcomes:
            return [download async for download in outcomes]

    async def aclose(self) -> None:
        """End the downloads and wait until what is not whole is removed. May be called twice, and from any task.

        A loop that is still at it gets a `RuntimeError`.
        """
        self._closed = True
        await stop(self._running)

    async def _outcomes(self) -> AsyncGenerator[Download, None]:
        failed: list[Download] = []
        try:
            async with aclosing(self._finished()) as finished:
                async for download in finished:
                    if download.error is not None and self._on_error != "yield":
                        failed.append(download)
                        if self._on_error == "stop":
                            break
                    yield download
                    self._check_open()
        finally:
            await stop(self._running)
        if failed:
            raise DownloadError(f"{_count(failed)} of {len(self._places)} failed: {failed[0].error}", tuple(failed))

    # As in a walk, tasks are kept by hand. There are never more than may run: 10,000 artifacts are no 10,000 tasks.
    async def _finished(self) -> AsyncGenerator[Download, None]:
        settled = await in_thread(_settled, self._places, self._dest, self._on_exists)
        if self._on_error != "yield":
            _refuse([download for download in settled.values() if download.error], self._dest)
        waiting = (place for place in self._places if place not in settled)
        self._fill(waiting)
        for download in settled.values():
            self._tell(DownloadFinished(download))
            yield download
        while self._running:
            done, self._running = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            self._check_open()
            self._fill(waiting)
            for task in done:
                yield task.result()

    def _fill(self, waiting: Iterator[Place]) -> None:
        while len(self._running) < self._concurrency and (place := next(waiting, None)):
            task = asyncio.create_task(self._outcome(place))
            task.add_done_callback(read_exception)
            self._running.add(task)

    async def _outcome(self, place: Place) -> Download:
        try:
            overwrite = self._on_exists == "overwrite"
            download = await save(self._calls, self._dest, place, resume=False, overwrite=overwrite, tell=self._tell)
        except SessionClosedError:
            # A closed session fails every download.
            raise
        except CircleCIError as error:
            # It is kept, and would keep its frames.
            download = _failed(place, self._dest, error.with_traceback(None))
        self._tell(DownloadFinished(download))
        return download

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("These downloads were closed before their end: not everything may have been fetched.")


async def in_thread(function: Callable[..., R], *args: Any, **kwargs: Any) -> R:
    """Call a blocking function in a thread. It is waited for also when the caller is cancelled: it uses what is his."""
    # No task, as of asyncio.to_thread: those are cancelled when the loop ends, which the thread would not notice.
    call = asyncio.get_running_loop().run_in_executor(None, partial(function, *args, **kwargs))
    cancelled: asyncio.CancelledError | None = None
    while not call.done():
        try:
            await asyncio.wait((call,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        call.exception()
        raise cancelled
    return call.result()


async def _on_disk(part: Part, function: Callable[..., R], *args: Any, **kwargs: Any) -> R:
    """Have a part do something, in a thread.

    Raises:
        DownloadError: The file system refuses it.
    """
    try:
        return await in_thread(function, *args, **kwargs)
    except OSError as error:
        raise DownloadError(f"{part.path}: {error.strerror}") from error


@asynccontextmanager
async def opened_part(root: Path, parts: tuple[str, ...], *, resume: bool) -> AsyncGenerator[Part, None]:
    """The part of a file for as long as it is written to.

    Raises:
        DownloadError: The file system refuses something.
    """
    part = Part(root, parts)
    try:
        await _on_disk(part, part.open, resume=resume)
        yield part
    finally:
        if not part.closed:
            await _on_disk(part, part.close, keep=resume)


def locate(calls: Calls, artifact: Artifact) -> tuple[Request[Any], URL]:
    """Return the request for an artifact, as logs and errors show it, and its URL.

    Raises:
        InvalidInputError: The artifact has no URL.
        RedirectError: Its URL is not one to go to.
    """
    if not artifact.url:
        raise InvalidInputError("artifact.url: expected the URL that a list of artifacts gives, got none")
    url = calls.transport.found_at(artifact.url)
    return shown(url), url


async def open_stream(calls: Calls, artifact: Artifact) -> Stream:
    """Open an artifact, which the caller is to close."""
    with Boundary(), calls.transport.call():
        request, url = locate(calls, artifact)
        async for attempt in calls.attempts(request, url):  # pragma: no branch - the policy ends it
            with attempt:
                return await _open_whole(calls, request, url, attempt)
    raise AssertionError  # pragma: no cover - for the type checkers


async def save(calls: Calls, root: Path, place: Place, *, resume: bool, overwrite: bool, tell: Progress) -> Download:
    """Fetch an artifact to its place below a folder, and publish it."""
    with Boundary():
        request, url = locate(calls, place.artifact)
        with calls.transport.call():
            async with opened_part(root, place.parts, resume=resume) as part:
                fetch = _Fetch(calls, request, url, place.artifact, part, overwrite, tell)
                async for attempt in calls.attempts(request, url):  # pragma: no branch - the policy ends it
                    with attempt:
                        return await fetch.run(attempt)
    raise AssertionError  # pragma: no cover - for the type checkers


@attrs.frozen
class _Fetch:
    """An artifact on its way to its file.

    Attributes:
        calls: Makes the requests.
        request: The request for it, as logs and errors show it.
        url: Where it is.
        artifact: The artifact.
        part: Where it goes.
        overwrite: Whether a file of that name may be replaced.
        tell: Gets the events.
    """

    calls: Calls
    request: Request[Any]
    url: URL
    artifact: Artifact
    part: Part
    overwrite: bool
    tell: Progress

    async def run(self, attempt: Attempts) -> Download:
        """Take the file, or what is missing of it, and publish it."""
        stream, received = await self._open_rest(attempt)
        with closing(stream):
            return await self._take(stream, received)

    async def _open_rest(self, attempt: Attempts) -> tuple[Stream, int]:
        """Return what is missing, and where it begins."""
        if self.part.validator and (offset := self.part.size):
            headers = {"Range": f"bytes={offset}-", "If-Range": self.part.validator}
            try:
                stream = await self.calls.open(self.request, self.url, attempt, headers=headers)
            except StatusError as error:
                if error.status != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                    raise
            else:
                if _goes_on_at(stream, offset, self.part.validator):
                    return stream, offset
                if stream.status == HTTPStatus.OK:
                    return stream, 0
                stream.close()
        return await _open_whole(self.calls, self.request, self.url, attempt), 0

    async def _take(self, stream: Stream, received: int) -> Download:
        part, path = self.part, self.part.path
        rest = length(stream)
        self.tell(DownloadStarted(self.artifact, path, None if rest is None else received + rest, received))
        part.begin(received, part.validator if received else _strong_etag(stream))
        batch: list[bytes] = []
        batched = 0
        try:
            async with aclosing(chunks(stream, rest)) as coming:
                async for chunk in coming:
                    batch.append(chunk)
                    batched += len(chunk)
                    received += len(chunk)
                    self.tell(DownloadProgress(self.artifact, path, received))
                    if batched >= _BATCH:
                        await _on_disk(part, part.write, batch)
                        batch, batched = [], 0
        except (TransportError, TruncatedError):
            if part.validator:
                # What has come need not come again.
                await _on_disk(part, part.write, batch)
            raise
        await _on_disk(part, part.publish, batch, overwrite=self.overwrite)
        return Download(self.artifact, path, received, DownloadStatus.DOWNLOADED, verified=rest is not None)


async def _open_whole(calls: Calls, request: Request[Any], url: URL, attempt: Attempts) -> Stream:
    stream = await calls.open(request, url, attempt)
    if stream.status != HTTPStatus.OK:
        stream.close()
        raise TransportError(f"the service answered {stream.status} to a request for a file", transient=False)
    return stream


async def chunks(stream: Stream, size: int | None) -> AsyncGenerator[bytes, None]:
    """Yield what comes, piece by piece, and all of it.

    Raises:
        TruncatedError: Fewer than `size` bytes came.
        TransportError: The connection broke or stalled.
    """
    received = 0
    with Boundary():
        try:
            while chunk := await stream.read():
                received += len(chunk)
                yield chunk
        except TransportError as error:
            if size is None or isinstance(error, RequestTimeoutError):
                raise
            raise TruncatedError(f"It broke off: {received} of {size} bytes came") from None


def length(stream: Stream) -> int | None:
    """Bytes that are to come; `None` when the service does not say."""
    # Of what is compressed, the length is another one.
    value = "" if "Content-Encoding" in stream.headers else stream.headers.get("Content-Length", "")
    return int(value) if value.isdecimal() else None


def _strong_etag(stream: Stream) -> str | None:
    """What tells one version of the file from another, byte by byte; `None` when nothing does."""
    etag = stream.headers.get("ETag", "")
    return etag if is_strong_etag(etag) and "Content-Encoding" not in stream.headers else None


def _goes_on_at(stream: Stream, offset: int, validator: str) -> bool:
    """Whether the reply is the rest of that version of the file from there on, and all of the rest."""
    found = _CONTENT_RANGE.fullmatch(stream.headers.get("Content-Range", ""))
    if (
        stream.status != HTTPStatus.PARTIAL_CONTENT
        or found is None
        or stream.headers.get("ETag", validator) != validator
    ):
        return False
    first, last, size = map(int, found.groups())
    return first == offset and last + 1 == size and length(stream) == size - offset


def _settled(places: list[Place], dest: Path, on_exists: OnExists) -> dict[Place, Download]:
    """What needs no request, found out before the first one. Blocking."""
    return {place: download for place in places if (download := _before(place, dest, on_exists))}


def _before(place: Place, dest: Path, on_exists: OnExists) -> Download | None:
    if place.problem:
        return _failed(place, dest, place.problem)
    try:
        return _found(place, dest, on_exists)
    except OSError as error:
        problem = DownloadError(f"{dest.joinpath(*place.parts)}: {error.strerror}")
        problem.__cause__ = error.with_traceback(None)
        return _failed(place, dest, problem)


def _found(place: Place, dest: Path, on_exists: OnExists) -> Download | None:  # noqa: PLR0911 - a table
    """What is in an artifact's way, or there already."""
    path = dest
    for part in place.parts[:-1]:
        path /= part
        if path.is_symlink():
            return _failed(place, dest, UnsafePathError(f"{path}: expected a folder, found a symbolic link"))
        if not path.is_dir():
            if path.exists():
                return _failed(place, dest, PathConflictError(f"{path}: expected a folder, found a file"))
            return None
    path /= place.parts[-1]
    if path.is_symlink():
        return _failed(place, dest, UnsafePathError(f"{path}: expected a file, found a symbolic link"))
    if not path.exists() or (on_exists == "overwrite" and path.is_file()):
        return None
    if on_exists == "skip" and path.is_file():
        return Download(place.artifact, path, path.stat().st_size, DownloadStatus.SKIPPED)
    return _failed(place, dest, PathConflictError(f"{path}: it is there already"))


def _refuse(problems: list[Download], dest: Path) -> None:
    """Raise what was found before the first request."""
    if not problems:
        return
    errors = [problem.error for problem in problems]
    kinds = (UnsafePathError, PathConflictError, DownloadError)
    kind, first = next((kind, error) for kind in kinds for error in errors if isinstance(error, kind))
    raise kind(f"{_count(problems)} cannot go below {dest}: {first}", tuple(problems))


def _failed(place: Place, dest: Path, error: CircleCIError) -> Download:
    return Download(place.artifact, dest.joinpath(*place.parts), None, DownloadStatus.FAILED, error)


def _count(downloads: list[Download]) -> str:
    return f"{len(downloads)} artifact{'s' * (len(downloads) > 1)}"
