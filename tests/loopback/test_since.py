"""Walks that end where builds are too old."""

import dataclasses
import json
import os
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from script_server import ScriptServer, reply

from circleci_v1_async import Build, CircleCISession, InvalidInputError, PageWalk, Verdict, group_builds
from circleci_v1_async.testing import FakeCircleCI
from circleci_v1_async.walk._cutoff import Cutoff
from circleci_v1_async.walk._plan import PagePlan

WEB = "github/acme/web"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def fake(fake: FakeCircleCI) -> FakeCircleCI:
    fake.add_project(WEB)
    return fake


def add_hourly(fake: FakeCircleCI, builds: int) -> None:
    """Build number n is queued n hours after noon."""
    for number in range(1, builds + 1):
        fake.add_build(WEB, when=NOON + number * HOUR)


async def numbers(walk: PageWalk[Build]) -> list[int]:
    return [build.build_num for build in await walk.collect()]


async def test_older_builds_are_not_yielded_and_the_walk_ends_after_a_page_of_them(
    fake: FakeCircleCI, ci: CircleCISession
) -> None:
    add_hourly(fake, 500)
    first = await ci.get_build(WEB, 351)
    for prefetch in (0, 1):
        for walk in (
            ci.iter_project_builds(WEB, since=first.queued_at, prefetch=prefetch),
            ci.iter_recent_builds(since=first.queued_at, prefetch=prefetch),
        ):
            assert await numbers(walk) == list(range(500, 350, -1))
            assert walk.requests == 3
    assert await numbers(ci.iter_project_builds(WEB, since=datetime.now(UTC) + HOUR)) == []


async def test_the_limit_counts_the_builds_that_are_yielded(fake: FakeCircleCI, ci: CircleCISession) -> None:
    add_hourly(fake, 50)
    fake.add_build(WEB, when=NOON)
    since = NOON + 10 * HOUR
    assert await numbers(ci.iter_project_builds(WEB, since=since, limit=3)) == [50, 49, 48]
    assert await numbers(ci.iter_project_builds(WEB, since=since, limit=1)) == [50]
    assert len(fake.requests) == 2


@pytest.mark.parametrize("since", [datetime(2026, 3, 2), "2026-03-02", NOON.date(), 7])  # noqa: DTZ001 - that is refused
async def test_a_time_without_a_zone_is_refused_before_any_request(
    fake: FakeCircleCI, ci: CircleCISession, since: Any
) -> None:
    for walk in (lambda: ci.iter_project_builds(WEB, since=since), lambda: ci.iter_recent_builds(since=since)):
        with pytest.raises(InvalidInputError, match=r"^since: expected a datetime with a time zone"):
            walk()
    assert fake.requests == []


@attrs.frozen
class Undated:
    build_num: int
    vcs_url: str = ""


@dataclasses.dataclass
class Started:
    build_num: int
    vcs_url: str = ""
    start_time: datetime | None = None


@attrs.frozen
class Text:
    build_num: int
    queued_at: str | None = None


async def test_a_class_of_your_own_needs_one_of_the_three_dates(fake: FakeCircleCI, ci: CircleCISession) -> None:
    add_hourly(fake, 5)
    for walk in (
        lambda: ci.iter_project_builds(WEB, since=NOON, model=Undated),
        lambda: ci.iter_recent_builds(since=NOON, model=Undated),
    ):
        with pytest.raises(InvalidInputError, match="with the field queued_at, usage_queued_at or start_time"):
            walk()
    assert fake.requests == []
    assert len(await ci.iter_project_builds(WEB, model=Undated).collect()) == 5
    started = await ci.iter_recent_builds(since=NOON + 4 * HOUR, model=Started).collect()
    assert [build.build_num for build in started] == [5, 4]
    with pytest.raises(InvalidInputError, match="expected datetimes in queued_at, got str"):
        await ci.iter_project_builds(WEB, since=NOON, model=Text).collect()


def row(number: int, **dates: datetime) -> dict[str, Any]:
    return {"build_num": number, "vcs_url": "x", **{name: date.isoformat() for name, date in dates.items()}}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # The dates that count, in their order.
        ([row(1, queued_at=NOON, start_time=NOON - HOUR)], [1]),
        ([row(1, usage_queued_at=NOON, start_time=NOON - HOUR)], [1]),
        ([row(1, start_time=NOON)], [1]),
        ([row(1, queued_at=NOON - HOUR, usage_queued_at=NOON, start_time=NOON)], []),
        # Without any, as the build above; at the top, as a new one.
        ([row(2), row(1, queued_at=NOON - HOUR)], [2]),
        ([row(3, queued_at=NOON), row(2), row(1, queued_at=NOON - HOUR)], [3, 2]),
        ([row(3, queued_at=NOON - HOUR), row(2), row(1, queued_at=NOON)], [1]),
        ([row(2), row(1)], [2, 1]),
    ],
    ids=str,
)
async def test_a_build_counts_by_its_first_date_or_by_the_build_above_it(
    rows: list[dict[str, Any]], expected: list[int]
) -> None:
    async with ScriptServer(reply(200, rows)) as server, CircleCISession(base_url=server.base_url) as ci:
        assert await numbers(ci.iter_project_builds(WEB, since=NOON)) == expected


