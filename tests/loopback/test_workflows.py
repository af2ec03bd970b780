"""The builds of workflows, and waiting for all of them, on a real socket and with a clock that does not wait."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from fake_clock import FakeClock, at_each_sleep, use
from hypothesis import given
from hypothesis import strategies as st
from workflows import Event, Play, plays

from circleci_v1_async import (
    Build,
    BuildSummary,
    CircleCISession,
    InvalidInputError,
    NotFoundError,
    Verdict,
    WaitTimeoutError,
    Workflow,
)
from circleci_v1_async.testing import FakeCircleCI

WEB = "github/acme/web"
SHA = "c0ffee7" + "0" * 33
RUNS = [f"8b3f1c9e-52a4-4d0c-9a77-1f0e6b2d4c5{number}" for number in range(6)]
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(random=0.5)


@pytest.fixture
async def ci(fake: FakeCircleCI, clock: FakeClock) -> AsyncIterator[CircleCISession]:
    fake.add_project(WEB)
    async with CircleCISession(fake.token, base_url=fake.base_url) as ci:
        yield use(ci, clock)


def numbers(builds: "list[Build] | tuple[Build, ...]") -> list[int]:
    return [build.build_num for build in builds]


def targets(fake: FakeCircleCI) -> list[str]:
    return [request.path.removeprefix("/api/v1.1/project/github/acme/web") for request in fake.requests]


def fifty_builds(fake: FakeCircleCI) -> None:
    """Ten jobs of each of five workflows of two commits; of the first workflow two jobs fail, and are run again."""
    for job in range(10):
        for number, run in enumerate(RUNS[:5]):
            fake.add_build(
                WEB,
                workflow=f"workflow {number}",
                workflow_id=run,
                job=f"job {job}",
                revision=SHA if number < 3 else "deadbeef" * 5,
                status="failed" if number == 0 and job in {3, 7} else "success",
                when=NOON + timedelta(minutes=job),
            )
    for job in (3, 7):
        fake.add_build(
            WEB,
            workflow="workflow 0",
            workflow_id=RUNS[5],
            job=f"job {job}",
            revision=SHA,
            when=NOON + timedelta(hours=1, minutes=job),
        )


# Which builds


async def test_of_fifty_builds_of_five_workflows_and_a_rerun_each_workflow_has_its_own(
    fake: FakeCircleCI, ci: CircleCISession
) -> None:
    fifty_builds(fake)
    for number, run in enumerate(RUNS[:5]):
        assert numbers(await ci.builds_for_workflow(WEB, run)) == list(range(46 + number, 0, -5))
    assert numbers(await ci.builds_for_workflow(WEB, RUNS[5])) == [52, 51]
    assert len(fake.requests) == 6


async def test_of_fifty_builds_of_five_workflows_and_a_rerun_a_wait_gives_the_newest_of_each_job(
    fake: FakeCircleCI, ci: CircleCISession
) -> None:
    fifty_builds(fake)
    commit = await ci.wait_for_commit(WEB, SHA)
    assert commit.is_success
    assert numbers(commit.builds) == numbers(await ci.builds_for_commit(WEB, SHA))
    assert len(commit.builds) == 30
    assert {16, 36}.isdisjoint(numbers(commit.builds))
    first = await ci.wait_for_workflow(WEB, RUNS[0])
    assert (first.is_success, numbers(first.failed), len(first.builds)) == (False, [36, 16], 10)
    assert (await ci.wait_for_workflow(WEB, RUNS[5])).is_success


async def test_a_workflow_is_found_by_its_id_in_any_case(fake: FakeCircleCI, ci: CircleCISession) -> None:
    fake.add_build(WEB, workflow_id=RUNS[0])
    fake.add_build(WEB, workflow=None)
    fake.add_build(WEB, workflows={"workflow_id": None})
    assert numbers(await ci.builds_for_workflow("gh/acme/web", RUNS[0].upper())) == [1]


async def test_of_each_job_of_a_workflow_the_newest_build_is_given(fake: FakeCircleCI, ci: CircleCISession) -> None:
    for job in ("lint", "test", "test"):
        fake.add_build(WEB, workflow_id=RUNS[0], job=job)
    assert numbers(await ci.builds_for_workflow(WEB, RUNS[0])) == [3, 1]
    assert numbers(await ci.builds_for_workflow(WEB, RUNS[0], latest_only=False)) == [3, 2, 1]


async def test_a_rerun_outside_of_the_workflow_stands_for_its_job(fake: FakeCircleCI, ci: CircleCISession) -> None:
    fake.add_build(WEB, workflow_id=RUNS[0], job="lint")
    fake.add_build(WEB, workflow_id=RUNS[1], job="lint")
    fake.add_build(WEB, workflow=None, retry_of=1)
    fake.add_build(WEB, workflow=None, retry_of=2)
    fake.add_build(WEB, workflow=None, retry_of=3)
    assert numbers(await ci.builds_for_workflow(WEB, RUNS[0], latest_only=False)) == [5, 3, 1]
    assert numbers(await ci.builds_for_workflow(WEB, RUNS[0])) == [5]


async def test_a_retry_by_the_api_is_of_the_same_workflow(fake: FakeCircleCI, ci: CircleCISession) -> None:
    fake.add_build(WEB, workflow_id=RUNS[0], status="failed")
    fake.retry_build(WEB, 1)
    assert numbers(await ci.builds_for_workflow(WEB, RUNS[0])) == [2]


async def test_the_search_for_a_workflow_stops_where_builds_are_a_day_older(
    fake: FakeCircleCI, ci: CircleCISession
) -> None:
    for _ in range(300):
        fake.add_build(WEB, when=NOON - timedelta(days=2))
    fake.add_build(WEB, workflow_id=RUNS[0], when=NOON, branch="main")
    assert numbers(await ci.builds_for_workflow(WEB, RUNS[0])) == [301]
    assert len(fake.requests) == 1
    assert await ci.builds_for_workflow(WEB, RUNS[0], branch="other") == []
    assert await ci.builds_for_workflow(WEB, RUNS[1], limit=150) == []
    assert len(fake.requests) == 4


# Waiting


async def test_a_commit_is_waited_for_from_its_first_build_to_the_end_of_its_last(
    fake: FakeCircleCI, ci: CircleCISession, clock: FakeClock
) -> None:
    at_each_sleep(
        clock,
        lambda: fake.add_build(WEB, status="running", revision=SHA, job="build"),
        lambda: fake.finish_build(WEB, 1),
        lambda: fake.add_build(WEB, status="queued", revision=SHA, job="test"),
        lambda: fake.update_build(WEB, 2, status="running"),
        lambda: fake.finish_build(WEB, 2, "failed"),
    )
    updates: list[tuple[int, str]] = []
    verdict = await ci.wait_for_commit(
        WEB, SHA[:7], on_update=lambda build: updates.append((build.build_num, str(build.status)))
    )
    assert updates == [(1, "running"), (1, "success"), (2, "queued"), (2, "running"), (2, "failed")]
    test, build = await ci.builds_for_commit(WEB, SHA)
    assert verdict == Verdict((test, build), is_success=False, failed=(test,), missing=())
    # Until no build has run for a minute.
    assert clock.slept == [10.5] * 10 + [pytest.approx(7.5)]


async def test_a_workflow_is_waited_for_by_one_request_a_look(
    fake: FakeCircleCI, ci: CircleCISession, clock: FakeClock
) -> None:
    fake.add_build(WEB, status="running", workflow_id=RUNS[0], job="build")
    fake.add_build(WEB, status="running", workflow_id=RUNS[1], job="build")
    at_each_sleep(clock, lambda: None, lambda: fake.finish_build(WEB, 1))
    verdict = await ci.wait_for_workflow(WEB, RUNS[0], settle=20, interval=5)
    assert (verdict.is_success, numbers(verdict.builds)) == (True, [1])
    assert len(fake.requests) == len(clock.slept) + 1
    assert set(targets(fake)) == {""}


async def test_builds_that_newer_ones_have_displaced_are_asked_for_one_by_one(
    fake: FakeCircleCI, ci: CircleCISession, clock: FakeClock
) -> None:
    for job in ("build", "lint", "test"):
        fake.add_build(WEB, status="running", revision=SHA, job=job)

    def push() -> None:
        fake.finish_build(WEB, 2)
        for _ in range(98):
            fake.add_build(WEB)

    at_each_sleep(clock, push, lambda: fake.finish_build(WEB, 1), lambda: fake.finish_build(WEB, 3, "canceled"))
    verdict = await ci.wait_for_commit(WEB, SHA, settle=0)
    assert (verdict.is_success, numbers(verdict.failed), numbers(verdict.builds)) == (False, [3], [3, 2, 1])
    assert targets(fake) == ["", "", "/1", "", "/1", ""]


async def test_a_look_goes_down_as_far_as_it_has_to_and_misses_none(
    fake: FakeCircleCI, ci: CircleCISession, clock: FakeClock
) -> None:
    fake.add_build(WEB, status="running", revision=SHA, job="build")

    def push() -> None:
        fake.finish_build(WEB, 1)
        fake.add_build(WEB, revision=SHA, job="test", status="failed")
        for _ in range(250):
            fake.add_build(WEB)

    at_each_sleep(clock, push)
    verdict = await ci.wait_for_commit(WEB, SHA, settle=0)
    assert numbers(verdict.failed) == [2]
    assert [dict(request.query)["offset"] for request in fake.requests] == ["0", "0", "95", "190"]


async def test_a_commit_further_down_is_found_by_the_first_look(fake: FakeCircleCI, ci: CircleCISession) -> None:
    fake.add_build(WEB, revision=SHA)
    for _ in range(250):
        fake.add_build(WEB)
    assert (await ci.wait_for_commit(WEB, SHA, settle=0)).is_success
    assert len(fake.requests) == 3


async def test_only_the_builds_of_a_branch_are_waited_for_if_one_is_named(
    fake: FakeCircleCI, ci: CircleCISession
) -> None:
    fake.add_build(WEB, revision=SHA, branch="main", status="running")
    fake.add_build(WEB, revision=SHA, branch="feature/x")
    assert numbers((await ci.wait_for_commit(WEB, SHA, branch="feature/x")).builds) == [2]
    assert targets(fake)[0] == "/tree/feature%2Fx"


async def test_waiting_for_jobs_ends_when_they_have_ended(
    fake: FakeCircleCI, ci: CircleCISession, clock: FakeClock
) -> None:
    fake.add_build(WEB, revision=SHA, job="docs", status="running")
    at_each_sleep(clock, lambda: None, lambda: fake.add_build(WEB, revision=SHA, job="deploy"))
    verdict = await ci.wait_for_commit(WEB, SHA, jobs=["deploy"])
    assert (verdict.is_success, numbers(verdict.builds), verdict.missing) == (True, [2], ())
    assert len(clock.slept) == 2


async def test_waiting_for_jobs_that_never_come_ends_too(fake: FakeCircleCI, ci: CircleCISession) -> None:
    fake.add_build(WEB, revision=SHA, job="test", status="failed")
    verdict = await ci.wait_for_commit(WEB, SHA, jobs=("test", "deploy", "test"))
    assert (numbers(verdict.failed), verdict.missing) == ([1], ("deploy",))


async def test_the_first_failure_ends_the_wait_if_that_is_wanted(fake: FakeCircleCI, ci: CircleCISession) -> None:
    fake.add_build(WEB, workflow_id=RUNS[0], job="test", status="running")
    fake.add_build(WEB, workflow_id=RUNS[0], job="lint", status="timedout")
    verdict = await ci.wait_for_workflow(WEB, RUNS[0], fail_fast=True)
    assert (numbers(verdict.failed), numbers(verdict.builds)) == ([2], [2, 1])


async def test_errors_that_may_pass_are_outlived_and_nothing_is_missed_meanwhile(
    fake: FakeCircleCI, ci: CircleCISession, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    fake.add_build(WEB, revision=SHA, job="build", status="running")
    fake.reply_next(b"[]", path="/no such path")
    fake.allow_unused_faults = True
    fake.fail_next(503, count=3)
    fake.drop_next(3)
    fake.fail_next(429, retry_after=600)
    at_each_sleep(
        clock,
        *[lambda: None] * 6,
        lambda: (fake.finish_build(WEB, 1), fake.add_build(WEB, revision=SHA, job="test", status="failed")),
    )
    verdict = await ci.wait_for_commit(WEB, SHA, settle=0)
    assert numbers(verdict.failed) == [2]
    assert max(clock.slept) == 120
    assert f"commit {SHA} of github/acme/web: 429; polling again in 120.0 s" in caplog.text


async def test_a_project_that_is_not_there_ends_the_wait_at_once(ci: CircleCISession, clock: FakeClock) -> None:
    with pytest.raises(NotFoundError):
        await ci.wait_for_commit("gh/acme/api", SHA)
    assert clock.slept == []


async def test_a_timeout_tells_what_was_seen(fake: FakeCircleCI, ci: CircleCISession) -> None:
    fake.add_build(WEB, revision=SHA, job="build", status="failed")
    fake.add_build(WEB, revision=SHA, job="test", status="running")
    with pytest.raises(WaitTimeoutError) as caught:
        await ci.wait_for_commit(WEB, SHA, timeout=30)
    assert str(caught.value) == (
        f"commit {SHA} of github/acme/web did not finish within 30 s; it was last seen with 1 of 2 builds unfinished"
    )
    assert isinstance(caught.value.last, Verdict)
    assert (numbers(caught.value.last.builds), numbers(caught.value.last.failed)) == ([2, 1], [1])


async def test_a_timeout_while_builds_settle_says_so_and_has_their_verdict(
    fake: FakeCircleCI, ci: CircleCISession
) -> None:
    fake.add_build(WEB, revision=SHA, job="build")
    fake.add_build(WEB, revision=SHA, job="test", status="failed")
    with pytest.raises(WaitTimeoutError, match=r"all its builds finished \(2\), but `settle` \(60 s\) was") as caught:
        await ci.wait_for_commit(WEB, SHA, timeout=30)
    assert caught.value.last == Verdict.of(await ci.builds_for_commit(WEB, SHA))
    assert caught.value.__cause__ is None


async def test_a_timeout_tells_that_no_build_came(ci: CircleCISession, clock: FakeClock) -> None:
    with pytest.raises(WaitTimeoutError, match=r"workflow .* of github/acme/web .*; it was never seen") as caught:
        await ci.wait_for_workflow(WEB, RUNS[0], jobs=["test"], timeout=25)
    assert caught.value.last == Verdict((), is_success=False, failed=(), missing=("test",))
    assert sum(clock.slept) == 25


async def test_a_wait_for_a_job_polls_at_the_deadline_as_well(
    fake: FakeCircleCI, ci: CircleCISession, clock: FakeClock
) -> None:
    fake.add_build(WEB, revision=SHA, job="build", status="running")
    at_each_sleep(clock, lambda: fake.finish_build(WEB, 1))
    assert (await ci.wait_for_commit(WEB, SHA, jobs=["build"], timeout=9, interval=10)).is_success
    assert clock.slept == [9]


# A build in hand


async def test_a_build_names_its_commit_and_its_workflow_run(fake: FakeCircleCI, ci: CircleCISession) -> None:
    fifty_builds(fake)
    build = await ci.get_build(WEB, 50 - 4)
    assert numbers(await ci.builds_for_commit(build)) == numbers(await ci.builds_for_commit(WEB, SHA))
    assert numbers(await ci.builds_for_workflow(build)) == list(range(46, 0, -5))
    assert await ci.wait_for_commit(build) == await ci.wait_for_commit(WEB, SHA)
    assert await ci.wait_for_workflow(build) == await ci.wait_for_workflow(WEB, RUNS[0])
    assert numbers(await ci.builds_for_commit(build, SHA[:7])) == numbers(await ci.builds_for_commit(WEB, SHA))
    assert numbers(await ci.builds_for_workflow(build, RUNS[0].upper())) == list(range(46, 0, -5))


HERE = "https://circleci.com/gh/acme/web/7"
BAD_BUILDS = [
    (Build(build_num=7, vcs_revision=SHA), "", "", "project: build 7 does not name its project"),
    (Build(build_num=7, build_url=HERE), "", "", "project: build 7 "),
    (Build(build_num=7, build_url=HERE, vcs_revision=""), "", "", "project: build 7 "),
    (Build(build_num=7, build_url=HERE, vcs_revision="r12"), "", "", ""),
    (BuildSummary(build_num=7, build_url=HERE), "", "", "project: build 7 "),
    (
        Build(build_num=7, build_url=HERE, vcs_revision=SHA, workflows=Workflow(workflow_id=RUNS[0])),
        "deadbeef",
        RUNS[1],
        "",
    ),
    (Build(build_num=7, build_url=HERE, workflows=Workflow()), SHA, RUNS[0], "project: build 7 "),
    ("gh/acme/web", "", "", ""),
]


@pytest.mark.parametrize(("build", "sha", "run", "message"), BAD_BUILDS, ids=repr)
async def test_a_build_that_does_not_name_what_is_looked_for_is_refused_before_any_request(
    fake: FakeCircleCI, ci: CircleCISession, build: Build | str, sha: str, run: str, message: str
) -> None:
    for call in (ci.wait_for_commit, ci.builds_for_commit):
        with pytest.raises(InvalidInputError) as caught:
            await call(build, *[sha] * bool(sha))
        assert str(caught.value).startswith(message)
    for call in (ci.wait_for_workflow, ci.builds_for_workflow):
        with pytest.raises(InvalidInputError) as caught:
            await call(build, *[run] * bool(run))  # type: ignore[arg-type]
        assert str(caught.value).startswith(message)
    assert fake.requests == []


async def test_an_error_about_a_build_says_what_it_lacks(ci: CircleCISession) -> None:
    with pytest.raises(InvalidInputError, match="build 7 has no vcs_revision, which names its commit"):
        await ci.wait_for_commit(Build(build_num=7, build_url=HERE))
    with pytest.raises(InvalidInputError, match="build 7 is outside of workflows: it has no workflow_id"):
        await ci.wait_for_workflow(Build(build_num=7, build_url=HERE))


BAD_OPTIONS: list[tuple[dict[str, object], str]] = [
    ({"settle": -1}, "settle: expected a number of seconds from 0, got -1"),
    ({"settle": float("nan")}, "settle: expected a number of seconds from 0, got nan"),
    ({"settle": "60"}, "settle: expected a number of seconds from 0, got '60'"),
    ({"interval": 0}, "interval: expected a positive number of seconds, got 0"),
    ({"max_interval": 0}, "max_interval: expected a positive number of seconds, got 0"),
    ({"timeout": 0}, "timeout: expected a positive number of seconds, got 0"),
    ({"jobs": []}, "jobs: expected a list of non-empty strings, at least one, got []"),
    ({"jobs": "test"}, "jobs: expected a list of non-empty strings, at least one, got 'test'"),
    ({"jobs": ["test", ""]}, "jobs: expected a list of non-empty strings, at least one, got"),
    ({"jobs": [["test"]]}, "jobs: expected a list of non-empty strings, at least one, got"),
    ({"jobs": 7}, "jobs: expected a list of non-empty strings, at least one, got 7"),
    ({"branch": ""}, "branch: expected a non-empty string"),
]


@pytest.mark.parametrize(("options", "message"), BAD_OPTIONS, ids=str)
async def test_a_bad_option_of_a_wait_is_refused_before_any_request(
    fake: FakeCircleCI, ci: CircleCISession, options: dict[str, object], message: str
) -> None:
    for wait in (ci.wait_for_commit(WEB, SHA, **options), ci.wait_for_workflow(WEB, RUNS[0], **options)):  # type: ignore[arg-type]
        with pytest.raises(InvalidInputError) as caught:
            await wait
        assert str(caught.value).startswith(message)
    assert fake.requests == []


# Whole workflows


class Player:
    """Plays a workflow on a fake, by the time of a fake clock."""

    def __init__(self, play: Play, fake: FakeCircleCI, clock: FakeClock) -> None:
        self.fake = fake
        self.clock = clock
        self.events = play.events
        self.builds: dict[tuple[int, int], int] = {}
        clock.while_asleep = self.pass_time

    async def pass_time(self, seconds: float) -> None:
        while self.events and self.events[0].time <= self.clock.monotonic + seconds:
            self.happen(self.events.pop(0))

    def happen(self, event: Event) -> None:
        if event.run in self.builds:
            self.fake.update_build(WEB, self.builds[event.run], status=event.status)
        else:
            job = f"job {event.run[0]}"
            made = self.fake.add_build(WEB, status=event.status, job=job, workflow_id=RUNS[0], revision=SHA)
            self.builds[event.run] = made["build_num"]


@given(plays(jobs=5), st.floats(1.0, 60.0), st.booleans())
def test_no_verdict_comes_before_the_last_job_of_a_workflow_that_is_played(
    play: Play,
    interval: float,
    by_commit: bool,  # noqa: FBT001 - an example
) -> None:
    async def main() -> None:
        clock = FakeClock(random=0.5)
        async with FakeCircleCI() as fake, CircleCISession(fake.token, base_url=fake.base_url) as ci:
            use(ci, clock)
            fake.add_project(WEB)
            player = Player(play, fake, clock)
            settle = play.longest_gap + 1
            if by_commit:
                verdict = await ci.wait_for_commit(WEB, SHA, settle=settle, interval=interval)
            else:
                verdict = await ci.wait_for_workflow(WEB, RUNS[0], settle=settle, interval=interval)
            assert player.events == []
            assert list(verdict.builds) == await ci.builds_for_workflow(WEB, RUNS[0])
            assert verdict.is_success == all(build.is_success for build in verdict.builds)
            assert verdict.failed == tuple(build for build in verdict.builds if not build.is_success)

    asyncio.run(main())
