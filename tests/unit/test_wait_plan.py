"""When a commit or a workflow is done, decided without I/O."""

import asyncio
import contextlib
import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from fake_clock import FakeClock
from hypothesis import given
from hypothesis import strategies as st
from paging import Calls
from workflows import Event, Play, plays

from circleci_v1_async import Build, BuildStatus, InvalidInputError, Verdict, WaitTimeoutError, Workflow
from circleci_v1_async._polling.job_search import JobSearch, find_newest_commit
from circleci_v1_async._polling.plan import PollResult, WaitPlan
from circleci_v1_async._polling.poll import poll
from circleci_v1_async._polling.schedule import Schedule

SHA = "c0ffee7" + "0" * 33
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
UNFINISHED = {"scheduled", "queued", "running"}


def build(
    number: int, status: str = "success", job: str | None = "test", *, workflow: str = "ci", **fields: object
) -> Build:
    return Build(
        build_num=number,
        status=BuildStatus(status),
        lifecycle="running" if status in UNFINISHED else "finished",  # type: ignore[arg-type]
        vcs_revision=SHA,
        workflows=None if job is None else Workflow(job_name=job, workflow_name=workflow),
        **fields,  # type: ignore[arg-type]
    )


def plan(**options: object) -> WaitPlan:
    return WaitPlan(lambda build: build.vcs_revision == SHA, **options)  # type: ignore[arg-type]


def look(waiting: WaitPlan, *builds: Build, at: float = 0.0, until: float | None = None) -> PollResult[Build, Verdict]:
    search = waiting.begin()
    search.take(sorted(builds, key=lambda build: build.build_num, reverse=True))
    return waiting.update(search, at, at if until is None else until)


def numbers(builds: Iterable[Build]) -> list[int]:
    return [build.build_num for build in builds]


# When it is over


def test_without_a_build_it_is_never_over():
    waiting = plan(settle=0)
    seen = look(waiting, at=1e9)
    assert (seen.is_over, seen.soon, seen.summary) == (False, math.inf, "never seen")
    assert seen.last == Verdict((), is_success=False, failed=(), missing=())


def test_it_is_over_when_nothing_has_run_for_as_long_as_settle():
    waiting = plan(settle=60)
    assert not look(waiting, build(1, "running"), at=0).is_over
    assert look(waiting, build(1), at=100).soon == 60
    assert not look(waiting, build(1), at=159).is_over
    assert look(waiting, build(1), at=160).is_over


def test_a_poll_that_begins_a_microsecond_too_early_counts_because_sleeps_may_end_early():
    for early, is_over in ((1e-6, True), (1e-4, False)):
        waiting = plan(settle=60)
        look(waiting, build(1), at=0)
        assert look(waiting, build(1), at=60 - early).is_over == is_over


def test_the_time_to_settle_is_counted_from_a_reply_to_a_request():
    waiting = plan(settle=60)
    assert look(waiting, build(1), at=0, until=30).soon == 60
    assert not look(waiting, build(1), at=89, until=1000).is_over
    assert look(waiting, build(1), at=90, until=91).is_over


def test_the_next_poll_comes_soon_but_not_at_once_if_the_time_to_settle_ends_during_a_poll():
    waiting = plan(settle=60)
    look(waiting, build(1), at=0)
    seen = look(waiting, build(1), at=59, until=70)
    assert not seen.is_over
    assert 0 < seen.soon <= 1


def test_a_job_that_starts_late_starts_the_time_to_settle_anew():
    waiting = plan(settle=60)
    look(waiting, build(1), at=0)
    assert not look(waiting, build(1), build(2, "running", "deploy"), at=59).is_over
    assert not look(waiting, build(1), build(2, "success", "deploy"), at=70).is_over
    assert not look(waiting, build(1), build(2, "success", "deploy"), at=129).is_over
    assert look(waiting, build(1), build(2, "success", "deploy"), at=130).is_over


def test_so_does_one_that_came_and_ended_between_two_looks():
    waiting = plan(settle=60)
    look(waiting, build(1), at=0)
    assert not look(waiting, build(1), build(2, "success", "deploy"), at=60).is_over


