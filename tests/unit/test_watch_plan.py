"""What a watch tells of, on lists that grow and change between two looks, over any number of restarts."""

import json
import logging
import random
from collections import Counter
from collections.abc import Iterator
from itertools import islice

import attrs
import pytest
from effort import by_profile
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from circleci_v1_async import Build, BuildEvent, BuildStatus, InvalidInputError, Lifecycle, ProjectSlug, WatchCursor
from circleci_v1_async.watch import _cursor, _plan
from circleci_v1_async.watch import _plan as _watch_plan
from circleci_v1_async.watch._cursor import KnownBuilds, is_full
from circleci_v1_async.watch._plan import Reading, WatchPlan

SLUG = ProjectSlug("github", "acme", "web")
GROUND = 6
PAGE = 10

thorough = settings(
    max_examples=by_profile(quick=200, thorough=1000),
    suppress_health_check=[HealthCheck.too_slow],
)


def build(number: int, status: str = "running", *, project: str = "web") -> Build:
    is_over = status in {"success", "failed"}
    return Build(
        build_num=number,
        build_url=f"https://circleci.com/gh/acme/{project}/{number}",
        status=BuildStatus(status),
        lifecycle=Lifecycle("finished" if is_over else "running" if status == "running" else "queued"),
    )


def builds(numbers: range, status: str = "success", *, project: str = "web") -> list[Build]:
    return [build(number, status, project=project) for number in numbers]


def told(events: list[BuildEvent]) -> list[tuple[str, int]]:
    return [(event.kind, event.build.build_num) for event in events]


def look(
    plan: WatchPlan, cursor: WatchCursor, listed: list[Build], asked: list[tuple[str, Build]] | None = None
) -> list[BuildEvent]:
    reading = plan.read(cursor)
    reading.add(plan.locate(listed))
    return list(plan.emit(reading, asked or []))


def allow_unfinished(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    for module in (_cursor, _watch_plan):
        monkeypatch.setattr(module, "MOST_UNFINISHED", count)


# Exactly once, whatever happens


@attrs.frozen
class Round:
    """What happens until the next look, and how much of what it finds is handled before the bot dies."""

    arrivals: list[tuple[int, str]]  # the project and the status
    shuffle: int
    changes: list[tuple[int, str]]
    handled: int | None


rounds = st.lists(
    st.builds(
        Round,
        arrivals=st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["queued", "running", "success"])), max_size=25),
        shuffle=st.integers(0, 99),
        changes=st.lists(
            st.tuples(st.integers(0, 60), st.sampled_from(["queued", "running", "failed", "success"])), max_size=12
        ),
        handled=st.none() | st.integers(0, 12),
    ),
    max_size=12,
)


