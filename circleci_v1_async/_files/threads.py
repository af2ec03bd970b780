"""Disk work of a session: separate threads, and a limit for concurrent files."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent import futures
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, Final, TypeVar, cast

import attrs

from circleci_v1_async.errors import DownloadError, SessionClosedError

from .part_file import PartFile

R = TypeVar("R")

_log = logging.getLogger("circleci_v1_async")

_MAX_THREADS: Final = 32
# Maximum number of seconds that a call waits before another thread starts to work.
_PATIENCE: Final = 0.001


class _Outcome(asyncio.Future[Any]):
    """The outcome of a call. It cannot be canceled: a task that awaits it is canceled after the call."""

    def cancel(self, msg: object = None) -> bool:  # noqa: ARG002 - asyncio's signature
        return False


@attrs.define(eq=False)
class _Call:
    function: Callable[[], Any]
    outcome: _Outcome
    since: float  # loop time at which the call began to wait


@attrs.define(eq=False, repr=False)
class FileThreads:
    """Threads for the disk work of a session, and slots that limit concurrent files.

    One thread makes the calls, one after the other, and reports their outcomes together. Several threads would wait for
    each other and for the event loop after each system call, because only one of them can use the interpreter. On a
    fast disk, this takes longer than the system calls. If calls wait for more than a millisecond, because the disk is
    slow, more threads make them.

    The disk work does not use asyncio's own threads. They also resolve host names, so a slow disk would delay API
    calls.

    Attributes:
        concurrency: Maximum number of files to download or write at the same time.
        durable: Whether to flush a file to disk before the file gets its final name.
        slots: Semaphore with a slot for each file, which is occupied from the request until the file has its name.
    """

    concurrency: int
    durable: bool
    slots: asyncio.Semaphore = attrs.field(init=False)
    _threads: "futures.ThreadPoolExecutor | None" = attrs.field(default=None, init=False)
    # Calls that wait for a thread, and the number of threads at work. While calls wait, a thread is at work. The lock
    # guards both.
    _lock: Lock = attrs.field(factory=Lock, init=False)
    _waiting: deque[_Call] = attrs.field(factory=deque[_Call], init=False)
    _at_work: int = attrs.field(default=0, init=False)
    # Outcomes that the event loop has not set yet: future, result and error.
    _outcomes: "deque[tuple[_Outcome, Any, BaseException | None]]" = attrs.field(factory=deque[Any], init=False)
    # Whether a timer runs `_watch`.
    _is_watching: bool = attrs.field(default=False, init=False)
    _closed: bool = attrs.field(default=False, init=False)
    _has_warned: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.slots = asyncio.Semaphore(self.concurrency)

    async def run(self, function: Callable[..., R], *args: Any, **options: Any) -> R:
        """Call a blocking function in a thread. Cancellation waits for the function: it uses open files."""
        if self._closed:
            raise SessionClosedError("The session is closed")
        loop = asyncio.get_running_loop()
        call = _Call(partial(function, *args, **options), _Outcome(loop=loop), loop.time())
        with self._lock:
            self._waiting.append(call)
            if not self._at_work:
                self._add_thread(loop)
            elif not self._is_watching:
                self._is_watching = True
                loop.call_later(_PATIENCE, self._watch, loop)
        try:
            return cast("R", await call.outcome)
        except asyncio.CancelledError:
            # Read the exception, so that asyncio does not log it.
            call.outcome.exception()
            raise

    def _add_thread(self, loop: asyncio.AbstractEventLoop) -> None:
        self._at_work += 1
        # The event loop may have more calls ready: let the thread start after them, so that it makes all of them.
        loop.call_soon(self._start, loop)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._threads is None:
            self._threads = futures.ThreadPoolExecutor(self._max_threads, thread_name_prefix="circleci_v1_async")
        self._threads.submit(self._work, loop)
        if self._closed:
            self.close()

    @property
    def _max_threads(self) -> int:
        return min(self.concurrency, _MAX_THREADS)

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Add a thread if calls wait for too long. Repeat this while calls wait."""
        # A thread reports when no calls wait. Until then, the call that it is making can keep it from reporting.
        self._settle()
        with self._lock:
            self._is_watching = bool(self._waiting) and not self._closed
            if not self._is_watching:
                return
            if self._at_work < self._max_threads and loop.time() - self._waiting[0].since >= _PATIENCE:
                self._add_thread(loop)
        loop.call_later(_PATIENCE, self._watch, loop)

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        """Make calls until none waits, then report the outcomes. Runs in a thread."""
        while True:
            with self._lock:
                if not self._waiting:
                    self._at_work -= 1
                    break
                call = self._waiting.popleft()
            self._outcomes.append((call.outcome, *_make(call.function)))
        loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        while self._outcomes:
            outcome, result, error = self._outcomes.popleft()
            if error is None:
                outcome.set_result(result)
            else:
                outcome.set_exception(error)

    async def run_on(self, path: Path, function: Callable[..., R], *args: Any, **options: Any) -> R:
        """Call a blocking function of a file in a thread. Raise its `OSError` as a `DownloadError`."""
        try:
            return await self.run(function, *args, **options)
        except OSError as error:
            raise DownloadError(f"{path}: {error.strerror}") from error

    async def run_part(self, part: PartFile, function: Callable[..., R], *args: Any, **options: Any) -> R:
        """Call a blocking function of a part file, and warn once if the file system has no locks."""
        result = await self.run_on(part.path, function, *args, **options)
        if not part.is_locked and not self._has_warned:
            self._has_warned = True
            _log.warning(
                "%s: the file system has no locks, so two downloads of one file could mix (logged once)", part.path
            )
        return result

    def close(self) -> None:
        """Stop the threads when their current work is done. Does not wait."""
        self._closed = True
        if self._threads is not None:
            self._threads.shutdown(wait=False)
            self._threads = None


def _make(function: Callable[[], R]) -> tuple[R | None, BaseException | None]:
    try:
        return function(), None
    except BaseException as error:  # noqa: BLE001 - raised where the call is awaited
        return None, error
