"""Finding the latest build and the builds of pull requests, on a real socket."""

from collections.abc import Iterable

import pytest

from circleci_v1_async import Build, CircleCISession, InvalidInputError, NotFoundError, Verdict
from circleci_v1_async.testing import FakeCircleCI

WEB = "github/acme/web"
SHAS = [digit * 40 for digit in "abcdef"]


@pytest.fixture
def fake(fake: FakeCircleCI) -> FakeCircleCI:
    fake.add_project(WEB)
    return fake


def numbers(builds: Iterable[Build]) -> list[int]:
    return [build.build_num for build in builds]


def number(build: Build | None) -> int | None:
    return build and build.build_num


def others(fake: FakeCircleCI, count: int) -> None:
    for _ in range(count):
        fake.add_build(WEB)


# The latest build


async def test_the_latest_build_takes_one_request_for_one_build(fake: FakeCircleCI, ci: CircleCISession) -> None:
    others(fake, 3)
    assert number(await ci.find_latest_build(WEB)) == 3
    assert number(await ci.find_latest_build(WEB, limit=None)) == 3
    assert {dict(request.query)["limit"] for request in fake.requests} == {"1"}
    assert await ci.find_latest_build(WEB, limit=0) is None
    assert len(fake.requests) == 2


async def test_the_latest_build_of_a_job_and_of_a_workflow_is_the_highest_in_the_list(
    fake: FakeCircleCI, ci: CircleCISession
) -> None:
    fake.add_build(WEB, job="docs", workflow="ci", branch="main")
    fake.add_build(WEB, job="docs", workflow="nightly", branch="main")
    fake.add_build(WEB, job="docs", workflow="ci", branch="main", status="failed")
    fake.add_build(WEB, job="docs", workflow="ci", branch="topic")
    fake.add_build(WEB, job="deploy", workflow="ci", branch="main")
    fake.add_build(WEB, workflow=None, branch="main")
    assert number(await ci.find_latest_build(WEB, job="docs")) == 4
    assert number(await ci.find_latest_build(WEB, workflow="ci")) == 5
    assert number(await ci.find_latest_build(WEB, job="docs", branch="main")) == 3
    assert number(await ci.find_latest_build(WEB, job="docs", branch="main", filter="successful")) == 2
    assert number(await ci.find_latest_build(WEB, job="docs", workflow="ci", branch="main", filter="successful")) == 1
    assert await ci.find_latest_build(WEB, job="docs", filter="running") is None


async def test_the_latest_build_of_a_job_is_searched_among_a_thousand(fake: FakeCircleCI, ci: CircleCISession) -> None:
    fake.add_build(WEB, job="docs")
    others(fake, 300)
    assert number(await ci.find_latest_build(WEB, job="docs")) == 1
    assert len(fake.requests) == 4
    assert await ci.find_latest_build(WEB, job="docs", limit=300) is None
    others(fake, 700)
    assert await ci.find_latest_build(WEB, job="docs") is None
    assert number(await ci.find_latest_build(WEB, job="docs", limit=None)) == 1


@pytest.mark.parametrize("options", [{"job": ""}, {"workflow": 7}, {"filter": "good"}, {"limit": -1}, {"branch": ""}])
async def test_a_bad_argument_is_refused_before_any_request(
    fake: FakeCircleCI, ci: CircleCISession, options: dict[str, object]
) -> None:
    with pytest.raises(InvalidInputError, match=f"^{next(iter(options))}"):
        await ci.find_latest_build(WEB, **options)
    assert fake.requests == []


# Pull requests


def pull_request(number: int) -> list[dict[str, str]]:
    return [{"head_sha": SHAS[0], "url": f"https://github.com/acme/web/pull/{number}"}]


