"""What a caller of a walk sees: items, pages, errors, and nothing left over however the loop is left."""

import asyncio
import gc
import random
import weakref
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Any, ClassVar, TypeVar, cast

import pytest
from paging import LIST, Calls

from circleci_v1_async import Request, UsageError
from circleci_v1_async._operations.builds import request_project_builds
from circleci_v1_async.errors import PaginationDriftError
from circleci_v1_async.walk import PageWalk
from circleci_v1_async.walk._plan import PagePlan

T = TypeVar("T")


class Service:
    """A list served in pages from memory: at once, or page by page when the test says so."""

    def __init__(self, items: int = 1000, *, held: bool = False) -> None:
        self.items = list(range(items))
        self.asked: list[tuple[int, int]] = []
        self.under_way: dict[int, asyncio.Future[None]] = {}
        self.most_under_way = 0
        self.held = held
        self.fails: dict[int, BaseException] = {}
        self.between: Callable[[], object] = lambda: None

    @property
    def offsets(self) -> list[int]:
        return [offset for _, offset in self.asked]

    async def __call__(self, *, limit: int, offset: int) -> list[int]:
        self.asked.append((limit, offset))
        gate = self.under_way[offset] = asyncio.get_running_loop().create_future()
        self.most_under_way = max(self.most_under_way, len(self.under_way))
        try:
            if self.held:
                await gate
            else:
                await asyncio.sleep(0)
        finally:
            del self.under_way[offset]
        if offset in self.fails:
            raise self.fails[offset]
        self.between()
        return self.items[offset : offset + limit]

    def grow(self, count: int) -> None:
        top = self.items[0]
        self.items[:0] = range(top - count, top)

    def release(self, offset: int) -> None:
        self.under_way[offset].set_result(None)

    async def until_asked(self, *offsets: int) -> None:
        await turns(until=lambda: set(offsets) <= self.under_way.keys())


async def turns(count: int = 10, *, until: Callable[[], bool] = lambda: False) -> None:
    """Let the event loop turn a few times, no longer than needed."""
    for _ in range(count):
        if until():
            break
        await asyncio.sleep(0)


async def read(walk: AsyncIterable[T], body: Callable[[T], Awaitable[object] | None]) -> None:
    async for part in walk:
        if (waits := body(part)) is not None:
            await waits


def walk_of(service: Callable[..., Any], *, request: Request[list[Any]] = LIST, **options: Any) -> PageWalk[int]:
    return PageWalk(Calls(service), request, PagePlan(list, **({"page_size": 10, "overlap": 1} | options)))


@pytest.fixture(autouse=True)
async def nothing_is_left_over() -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    logged: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: logged.append(context))
    before = asyncio.all_tasks()
    # The collections below then look only at objects of the test.
    gc.freeze()
    yield
    gc.collect()
    await turns()
    gc.collect()
    await turns(2)
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left
    assert not logged


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def held() -> Service:
    return Service(held=True)


async def test_a_walk_gives_every_item_in_order(service):
    assert [item async for item in walk_of(service)] == service.items


async def test_pages_are_lists_of_what_was_not_given_before():
    walk = walk_of(Service(25))
    assert [page async for page in walk.pages()] == [
        list(range(10)),
        list(range(10, 19)),
        list(range(19, 25)),
    ]


async def test_collect_gives_everything_at_once(service):
    assert await walk_of(service).collect() == service.items


@pytest.mark.parametrize(
    ("items", "requests"),
    [(0, 1), (1, 1), (9, 1), (10, 2), (11, 2), (18, 2), (19, 3), (20, 3)],
    ids=str,
)
@pytest.mark.parametrize("prefetch", [0, 1])
async def test_short_lists_cost_a_request_per_page_and_one_more_after_a_full_last_page(items, requests, prefetch):
    service = Service(items)
    walk = walk_of(service, prefetch=prefetch)
    assert await walk.collect() == list(range(items))
    assert walk.requests == len(service.asked) == requests


async def test_what_is_sent_is_the_size_of_a_page_and_its_offset():
    service = Service(15)
    await walk_of(service, overlap=3).collect()
    assert service.asked == [(10, 0), (10, 7)]


