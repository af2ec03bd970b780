"""Tasks and threads that an object owns end with it."""

import asyncio
import threading
from collections.abc import AsyncGenerator
from functools import partial

import pytest

from circleci_v1_async import UsageError
from circleci_v1_async._core.tasks import TaskIterable, run_in_thread, stop


class Slow:
    """A task that takes some turns of the event loop to end when it is cancelled."""

    def __init__(self) -> None:
        self.ended = False
        self.task = asyncio.create_task(self.run())

    async def run(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await turns(5)
            self.ended = True


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("after", range(1, 5))
async def test_stopping_tasks_waits_for_them_however_often_the_caller_is_cancelled_meanwhile(after: int) -> None:
    slow = [Slow(), Slow()]
    await turns(1)
    stopping = asyncio.create_task(stop([each.task for each in slow]))
    for _ in range(after):
        await turns(1)
        stopping.cancel("enough")
    with pytest.raises(asyncio.CancelledError, match="enough"):
        await stopping
    assert all(each.ended for each in slow)


async def test_a_task_may_stop_itself_among_others() -> None:
    slow = Slow()
    await turns(1)

    async def stop_all() -> None:
        await stop([slow.task, own])

    own = asyncio.create_task(stop_all())
    await asyncio.wait((own,))
    assert own.cancelled()
    assert slow.ended


async def test_a_thread_is_waited_for_however_often_the_caller_is_cancelled_meanwhile() -> None:
    may_end = threading.Event()
    ended: list[bool] = []

    def work() -> None:
        may_end.wait()
        ended.append(True)

    calling = asyncio.create_task(run_in_thread(work))
    for _ in range(3):
        await turns(1)
        calling.cancel()
    assert not calling.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert ended == [True]


async def test_a_thread_gives_its_result_or_its_error() -> None:
    assert await run_in_thread(partial(divmod, 7, 2)) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await run_in_thread(partial(divmod, 7, 0))


class Numbers(TaskIterable):
    """Counts, each number in a task of its own."""

    _begun_before = "begun before"
    _closed_early = "closed early"

    def __init__(self, last: int) -> None:
        super().__init__("some")
        self.last = last
        self.count = 0

    def _progress(self) -> str:
        return f"{self.count} numbers"

    async def __aiter__(self) -> AsyncGenerator[int, None]:
        self._begin()
        try:
            while self.count < self.last:
                self.count += 1
                yield await self._create_task(asyncio.sleep(0, self.count))
                self._check_open()
            self._state = "done"
        finally:
            await self._end()


async def test_a_repr_says_how_far_it_has_come_and_how_it_ended() -> None:
    numbers = Numbers(2)
    seen = [repr(numbers)]
    seen += [repr(numbers) async for _ in numbers]
    seen.append(repr(numbers))
    assert seen == [
        "<Numbers some: 0 numbers, not begun>",
        "<Numbers some: 1 numbers, running>",
        "<Numbers some: 2 numbers, running>",
        "<Numbers some: 2 numbers, done>",
    ]
    await numbers.aclose()
    assert repr(numbers) == seen[-1]


async def test_a_repr_tells_a_loop_that_was_left_from_one_that_was_closed() -> None:
    left, closed = Numbers(2), Numbers(2)
    async for _ in (rest := aiter(left)):
        break
    await rest.aclose()
    assert repr(left) == "<Numbers some: 1 numbers, stopped>"
    async with closed:
        with pytest.raises(UsageError, match="closed early"):
            async for _ in closed:
                await closed.aclose()
    assert repr(closed) == "<Numbers some: 1 numbers, closed>"