# Any list

ages = st.lists(st.none() | st.integers(-3, 3), max_size=40)


def walk_still_list(dates: list[datetime | None], k: int, overlap: int) -> list[int]:
    """Walk a list that stays still by the plan, one page at a time."""
    plan = PagePlan(
        list, limit=None, offset=0, page_size=k, overlap=overlap, prefetch=0, cutoff=Cutoff(NOON, dates.__getitem__)
    )
    found: list[int] = []
    while not plan.done:
        if page := plan.take():
            found += page
        else:
            for slot in plan.ask(waiting=True) if not plan.done else ():
                plan.answer(slot, list(range(len(dates)))[slot.offset : slot.offset + k])
    return found


@given(ages, st.integers(2, 6), st.integers(1, 3))
def test_all_recent_builds_above_the_first_page_of_old_ones_are_yielded(ages: list[int | None], k: int, overlap: int):
    # Newest first, up to some disorder.
    dates = [None if age is None else NOON + (age + 10 - place) * HOUR for place, age in enumerate(ages)]
    above: datetime | None = None
    recent: list[int] = []
    for place, date in enumerate(dates):
        above = date or above
        if above is None or above >= NOON:
            recent.append(place)
    end = len(dates)
    for start in count(0, k - min(overlap, k - 1)):
        page = dates[start : start + k]
        dated = [date for date in page if date is not None]
        if len(page) < k or (dated and max(dated) < NOON):
            end = min(start + k, end)
            break
    assert walk_still_list(dates, k, overlap) == [place for place in recent if place < end]


async def test_one_old_build_among_recent_ones_does_not_end_the_walk(fake: FakeCircleCI, ci: CircleCISession) -> None:
    add_hourly(fake, 30)
    fake.add_build(WEB, when=NOON - 100 * HOUR)
    walk = ci.iter_project_builds(WEB, since=NOON, page_size=2, overlap=1)
    assert await numbers(walk) == list(range(30, 0, -1))


async def test_the_verdicts_on_a_history_are_the_same_since_before_it_began(
    fake: FakeCircleCI, ci: CircleCISession
) -> None:
    for job in range(10):
        for number in range(5):
            fake.add_build(
                WEB,
                workflow=f"workflow {number}",
                workflow_id=f"8b3f1c9e-52a4-4d0c-9a77-1f0e6b2d4c5{number}",
                job=f"job {job}",
                revision="c" * 40,
                status="failed" if number == 0 and job in {3, 7} else "success",
                when=NOON + timedelta(minutes=job),
                pull_requests=[{"url": "https://github.com/acme/web/pull/12"}],
            )
    builds = await ci.iter_project_builds(WEB, since=NOON - HOUR).collect()
    commit = await ci.wait_for_commit(WEB, "c" * 40, settle=0)
    assert Verdict.of(builds) == commit
    assert Verdict.of(await ci.builds_for_pull_request(WEB, 12)) == commit
    for run in group_builds(builds):
        assert run.workflow_id is not None
        assert run.verdict == await ci.wait_for_workflow(WEB, run.workflow_id, settle=0)
    half = await ci.iter_project_builds(WEB, since=builds[25].queued_at).collect()
    assert [run.verdict for run in group_builds(half)] == [Verdict.of(run.builds) for run in group_builds(half)]
    assert {build.build_num for build in half} <= {build.build_num for build in commit.builds}


# Recordings


def read_recorded_pages() -> list[Any]:
    if not (folder := os.environ.get("CIRCLECI_RECORDINGS")):
        return [pytest.param([], marks=pytest.mark.skip("CIRCLECI_RECORDINGS names no folder of recordings"))]
    pages = [
        json.loads(file.read_bytes()) for kind in ("project", "recent") for file in Path(folder).glob(f"{kind}_b*")
    ]
    return [page for page in pages if any(build.get("status") == "not_run" for build in page)]


def first_date(build: dict[str, Any]) -> datetime | None:
    dates = (build.get(name) for name in ("queued_at", "usage_queued_at", "start_time"))
    return next((datetime.fromisoformat(date) for date in dates if date), None)


@pytest.mark.parametrize("page", read_recorded_pages(), ids=lambda page: f"{len(page)} builds")
async def test_recorded_builds_that_were_not_run_count_by_those_above_them(page: list[dict[str, Any]]) -> None:
    dates = sorted({date for build in page if (date := first_date(build))})

    def keep(since: datetime) -> list[int]:
        kept: list[int] = []
        above: datetime | None = None
        for build in page:
            above = first_date(build) or above
            if above is None or above >= since:
                kept.append(build["build_num"])
        return kept

    async with ScriptServer(reply(200, page)) as server, CircleCISession(base_url=server.base_url) as ci:
        for since in (dates[0], dates[len(dates) // 2], dates[-1], dates[-1] + HOUR):
            assert await numbers(ci.iter_recent_builds(since=since)) == keep(since)
