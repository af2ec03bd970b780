"""Builds of commits and pull requests, and waits for these builds. Built on the operations on builds."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from circleci_v1_async._core.arguments import check_callback, check_integer
from circleci_v1_async.models import Build, BuildSummary
from circleci_v1_async.slug import ProjectSlug

from .builds import BuildOperations, request_build, request_project_builds
from .paths import parse_commit_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from circleci_v1_async._calls.caller import Caller
    from circleci_v1_async._polling.job_search import JobSearch
    from circleci_v1_async._polling.plan import PollResult, WaitPlan
    from circleci_v1_async._polling.schedule import Schedule
    from circleci_v1_async.request import Request
    from circleci_v1_async.verdict import Verdict

# Default number of newest builds that a search reads.
HISTORY: Final = 1000


class CommitOperations(BuildOperations):
    async def builds_for_commit(
        self,
        project: ProjectSlug | str | BuildSummary,
        sha: str | None = None,
        *,
        branch: str | None = None,
        latest_only: bool = True,
        limit: int | None = HISTORY,
    ) -> list[Build]:
        """Find the builds of a commit, newest first.

        The search walks the project's builds like `iter_project_builds`: one request for the newest 100 builds, and one
        for every 95 older builds. After the first match, it stops at builds that are more than a day older than the
        commit and every match, because the rest cannot match. Until the first match, it reads up to `limit` builds.

        Args:
            project: The project's slug or URL; or, without `sha`, a build of the commit.
            sha: The commit's hash, or its first 7 digits or more. If several commits begin with these digits, the
                builds of all these commits are returned. Use `vcs_revision` to distinguish them.
            branch: Only return builds of this branch, which takes fewer requests.
            latest_only: Whether to return only the newest build of each job of each workflow. A rerun outside
                of the workflow replaces the build that it reran. Other builds outside of workflows count as one job.
            limit: Number of newest builds to read; `None` for all of them.

        Returns:
            The builds. The list is empty if no build that was read belongs to the commit, which may be too new or old.

        Raises:
            InvalidInputError: An argument is invalid, or the given build has no `vcs_revision`. Nothing was sent.
            NotFoundError: The project does not exist, or the token has no access to it.
            PaginationDriftError: The list changes faster than the search can read it.

        Examples:
            ```python
            for build in await ci.builds_for_commit("gh/acme/web", "c0ffee1"):
                print(build.build_num, build.job, build.status)
            ```
        """
        slug, sha = parse_commit_reference(project, sha)
        return await self._find(slug, partial(_is_of_commit, sha), branch, limit, latest_only=latest_only)

    async def builds_for_pull_request(
        self, project: ProjectSlug | str, number: int, *, latest_only: bool = True, limit: int | None = HISTORY
    ) -> list[Build]:
        """Find the builds of a pull request, newest first; on GitLab, of a merge request.

        A build belongs to the pull request if the number is in its `pull_request_numbers`, or if its branch is
        `pull/<number>`, which CircleCI uses for pull requests from forks. Builds of a pull request can be anywhere in
        the list, so the search always reads the `limit` newest builds: 11 requests for 1,000 builds.

        Args:
            project: The project's slug or URL.
            number: The pull request's number, from 1.
            latest_only: Whether to return only the builds of the newest commit, as `builds_for_commit` does: the newest
                build of each job of each workflow. The newest commit is the commit with the most recent first build, so
                a rerun of an older commit does not count. `False` returns all builds of the pull request.
            limit: Number of newest builds to read; `None` for all of them.

        Returns:
            The builds. The list is empty if no build that was read belongs to the pull request.

        Raises:
            NotFoundError: The project does not exist, or the token has no access to it.
            PaginationDriftError: The list changes faster than the search can read it.

        Examples:
            ```python
            from circleci_v1_async import Verdict

            builds = await ci.builds_for_pull_request("gh/acme/web", 12)
            print(Verdict.of(builds).is_success)
            ```
        """
        from circleci_v1_async._polling.job_search import find_newest_commit, select_builds
        from circleci_v1_async.models._jobs import find_latest_of_each_job, sort_newest_first

        matches = partial(_is_of_pull_request, check_integer("number", number, 1))
        builds = await self.iter_project_builds(project, limit=limit, prefetch=0).collect()
        found = select_builds(builds, matches)
        if latest_only and (sha := find_newest_commit(found)) is not None:
            found = list(find_latest_of_each_job(select_builds(builds, partial(_is_of_commit, sha))).values())
        return sort_newest_first(found)

    async def wait_for_commit(
        self,
        project: ProjectSlug | str | BuildSummary,
        sha: str | None = None,
        *,
        branch: str | None = None,
        jobs: Collection[str] | None = None,
        settle: float = 60.0,
        fail_fast: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109 - its error carries the builds
        interval: float = 10.0,
        max_interval: float = 30.0,
        on_update: Callable[[Build], object] | None = None,
    ) -> Verdict:
        """Wait until all builds of a commit have finished, and return the verdict on them.

        The wait continues until the first build appears and all builds have finished. It then continues until no new
        build has appeared for `settle` seconds, because CircleCI creates a workflow's next job only when the previous
        job ends. With `jobs`, the wait ends as soon as all of these jobs have finished, or when no build has run for
        `settle` seconds. See `Verdict` for the builds that count.

        v1.1 shows only builds. An approval is not a build: while a workflow is on hold, no build runs, often for longer
        than any `settle`. The same applies to a job that waits without a build for any other reason. In these cases,
        pass the names of the later jobs as `jobs`, and set `settle` to more than the expected waiting time. If a commit
        never gets a build, the wait continues until `timeout`.

        Each poll takes one request for the list, and one for each unfinished build that newer builds have pushed off
        its first page. The first poll reads the same builds as `builds_for_commit`. If necessary, a later poll reads
        more pages, down to the newest build of the previous poll. `wait_for_commit` handles pauses and transient errors
        like `wait_for_build`. An additional poll takes place at the moment when `settle` is over.

        Args:
            project: The project's slug or URL; or, without `sha`, a build of the commit.
            sha: The commit's hash, or its first 7 digits or more.
            branch: Only wait for builds of this branch.
            jobs: Names of the jobs that count, in each workflow that has them; `None` for all.
            settle: Number of seconds, from 0, to wait for new builds while no build runs.
            fail_fast: Whether to stop at the first build that fails or is canceled.
            timeout: Number of seconds until the last poll, which takes up to 10 seconds more, as in `wait_for_build`;
                `None` for no limit.
            interval: Shortest pause between two polls, in seconds.
            max_interval: Longest pause between two polls, in seconds.
            on_update: Called with each build when it is first seen, when its status, lifecycle or outcome changes, and
                when it finishes. Can be a coroutine function.

        Returns:
            The verdict, with the builds, the failed builds, and the jobs without a build.

        Raises:
            InvalidInputError: An argument is invalid, or the given build has no `vcs_revision`. Nothing was sent.
            NotFoundError: The project does not exist, or the token has no access to it.
            WaitTimeoutError: The builds did not finish in time, or `settle` was not over in time. `verdict` is the
                `Verdict` on the builds as of the last successful poll. If the last poll failed, its error is the cause.

        Examples:
            ```python
            verdict = await ci.wait_for_commit("gh/acme/web", "c0ffee7", timeout=3600)
            for build in verdict.failed:
                print(build.job, build.status, build.build_url)
            ```
        """
        from circleci_v1_async._polling.plan import WaitPlan
        from circleci_v1_async._polling.schedule import Schedule

        slug, sha = parse_commit_reference(project, sha)
        plan = WaitPlan(partial(_is_of_commit, sha), jobs, settle, fail_fast)
        schedule = Schedule(timeout=timeout, interval=interval, max_interval=max_interval, settle=plan.settle)
        return await self._wait(plan, schedule, slug, branch, name=f"commit {sha}", on_update=on_update)

    async def _find(
        self,
        project: ProjectSlug,
        matches: Callable[[Build], bool],
        branch: str | None,
        limit: int | None,
        *,
        latest_only: bool,
    ) -> list[Build]:
        from circleci_v1_async._polling.job_search import JobSearch, select_builds
        from circleci_v1_async.models._jobs import find_latest_of_each_job, sort_newest_first

        search = JobSearch(matches)
        await _read(self._caller, request_project_builds(project, branch, {}), search, limit)
        found = select_builds(search.candidates, matches)
        return sort_newest_first(find_latest_of_each_job(found).values() if latest_only else found)

    async def _wait(
        self,
        plan: WaitPlan,
        schedule: Schedule,
        project: ProjectSlug,
        branch: str | None,
        *,
        name: str,
        on_update: Callable[[Build], object] | None,
    ) -> Verdict:
        from circleci_v1_async._polling.poll import poll

        check_callback("on_update", on_update)
        look = partial(_look, plan, project, request_project_builds(project, branch, {}))
        return await poll(self._caller, look, schedule, name=f"{name} of {project}", on_update=on_update)


async def _look(
    plan: WaitPlan, project: ProjectSlug, request: Request[list[Build]], caller: Caller
) -> PollResult[Build, Verdict]:
    began = caller.clock.monotonic()
    search = plan.begin()
    await _read(caller, request, search, limit=None if plan.seen_up_to else HISTORY)
    for build_num in plan.find_unseen(search):
        detail = await caller.send(request_build(project, build_num))
        search.candidates.append(detail)
    return plan.update(search, began, caller.clock.monotonic())


async def _read(caller: Caller, request: Request[list[Build]], search: JobSearch, limit: int | None) -> None:
    """Read a list until the search has finished, or has `limit` builds."""
    from circleci_v1_async.walk import PageWalk
    from circleci_v1_async.walk._plan import PagePlan

    pages = PagePlan[Build](lambda page: [build.build_num for build in page], limit=limit, prefetch=0)
    async with PageWalk(caller, request, pages) as walk:
        async for page in walk.pages():
            if search.take(page):
                break


def _is_of_commit(sha: str, build: Build) -> bool:
    return (build.vcs_revision or "").startswith(sha)


def _is_of_pull_request(number: int, build: Build) -> bool:
    return number in build.pull_request_numbers or build.branch == f"pull/{number}"