@pytest.mark.parametrize("grows", [0, 1, 3])
async def test_a_walk_from_an_offset_skips_what_is_above_also_when_the_list_grows(grows):
    service = Service(60)
    service.between = lambda: service.grow(grows)
    found = await walk_of(service, offset=20).collect()
    assert found == list(range(20 - grows, 60))


@pytest.mark.parametrize("prefetch", [0, 1, 4])
async def test_nothing_is_lost_or_repeated_while_the_list_changes(prefetch):
    service = Service(300)
    always = set(service.items)
    new = iter(range(1000, 100_000))
    choice = random.Random(3)  # noqa: S311 - a repeatable list, no secret

    def change() -> None:
        for _ in range(choice.randrange(3)):
            service.items.insert(choice.randrange(len(service.items)), next(new))
        for _ in range(choice.randrange(4)):
            always.discard(service.items.pop(choice.randrange(len(service.items))))

    service.between = change
    found = await walk_of(service, prefetch=prefetch).collect()
    assert len(found) == len(set(found))
    assert always <= set(found)


@pytest.mark.parametrize(
    ("limit", "asked"),
    [
        (0, []),
        (1, [(1, 0)]),
        (2, [(2, 0)]),
        (9, [(9, 0)]),
        (10, [(10, 0)]),
        (11, [(10, 0), (10, 9)]),
        (19, [(10, 0), (10, 9)]),
        (25, [(10, 0), (10, 9), (10, 18)]),
    ],
)
@pytest.mark.parametrize("prefetch", [0, 1, 4])
async def test_a_limit_is_the_number_of_items_and_bounds_the_requests(service, limit, asked, prefetch):
    walk = walk_of(service, limit=limit, prefetch=prefetch)
    assert await walk.collect() == service.items[:limit]
    assert service.asked == asked


async def test_a_limit_beyond_the_end_gives_what_there_is():
    service = Service(25)
    assert await walk_of(service, limit=1000).collect() == service.items


async def test_a_limit_counts_items_that_were_given_when_the_list_grows():
    service = Service(100)
    service.between = lambda: service.grow(1)
    assert len(await walk_of(service, limit=35, overlap=2).collect()) == 35


async def test_a_service_that_ignores_the_limit_is_walked_to_its_end():
    items = list(range(57))

    async def everything_from(*, limit: int, offset: int) -> list[int]:  # noqa: ARG001 - that is the point
        return items[offset:]

    walk = walk_of(everything_from)
    assert await walk.collect() == items
    assert walk.requests == 2
    assert await walk_of(everything_from, limit=12).collect() == items[:12]


async def test_a_walk_that_cannot_keep_its_promise_says_where_to_resume():
    async def always_the_same(*, limit: int, offset: int) -> list[int]:
        assert offset < 9 * 1000, "does not give up"
        return list(range(limit))

    walk = walk_of(always_the_same)
    found: list[int] = []
    with pytest.raises(PaginationDriftError) as caught:
        await read(walk, found.append)
    assert found == list(range(10))
    assert caught.value.resume_offset == walk.resume_offset > 0


async def test_the_offset_to_resume_at_is_that_of_the_page_being_read(service):
    walk = walk_of(service, offset=5)
    assert walk.resume_offset == 5
    seen = [walk.resume_offset async for page in walk.pages()]
    assert seen[:3] == [5, 14, 23]


async def test_a_walk_resumed_there_gives_the_rest(service):
    walk = walk_of(service)
    found = []
    async for item in walk:
        found.append(item)
        if item == 123:
            break
    assert found + [n for n in await walk_of(service, offset=walk.resume_offset).collect() if n > 123] == service.items


@pytest.mark.parametrize("again", [aiter, PageWalk.pages], ids=["items", "pages"])
async def test_a_second_loop_over_a_walk_is_refused(service, again):
    walk = walk_of(service)
    await walk.collect()
    with pytest.raises(UsageError, match="only once"):
        again(walk)
    with pytest.raises(UsageError, match="only once"):
        await walk.collect()


async def test_a_second_loop_is_refused_while_the_first_one_runs(service):
    walk = walk_of(service)

    async def body(_: int) -> None:
        aiter(walk)

    with pytest.raises(UsageError, match="only once"):
        await read(walk, body)


