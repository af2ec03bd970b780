"""Disk work of a session: separate threads, and a limit for concurrent files."""

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
    """Threads for the disk work of a session, and slots that limit concurrent files.

    The disk work does not use asyncio's own threads. They also resolve host names, so a slow disk would delay API
    calls.

    Args:
        concurrency: Maximum number of files to download or write at the same time.
        durable: Whether to flush a file to disk before the file gets its final name.

    Attributes:
        slots: Semaphore with a slot for each file. A file occupies its slot from the request until it has its final
            name.
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
        """Call a blocking function in a thread. Cancellation waits for the function: it uses open files.

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
            DownloadError: The function raised an `OSError`.
            SessionClosedError: The session is closed.
        """
        try:
            return await self.run(function, *args, **options)
        except OSError as error:
            raise DownloadError(f"{path}: {error.strerror}") from error

    def warn_of_no_locks(self, path: Path) -> None:
        """Log that the file system does not support locks. The session logs this only once."""
        if not self._has_warned:
            self._has_warned = True
            _log.warning("%s: the file system has no locks, so two downloads of one file could mix (logged once)", path)

    def close(self) -> None:
        """Stop the threads when their current work is done. Does not wait."""
        self._closed = True
        if self._threads is not None:
            self._threads.shutdown(wait=False)