def test_with_no_time_to_settle_it_is_over_when_all_that_was_seen_has_finished():
    waiting = plan(settle=0)
    assert not look(waiting, build(1, "running"), build(2, "success", "lint"), at=0, until=1).is_over
    assert look(waiting, build(1), build(2, "success", "lint"), at=2, until=3).is_over


def test_with_jobs_it_is_over_as_soon_as_all_of_them_have_finished():
    waiting = plan(jobs=("lint", "test"))
    others = [build(1, "running", "docs"), build(2, "failed", "lint")]
    assert not look(waiting, *others).is_over
    assert not look(waiting, *others, build(3, "running", "test")).is_over
    seen = look(waiting, *others, build(3, "success", "test"))
    assert seen.is_over
    assert (numbers(seen.last.builds), numbers(seen.last.failed), seen.last.missing) == ([3, 2], [2], ())


def test_a_named_job_has_finished_when_it_has_in_each_workflow_that_has_it():
    waiting = plan(jobs=("test",))
    assert not look(waiting, build(1), build(2, "running", workflow="nightly")).is_over
    assert look(waiting, build(1), build(2, workflow="nightly")).is_over


def test_jobs_that_never_come_are_missing_once_nothing_has_run_for_as_long_as_settle():
    waiting = plan(jobs=("deploy", "test", "publish"), settle=60)
    look(waiting, build(1, "failed"), build(2, "running", "docs"), at=0)
    assert not look(waiting, build(1, "failed"), build(2, "running", "docs"), at=1000).is_over
    assert not look(waiting, build(1, "failed"), build(2, "success", "docs"), at=1001).is_over
    seen = look(waiting, build(1, "failed"), build(2, "success", "docs"), at=1061)
    assert seen.is_over
    assert seen.last.missing == ("deploy", "publish")


def test_the_first_failure_ends_it_if_that_is_wanted():
    waiting = plan(fail_fast=True)
    assert not look(waiting, build(1, "running"), build(2, "success", "lint")).is_over
    seen = look(waiting, build(1, "running"), build(2, "canceled", "lint"))
    assert seen.is_over
    assert (seen.last.is_success, numbers(seen.last.failed)) == (False, [2])


def test_jobs_that_are_no_names_are_refused_by_the_name_of_the_argument():
    with pytest.raises(InvalidInputError, match=r"^jobs: "):
        plan(jobs="test")


def test_a_failure_of_a_job_that_is_not_named_does_not():
    assert not look(plan(fail_fast=True, jobs=("test",)), build(1, "running"), build(2, "failed", "lint")).is_over


@pytest.mark.parametrize("status", ["retried", "not_run"])
def test_a_build_that_is_repeated_or_not_run_ends_nothing_by_itself(status: str):
    for options in ({"fail_fast": True}, {"jobs": ("test",)}):
        assert not look(plan(**options), build(1, status)).is_over
        assert look(plan(settle=0, **options), build(1, status)).is_over


# What the verdict is


@pytest.mark.parametrize(
    ("statuses", "is_success", "failed"),
    [
        ("success fixed", True, []),
        ("success failed", False, [2]),
        ("success canceled", False, [2]),
        ("timedout success", False, [1]),
        ("infrastructure_fail no_tests", False, [2, 1]),
        ("success retried", False, [2]),
        ("success running", False, []),
        ("success not_run", True, []),
        ("not_run not_run", False, []),
    ],
)
def test_all_builds_that_were_run_have_to_succeed_and_one_has_to_be_run(
    statuses: str, is_success: object, failed: list[int]
):
    builds = [build(number, status, f"job {number}") for number, status in enumerate(statuses.split(), 1)]
    verdict = look(plan(), *builds).last
    assert (verdict.is_success, numbers(verdict.failed)) == (is_success, failed)
    assert numbers(verdict.builds) == [2, 1]


def test_without_one_of_its_jobs_there_is_no_success():
    verdict = look(plan(jobs=("test", "deploy")), build(1), build(2, "not_run", "deploy")).last
    assert verdict == Verdict(
        (build(2, "not_run", "deploy"), build(1)), is_success=False, failed=(), missing=("deploy",)
    )


def test_of_a_job_that_is_run_again_the_newest_build_counts():
    waiting = plan(settle=0, fail_fast=True)
    seen = look(waiting, build(1, "failed"), build(2, "success"))
    assert (seen.is_over, seen.last.is_success, numbers(seen.last.builds)) == (True, True, [2])


