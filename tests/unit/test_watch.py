"""Watching a list of builds, by a clock that does not wait."""

import asyncio
import gc
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import pytest
from effort import by_profile
from fake_clock import FakeClock
from hypothesis import given, settings
from hypothesis import strategies as st
from paging import LIST, Calls
from polling import build, for_ever, status, take, turns

from circleci_v1_async import (
    Build,
    BuildEvent,
    BuildWatch,
    CircleCIError,
    InvalidInputError,
    NotFoundError,
    PaginationDriftError,
    ProjectSlug,
    SessionClosedError,
    TransportError,
    UsageError,
    WatchCursor,
)
from circleci_v1_async._operations.builds import request_build
from circleci_v1_async._polling.pauses import choose_pause
from circleci_v1_async.watch._plan import WatchPlan

SLUG = ProjectSlug("github", "acme", "web")
LOGGER = "circleci_v1_async"


@given(st.floats(0.01, 1e6), st.integers(0, 10**6), st.floats(0, 1))
def test_a_pause_is_never_shorter_than_three_quarters_and_never_longer_than_six_and_a_bit(interval, failures, chance):
    assert 0.749 * interval <= choose_pause(interval, failures, chance) <= 7.501 * interval
    assert choose_pause(interval, 0, chance) <= 1.251 * interval


def test_a_pause_grows_with_the_failures():
    assert [choose_pause(4, failures, 0.5) for failures in range(7)] == [4, 6, 9, 13.5, 20.25, 24, 24]


# Watching a list


class Service:
    """A list in memory. It may change whenever it is asked, and whenever the watch sleeps."""

    def __init__(self, builds: int = 0, status: str = "success") -> None:
        self.listed: list[Build] = []
        self.add(builds, status)
        self.clock = FakeClock(random=0.5)
        self.pages = 0
        self.asked: list[int] = []
        self.ask_turns = 1
        self.under_way = 0
        self.fails: list[BaseException | None] = []
        self.ask_fails: dict[int, BaseException] = {}
        self.meanwhile: Callable[[], Awaitable[object] | None] = lambda: None
        self.clock.while_asleep = self._asleep

    def add(self, count: int, status: str = "running") -> None:
        for _ in range(count):
            self.listed.insert(0, build(len(self.listed) + 1, status))

    def change(self, number: int, status: str) -> None:
        self.listed[len(self.listed) - number] = build(number, status)

    def watch(self, cursor: WatchCursor | None = None, *, oldest: bool = False, interval: float = 10) -> BuildWatch:
        plan = WatchPlan("list", SLUG)
        start = plan.resume(cursor) if oldest or cursor else None
        calls = Calls(self._page, self.ask, self.clock.clock)
        return BuildWatch(calls, LIST, request_build, plan, cursor=start, interval=interval)

    async def ask(self, project: str, number: int) -> Build:
        assert project == str(SLUG)
        self.asked.append(number)
        self.under_way += 1
        try:
            await asyncio.sleep(0)
            if number in self.ask_fails:
                raise self.ask_fails[number]
            await turns(self.ask_turns)
        finally:
            self.under_way -= 1
        return self.listed[len(self.listed) - number]

    async def _page(self, *, limit: int, offset: int) -> list[Build]:
        self.pages += 1
        self.under_way += 1
        try:
            await asyncio.sleep(0)
            if self.fails and (error := self.fails.pop(0)) is not None:
                raise error
        finally:
            self.under_way -= 1
        return self.listed[offset : offset + limit]

    async def _asleep(self, _: float) -> None:
        if (waits := self.meanwhile()) is not None:
            await waits


def story(*parts: Callable[[], object]) -> Callable[[], None]:
    """What happens in one sleep after the other."""
    left = iter(parts)
    return lambda: next(left, lambda: None)() and None


def told(events: list[BuildEvent]) -> list[tuple[str, int]]:
    return [(event.kind, event.build.build_num) for event in events]


def nothing() -> None:
    pass


async def test_a_watch_from_now_on_tells_of_what_comes_and_of_how_what_runs_goes_on():
    service = Service(150)
    service.add(1, "running")
    service.meanwhile = story(
        nothing, nothing, partial(service.add, 1, "queued"), partial(service.change, 151, "failed"), nothing
    )
    watch = service.watch()
    assert watch.cursor is None
    events = await take(watch, 2)
    assert told(events) == [("new", 152), ("finished", 151)]
    assert watch.cursor == events[-1].cursor
    assert service.pages == 4


