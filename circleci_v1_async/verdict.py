"""Verdicts on the builds of commits, workflow runs and pull requests. No I/O."""

from collections.abc import Collection, Iterable
from typing import Self

import attrs

from ._core.arguments import check_names
from .models import Build
from .models._jobs import check_builds, find_latest_of_each_job, sort_newest_first, was_not_run

__all__ = ["Verdict"]


@attrs.frozen
class Verdict:
    """The combined result of the builds of a commit, a workflow run or a pull request.

    Only the newest build of each job of each workflow counts, so a rerun replaces the build that it reran. This is the
    same rule as for `latest_only` in `builds_for_commit`. A build that was not run (`BuildStatus.NOT_RUN`) counts as
    neither a success nor a failure.

    Attributes:
        builds: The newest build of each job, newest first; with `jobs`, only builds of these jobs.
        is_success: Whether at least one of `builds` succeeded, all other builds succeeded or were not run, and no job
            is missing.
        failed: The builds that finished without success, including canceled builds and builds that had no tests.
        missing: The names of the `jobs` without a build, or with a build that was not run. Empty without `jobs`.
    """

    builds: tuple[Build, ...]
    is_success: bool
    failed: tuple[Build, ...]
    missing: tuple[str, ...]

    @classmethod
    def of(cls, builds: Iterable[Build], *, jobs: Collection[str] | None = None) -> Self:
        """Return the verdict on builds that you already have, without a request.

        Args:
            builds: Builds in any order, such as a page of a list. An unfinished build counts as neither a success nor a
                failure.
            jobs: Names of the jobs that count, in any workflow; `None` for all jobs.

        Raises:
            InvalidInputError: An item of `builds` is not a `Build`; or `jobs` is empty, or contains an item that is not
                a non-empty string.

        Examples:
            ```python
            from circleci_v1_async import Verdict

            builds = await ci.list_project_builds("gh/acme/web", limit=100)
            verdict = Verdict.of(builds, jobs=["test"])
            print(verdict.is_success, [build.build_num for build in verdict.failed])
            ```
        """
        names = check_names("jobs", jobs) or ()
        latest = find_latest_of_each_job(check_builds(builds))
        counted = {job: build for job, build in latest.items() if not names or job.name in names}
        was_run = [build for build in sort_newest_first(counted.values()) if not was_not_run(build)]
        came = {job.name for job, build in counted.items() if not was_not_run(build)}
        missing = tuple(name for name in names if name not in came)
        return cls(
            builds=tuple(sort_newest_first(counted.values())),
            is_success=bool(was_run) and all(build.is_success for build in was_run) and not missing,
            failed=tuple(build for build in was_run if build.is_finished and not build.is_success),
            missing=missing,
        )