def test_so_does_a_rerun_outside_of_the_workflow_under_the_name_of_its_job():
    waiting = plan(jobs=("test",))
    look(waiting, build(1, "failed"))
    seen = look(waiting, build(2, "success", None, retry_of=1))
    assert (seen.is_over, seen.last.is_success, numbers(seen.last.builds)) == (True, True, [2])


def test_a_rerun_that_names_no_revision_is_known_by_what_it_repeats():
    waiting = plan()
    look(waiting, build(1, "failed"))
    rerun = Build(build_num=2, retry_of=1, lifecycle="finished", outcome="success")  # type: ignore[arg-type]
    stranger = Build(build_num=3, retry_of=99)
    assert numbers(look(waiting, rerun, stranger).last.builds) == [2]


# What it asks for


def test_news_are_builds_that_are_new_or_in_another_state():
    waiting = plan()
    assert numbers(look(waiting, build(1, "queued"), build(2, "running", "lint")).news) == [1, 2]
    assert numbers(look(waiting, build(1, "queued"), build(2, "running", "lint")).news) == []
    assert numbers(look(waiting, build(1, "queued"), build(2, "success", "lint"), build(3, "queued", "x")).news) == [
        2,
        3,
    ]


def test_unfinished_builds_that_a_look_has_not_met_are_asked_for_by_themselves():
    waiting = plan()
    look(waiting, build(1, "running", "lint"), build(2), build(3, "running"), build(4, "running"))
    search = waiting.begin()
    assert search.take([build(5, "running", "docs"), build(4, "running")])
    assert waiting.find_unseen(search) == [1]


def test_a_look_goes_down_to_where_the_one_before_began():
    waiting = plan()
    assert not waiting.begin().take([build(7, "running")])
    look(waiting, Build(build_num=9), build(7, "running"))
    search = waiting.begin()
    assert not search.take([Build(build_num=number) for number in (12, 11, 10)])
    assert search.take([Build(build_num=9)])


def test_a_search_that_has_met_its_end_within_a_page_reads_the_rest_of_it():
    search = JobSearch(lambda build: build.vcs_revision == SHA, seen_up_to=5)
    assert search.take([Build(build_num=5), build(4, "running")])
    assert numbers(search.candidates) == [4]


def test_a_build_that_is_new_within_a_page_does_not_make_a_search_go_on_that_has_met_its_end():
    assert JobSearch(lambda _: False, seen_up_to=5).take([Build(build_num=5), Build(build_num=6)])


@pytest.mark.parametrize("field", ["usage_queued_at", "queued_at", "start_time"])
@pytest.mark.parametrize("of_the_commit", ["committer_date", "queued_at"])
def test_a_search_ends_at_a_build_that_is_more_than_a_day_older_than_what_matches(of_the_commit: str, field: str):
    search = JobSearch(lambda build: build.vcs_revision == SHA)
    assert not search.take([build(9, **{of_the_commit: NOON})])
    assert not search.take([Build(build_num=8, **{field: NOON - timedelta(days=1)})])
    assert search.take([Build(build_num=7, **{field: NOON - timedelta(days=1, seconds=1)})])


def test_a_search_counts_from_the_oldest_time_that_it_has_met():
    search = JobSearch(lambda build: build.vcs_revision == SHA)
    search.take([build(9, queued_at=NOON), build(8, queued_at=NOON - timedelta(hours=9)), build(7, queued_at=NOON)])
    assert not search.take([Build(build_num=6, queued_at=NOON - timedelta(hours=33))])
    assert search.take([Build(build_num=5, queued_at=NOON - timedelta(hours=34))])


def test_the_newest_commit_is_the_one_whose_first_build_is_the_newest():
    older, newer, rerun = (Build(build_num=number, vcs_revision=sha) for number, sha in ((7, "a"), (8, "b"), (9, "a")))
    assert find_newest_commit([rerun, newer, older]) == "b"
    assert find_newest_commit([rerun, older]) == "a"
    assert find_newest_commit([Build(build_num=10), newer, older]) == "b"
    assert find_newest_commit([Build(build_num=10)]) is None


