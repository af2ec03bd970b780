"""Helpers for objects that own tasks."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Coroutine, Iterable
from concurrent.futures import Executor
from inspect import isawaitable
from typing import Any, ClassVar, Literal, Self, TypeVar

from .errors import UsageError

R = TypeVar("R")
T = TypeVar("T")


class TaskIterable(ABC):
    """Base of async iterables that can be iterated once, run tasks during the loop, and can be closed.

    `aclose` and `async with` close them. A subclass begins its loop with `_begin`, runs tasks with `_create_task`, sets
    `_state` to `done` when no items are left, and always ends the loop with `_end`, in a `finally` block.
    """

    _begun_before: ClassVar[str]
    _closed_early: ClassVar[str]

    def __init__(self, name: str) -> None:
        self._name = name
        self._state: Literal["not begun", "running", "done", "stopped", "closed"] = "not begun"
        self._tasks: set[asyncio.Task[Any]] = set()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._name}: {self._progress()}, {self._state}>"

    @abstractmethod
    def _progress(self) -> str:
        """Describe the progress, for the repr."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the loop: cancel its tasks and wait until they have finished."""
        if self._state != "done":
            self._state = "closed"
        await stop(self._tasks)

    def _begin(self) -> None:
        get_loop()
        self._check_open()
        if self._state != "not begun":
            raise UsageError(self._begun_before)
        self._state = "running"

    def _check_open(self) -> None:
        if self._state == "closed":
            raise UsageError(self._closed_early)

    def _create_task(self, coroutine: Coroutine[Any, Any, R]) -> "asyncio.Task[R]":
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._let_go)
        return task

    def _let_go(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # Read the exception, so that asyncio does not log it as never retrieved.
            task.exception()

    async def _end(self) -> None:
        if self._state == "running":
            self._state = "stopped"
        await stop(self._tasks)


def get_loop() -> asyncio.AbstractEventLoop:
    """Return the running event loop. Without one, or with a loop of trio, raise `UsageError`."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise UsageError(
            "circleci_v1_async needs a running asyncio event loop: use asyncio.run; on trio, use trio-asyncio"
        ) from None


async def call_back(callback: Callable[[T], object], value: T) -> None:
    """Call a callback, and await its result if the result is awaitable."""
    if isawaitable(result := callback(value)):
        await result


async def wait_until_done(task: "asyncio.Task[Any]") -> None:
    """Wait until a task succeeds, fails or is canceled. If the caller is canceled, the task continues."""
    # asyncio.wait is for sets of tasks, and takes three times as long.
    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    task.add_done_callback(lambda _: None if waiter.done() else waiter.set_result(None))
    await waiter


async def stop(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel tasks and wait until they have finished, even if the caller is canceled during the wait.

    If the caller is one of the tasks, it is canceled, but it does not wait for itself.
    """
    under_way = [task for task in tasks if not task.done()]
    for task in under_way:
        task.cancel()
    await _wait_out([task for task in under_way if task is not asyncio.current_task()])


async def run_together(coroutines: Iterable[Coroutine[Any, Any, R]]) -> list[R]:
    """Run coroutines as tasks and return their results. The first failure cancels the other tasks."""
    # Do not use a TaskGroup: before Python 3.13, a failed group leaves its task half canceled (`cancelling()` is 1).
    # The caller's `asyncio.timeout` then raises CancelledError.
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        return await asyncio.gather(*tasks)
    finally:
        await stop(tasks)


async def run_in_thread(function: Callable[[], R], threads: Executor | None = None) -> R:
    """Call a blocking function in a thread. If canceled, still wait for it: it uses the caller's files."""
    # Do not run asyncio.to_thread in a task: the end of the loop cancels tasks, but the thread would not notice.
    call = asyncio.get_running_loop().run_in_executor(threads, function)
    try:
        await _wait_out((call,))
    except asyncio.CancelledError:
        # Read the exception, so that asyncio does not log it.
        call.exception()
        raise
    return call.result()


async def _wait_out(futures: Collection["asyncio.Future[Any]"]) -> None:
    """Wait until all futures are done. A cancellation of the caller is raised after that."""
    cancelled: asyncio.CancelledError | None = None
    while under_way := [future for future in futures if not future.done()]:
        try:
            await asyncio.wait(under_way)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
