"""What the planner of a walk asks for and lets be read, on lists that change before every reply."""

import math
from collections.abc import Callable, Hashable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from typing import Any

import attrs
import pytest
from effort import by_profile
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from circleci_v1_async._core.short_list import ShortList
from circleci_v1_async.errors import InvalidInputError, PaginationDriftError
from circleci_v1_async.walk import _plan as _walk_plan
from circleci_v1_async.walk._cutoff import Cutoff
from circleci_v1_async.walk._plan import PagePlan, Slot

BUDGET = _walk_plan._BUDGET

thorough = settings(
    max_examples=by_profile(quick=300, thorough=3000),
    suppress_health_check=[HealthCheck.too_slow],
)


@attrs.frozen
class Event:
    """What happens around one reply."""

    pick: int  # which of the requests under way is served
    flips: list[tuple[int, int]]  # runs of items that leave the list, or enter it, before that
    lag: int  # how many versions the replica that serves it is behind
    read: bool  # whether the caller reads on after it


@attrs.frozen
class Script:
    """A walk and everything that its service does meanwhile. Once the events are used up, the list stays still."""

    limit: int
    overlap: int
    prefetch: int
    offset: int
    items: int
    hidden: list[int]
    head: int
    events: list[Event]
    pick: int


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    items = draw(st.integers(0, 48))
    at = st.integers(0, max(0, items - 1))
    events = st.builds(
        Event,
        pick=st.integers(0, 4),
        flips=st.lists(st.tuples(at, st.integers(1, 6)), max_size=3),
        lag=st.sampled_from([0, 0, 0, 1, 2]),
        read=st.booleans(),
    )
    return Script(
        limit=draw(st.integers(2, 8)),
        overlap=draw(st.integers(1, 3)),
        prefetch=draw(st.integers(0, 5)),
        offset=draw(st.sampled_from([0, 0, 0, 1, 3, 10])),
        items=items,
        hidden=draw(st.lists(at, max_size=8)),
        head=draw(st.integers(0, 12)),
        events=draw(st.lists(events, max_size=30)),
        pick=draw(st.integers(0, 4)),
    )