async def test_a_watch_from_now_on_has_a_cursor_before_its_first_event():
    service = Service(3)
    watch = service.watch()
    cursors: list[WatchCursor | None] = []

    async def stop() -> None:
        cursors.append(watch.cursor)
        if len(cursors) == 3:
            await for_ever()

    service.meanwhile = stop
    watching = asyncio.create_task(take(watch, 1))
    await turns(100)
    watching.cancel()
    await asyncio.wait((watching,))
    assert cursors[0] is None
    assert cursors[1] == cursors[2] == watch.cursor
    assert 3 in watch.cursor.projects[str(SLUG)]
    service.add(1)
    service.meanwhile = nothing
    assert told(await take(service.watch(watch.cursor), 1)) == [("new", 4)]


async def test_starting_gives_the_first_cursor_before_any_event():
    service = Service(3)
    watch = service.watch()
    saved = (await watch.start()).to_json()
    service.add(1, "failed")
    assert told(await take(service.watch(WatchCursor.from_json(saved)), 2)) == [("new", 4), ("finished", 4)]
    assert told(await take(watch, 1)) == [("new", 4)]
    assert watch.cursor != await watch.start() == WatchCursor.from_json(saved)


async def test_the_loop_of_a_watch_that_was_started_polls_at_once():
    service = Service(3)
    watch = service.watch()
    await watch.start()
    service.add(1)
    assert told(await take(watch, 1)) == [("new", 4)]
    assert (service.clock.slept, service.pages) == ([0], 2)


async def test_the_first_page_is_asked_for_once_however_often_and_wherever_a_watch_is_started():
    service = Service(3)
    watch = service.watch()
    watching = asyncio.create_task(take(watch, 1))
    first, *others = await asyncio.gather(*(watch.start() for _ in range(5)))
    assert all(other is first for other in others)
    assert service.pages == 1
    service.add(1)
    assert told(await watching) == [("new", 4)]


@pytest.mark.parametrize("oldest", [True, False])
async def test_a_watch_that_knows_where_it_starts_asks_for_nothing(oldest: bool):  # noqa: FBT001 - a parameter
    service = Service(3)
    cursor = None if oldest else await service.watch().start()
    service.pages = 0
    watch = service.watch(cursor, oldest=oldest)
    assert await watch.start() is watch.cursor
    assert service.pages == 0


async def test_errors_that_may_pass_do_not_keep_a_watch_from_starting(caplog: pytest.LogCaptureFixture):
    service = Service(3)
    service.fails = [TransportError("no route"), status(503, retry_after=10**9)]
    with caplog.at_level(logging.WARNING, LOGGER):
        assert 3 in (await service.watch().start()).projects[str(SLUG)]
    assert caplog.messages == [
        "list: TransportError; polling again in 15.0 s",
        "list: 503; polling again in 120.0 s (the service asked for 1000000000 s)",
    ]


async def test_an_error_that_will_not_pass_comes_out_of_starting():
    service = Service(3)
    service.fails = [status(401)]
    with pytest.raises(CircleCIError, match="401"):
        await service.watch().start()


@pytest.mark.parametrize("after", range(1, 8))
async def test_starting_can_be_cancelled_anywhere_and_leaves_nothing_under_way(after: int):
    service = Service(3)
    service.fails = [TransportError("no route")]
    before = asyncio.all_tasks()
    starting = asyncio.create_task(service.watch().start())
    await turns(after)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert service.under_way == 0
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "left"])
async def test_a_watch_that_is_ended_while_it_starts_says_so(is_closed: bool):  # noqa: FBT001 - a parameter
    service = Service(3)
    service.fails = [TransportError("no route")]
    service.meanwhile = for_ever
    watch = service.watch()
    starting = asyncio.create_task(watch.start())
    await turns()
    if is_closed:
        await watch.aclose()
    else:
        watching = asyncio.create_task(take(watch, 1))
        await turns()
        watching.cancel()
    with pytest.raises(UsageError, match="closed before it started"):
        await starting
    if is_closed:
        with pytest.raises(UsageError, match="closed before it started"):
            await watch.start()
    assert service.under_way == 0


async def test_a_repr_says_which_list_is_watched_and_how_far():
    watch = Service(5).watch(oldest=True)
    assert repr(watch) == "<BuildWatch /list: 0 events, not begun>"
    async with watch:
        async for event in watch:
            if event.build.build_num == 4:
                assert repr(watch) == "<BuildWatch /list: 7 events, running>"
                break
    assert repr(watch) == "<BuildWatch /list: 7 events, closed>"