async def test_the_builds_of_a_pull_request_are_those_of_its_newest_commit(
    fake: FakeCircleCI, ci: CircleCISession
) -> None:
    # The branch was built before there was a pull request.
    fake.add_build(WEB, revision=SHAS[1], job="docs", branch="topic")
    fake.add_build(WEB, revision=SHAS[0], job="lint", branch="topic", pull_requests=pull_request(12))
    for job in ("lint", "test", "test"):
        fake.add_build(WEB, revision=SHAS[1], job=job, branch="topic", pull_requests=pull_request(12))
    fake.add_build(WEB, revision=SHAS[2], job="test", pull_requests=pull_request(1))
    # A rerun of the older commit does not make it the newest.
    fake.add_build(WEB, revision=SHAS[0], job="lint", branch="topic", pull_requests=pull_request(12))
    assert numbers(await ci.builds_for_pull_request(WEB, 12, latest_only=False)) == [7, 5, 4, 3, 2]
    assert numbers(await ci.builds_for_pull_request(WEB, 12)) == [5, 3, 1]


async def test_branches_of_forks_count(fake: FakeCircleCI, ci: CircleCISession) -> None:
    for branch in ("pull/12", "pull/123", "pull/1", "main"):
        fake.add_build(WEB, branch=branch, revision=SHAS[0])
    assert numbers(await ci.builds_for_pull_request(WEB, 12, latest_only=False)) == [1]


async def test_a_build_that_reran_one_of_the_pull_request_outside_of_workflows_belongs_to_it(
    fake: FakeCircleCI, ci: CircleCISession
) -> None:
    fake.add_build(WEB, branch="pull/12", revision=SHAS[0], job="test", status="failed")
    fake.add_build(WEB, workflow=None, retry_of=1, vcs_revision=None)
    assert numbers(await ci.builds_for_pull_request(WEB, 12)) == [2]
    assert numbers(await ci.builds_for_pull_request(WEB, 12, latest_only=False)) == [2, 1]


async def test_builds_without_a_commit_are_given_as_they_are(fake: FakeCircleCI, ci: CircleCISession) -> None:
    for _ in range(2):
        fake.add_build(WEB, branch="pull/12", vcs_revision=None)
    assert numbers(await ci.builds_for_pull_request(WEB, 12)) == [2, 1]


async def test_a_pull_request_is_looked_for_in_eleven_requests(fake: FakeCircleCI, ci: CircleCISession) -> None:
    fake.add_build(WEB, branch="pull/12")
    others(fake, 999)
    fake.add_build(WEB, branch="pull/12")
    assert numbers(await ci.builds_for_pull_request(WEB, 12)) == [1001]
    assert len(fake.requests) == 11
    assert len(await ci.builds_for_pull_request(WEB, 12, limit=None, latest_only=False)) == 2


async def test_the_verdict_on_a_pull_request_is_that_on_its_newest_commit(
    fake: FakeCircleCI, ci: CircleCISession
) -> None:
    for revision, statuses in ((SHAS[0], "failed success"), (SHAS[1], "success success")):
        for job, status in enumerate(statuses.split()):
            fake.add_build(WEB, revision=revision, job=f"job {job}", status=status, branch="pull/12")
    verdict = Verdict.of(await ci.builds_for_pull_request(WEB, 12))
    assert verdict == await ci.wait_for_commit(WEB, SHAS[1], settle=0)
    assert verdict.is_success


@pytest.mark.parametrize("number", [0, True, "12", None])
async def test_a_number_that_is_none_is_refused_before_any_request(
    fake: FakeCircleCI, ci: CircleCISession, number: int
) -> None:
    with pytest.raises(InvalidInputError, match=r"^number: expected an integer from 1"):
        await ci.builds_for_pull_request(WEB, number)
    assert fake.requests == []


async def test_a_project_that_does_not_exist_is_not_found(ci: CircleCISession) -> None:
    for call in (ci.find_latest_build("gh/acme/api"), ci.builds_for_pull_request("gh/acme/api", 1)):
        with pytest.raises(NotFoundError):
            await call
