"""The builds of a commit, and what failed in a build."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from script_server import ScriptServer, reply

from circleci_v1_async import CircleCISession, NotFoundError, TestMetadata
from circleci_v1_async.testing import FakeCircleCI

WEB = "github/acme/web"
SHA = "c0ffee7" + "0" * 33
DAY = timedelta(days=1)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
async def fake() -> AsyncIterator[FakeCircleCI]:
    async with FakeCircleCI() as fake:
        fake.add_project(WEB)
        yield fake


def others(fake: FakeCircleCI, count: int, when: datetime) -> None:
    for _ in range(count):
        fake.add_build(WEB, when=when)


async def numbers(ci: CircleCISession, sha: str = SHA, **options: object) -> list[int]:
    return [build.build_num for build in await ci.builds_for_commit(WEB, sha, **options)]


# Which builds.


@pytest.mark.parametrize("sha", [SHA, SHA.upper(), SHA[:7], SHA[:12].upper()])
async def test_a_commit_is_found_by_its_hash_or_the_beginning_of_it(
    fake: FakeCircleCI, ci: CircleCISession, sha: str
) -> None:
    for revision in (SHA, "deadbeef" * 5, "1" + SHA[:-1]):
        fake.add_build(WEB, revision=revision)
    assert await numbers(ci, sha) == [1]


async def test_builds_of_all_commits_that_begin_so_are_given_and_not_mixed_up(
    fake: FakeCircleCI, ci: CircleCISession
) -> None:
    other = SHA[:-1] + "1"
    for revision in (SHA, other, SHA):
        fake.add_build(WEB, revision=revision)
    builds = await ci.builds_for_commit(WEB, SHA[:7])
    assert [(build.build_num, build.vcs_revision) for build in builds] == [(3, SHA), (2, other)]


async def test_of_each_job_of_each_workflow_the_newest_build_is_given_newest_first(
    fake: FakeCircleCI, ci: CircleCISession
) -> None:
    for workflow, job in [("ci", "lint"), ("ci", "test"), ("nightly", "test"), ("ci", "deploy"), ("ci", "test")]:
        fake.add_build(WEB, revision=SHA, workflow=workflow, job=job, status="failed")
    fake.retry_build(WEB, 1)
    assert await numbers(ci) == [6, 5, 4, 3]
    assert await numbers(ci, latest_only=False) == [6, 5, 4, 3, 2, 1]


async def test_a_build_that_is_run_again_outside_of_its_workflow_stands_for_its_job(
    fake: FakeCircleCI, ci: CircleCISession
) -> None:
    for job in ("lint", "test"):
        fake.add_build(WEB, revision=SHA, job=job, status="failed")
    fake.add_build(WEB, revision=SHA, workflow=None)
    fake.add_build(WEB, revision=SHA, workflow=None, why="retry", retry_of=1)
    fake.add_build(WEB, revision=SHA, workflow=None, why="retry", retry_of=4)
    assert await numbers(ci) == [5, 3, 2]


async def test_builds_outside_of_workflows_count_as_one_job(fake: FakeCircleCI, ci: CircleCISession) -> None:
    for workflow in (None, "ci", None):
        fake.add_build(WEB, revision=SHA, workflow=workflow)
    assert await numbers(ci) == [3, 2]


async def test_only_the_builds_of_a_branch_are_given_if_one_is_named(fake: FakeCircleCI, ci: CircleCISession) -> None:
    for branch in ("main", "feature/x", "main"):
        fake.add_build(WEB, revision=SHA, branch=branch)
    assert await numbers(ci, branch="feature/x") == [2]
    assert await numbers(ci, branch="main", latest_only=False) == [3, 1]


async def test_a_build_without_a_revision_is_no_builds_of_the_commit(fake: FakeCircleCI, ci: CircleCISession) -> None:
    fake.add_build(WEB, vcs_revision=None)
    assert await numbers(ci) == []


async def test_a_project_that_is_not_there_is_not_found(ci: CircleCISession) -> None:
    with pytest.raises(NotFoundError):
        await ci.builds_for_commit("gh/acme/api", SHA)


# How far it looks.


async def test_it_stops_where_builds_are_a_day_older_than_the_commit(fake: FakeCircleCI, ci: CircleCISession) -> None:
    others(fake, 500, NOON - 2 * DAY)
    fake.add_build(WEB, revision=SHA, when=NOON)
    assert await numbers(ci) == [501]
    assert [request.query for request in fake.requests] == [(("limit", "100"), ("offset", "0"))]


async def test_a_rerun_long_after_does_not_hide_the_first_builds(fake: FakeCircleCI, ci: CircleCISession) -> None:
    others(fake, 300, NOON - 2 * DAY)
    for job in ("lint", "test"):
        fake.add_build(WEB, revision=SHA, job=job, when=NOON)
    others(fake, 300, NOON + 5 * DAY)
    fake.add_build(WEB, revision=SHA, job="test", when=NOON + 9 * DAY, why="retry")
    assert await numbers(ci) == [603, 301]
    # Of 100 builds, then of 95 more each.
    assert len(fake.requests) == 4


@pytest.mark.parametrize("date", ["2036-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "", None])
async def test_a_committer_whose_clock_is_wrong_hides_nothing(
    fake: FakeCircleCI, ci: CircleCISession, date: str | None
) -> None:
    for hours in range(0, 200, 20):
        others(fake, 3, NOON + timedelta(hours=hours))
        fake.add_build(WEB, revision=SHA, when=NOON + timedelta(hours=hours), committer_date=date, job=f"job {hours}")
    assert len(await numbers(ci)) == 10


@pytest.mark.parametrize("date", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"])
async def test_a_commit_from_the_beginning_of_time_makes_it_look_at_everything(
    fake: FakeCircleCI, ci: CircleCISession, date: str
) -> None:
    others(fake, 250, NOON - 300 * DAY)
    fake.add_build(WEB, revision=SHA, when=NOON, committer_date=date)
    assert await numbers(ci) == [251]
    assert len(fake.requests) == 3


async def test_builds_that_do_not_say_when_they_were_made_stop_nothing(fake: FakeCircleCI, ci: CircleCISession) -> None:
    fake.add_build(WEB, revision=SHA, when=NOON, job="lint")
    fake.add_build(WEB, status="not_run", when=NOON)
    fake.add_build(WEB, revision=SHA, when=NOON, job="test", status="not_run", committer_date=None)
    assert await numbers(ci) == [3, 1]


@pytest.mark.parametrize(("limit", "requests"), [(0, 0), (150, 2), (1000, 11), (None, 13)])
async def test_as_long_as_it_finds_none_it_goes_on_to_the_limit(
    fake: FakeCircleCI, ci: CircleCISession, limit: int | None, requests: int
) -> None:
    others(fake, 1200, NOON)
    assert await numbers(ci, limit=limit) == []
    assert len(fake.requests) == requests


async def test_by_default_it_looks_at_a_thousand_builds(fake: FakeCircleCI, ci: CircleCISession) -> None:
    fake.add_build(WEB, revision=SHA, when=NOON)
    fake.add_build(WEB, revision=SHA, when=NOON, job="second")
    others(fake, 999, NOON)
    assert await numbers(ci) == [2]


async def test_it_finds_each_build_also_while_more_arrive(fake: FakeCircleCI, ci: CircleCISession) -> None:
    for number in range(300):
        fake.add_build(WEB, revision=SHA, job=f"job {number}")
    fake.drift(WEB, seed=1, inserts=4)
    assert await numbers(ci, latest_only=False) == list(range(300, 0, -1))


# What failed.


async def test_the_failed_tests_of_a_build_are_given(fake: FakeCircleCI, ci: CircleCISession) -> None:
    fake.add_build(WEB)
    for result in ("success", "failure", "skipped", "failure"):
        fake.add_test(WEB, 1, name=f"it is a {result}", result=result)
    assert [test.name for test in await ci.list_failed_tests(WEB, 1)] == ["it is a failure"] * 2
    assert len(fake.requests) == 1


async def test_a_test_that_does_not_say_that_it_passed_has_failed() -> None:
    tests = [{"result": result} for result in ("success", "skipped", "error", None, 7)]
    async with ScriptServer(reply(200, {"tests": tests})) as server:
        async with CircleCISession(base_url=server.base_url) as ci:
            failed = await ci.list_failed_tests(WEB, 1)
    assert failed == [TestMetadata(result="error"), TestMetadata(), TestMetadata()]


async def test_a_build_that_stored_no_results_has_no_failed_tests(fake: FakeCircleCI, ci: CircleCISession) -> None:
    fake.add_build(WEB)
    assert await ci.list_failed_tests(WEB, 1) == []