async def test_a_watch_from_the_oldest_on_tells_of_everything_in_order():
    service = Service(250)
    events = await take(service.watch(oldest=True), 500)
    assert told(events) == [(kind, number) for number in range(1, 251) for kind in ("new", "finished")]


async def test_no_build_is_missed_between_two_polls_however_many_come():
    service = Service(120)
    service.meanwhile = story(nothing, partial(service.add, 1000, "running"))
    events = await take(service.watch(), 1000)
    assert told(events) == [("new", number) for number in range(121, 1121)]
    assert service.pages == 1 + 11


async def test_a_quiet_poll_is_one_request_and_polls_do_not_keep_time_with_each_other():
    service = Service(500)
    chances = iter([0.0, 0.5, 1.0, 0.0])

    def next_chance() -> None:
        service.clock.random = next(chances, 0.5)

    service.meanwhile = story(*[next_chance] * 4, partial(service.add, 50))
    await take(service.watch(), 1)
    assert service.pages == 1 + 4
    assert service.clock.slept == [0, 7.5, 10, 12.5, 7.5]


async def test_unfinished_builds_that_are_not_on_the_pages_read_are_asked_for():
    service = Service(5, "running")
    service.add(150, "success")
    events = await take(service.watch(oldest=True), 5 + 300)
    service.meanwhile = story(nothing, partial(service.change, 2, "failed"), partial(service.change, 4, "queued"))
    later = await take(service.watch(events[-1].cursor), 2)
    assert told(later) == [("finished", 2), ("changed", 4)]
    assert service.asked == [1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 3, 4, 5]


async def test_an_unfinished_build_that_cannot_be_had_is_asked_for_again():
    service = Service(2, "running")
    service.add(150, "success")
    *_, last = await take(service.watch(oldest=True), 2 + 300)
    service.change(1, "success")
    service.change(2, "success")
    service.ask_fails = {1: status(404), 2: status(503)}

    def recover() -> None:
        service.ask_fails.popitem()

    service.meanwhile = story(nothing, nothing, recover, recover)
    assert told(await take(service.watch(last.cursor), 2)) == [("finished", 2), ("finished", 1)]


async def test_an_error_of_one_unfinished_build_that_will_not_pass_ends_the_watch_and_leaves_no_request():
    service = Service(5, "running")
    service.add(150, "success")
    *_, last = await take(service.watch(oldest=True), 5 + 300)
    service.ask_fails = {3: status(401)}
    service.ask_turns = 50
    with pytest.raises(CircleCIError, match="401"):
        await take(service.watch(last.cursor), 1)
    assert service.under_way == 0


async def test_errors_that_may_pass_are_logged_and_polled_through(caplog: pytest.LogCaptureFixture):
    service = Service(3)
    service.fails = [
        TransportError("no route"),
        status(503),
        status(429, retry_after=77),
        None,
        PaginationDriftError("too fast", 0),
    ]
    with caplog.at_level(logging.WARNING, LOGGER):
        service.meanwhile = story(nothing, nothing, nothing, nothing, partial(service.add, 1))
        assert told(await take(service.watch(), 1)) == [("new", 4)]
    assert service.clock.slept == [0, 15, 22.5, 77, 10, 15]
    assert caplog.messages == [
        "list: TransportError; polling again in 15.0 s",
        "list: 503; polling again in 22.5 s",
        "list: 429; polling again in 77.0 s",
        "list: PaginationDriftError; polling again in 15.0 s",
    ]


async def test_a_poll_that_fails_half_way_tells_of_nothing_twice():
    service = Service(350, "running")
    service.fails = [None, None, TransportError("reset")]
    events = await take(service.watch(oldest=True), 350)
    assert told(events) == [("new", number) for number in range(1, 351)]


@pytest.mark.parametrize("error", [status(404), status(401), status(410), SessionClosedError("closed")], ids=str)
async def test_an_error_that_will_not_pass_comes_out_of_the_loop(error: CircleCIError):
    service = Service(3)
    service.fails = [None, error]
    with pytest.raises(type(error)):
        await take(service.watch(), 1)


async def test_a_break_an_error_or_a_cancellation_in_the_loop_leaves_nothing_behind():
    service = Service(350, "running")
    before = asyncio.all_tasks()
    async for _ in service.watch(oldest=True):
        break
    with pytest.raises(ZeroDivisionError):
        async for event in service.watch(oldest=True):
            _ = 1 / (event.build.build_num - 9)

    async def hang() -> None:
        async for _ in service.watch(oldest=True):
            await for_ever()

    hanging = asyncio.create_task(hang())
    await turns(50)
    hanging.cancel()
    await asyncio.wait((hanging,))
    del hanging
    gc.collect()
    await turns()
    assert asyncio.all_tasks() == before
    assert service.under_way == 0


