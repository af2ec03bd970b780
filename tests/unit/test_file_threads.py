"""The threads for the disk work of a session: how many work, and when they report."""

import asyncio
import gc
import threading
from collections.abc import Callable
from typing import Any

import pytest

from circleci_v1_async import SessionClosedError
from circleci_v1_async._files import threads as threads_module
from circleci_v1_async._files.threads import FileThreads

FOREVER = 3600.0


class Gates:
    """Functions that wait in a thread until the test opens them."""

    def __init__(self, count: int) -> None:
        self.began = [threading.Event() for _ in range(count)]
        self.may_end = [threading.Event() for _ in range(count)]

    def __call__(self, number: int) -> int:
        self.began[number].set()
        assert self.may_end[number].wait(60)
        return number

    async def all_began(self) -> None:
        for began in self.began:
            while not began.is_set():  # noqa: ASYNC110 - a thread sets it
                await asyncio.sleep(0)


async def begin(threads: FileThreads, function: Callable[..., Any], *args: object) -> "asyncio.Task[Any]":
    task = asyncio.create_task(threads.run(function, *args))
    await asyncio.sleep(0)
    return task


async def test_one_thread_makes_the_calls_that_wait_and_reports_them_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads_module, "_PATIENCE", FOREVER)
    reports: list[object] = []
    loop = asyncio.get_running_loop()
    call_soon_threadsafe = loop.call_soon_threadsafe

    def record(function: Callable[..., Any], *args: Any, **options: Any) -> asyncio.Handle:
        reports.append(function)
        return call_soon_threadsafe(function, *args, **options)

    monkeypatch.setattr(loop, "call_soon_threadsafe", record)
    threads, gate = FileThreads(16, durable=False), Gates(1)
    first = await begin(threads, gate, 0)
    others = [await begin(threads, threading.get_ident) for _ in range(10)]
    gate.may_end[0].set()
    assert await first == 0
    assert len({await each for each in others}) == 1
    assert len(reports) == 1
    threads.close()


async def test_calls_that_wait_for_too_long_get_as_many_threads_as_files_are_allowed() -> None:
    threads, gates = FileThreads(3, durable=False), Gates(3)
    calls = [await begin(threads, gates, number) for number in range(3)]
    last = await begin(threads, threading.get_ident)
    await gates.all_began()
    assert not last.done()
    for may_end in gates.may_end:
        may_end.set()
    assert [await each for each in calls] == [0, 1, 2]
    await last
    threads.close()


async def test_a_call_that_was_made_is_reported_while_the_next_one_holds_up_its_thread() -> None:
    threads, gates = FileThreads(1, durable=False), Gates(2)
    calls = [await begin(threads, gates, number) for number in range(2)]
    gates.may_end[0].set()
    assert await calls[0] == 0
    assert not calls[1].done()
    gates.may_end[1].set()
    assert await calls[1] == 1
    threads.close()


async def test_calls_that_wait_when_the_session_is_closed_are_still_made() -> None:
    threads, gate = FileThreads(2, durable=False), Gates(1)
    first = await begin(threads, gate, 0)
    second = await begin(threads, threading.get_ident)
    threads.close()
    with pytest.raises(SessionClosedError):
        await threads.run(threading.get_ident)
    # Until then, an open session would add a thread.
    while threads._is_watching:  # noqa: ASYNC110 - a timer ends it
        await asyncio.sleep(0)
    assert not second.done()
    gate.may_end[0].set()
    assert await first == 0
    await second


async def test_the_error_of_a_call_is_raised_where_the_call_is_awaited() -> None:
    threads = FileThreads(1, durable=False)
    with pytest.raises(ZeroDivisionError):
        await threads.run(divmod, 1, 0)
    assert await threads.run(divmod, 7, 2) == (3, 1)
    threads.close()


@pytest.mark.parametrize("earlier_calls", [0, 1])
async def test_a_call_is_made_even_if_the_session_is_closed_while_the_thread_starts(earlier_calls: int) -> None:
    threads = FileThreads(1, durable=False)
    for _ in range(earlier_calls):
        await threads.run(threading.get_ident)
    call = await begin(threads, divmod, 7, 2)
    threads.close()
    assert await asyncio.wait_for(call, 60) == (3, 1)


async def test_a_call_is_waited_for_however_often_its_task_is_cancelled() -> None:
    threads, gate = FileThreads(1, durable=False), Gates(1)
    call = await begin(threads, gate, 0)
    for message in ("first", "last"):
        call.cancel(message)
        await asyncio.sleep(0)
    assert not call.done()
    gate.may_end[0].set()
    with pytest.raises(asyncio.CancelledError, match="last"):
        await call
    threads.close()


async def test_the_error_of_a_call_whose_task_was_cancelled_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    threads, gate = FileThreads(1, durable=False), Gates(1)
    first = await begin(threads, gate, 0)
    second = await begin(threads, divmod, 1, 0)
    second.cancel()
    gate.may_end[0].set()
    await first
    with pytest.raises(asyncio.CancelledError):
        await second
    del second
    gc.collect()
    assert not caplog.records
    threads.close()