@pytest.fixture(scope="class")
def short_streak():
    """Let a few builds in a row be known ground, so that small lists have some above and some below it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_plan, "_KNOWN_STREAK", GROUND)
        yield


class World:
    """Builds in the order of a list: newest first, but among several projects not quite."""

    def __init__(self, projects: int) -> None:
        self.names = ["web", "api", "ios"][:projects]
        self.listed: list[Build] = []
        self.numbers: Counter[str] = Counter()

    def happen(self, happening: Round) -> None:
        chance = random.Random(happening.shuffle)  # noqa: S311 - a repeatable order, no secret
        for project, status in happening.arrivals:
            name = self.names[project % len(self.names)]
            self.numbers[name] += 1
            place = chance.randrange(GROUND // 2) if len(self.names) > 1 else 0
            self.listed.insert(place, build(self.numbers[name], status, project=name))
        for index, status in happening.changes:
            self.change(index, status)

    def change(self, index: int, status: str) -> None:
        if index < len(self.listed) and not (old := self.listed[index]).is_finished:
            self.listed[index] = build(old.build_num, status, project=old.project.reponame)

    def pages(self) -> Iterator[list[Build]]:
        return (self.listed[at : at + PAGE] for at in range(0, len(self.listed), PAGE))

    def ask(self, key: tuple[str, int]) -> tuple[str, Build]:
        found = next(b for b in self.listed if (str(b.project), b.build_num) == key)
        return key[0], found


class Bot:
    """Handles events, and saves each with the cursor that it came with."""

    def __init__(self, plan_class: type[WatchPlan], slug: ProjectSlug | None) -> None:
        self.plan_class = plan_class
        self.slug = slug
        self.handled: list[tuple[str, int, str]] = []
        self.saved: str | None = None
        self.restart()

    def restart(self) -> None:
        self.plan = self.plan_class("list", self.slug)
        self.cursor = self.plan.resume(self.saved and WatchCursor.from_json(self.saved))

    def look(self, world: World, at_most: int | None = None) -> int:
        reading = self.plan.read(self.cursor)
        for page in world.pages():
            reading.add(self.plan.locate(page))
            if reading.is_done:
                break
        asked = [world.ask(key) for key in self.plan.choose_lookups(reading)]
        count = 0
        for event in islice(self.plan.emit(reading, asked), at_most):
            count += 1
            self.handled.append((str(event.build.project), event.build.build_num, event.kind))
            self.cursor = event.cursor
            self.saved = event.cursor.to_json()
        if at_most is not None:
            self.restart()
        return count


def live(script: list[Round], projects: int, plan_class: type[WatchPlan] = WatchPlan) -> None:
    world = World(projects)
    bot = Bot(plan_class, SLUG if projects == 1 else None)
    for happening in script:
        world.happen(happening)
        bot.look(world, happening.handled)
    for index in range(len(world.listed)):
        world.change(index, "success")
    looks = 0
    while bot.look(world):
        looks += 1
        assert looks < 100, "tells for ever"

    kinds = Counter(bot.handled)
    for each in world.listed:
        key = (str(each.project), each.build_num)
        assert (kinds[*key, "new"], kinds[*key, "finished"]) == (1, 1), "lost or repeated"
        own = [kind for *other, kind in bot.handled if tuple(other) == key]
        assert (own[0], own[-1]) == ("new", "finished")
        assert set(own[1:-1]) <= {"changed"}
    assert bot.cursor == WatchCursor.from_json(bot.cursor.to_json())
    assert not any(known.unfinished for known in bot.cursor.projects.values())


class EveryEventHasTheLastCursor(WatchPlan):
    def emit(self, *args, **options):
        events = list(super().emit(*args, **options))
        return (attrs.evolve(event, cursor=events[-1].cursor) for event in events)


class TellsOfTheNewestFirst(WatchPlan):
    def emit(self, reading, asked=()):
        reading.builds.reverse()
        return super().emit(reading, asked)


class IsDoneAtTheFirstKnownBuild(Reading):
    @property
    def is_done(self):
        return self._known_in_a_row >= 1


class FindsGroundTooSoon(WatchPlan):
    def read(self, cursor):
        return IsDoneAtTheFirstKnownBuild(cursor)


class DoesNotAsk(WatchPlan):
    def choose_lookups(self, reading):
        return super().choose_lookups(reading)[:0]


@pytest.mark.usefixtures("short_streak")
@thorough
@given(rounds, st.integers(1, 3))
def test_a_bot_that_is_stopped_anywhere_handles_each_build_as_new_and_as_finished_exactly_once(script, projects):
    live(script, projects)


@pytest.mark.usefixtures("short_streak")
@pytest.mark.parametrize("mutant", [EveryEventHasTheLastCursor, TellsOfTheNewestFirst, FindsGroundTooSoon, DoesNotAsk])
def test_the_same_property_catches_a_plan_that(mutant):
    search = settings(thorough, max_examples=3000, derandomize=True, phases=[Phase.generate])
    with pytest.raises(AssertionError):
        search(given(rounds)(lambda script: live(script, 3, mutant)))()


@given(st.lists(st.integers(1, 300), unique=True), st.integers(1, 300))
def test_a_project_knows_exactly_what_was_told_and_what_is_older(numbers, lowest):
    known = KnownBuilds()
    for number in numbers:
        known = known.with_build(build(number), told_end=True)
    assert {number for number in range(1, 400) if number in known} == set(numbers)
    if numbers:
        assert {number for number in range(1, 400) if number in known.with_all_below(lowest)} == set(numbers) | set(
            range(1, min(lowest, max(numbers) + 1))
        )


def test_numbers_that_have_left_the_window_count_as_told():
    known = KnownBuilds().with_build(build(10_000), told_end=True)
    assert 10_000 - 512 in known
    assert 10_000 - 511 not in known
    assert known.with_build(build(1), told_end=True) == known
    assert known.told.bit_length() <= 512


# What is told


def test_what_happens_to_one_build_is_told_in_its_turn():
    plan = WatchPlan("list", SLUG)
    cursor = plan.resume()
    story = []
    for status in ("queued", "queued", "running", "running", "success", "success"):
        for event in look(plan, cursor, [build(7, status)]):
            story.append((event.kind, event.build.status))
            cursor = event.cursor
    assert story == [("new", "queued"), ("changed", "running"), ("finished", "success")]


def test_a_build_that_has_finished_when_it_is_first_seen_is_new_and_finished():
    plan = WatchPlan("list", SLUG)
    new, finished = look(plan, plan.resume(), [build(7, "success")])
    assert told([new, finished]) == [("new", 7), ("finished", 7)]
    assert told(look(plan, new.cursor, [build(7, "success")])) == [("finished", 7)]
    assert look(plan, finished.cursor, [build(7, "success")]) == []


def test_an_end_that_was_told_of_is_not_taken_back_by_a_replica_that_lags_behind():
    plan = WatchPlan("list", SLUG)
    *_, last = look(plan, plan.resume(), [build(7, "success")])
    assert look(plan, last.cursor, [build(7, "running")]) == []


def test_the_oldest_is_told_first_also_when_a_walk_came_across_it_last():
    plan = WatchPlan("list", SLUG)
    events = look(plan, plan.resume(), [build(5), build(4), build(7), build(6), build(3)], [(str(SLUG), build(1))])
    assert told(events) == [("new", number) for number in (1, 3, 4, 5, 6, 7)]


def test_builds_of_several_projects_are_told_of_in_the_order_of_the_list():
    plan = WatchPlan("list")
    listed = [build(9, project="api"), build(3), build(8, project="api"), build(4)]
    events = look(plan, plan.resume(), listed)
    assert told(events) == [("new", 4), ("new", 8), ("new", 3), ("new", 9)]
    assert list(events[-1].cursor.projects) == ["github/acme/web", "github/acme/api"]


def test_a_build_that_does_not_say_which_project_it_is_of_is_left_out_of_a_list_of_several():
    several, one = WatchPlan("list"), WatchPlan("list", SLUG)
    assert look(several, several.resume(), [Build(build_num=7)]) == []
    (event,) = look(one, one.resume(), [Build(build_num=7)])
    assert event.cursor.projects.keys() == {str(SLUG)}


def test_a_build_that_turns_up_below_newer_ones_is_told_of():
    plan = WatchPlan("list", SLUG)
    *_, last = look(plan, plan.resume(), [build(9), build(7)])
    assert told(look(plan, last.cursor, [build(9), build(8), build(7)])) == [("new", 8)]


def test_what_is_below_known_ground_is_not_new_however_the_page_goes_on():
    plan = WatchPlan("list")
    cursor = plan.start_now(builds(range(150, 100, -1)))
    old = builds(range(40, 0, -1), project="never-seen")
    new = builds(range(170, 150, -1))
    events = look(plan, cursor, [*new, *builds(range(150, 100, -1)), *old])
    assert told(events[::2]) == [("new", number) for number in range(151, 171)]


def test_a_change_below_known_ground_is_told_of_when_it_is_on_the_page():
    plan = WatchPlan("list", SLUG)
    page = [*builds(range(160, 100, -1)), build(100)]
    cursor = plan.start_now(page)
    assert told(look(plan, cursor, [*page[:-1], build(100, "failed")])) == [("finished", 100)]
    several = WatchPlan("list")
    cursor = several.start_now(page)
    listed = [*page[:-1], build(7, project="never-seen"), build(100, "failed")]
    assert told(look(several, cursor, listed)) == [("finished", 100)]


def test_a_reading_is_done_after_fifty_known_builds_in_a_row():
    plan = WatchPlan("list", SLUG)
    cursor = plan.start_now(builds(range(150, 50, -1)))
    reading = plan.read(cursor)
    reading.add(plan.locate([build(151), *builds(range(150, 101, -1))]))
    assert not reading.is_done
    reading.add(plan.locate([build(101)]))
    assert reading.is_done
    assert len(reading.builds) == 51
    reading = plan.read(cursor)
    reading.add(plan.locate(builds(range(150, 101, -1))))
    assert not reading.is_done


def test_a_watch_from_now_on_tells_of_a_build_between_those_of_a_page_out_of_order():
    plan = WatchPlan("list", SLUG)
    cursor = plan.start_now([build(5, "success"), build(7, "success")])
    assert cursor.source == "list"
    assert told(look(plan, cursor, builds(range(8, 3, -1)))) == [
        (kind, n) for n in (6, 8) for kind in ("new", "finished")
    ]


def test_a_watch_from_now_on_tells_nothing_of_what_is_there_but_how_it_goes_on():
    plan = WatchPlan("list")
    page = [build(9), build(8, "success"), build(3, project="api")]
    cursor = plan.start_now(page)
    assert look(plan, cursor, page) == []
    later = [build(10), build(9, "failed"), build(8, "success"), build(3, "queued", project="api"), build(2)]
    assert told(look(plan, cursor, later)) == [("changed", 3), ("finished", 9), ("new", 10)]


def test_a_watch_from_now_on_of_an_empty_list_tells_of_everything_that_comes():
    plan = WatchPlan("list", SLUG)
    assert told(look(plan, plan.start_now([]), [build(1)])) == [("new", 1)]


# What is asked for


def test_unfinished_builds_that_were_not_read_are_asked_for_by_turns_the_oldest_first():
    plan = WatchPlan("list", SLUG)
    *_, last = look(plan, plan.resume(), builds(range(50, 0, -1), "running"))
    reading = plan.read(last.cursor)
    reading.add(plan.locate([build(50), build(49, "success")]))
    turns = [[number for _, number in plan.choose_lookups(reading)] for _ in range(4)]
    assert turns[:2] == [list(range(1, 21)), list(range(21, 41))]
    assert turns[2:] == [[*range(1, 13), *range(41, 49)], list(range(13, 33))]


def test_a_build_that_was_never_asked_for_comes_before_those_that_were():
    plan = WatchPlan("list", SLUG)
    *_, last = look(plan, plan.resume(), builds(range(20, 0, -1), "running"))
    assert len(plan.choose_lookups(plan.read(last.cursor))) == 20
    *_, last = look(plan, last.cursor, [build(21)])
    assert [number for _, number in plan.choose_lookups(plan.read(last.cursor))] == [*range(1, 20), 21]


def test_nothing_is_asked_for_that_has_finished_or_was_read():
    plan = WatchPlan("list", SLUG)
    *_, last = look(plan, plan.resume(), [build(2, "success"), build(1)])
    reading = plan.read(last.cursor)
    assert plan.choose_lookups(reading) == [(str(SLUG), 1)]
    reading.add(plan.locate([build(1)]))
    assert plan.choose_lookups(reading) == []


# Cursors


def test_new_builds_wait_while_as_many_are_unfinished_as_a_cursor_may_hold(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    allow_unfinished(monkeypatch, 3)
    plan = WatchPlan("list", SLUG)
    with caplog.at_level(logging.WARNING, "circleci_v1_async"):
        events = look(plan, plan.resume(), builds(range(5, 0, -1), "running"))
    assert told(events) == [("new", 1), ("new", 2), ("new", 3)]
    assert [record.getMessage() for record in caplog.records] == [
        "list: 3 builds are unfinished; new builds are held back until some finish"
    ]
    listed = [build(5), build(4), build(3, "running"), build(2, "success"), build(1, "queued")]
    events = look(plan, events[-1].cursor, listed)
    assert told(events) == [("changed", 1), ("finished", 2), ("new", 4)]
    events = look(plan, events[-1].cursor, [build(5), build(4), build(3, "success"), build(2, "success"), build(1)])
    assert told(events) == [("changed", 1), ("finished", 3), ("new", 5)]


def test_a_build_that_is_held_back_holds_back_all_that_are_newer(monkeypatch: pytest.MonkeyPatch):
    allow_unfinished(monkeypatch, 1)
    plan = WatchPlan("list")
    *_, last = look(plan, plan.resume(), [build(1)])
    listed = [build(3, project="api"), build(1, "success"), build(2, project="api")]
    events = look(plan, last.cursor, listed)
    assert told(events) == [("finished", 1)]
    assert told(look(plan, events[-1].cursor, listed)) == [("new", 2)]


def test_the_projects_with_the_oldest_news_are_forgotten_first_but_none_with_an_unfinished_build(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(_cursor, "_MOST_IDLE", 2)
    plan = WatchPlan("list")
    listed = [
        build(1, "success", project="e"),
        build(1, "success", project="d"),
        build(2, "success", project="b"),
        build(1, "success", project="c"),
        build(1, "success", project="b"),
        build(1, "running", project="a"),
    ]
    *_, last = look(plan, plan.resume(), listed)
    names = [name.removeprefix("github/acme/") for name in last.cursor.projects]
    assert names == ["a", "d", "e"]


def test_the_project_with_the_latest_event_comes_last_in_a_cursor():
    plan = WatchPlan("list")
    listed = [build(2, project="a"), build(1, project="b"), build(1, project="a")]
    *_, last = look(plan, plan.resume(), listed)
    assert list(last.cursor.projects) == ["github/acme/b", "github/acme/a"]


def test_a_cursor_stays_below_two_megabytes():
    everything = (1 << 512) - 1
    state = ("infrastructure_fail", "not_running")
    busy = {f"github/{'o' * 45}/{n:046}": KnownBuilds(10**7, everything, {10**7: state}) for n in range(5000)}
    idle = {f"github/{'p' * 45}/{n:046}": KnownBuilds(10**7, everything) for n in range(500)}
    cursor = WatchCursor("/recent-builds", busy | idle)
    assert is_full(cursor)
    assert len(cursor.to_json()) < 2_000_000
    one = WatchCursor("/project/github/acme/web", {"github/acme/web": KnownBuilds(10**7, everything)})
    assert len(one.to_json()) < 250


@given(
    st.dictionaries(
        st.text(),
        st.builds(
            KnownBuilds,
            st.integers(1, 10**9),
            st.integers(0, (1 << 512) - 1),
            st.dictionaries(st.integers(1, 10**9), st.tuples(st.none() | st.text(), st.none() | st.text())),
        ),
    ),
    st.text(),
)
def test_a_cursor_that_is_saved_comes_back_as_it_was(projects, source):
    cursor = WatchCursor(source, projects)
    text = cursor.to_json()
    again = WatchCursor.from_json(text)
    assert again == cursor
    assert again == WatchCursor.from_json(text.encode())
    assert list(again.projects) == list(projects)
    assert json.loads(text)["version"] == 1


def test_a_saved_cursor_has_no_blanks_and_keeps_its_form():
    cursor = WatchCursor("list", {"github/acme/web": KnownBuilds(30, 0x1F, {29: ("running", None)})})
    text = '{"version":1,"source":"list","projects":{"github/acme/web":[30,"1f",[[29,"running",null]]]}}'
    assert cursor.to_json() == text
    assert WatchCursor.from_json(text) == cursor


NO_NUMBERS = [
    pytest.param(
        f'{{"version": 1, "source": "", "projects": {{"a": {known.replace("N", number)}}}}}',
        marks=pytest.mark.fault(63),
    )
    for number in ("Infinity", "-Infinity", "1e400", "NaN", "9" * 5000)
    for known in ('[N, "1", []]', '[7, "1", [[N, null, null]]]')
]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "7",
        "{}",
        '{"version": 1}',
        '{"version": "1", "source": "", "projects": {}}',
        '{"version": 1, "source": "", "projects": []}',
        '{"version": 1, "source": "", "projects": {"a": 7}}',
        '{"version": 1, "source": "", "projects": {"a": [7, "x", []]}}',
        '{"version": 1, "source": "", "projects": {"a": [7, "1", [[7]]]}}',
        *NO_NUMBERS,
        "[" * 100_000,
        b"\xff",
        None,
    ],
)
def test_what_is_no_cursor_is_refused(text):
    with pytest.raises(InvalidInputError, match="cursor: expected JSON from to_json, of version 1; got something else"):
        WatchCursor.from_json(text)


def test_a_cursor_of_a_later_version_is_refused_by_its_number():
    with pytest.raises(InvalidInputError, match="of version 1; got version 2"):
        WatchCursor.from_json('{"version": 2, "projects": "of another shape"}')


def test_a_cursor_is_taken_only_by_a_watch_of_its_list():
    plan = WatchPlan("/recent-builds")
    cursor = WatchCursor("/recent-builds")
    assert plan.resume(cursor) is cursor
    assert plan.resume() == cursor
    with pytest.raises(InvalidInputError, match="cursor: expected one of /recent-builds, got one of /project/x"):
        plan.resume(WatchCursor("/project/x"))
    with pytest.raises(
        InvalidInputError, match="cursor: expected a WatchCursor, such as the result of from_json, got str"
    ):
        plan.resume(cursor.to_json())  # type: ignore[arg-type]
