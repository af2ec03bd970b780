"""Commits and workflows: their builds, and waiting for them. Made of the operations on builds."""

from __future__ import annotations

from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from circleci_v1_async._core.arguments import check_commit, check_names, check_seconds, check_uuid
from circleci_v1_async.models import Build
from circleci_v1_async.slug import ProjectSlug

from .builds import BuildOperations

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from circleci_v1_async._polling.job_search import JobSearch
    from circleci_v1_async._polling.plan import PollResult, WaitPlan
    from circleci_v1_async.verdict import Verdict

__all__ = ["WorkflowOperations"]

# Number of newest builds to look at.
_HISTORY: Final = 1000


class WorkflowOperations(BuildOperations):
    """Commits and workflows: their builds, and waiting for them."""

    async def builds_for_commit(
        self,
        project: ProjectSlug | str,
        sha: str,
        *,
        branch: str | None = None,
        latest_only: bool = True,
        limit: int | None = _HISTORY,
    ) -> list[Build]:
        """The builds of a commit, newest first.

        It walks the project's builds as `iter_project_builds` does: one request for the newest 100, and one for each
        95 before them. Once it has found a build it stops where builds are a day older than the commit and than
        every build found: none of it can be further down. As long as it has found none it goes on to `limit`.

        Args:
            project: A slug or URL of it.
            sha: The commit's hash, or 7 digits or more that it begins with. Should several commits begin so, the
                builds of all of them are given: `vcs_revision` tells them apart.
            branch: Only builds of this branch, which makes for fewer requests.
            latest_only: Whether to give only the newest build of each job of each workflow. One that was run again
                outside of its workflow stands for its job; all others outside of workflows count as one job.
            limit: Number of newest builds to look at; `None` for all there are.

        Returns:
            Empty when there are none among those looked at: the commit may be too new, or too old.

        Raises:
            NotFoundError: The project does not exist, or the token may not see it.
            PaginationDriftError: The list changes faster than it can be read.

        Examples:
            ```python
            for build in await ci.builds_for_commit("gh/acme/web", "c0ffee1"):
                print(build.build_num, build.job, build.status)
            ```
        """
        matches = partial(_is_of_commit, check_commit("sha", sha))
        return await self._find(project, matches, branch, limit, latest_only=latest_only)

    async def builds_for_workflow(
        self,
        project: ProjectSlug | str,
        workflow_id: str,
        *,
        branch: str | None = None,
        latest_only: bool = True,
        limit: int | None = _HISTORY,
    ) -> list[Build]:
        """The builds of one run of a workflow, newest first.

        It reads the project's builds, and stops, as `builds_for_commit` does. To run a workflow again makes another
        run, with an id of its own, whose builds are not given.

        Args:
            project: A slug or URL of it.
            workflow_id: The run's UUID, which is `build.workflows.workflow_id`.
            branch: Only builds of this branch, which makes for fewer requests.
            latest_only: Whether to give only the newest build of each job. One that was run again outside of its
                workflow stands for its job.
            limit: Number of newest builds to look at; `None` for all there are.

        Returns:
            Empty when there are none among those looked at: the workflow may be too new, or too old.

        Raises:
            NotFoundError: The project does not exist, or the token may not see it.
            PaginationDriftError: The list changes faster than it can be read.

        Examples:
            ```python
            builds = await ci.list_project_builds("gh/acme/web", limit=1)
            if builds and builds[0].workflows:
                workflow_id = builds[0].workflows.workflow_id or ""
                print(await ci.builds_for_workflow("gh/acme/web", workflow_id))
            ```
        """
        matches = partial(_is_of_workflow, check_uuid("workflow_id", workflow_id))
        return await self._find(project, matches, branch, limit, latest_only=latest_only)

    async def wait_for_commit(
        self,
        project: ProjectSlug | str,
        sha: str,
        *,
        branch: str | None = None,
        jobs: Collection[str] | None = None,
        settle: float = 60.0,
        fail_fast: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109 - its error carries the builds
        interval: float = 10.0,
        on_update: Callable[[Build], object] | None = None,
    ) -> Verdict:
        """Wait until all builds of a commit have finished, and say whether they succeeded.

        It waits for the first build to appear, until all have finished, and then for `settle` seconds more in which no
        other appears: a workflow's next job is created when the one before ends. With `jobs` it ends as soon as all of
        these have finished, or when nothing has run for `settle` seconds. See `Verdict` for what counts.

        Builds are all that can be seen. An approval is no build: while a workflow is on hold nothing runs, often for
        longer than any `settle`. The same goes for whatever else a job waits for without a build. Name the jobs behind
        it in `jobs`, with a `settle` that is long enough. A commit that never gets a build is waited for to `timeout`.

        Each look is a request for the list, and one for each unfinished build that newer ones have displaced from its
        first page. The first look goes as far down as `builds_for_commit`, and each further one, if need be, to where
        the one before began. Pauses and errors are as with `wait_for_build`, and there is a look when `settle` is over.

        Args:
            project: A slug or URL of it.
            sha: The commit's hash, or 7 digits or more that it begins with.
            branch: Only builds of this branch.
            jobs: Names of the jobs that count, in each workflow that has them; `None` for all.
            settle: Seconds without a running build, from 0, after which no other is expected.
            fail_fast: Whether to end at the first build that has failed, or was cancelled.
            timeout: Seconds that all of it may take, a request in flight included; `None` for as long as it takes.
            interval: Seconds from one look to the next, on average, to begin with.
            on_update: Called with each build when it is first seen, when it has another status, lifecycle or outcome,
                and when it has finished. May be a coroutine function.

        Returns:
            The builds, which of them failed, and which jobs never came.

        Raises:
            WaitTimeoutError: They did not finish in time. `last` is the `Verdict` on the builds as they were seen last.
            NotFoundError: The project does not exist, or the token may not see it.

        Examples:
            ```python
            verdict = await ci.wait_for_commit("gh/acme/web", "c0ffee7", timeout=3600)
            for build in verdict.failed:
                print(build.job, build.status, build.build_url)
            ```
        """
        sha = check_commit("sha", sha)
        plan = _make_plan(partial(_is_of_commit, sha), jobs, settle, fail_fast=fail_fast)
        return await self._wait(
            plan,
            ProjectSlug.parse(project),
            branch,
            name=f"commit {sha}",
            within=timeout,
            interval=interval,
            on_update=on_update,
        )

    async def wait_for_workflow(
        self,
        project: ProjectSlug | str,
        workflow_id: str,
        *,
        branch: str | None = None,
        jobs: Collection[str] | None = None,
        settle: float = 60.0,
        fail_fast: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109 - its error carries the builds
        interval: float = 10.0,
        on_update: Callable[[Build], object] | None = None,
    ) -> Verdict:
        """Wait until all builds of one run of a workflow have finished, and say whether they succeeded.

        It waits as `wait_for_commit` does, and sees no more: read there what an approval means. To run a workflow
        again makes another run, which has to be waited for by its own id.

        Args:
            project: A slug or URL of it.
            workflow_id: The run's UUID, which is `build.workflows.workflow_id`.
            branch: Only builds of this branch.
            jobs: Names of the jobs that count; `None` for all.
            settle: Seconds without a running build, from 0, after which no other is expected.
            fail_fast: Whether to end at the first build that has failed, or was cancelled.
            timeout: Seconds that all of it may take, a request in flight included; `None` for as long as it takes.
            interval: Seconds from one look to the next, on average, to begin with.
            on_update: Called with each build when it is first seen, when it has another status, lifecycle or outcome,
                and when it has finished. May be a coroutine function.

        Returns:
            The builds, which of them failed, and which jobs never came.

        Raises:
            WaitTimeoutError: They did not finish in time. `last` is the `Verdict` on the builds as they were seen last.
            NotFoundError: The project does not exist, or the token may not see it.

        Examples:
            ```python
            workflow_id = "8b3f1c9e-52a4-4d0c-9a77-1f0e6b2d4c58"
            verdict = await ci.wait_for_workflow("gh/acme/web", workflow_id)
            print(verdict.is_success)
            ```
        """
        workflow_id = check_uuid("workflow_id", workflow_id)
        plan = _make_plan(partial(_is_of_workflow, workflow_id), jobs, settle, fail_fast=fail_fast)
        return await self._wait(
            plan,
            ProjectSlug.parse(project),
            branch,
            name=f"workflow {workflow_id}",
            within=timeout,
            interval=interval,
            on_update=on_update,
        )

    async def _find(
        self,
        project: ProjectSlug | str,
        matches: Callable[[Build], bool],
        branch: str | None,
        limit: int | None,
        *,
        latest_only: bool,
    ) -> list[Build]:
        from circleci_v1_async._polling.job_search import JobSearch, find_latest_of_each_job, select_builds

        search = JobSearch(matches)
        await self._read(search, project, branch, limit)
        found = select_builds(search.candidates, matches)
        if latest_only:
            found = list(find_latest_of_each_job(found).values())
        return sorted(found, key=attrgetter("build_num"), reverse=True)

    async def _wait(
        self,
        plan: WaitPlan,
        project: ProjectSlug,
        branch: str | None,
        *,
        name: str,
        within: float | None,
        interval: float,
        on_update: Callable[[Build], object] | None,
    ) -> Verdict:
        from circleci_v1_async._polling.poll import poll

        look = partial(self._look, plan, project, branch)
        return await poll(
            self._caller, look, name=f"{name} of {project}", within=within, interval=interval, on_update=on_update
        )

    async def _look(self, plan: WaitPlan, project: ProjectSlug, branch: str | None) -> PollResult[Build, Verdict]:
        began = self._caller.clock.monotonic()
        search = plan.begin()
        await self._read(search, project, branch, None if plan.seen_up_to else _HISTORY)
        for build_num in plan.find_unseen(search):
            search.candidates.append(await self.get_build(project, build_num))
        return plan.update(search, began, self._caller.clock.monotonic())

    async def _read(self, search: JobSearch, project: ProjectSlug | str, branch: str | None, limit: int | None) -> None:
        async with self.iter_project_builds(project, branch=branch, limit=limit, prefetch=0) as walk:
            async for page in walk.pages():
                if search.take(page):
                    break


def _make_plan(
    matches: Callable[[Build], bool], jobs: Collection[str] | None, settle: float, *, fail_fast: bool
) -> WaitPlan:
    from circleci_v1_async._polling.plan import WaitPlan

    return WaitPlan(
        matches, check_names("jobs", jobs) or (), check_seconds("settle", settle, from_zero=True), fail_fast=fail_fast
    )


def _is_of_commit(sha: str, build: Build) -> bool:
    return (build.vcs_revision or "").startswith(sha)


def _is_of_workflow(workflow_id: str, build: Build) -> bool:
    return build.workflows is not None and (build.workflows.workflow_id or "").lower() == workflow_id
