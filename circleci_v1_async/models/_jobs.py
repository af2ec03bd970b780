"""Jobs of workflows, and the newest build of each. No I/O."""

from collections.abc import Iterable
from operator import attrgetter
from typing import NamedTuple, cast

from circleci_v1_async._core.errors import InvalidInputError
from circleci_v1_async.enums import BuildStatus

from .builds import Build


class Job(NamedTuple):
    """A job of one workflow and commit. Without names, it stands for all builds outside of workflows."""

    repository: str | None
    revision: str | None
    workflow: str | None = None
    name: str | None = None


def check_builds(builds: object) -> list[Build]:
    """Require builds in anything that can be iterated, such as a list."""
    given = list(cast("Iterable[object]", builds)) if isinstance(builds, Iterable) else None
    wrong: list[object] = [builds] if given is None else [each for each in given if not isinstance(each, Build)]
    if wrong:
        raise InvalidInputError(f"builds: expected several builds, got {type(wrong[0]).__name__}")
    return cast("list[Build]", given)


def was_not_run(build: Build) -> bool:
    """Return whether CircleCI decided not to run a build."""
    return build.status == BuildStatus.NOT_RUN


def sort_newest_first(builds: Iterable[Build]) -> list[Build]:
    """Return builds with the highest number first."""
    return sorted(builds, key=attrgetter("build_num"), reverse=True)


def find_latest_of_each_job(builds: Iterable[Build]) -> dict[Job, Build]:
    """Return the newest build of each job of each workflow of each commit.

    A rerun outside of workflows replaces the build that it reran, and counts as the same job. All other builds of a
    commit outside of workflows count as one job.
    """
    jobs: dict[tuple[str | None, int | None], Job] = {}
    newest: dict[Job, Build] = {}
    for build in sorted(builds, key=attrgetter("build_num")):
        repository = build.vcs_url
        if build.workflows is None:
            job = jobs.get((repository, build.retry_of), Job(repository, build.vcs_revision))
        else:
            workflow = build.workflows
            job = Job(repository, build.vcs_revision, workflow.workflow_name, workflow.job_name)
        jobs[repository, build.build_num] = job
        newest[job] = build
    return newest