def test_a_search_goes_on_while_nothing_has_matched_or_a_build_has_no_time():
    search = JobSearch(lambda build: build.vcs_revision == SHA)
    assert not search.take([Build(build_num=9, queued_at=NOON - timedelta(days=999))])
    search.take([build(8, queued_at=NOON)])
    assert not search.take([Build(build_num=7)])


def test_where_it_stands_is_said_for_errors():
    seen = look(plan(), build(1, "running"), build(2, "success", "lint"), build(3, "queued", "docs"))
    assert seen.summary == "last seen with 2 of 3 builds unfinished"


# Whole workflows


class List:
    """A list that a play's events change."""

    def __init__(self, events: list[Event]) -> None:
        self.events = events
        self.builds: dict[tuple[int, int], Build] = {}

    def at(self, moment: float) -> list[Build]:
        """Return the builds that have come until then, newest first."""
        while self.events and self.events[0].time <= moment:
            event = self.events.pop(0)
            number = self.builds[event.run].build_num if event.run in self.builds else len(self.builds) + 1
            self.builds[event.run] = build(number, event.status, f"job {event.run[0]}")
        return sorted(self.builds.values(), key=lambda build: -build.build_num)


def wait(
    play: Play, waiting: WaitPlan, pauses: Callable[[], float], latency: Callable[[], float]
) -> tuple[float, Verdict]:
    """Return when there was a verdict, and which. A reply shows the list as it is at any time within its exchange."""
    served = List(play.events)
    now = 0.0
    while True:
        began = now
        now += latency()
        search = waiting.begin()
        search.take(served.at(now))
        now += latency()
        seen = waiting.update(search, began, now)
        if seen.is_over:
            return began, seen.last
        now += min(pauses(), seen.soon)


@given(plays(), st.data())
def test_no_verdict_comes_before_the_last_job_if_settle_is_longer_than_the_longest_gap(play: Play, data: st.DataObject):
    settle = play.longest_gap + data.draw(st.floats(0.5, 30.0))
    pauses, replies = st.floats(1.0, 60.0), st.floats(0.0, 5.0)
    moment, verdict = wait(play, plan(settle=settle), partial(data.draw, pauses), partial(data.draw, replies))
    final = List(play.events).at(math.inf)
    last = max(event.time for event in play.events)
    latest = {build.job: build for build in reversed(final)}
    assert moment >= last
    assert sorted(numbers(verdict.builds)) == sorted(numbers(latest.values()))
    assert verdict.is_success == all(build.is_success for build in latest.values())
    assert set(numbers(verdict.failed)) == {build.build_num for build in latest.values() if not build.is_success}


@given(
    plays(jobs=5), st.floats(0.5, 60.0), st.floats(1.0, 300.0), st.floats(1.0, 300.0), st.floats(0.0, 2.0), st.data()
)
def test_builds_that_have_finished_and_settled_before_the_deadline_never_time_out(
    play: Play, more: float, interval: float, max_interval: float, latency: float, data: st.DataObject
):
    served, clock, waiting = List(play.events), FakeClock(random=data.draw(st.floats(0, 1))), plan()
    last = max(event.time for event in play.events)
    waiting.settle = play.longest_gap + more
    # A reply shows the list as it is at the end of its exchange. The time to settle is counted from there.
    over = last + waiting.settle + 3 * latency
    deadline = data.draw(st.floats(0.01, 2 * over) | st.floats(over, over + 1.0), "deadline")

    async def look_at_list(caller: Calls) -> PollResult[Build, Verdict]:
        began = caller.clock.monotonic()
        clock.pass_until(began + latency)
        search = waiting.begin()
        search.take(served.at(clock.monotonic))
        return waiting.update(search, began, clock.monotonic)

    schedule = Schedule(timeout=deadline, interval=interval, max_interval=max_interval, settle=waiting.settle)
    polling = poll(Calls(look_at_list, clock=clock.clock), look_at_list, schedule, name="it", on_update=None)
    if over < deadline:
        assert set(numbers(asyncio.run(polling).builds)) == set(
            numbers(Verdict.of(List(play.events).at(math.inf)).builds)
        )
    elif deadline < last:
        with pytest.raises(WaitTimeoutError) as caught:
            asyncio.run(polling)
        assert isinstance(caught.value.last, Verdict)
    else:
        with contextlib.suppress(WaitTimeoutError):
            asyncio.run(polling)