async def test_a_walk_that_is_never_walked_asks_for_nothing(service):
    walk = walk_of(service)
    await turns()
    assert walk.requests == 0
    async with walk:
        pass
    with pytest.raises(UsageError, match="closed"):
        aiter(walk)
    assert not service.asked


# Fetching ahead


@pytest.mark.parametrize("prefetch", range(9))
async def test_leaving_within_the_first_page_costs_one_request(service, prefetch):
    walk = walk_of(service, prefetch=prefetch)
    async for item in walk:
        await turns()
        if item == 9:
            break
    await turns()
    assert walk.requests == len(service.asked) == 1


@pytest.mark.parametrize("prefetch", range(9))
async def test_leaving_after_the_first_page_costs_one_request(service, prefetch):
    walk = walk_of(service, prefetch=prefetch)
    async for _ in walk.pages():
        await turns()
        break
    await turns()
    assert walk.requests == len(service.asked) == 1


@pytest.mark.parametrize("prefetch", range(7))
async def test_no_more_requests_are_under_way_than_allowed(prefetch):
    service = Service(600)
    assert await walk_of(service, prefetch=prefetch).collect() == service.items
    assert service.most_under_way == (1 if prefetch < 2 else prefetch + 1)


async def test_requests_ramp_up_and_are_made_while_a_page_is_read(held):
    walk = walk_of(held, prefetch=4)
    pages = walk.pages()
    windows = []
    for offsets in ([0], [9, 18], [18, 27, 36, 45], [27, 36, 45, 54, 63]):
        reading = asyncio.ensure_future(anext(pages))
        await turns()
        windows.append(sorted(held.under_way))
        assert windows[-1] == offsets
        held.release(offsets[0])
        await reading
    await turns()
    assert sorted(held.under_way) == [36, 45, 54, 63]
    await pages.aclose()
    assert not held.under_way


async def test_pages_that_come_in_any_order_are_read_in_theirs(held):
    found: list[int] = []
    held.items = list(range(120))
    reader = asyncio.ensure_future(read(walk_of(held, prefetch=4), found.append))
    choice = random.Random(7)  # noqa: S311 - a repeatable order, no secret
    while not reader.done():
        await turns()
        if held.under_way:
            held.release(choice.choice(sorted(held.under_way)))
    assert found == held.items


async def test_what_lies_beyond_the_last_page_is_cancelled_before_that_page_is_read(held):
    held.items = held.items[:15]
    pages = walk_of(held, prefetch=2).pages()
    reading = asyncio.ensure_future(anext(pages))
    await held.until_asked(0)
    held.release(0)
    await reading
    reading = asyncio.ensure_future(anext(pages))
    await held.until_asked(9, 18)
    held.release(9)
    assert await reading == list(range(10, 15))
    await turns()
    assert not held.under_way
    with pytest.raises(StopAsyncIteration):
        await anext(pages)


# Leaving early


async def waiting_for(held: Service, *released: int, asked: tuple[int, ...]) -> None:
    for offset in released:
        await held.until_asked(offset)
        held.release(offset)
    await held.until_asked(*asked)


@pytest.mark.fault(47)
@pytest.mark.parametrize("pages", [False, True], ids=["items", "pages"])
async def test_a_break_stops_what_is_under_way_while_the_walk_is_still_referenced(service, pages):
    walk = walk_of(service, prefetch=4)
    async for _ in walk.pages() if pages else walk:
        service.held = walk.resume_offset > 9
        if service.held:
            await turns(until=lambda: bool(service.under_way))
            assert service.under_way
            break
    await turns()
    assert not service.under_way
    asked = len(service.asked)
    await turns()
    assert walk.requests == len(service.asked) == asked


async def test_an_error_in_the_loop_stops_what_is_under_way(service):
    walk = walk_of(service, prefetch=4)

    async def body(item: int) -> None:
        if item == 25:
            service.held = True
            await turns()
            assert service.under_way
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await read(walk, body)
    await turns()
    assert not service.under_way


@pytest.mark.fault(47)
async def test_cancelling_a_caller_that_waits_for_a_page_stops_what_is_under_way(held):
    walk = walk_of(held, prefetch=4)
    reader = asyncio.ensure_future(walk.collect())
    await waiting_for(held, 0, asked=(9, 18))
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert not held.under_way


