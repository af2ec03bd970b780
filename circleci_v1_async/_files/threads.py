"""Disk work of a session: threads of its own, and a bound on the files under way."""

import asyncio
import logging
from collections.abc import Callable
from concurrent import futures
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs

from circleci_v1_async._core.tasks import run_in_thread
from circleci_v1_async.errors import DownloadError, SessionClosedError

__all__ = ["FileThreads"]

R = TypeVar("R")

_log = logging.getLogger("circleci_v1_async")

_MAX_THREADS: Final = 32


@attrs.define(eq=False)
class FileThreads:
    """Threads for the disk work of a session, and slots for the files under way.

    asyncio's own threads also resolve names: a slow disk would hold up API calls there.

    Args:
        concurrency: How many files may be under way at once.
        durable: Whether a file is on the disk, and not only in memory, before it gets its name.

    Attributes:
        slots: A file holds one from its request until it has its name.
    """

    concurrency: int
    durable: bool
    slots: asyncio.Semaphore = attrs.field(init=False)
    _threads: "futures.ThreadPoolExecutor | None" = attrs.field(default=None, init=False)
    _closed: bool = attrs.field(default=False, init=False)
    _has_warned: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.slots = asyncio.Semaphore(self.concurrency)

    async def run(self, function: Callable[..., R], *args: Any, **options: Any) -> R:
        """Call a blocking function in a thread. Cancellation waits for it, since it uses the caller's files.

        Raises:
            SessionClosedError: The session is closed.
        """
        if self._closed:
            raise SessionClosedError("The session is closed")
        if self._threads is None:
            threads = min(self.concurrency, _MAX_THREADS)
            self._threads = futures.ThreadPoolExecutor(threads, thread_name_prefix="circleci_v1_async")
        return await run_in_thread(partial(function, *args, **options), self._threads)

    async def run_on(self, path: Path, function: Callable[..., R], *args: Any, **options: Any) -> R:
        """Call a blocking function that works on a file, in a thread.

        Raises:
            DownloadError: The file system refuses something.
            SessionClosedError: The session is closed.
        """
        try:
            return await self.run(function, *args, **options)
        except OSError as error:
            raise DownloadError(f"{path}: {error.strerror}") from error

    def warn_of_no_locks(self, path: Path) -> None:
        """Log that a file is not locked. Said once for the session."""
        if not self._has_warned:
            self._has_warned = True
            _log.warning("%s: its file system has no locks: two downloads of one file would mix (said once)", path)

    def close(self) -> None:
        """Let the threads end when they have nothing left to do."""
        self._closed = True
        if self._threads is not None:
            self._threads.shutdown(wait=False)