@pytest.mark.parametrize("after", range(0, 40, 3))
async def test_a_cancellation_anywhere_in_a_poll_leaves_nothing_under_way(after: int):
    service = Service(40, "running")
    service.add(350, "success")
    *_, last = await take(service.watch(oldest=True), 40 + 700)
    service.add(180)
    before = asyncio.all_tasks()
    watching = asyncio.create_task(take(service.watch(last.cursor), 1000))
    await turns(after)
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
    assert service.under_way == 0
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("after", range(0, 40, 3))
async def test_closing_from_another_task_ends_the_loop_without_an_error(after: int):
    service = Service(40, "running")
    service.add(350, "success")
    watch = service.watch(oldest=True)
    before = asyncio.all_tasks()
    watching = asyncio.create_task(take(watch, 10_000))
    await turns(after)
    await watch.aclose()
    await watch.aclose()
    assert service.under_way == 0
    assert len(await watching) in {0, 740}
    assert asyncio.all_tasks() == before


async def test_closing_inside_the_loop_ends_it_after_that_event():
    events = []
    async with Service(5).watch(oldest=True) as watch:
        async for event in watch:
            events.append(event)
            await watch.aclose()
    assert told(events) == [("new", 1)]


async def test_leaving_the_context_closes_the_watch():
    service = Service(5)
    async with service.watch(oldest=True) as watch:
        pass
    assert await take(watch, 1) == []
    assert service.pages == 0


@pytest.mark.parametrize("after", range(20))
async def test_an_error_that_comes_while_the_loop_is_left_is_nobodys_business(
    after: int, caplog: pytest.LogCaptureFixture
):
    service = Service(5)
    service.fails = [status(404)]
    watching = asyncio.create_task(take(service.watch(), 1))
    await turns(after)
    watching.cancel()
    with suppress(asyncio.CancelledError, NotFoundError):
        await watching
    del watching
    await turns()
    gc.collect()
    assert [record for record in caplog.records if record.name == "asyncio"] == []


async def test_a_watch_is_watched_once():
    watch = Service(5).watch(oldest=True)
    await take(watch, 1)
    with pytest.raises(UsageError, match="only once: create a new watch from its cursor"):
        aiter(watch)


async def test_an_interval_that_is_none_is_refused():
    with pytest.raises(InvalidInputError, match="interval: expected a positive number of seconds, got 0"):
        Service().watch(interval=0)


# Exactly once over restarts


async def live(lives: list[int], seed: int, total: int) -> None:
    """A bot that is stopped after so many turns of the event loop, again and again, while builds come and finish."""
    chance = random.Random(seed)  # noqa: S311 - a repeatable story, no secret
    service = Service(chance.randrange(5), "running")
    handled: Counter[tuple[str, int]] = Counter()
    saved = service.watch(oldest=True).cursor.to_json()

    def happen() -> None:
        service.add(min(chance.randrange(60), total - len(service.listed)), chance.choice(["queued", "success"]))
        for each in service.listed:
            if not each.is_finished and chance.random() < 0.3:
                service.change(each.build_num, chance.choice(["running", "success", "failed"]))

    async def bot() -> None:
        nonlocal saved
        async for event in service.watch(WatchCursor.from_json(saved)):
            if chance.random() < 0.1:
                await asyncio.sleep(0)
            handled[event.kind, event.build.build_num] += 1
            saved = event.cursor.to_json()

    async def done() -> None:
        wanted = {(kind, number) for number in range(1, total + 1) for kind in ("new", "finished")}
        while not wanted <= handled.keys():
            assert service.clock.monotonic < 1e5, "lost"
            await asyncio.sleep(0)

    service.meanwhile = happen
    for count in lives:
        running = asyncio.create_task(bot())
        await turns(count)
        running.cancel()
        await asyncio.wait((running,))
        assert service.under_way == 0
    running = asyncio.create_task(bot())
    await done()
    running.cancel()
    await asyncio.wait((running,))
    assert {count for (kind, _), count in handled.items() if kind != "changed"} == {1}


@settings(max_examples=by_profile(quick=30, thorough=100))
@given(st.lists(st.integers(0, 60), max_size=30), st.integers(0, 10**6))
def test_a_bot_that_is_stopped_at_any_await_handles_everything_exactly_once(lives: list[int], seed: int):
    asyncio.run(live(lives, seed, 300))