@pytest.mark.fault(47)
async def test_a_timeout_around_a_loop_stops_what_is_under_way(held):
    walk = walk_of(held, prefetch=4)

    async def collect() -> None:
        async with asyncio.timeout(None) as timeout:
            waiting = asyncio.ensure_future(waiting_for(held, 0, asked=(9, 18)))
            waiting.add_done_callback(lambda _: timeout.reschedule(0))
            await walk.collect()

    with pytest.raises(TimeoutError):
        await collect()
    assert not held.under_way


@pytest.mark.fault(47)
async def test_cancelling_a_caller_inside_the_loop_stops_what_is_under_way(service):
    walk = walk_of(service, prefetch=4)
    inside = asyncio.Event()

    async def body(item: int) -> None:
        if item == 25:
            service.held = True
            inside.set()
            await asyncio.Event().wait()

    reader = asyncio.ensure_future(read(walk, body))
    await inside.wait()
    await turns(until=lambda: bool(service.under_way))
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    del reader
    await turns()
    assert not service.under_way


async def test_closing_from_another_task_ends_a_loop_that_waits_with_an_error(held):
    walk = walk_of(held, prefetch=4)
    found: list[int] = []
    reader = asyncio.ensure_future(read(walk, found.append))
    await waiting_for(held, 0, asked=(9, 18))
    await walk.aclose()
    assert not held.under_way
    with pytest.raises(UsageError, match="closed before the end of the list"):
        await reader
    assert found == list(range(10))
    await walk.aclose()


@pytest.mark.parametrize("pages", [False, True], ids=["items", "pages"])
async def test_closing_inside_the_loop_ends_it_with_an_error(service, pages):
    walk = walk_of(service, prefetch=4)
    seen: list[object] = []

    async def body(part: object) -> None:
        seen.append(part)
        await walk.aclose()
        await walk.aclose()

    with pytest.raises(UsageError, match="closed before the end of the list"):
        await read(walk.pages() if pages else walk, body)
    assert len(seen) == 1


async def test_a_walk_that_was_closed_gives_no_page_that_came_before(service):
    walk = walk_of(service, prefetch=4)
    pages = walk.pages()
    await anext(pages)
    await anext(pages)
    await turns()
    assert not service.under_way
    await walk.aclose()
    with pytest.raises(UsageError, match="closed before the end of the list"):
        await anext(pages)


async def test_closing_after_the_end_changes_nothing(service):
    async with walk_of(service) as walk:
        assert await walk.collect() == service.items
    await walk.aclose()


async def test_leaving_the_context_stops_what_is_under_way_at_once(service):
    async with walk_of(service, prefetch=4) as walk:
        items = aiter(walk)
        async for item in items:
            if item == 25:
                service.held = True
                await turns()
                assert service.under_way
                break
    assert not service.under_way
    await items.aclose()


async def test_closing_the_iterator_stops_what_is_under_way_at_once(service):
    items = aiter(walk_of(service, prefetch=4))
    async for item in items:
        if item == 25:
            service.held = True
            await turns()
            break
    assert service.under_way
    await items.aclose()
    assert not service.under_way


async def test_a_request_that_was_never_begun_is_not_counted(service):
    walk = walk_of(service, prefetch=4)
    async with aclosing(walk.pages()) as pages:
        for _ in range(3):
            await anext(pages)
        asked = len(service.asked)
        await walk.aclose()
    assert walk.requests == len(service.asked) == asked


@pytest.mark.parametrize("prefetch", [0, 1, 4])
async def test_an_error_of_a_request_comes_after_the_pages_before_it(service, prefetch):
    service.fails = {27: ConnectionError("broken"), 36: ConnectionError("also"), 45: ConnectionError("and this")}
    found: list[int] = []

    async def body(item: int) -> None:
        found.append(item)
        await turns(3)

    with pytest.raises(ConnectionError, match="broken"):
        await read(walk_of(service, prefetch=prefetch), body)
    assert found == list(range(28))


async def test_errors_beyond_the_end_or_after_leaving_are_nobodys_business():
    service = Service(15)
    service.fails = {18: ConnectionError("beyond the end")}
    assert await walk_of(service, prefetch=2).collect() == service.items

    service = Service()
    service.fails = {offset: ConnectionError("ahead") for offset in range(18, 99)}
    async for item in walk_of(service, prefetch=4):
        await turns(3)
        if item == 12:
            break