class ChangingService:
    """A list whose items keep one order, any of which may be missing at any time."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.present = {item for item in range(script.head, script.items) if item not in script.hidden}
        self.versions: list[list[int]] = []
        self.served: list[list[int]] = []
        self.flip([])

    def flip(self, runs: list[tuple[int, int]]) -> None:
        for start, length in runs:
            self.present ^= set(range(start, min(start + length, self.script.items)))
        self.versions.append(sorted(self.present))

    def serve(self, slot: Slot[int], event: Event) -> list[int]:
        self.flip(event.flips)
        version = self.versions[max(0, len(self.versions) - 1 - event.lag)]
        self.served.append(version)
        return version[slot.offset : slot.offset + self.script.limit]

    def always_there(self) -> set[int]:
        """The items that the walk has to find: in every version that served a page, and not above its start."""
        return set(self.served[0][self.script.offset :]).intersection(*self.served)


def walk_through(script: Script, plan_class: type[PagePlan[int]]) -> None:
    service = ChangingService(script)
    plan = plan_class(
        list,
        limit=None,
        offset=script.offset,
        page_size=script.limit,
        overlap=script.overlap,
        prefetch=script.prefetch,
    )
    window = script.prefetch + (script.prefetch != 1)
    under_way: list[Slot[int]] = []
    found: list[int] = []
    events = iter(script.events)
    still = Event(script.pick, [], 0, read=True)

    def read() -> bool:
        page = plan.take()
        if page is not None:
            assert page, "an empty page was given"
            found.extend(page)
            under_way.extend(plan.ask(waiting=False))
        elif not plan.done:
            under_way.extend(plan.ask(waiting=True))
        return page is not None

    try:
        while not plan.done:
            event = next(events, still)
            while event.read and read():
                pass
            if not under_way:
                read()
                continue
            assert len(under_way) <= window, "more requests under way than allowed"
            assert len(plan._slots) <= window + BUDGET, "more pages held than allowed"
            slot = under_way.pop(event.pick % len(under_way))
            plan.answer(slot, service.serve(slot, event))
            assert len(service.served) < 1000, "stuck on a list that has gone still"
    except PaginationDriftError:
        # Only a walk from below the top can lose its place: with every build that it knew.
        if not script.offset:
            raise

    assert len(found) == len(set(found)), "repeated"
    assert not plan.done or service.always_there() <= set(found), "lost"


class WithoutTheSeamRule(PagePlan[int]):
    def _joins(self, slot: Slot[int]) -> bool:
        return bool(slot.page) or super()._joins(slot)


class EmptyPageIsTheEnd(PagePlan[int]):
    def _joins(self, slot: Slot[int]) -> bool:
        return not slot.page or super()._joins(slot)


@thorough
@given(scripts())
def test_every_item_that_is_always_there_is_given_exactly_once(script):
    walk_through(script, PagePlan)


@pytest.mark.parametrize("mutant", [WithoutTheSeamRule, EmptyPageIsTheEnd])
def test_the_same_property_catches_a_planner(mutant):
    search = settings(thorough, max_examples=3000, derandomize=True, phases=[Phase.generate])
    with pytest.raises(AssertionError, match="lost"):
        search(given(scripts())(lambda script: walk_through(script, mutant)))()


def make_plan(
    *,
    limit: int | None = None,
    offset: int = 0,
    page_size: int = 4,
    overlap: int = 1,
    prefetch: int = 0,
    identify: Callable[[list[int]], list[Hashable]] = list,
) -> PagePlan[int]:
    return PagePlan(
        identify,
        limit=limit,
        offset=offset,
        page_size=page_size,
        overlap=overlap,
        prefetch=prefetch,
    )


def drive(plan: PagePlan[int], serve: Callable[[Slot[int]], list[int]]) -> Iterator[tuple[list[int], list[int]]]:
    """The pages that a plan gives, each with the offsets that were asked for since the one before; replies in order."""
    asked: list[int] = []
    under_way: list[Slot[int]] = []
    while True:
        page = plan.take()
        if page is None and plan.done:
            break
        slots = plan.ask(waiting=page is None)
        asked.extend(slot.offset for slot in slots)
        under_way.extend(slots)
        if page is not None:
            yield page, asked
            asked = []
        else:
            slot = under_way.pop(0)
            plan.answer(slot, serve(slot))
    if asked:
        yield [], asked


def cut(items: list[int], page_size: int) -> Callable[[Slot[int]], list[int]]:
    return lambda slot: items[slot.offset : slot.offset + page_size]


@thorough
@given(
    items=st.integers(0, 120),
    page_size=st.integers(2, 12),
    overlap=st.integers(1, 5),
    prefetch=st.integers(0, 5),
    limit=st.none() | st.integers(0, 130),
)
def test_a_list_that_stays_still_costs_no_more_requests_than_its_pages(items, page_size, overlap, prefetch, limit):
    plan = make_plan(limit=limit, page_size=page_size, overlap=overlap, prefetch=prefetch)
    k = plan.page_size
    steps = list(drive(plan, cut(list(range(items)), k)))

    assert [item for page, _ in steps for item in page] == list(range(items))[:limit]
    wanted = items if limit is None else min(items, limit)
    if wanted == 0:
        bound = 0 if limit == 0 else 1
    elif limit is not None and limit <= items:
        bound = 1 + math.ceil((limit - k) / max(1, k - min(overlap, k - 1)))
    else:
        bound = 1 + max(0, math.ceil((items - k + 1) / max(1, k - min(overlap, k - 1))))
    beyond_the_end = 0 if limit is not None and limit <= items else prefetch if prefetch > 1 else 0
    assert sum(len(asked) for _, asked in steps) <= bound + beyond_the_end


@pytest.mark.parametrize(
    ("prefetch", "ahead"),
    [
        (0, [[0], [3], [6], [9], [12], [15]]),
        (1, [[0], [3, 6], [9], [12], [15], [18]]),
        (2, [[0], [3, 6, 9], [12], [15], [18], [21]]),
        (4, [[0], [3, 6, 9, 12, 15], [18], [21], [24], [27]]),
    ],
)
def test_requests_ramp_up_after_the_first_page_and_slide(prefetch, ahead):
    plan = make_plan(prefetch=prefetch)
    steps = drive(plan, cut(list(range(1000)), 4))
    assert [asked for _, (_, asked) in zip(range(6), steps, strict=False)] == ahead


def test_the_window_doubles_from_page_to_page():
    plan = make_plan(prefetch=8)
    serve = cut(list(range(1000)), 4)
    under_way = plan.ask(waiting=True)
    windows = [len(under_way)]
    for _ in range(5):
        slot = under_way.pop(0)
        plan.answer(slot, serve(slot))
        assert plan.take()
        under_way += plan.ask(waiting=True)
        windows.append(len(under_way))
    assert windows == [1, 2, 4, 8, 9, 9]


@pytest.mark.parametrize(("limit", "ahead"), [(7, [3]), (8, [3, 6])])
def test_as_many_pages_are_asked_for_ahead_as_the_limit_needs(limit, ahead):
    plan = make_plan(limit=limit, prefetch=4)
    (first,) = plan.ask(waiting=True)
    plan.answer(first, [0, 1, 2, 3])
    plan.take()
    assert [slot.offset for slot in plan.ask(waiting=True)] == ahead


def test_a_full_page_that_waits_for_the_one_before_it_does_not_end_the_asking():
    plan = make_plan(prefetch=2)
    serve = cut(list(range(1000)), 4)
    (first,) = plan.ask(waiting=True)
    plan.answer(first, serve(first))
    plan.take()
    second, third = plan.ask(waiting=True)
    plan.answer(third, serve(third))
    plan.answer(second, serve(second))
    plan.take()
    assert [slot.offset for slot in plan.ask(waiting=False)] == [9]


def test_nothing_is_asked_for_beyond_a_short_page_that_is_already_there():
    plan = make_plan(prefetch=3)
    serve = cut(list(range(9)), 4)
    (first,) = plan.ask(waiting=True)
    plan.answer(first, serve(first))
    assert plan.take() == [0, 1, 2, 3]
    second, third = plan.ask(waiting=True)
    plan.answer(third, serve(third))
    assert len(third.page or []) < 4
    assert plan.ask(waiting=True) == []
    plan.answer(second, serve(second))
    assert plan.take() == [4, 5, 6]
    assert plan.ask(waiting=False) == []
    assert plan.take() == [7, 8]
    assert plan.done
    assert plan.ask(waiting=True) == []


def test_a_page_that_does_not_join_waits_behind_its_repair():
    plan = make_plan()
    replies = {0: [[0, 1, 2, 3]], 3: [[5, 6, 7, 8], [5, 6, 7, 8]]}
    steps = drive(plan, lambda slot: replies[slot.offset].pop(0) if replies.get(slot.offset) else [2, 3, 4, 5])
    assert next(steps) == ([0, 1, 2, 3], [0])
    assert next(steps) == ([4, 5], [3, 0])
    assert next(steps) == ([6, 7, 8], [])


def test_a_stale_page_is_asked_for_again_at_its_own_offset_before_going_back():
    plan = make_plan(prefetch=2)
    (first,) = plan.ask(waiting=True)
    plan.answer(first, [0, 1, 2, 3])
    plan.take()
    second, stale = plan.ask(waiting=True)
    plan.answer(stale, [8, 9, 10, 11])
    plan.answer(second, [3, 4, 5, 6])
    assert plan.take() == [4, 5, 6]
    assert plan.take() is None
    (again,) = plan.ask(waiting=True)
    assert again.offset == stale.offset == 6
    plan.answer(again, [6, 7, 8, 9])
    assert plan.take() == [7, 8, 9]
    assert plan.take() == [10, 11]


def test_a_page_without_a_seam_is_read_at_the_top_of_the_list():
    plan = make_plan()
    replies = iter([[0, 1, 2, 3], [], [10, 11, 12]])
    assert list(drive(plan, lambda _: next(replies))) == [([0, 1, 2, 3], [0]), ([10, 11, 12], [3, 0])]


def test_a_walk_from_below_the_top_looks_for_its_builds_up_to_the_top():
    replies = iter([[1, 2, 3, 4], [11, 12, 13, 14], [8, 9, 10, 11], [4, 5, 6, 8], [14]])
    steps = list(drive(make_plan(offset=1), lambda _: next(replies)))
    assert [item for page, _ in steps for item in page] == [1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14]
    assert [offset for _, asked in steps for offset in asked][:4] == [1, 4, 1, 0]


def test_a_walk_from_below_the_top_gives_up_where_none_of_its_builds_is_left():
    plan = make_plan(offset=2)
    replies = iter([[2, 3, 4, 5], [11, 12, 13, 14], [9, 10, 11, 12], [7, 8, 9, 10]])
    asked = []

    def serve(slot):
        asked.append(slot.offset)
        return next(replies)

    steps = drive(plan, serve)
    assert next(steps) == ([2, 3, 4, 5], [2])
    with pytest.raises(
        PaginationDriftError,
        match=r"^None of the builds read so far is in the list any longer, so the walk cannot find",
    ) as caught:
        next(steps)
    assert caught.value.resume_offset == 2
    assert asked == [2, 5, 2, 0]


@pytest.mark.parametrize("identify", [list, lambda page: [-item for item in page]])
def test_a_walk_from_below_the_top_never_gives_what_lies_above_its_start(identify):
    plan = make_plan(offset=3, identify=identify)
    replies = iter([[3, 4, 5, 6], [1, 2, 6, 7], [7, 8]])
    assert [page for page, _ in drive(plan, lambda _: next(replies))] == [[3, 4, 5, 6], [7], [8]]


def test_before_the_first_page_a_walk_resumes_where_it_starts():
    assert PagePlan[int](list).resume_offset == 0
    assert make_plan(offset=3).resume_offset == 3


def test_a_list_that_grows_faster_than_it_is_read_ends_in_an_error():
    plan = make_plan()
    replies = iter([[0, 1, 2, 3]] * 2 * BUDGET)
    steps = drive(plan, lambda _: next(replies))
    assert next(steps) == ([0, 1, 2, 3], [0])
    with pytest.raises(PaginationDriftError, match=f"{BUDGET} pages contained nothing new") as caught:
        next(steps)
    assert caught.value.resume_offset == 3 * (BUDGET + 1)


def test_a_place_that_is_not_found_again_ends_in_an_error():
    plan = make_plan(offset=100_000)
    replies = iter([n, n + 1, n + 2, n + 3] for n in range(0, 8 * BUDGET, 4))
    steps = drive(plan, lambda _: next(replies))
    assert next(steps) == ([0, 1, 2, 3], [100_000])
    with pytest.raises(PaginationDriftError, match=f"{BUDGET} pages contained nothing new"):
        next(steps)
    assert len(plan._slots) == BUDGET + 1


def test_something_new_refills_the_budget_but_no_more_pages_wait_than_it_allows(monkeypatch):
    monkeypatch.setattr(_walk_plan, "_BUDGET", 3)
    plan = make_plan(offset=100_000)
    numbers, replies = count(), count()
    found = [-1]

    def serve(_: Slot[int]) -> list[int]:
        assert len(plan._slots) <= 4
        page = [next(numbers) for _ in range(4)]
        joins = next(replies) % 3 == 0
        return [found[-1], *page[1:]] if joins else page

    pages = drive(plan, serve)
    for _ in range(50):
        page, _ = next(pages)
        found += page
    assert len(found) == 1 + 4 + 49 * 3


def test_a_service_that_ignores_the_page_size_is_walked_in_its_own_steps():
    plan = make_plan()
    items = list(range(30))
    steps = list(drive(plan, lambda slot: items[slot.offset : slot.offset + 10]))
    assert [item for page, _ in steps for item in page] == items
    assert [asked for _, asked in steps] == [[0], [9], [18], [27]]


def test_pages_of_one_walk_overlap():
    plan = make_plan(page_size=10, overlap=3)
    offsets = [offset for _, asked in drive(plan, cut(list(range(95)), 10)) for offset in asked]
    assert {after - before for before, after in pairwise(offsets)} == {7}


def test_an_overlap_leaves_room_for_something_new():
    plan = make_plan(page_size=3, overlap=50)
    assert [item for page, _ in drive(plan, cut(list(range(8)), 3)) for item in page] == list(range(8))


NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def hours_before_noon(number: int) -> datetime:
    return NOON - timedelta(hours=number)


def plan_since(hours: int, **options: Any) -> PagePlan[int]:
    """A walk over items that each began an hour before the one above, from so many hours before noon on."""
    cutoff = Cutoff(hours_before_noon(hours), hours_before_noon)
    defaults = {"limit": None, "offset": 0, "page_size": 4, "overlap": 1, "prefetch": 0}
    return PagePlan(list, **(defaults | options), cutoff=cutoff)


def test_a_walk_to_a_date_gives_what_is_recent_and_ends_at_a_page_that_is_old():
    steps = list(drive(plan_since(5), cut(list(range(100)), 4)))
    assert steps == [([0, 1, 2, 3], [0]), ([4, 5], [3]), ([], [6])]


def test_a_walk_to_a_date_asks_for_whole_pages_whatever_its_limit():
    plan = plan_since(5, limit=2)
    assert plan.page_size == 4
    assert list(drive(plan, cut(list(range(100)), 4))) == [([0, 1], [0])]


def short_list(items: list[int], sent: int) -> ShortList[int]:
    page = ShortList(items)
    page.sent = sent
    return page


def test_items_that_did_not_fit_count_for_the_offsets_and_overlap_with_the_next_page():
    plan = make_plan(page_size=10)
    replies = iter([short_list([0, 1, 2, 3, 4, 5, 6], 10), short_list([6, 10, 11], 10), [11, 14]])
    steps = list(drive(plan, lambda _: next(replies)))
    assert steps == [([0, 1, 2, 3, 4, 5, 6], [0]), ([10, 11], [6]), ([14], [8])]


def test_a_page_of_which_nothing_fits_is_passed_one_item_at_a_time():
    plan = make_plan()
    replies = iter([short_list([], 4), short_list([], 4), [2, 3]])
    assert list(drive(plan, lambda _: next(replies))) == [([2, 3], [0, 1, 2])]


def test_a_list_of_which_nothing_ever_fits_ends_in_an_error_when_the_budget_is_spent(monkeypatch):
    monkeypatch.setattr(_walk_plan, "_BUDGET", 3)
    offsets = []

    def serve(slot: Slot[int]) -> list[int]:
        offsets.append(slot.offset)
        return short_list([], 4)

    with pytest.raises(PaginationDriftError, match="3 pages contained nothing new"):
        list(drive(make_plan(), serve))
    assert offsets == [0, 1, 2, 3]


def test_the_first_of_two_items_that_are_the_same_is_the_place_where_it_is_given():
    plan = make_plan()
    assert [page for page, _ in drive(plan, lambda _: [1, 2, 1])] == [[1, 2]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": -1}, "limit: expected an integer from 0, got -1"),
        ({"limit": True}, "limit: expected an integer from 0, got True"),
        ({"offset": -1}, "offset: expected an integer from 0, got -1"),
        ({"offset": None}, "offset: expected an integer from 0, got None"),
        ({"page_size": 1}, "page_size: expected an integer from 2 to 100, got 1"),
        ({"page_size": 101}, "page_size: expected an integer from 2 to 100, got 101"),
        ({"page_size": "50"}, "page_size: expected an integer from 2 to 100, got '50'"),
        ({"overlap": 0}, "overlap: expected an integer from 1, got 0"),
        ({"overlap": 1.5}, "overlap: expected an integer from 1, got 1.5"),
        ({"prefetch": -1}, "prefetch: expected an integer from 0, got -1"),
    ],
)
def test_an_argument_out_of_range_is_refused_with_what_was_expected(options, message):
    with pytest.raises(InvalidInputError) as caught:
        make_plan(**options)
    assert str(caught.value) == message