async def test_an_error_of_a_request_that_is_being_cancelled_is_nobodys_business():
    async def breaks_when_cancelled(*, limit: int, offset: int) -> list[int]:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ConnectionError(limit, offset) from None

    reader = asyncio.ensure_future(walk_of(breaks_when_cancelled).collect())
    await turns(3)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader


async def test_items_are_let_go_as_they_are_read():
    class Item:
        alive: ClassVar = weakref.WeakSet["Item"]()

        def __init__(self, number: int) -> None:
            self.number = number
            self.alive.add(self)

    async def fetch(*, limit: int, offset: int) -> list[Item]:
        return [Item(number) for number in range(offset, min(offset + limit, 500))]

    most = 0
    plan = PagePlan(lambda page: [item.number for item in page], page_size=10, overlap=1, prefetch=2)
    async for _ in PageWalk(Calls(fetch), LIST, plan):
        most = max(most, len(Item.alive))
    # The page being read, the window, and what a page that was just read leaves to the garbage collector's turn.
    assert most <= 10 * (1 + 3 + 1)


async def test_an_error_of_the_identity_is_the_callers():
    with pytest.raises(TypeError):
        await PageWalk(Calls(Service()), LIST, PagePlan(lambda page: [len(item) for item in page])).collect()


async def test_a_request_that_ends_in_a_cancellation_of_its_own_cancels_the_loop(held):
    walk = walk_of(held)
    reader = asyncio.ensure_future(walk.collect())
    await held.until_asked(0)
    held.under_way[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader


async def test_closing_waits_for_a_request_that_takes_its_time_to_stop():
    stopping, stopped = asyncio.Event(), asyncio.Event()

    async def slow_to_stop(*, limit: int, offset: int) -> list[int]:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopping.set()
            await stopped.wait()
        return list(range(offset, offset + limit))

    walk = walk_of(slow_to_stop)
    reader = asyncio.ensure_future(walk.collect())
    await turns(2)
    closing = asyncio.ensure_future(walk.aclose())
    await stopping.wait()
    await turns()
    assert not closing.done()
    stopped.set()
    await closing
    with pytest.raises(UsageError, match="closed before the end of the list"):
        await reader


async def test_tasks_that_start_eagerly_change_nothing():
    factory = getattr(asyncio, "eager_task_factory", None)
    if factory is None:
        pytest.skip("Python 3.12 or newer")
    asyncio.get_running_loop().set_task_factory(factory)
    items = list(range(95))

    async def at_once(*, limit: int, offset: int) -> list[int]:
        return items[offset : offset + limit]

    assert await walk_of(at_once, prefetch=4).collect() == items
    with suppress(ConnectionError):
        service = Service()
        service.fails = {9: ConnectionError()}
        await walk_of(service, prefetch=4).collect()


# What its repr says


def of_project(branch: str | None = None) -> Request[list[Any]]:
    return cast("Request[list[Any]]", request_project_builds("https://github.com/acme/web", branch, {}))


async def test_a_repr_says_which_list_is_walked_and_how_far(service):
    walk = walk_of(service, request=of_project(), page_size=100, overlap=5, limit=300)
    assert repr(walk) == "<PageWalk gh/acme/web: 0 builds, 0 requests, not begun>"
    async with aclosing(aiter(walk)) as items:
        await anext(items)
        assert repr(walk) == "<PageWalk gh/acme/web: 100 builds, 1 requests, running>"
    assert repr(walk) == "<PageWalk gh/acme/web: 100 builds, 1 requests, stopped>"
    walk = walk_of(service, request=of_project(), page_size=100, overlap=5, limit=300)
    assert len(await walk.collect()) == 300
    assert repr(walk) == "<PageWalk gh/acme/web: 300 builds, 4 requests, done>"


@pytest.mark.parametrize(
    ("request_", "name"),
    [(of_project("feature/x"), "gh/acme/web feature/x"), (LIST, "/list")],
    ids=["a branch", "no project"],
)
def test_a_repr_names_a_list_as_short_as_can_be(service, request_, name):
    assert repr(walk_of(service, request=request_)) == f"<PageWalk {name}: 0 builds, 0 requests, not begun>"
