"""Waiting for commits and workflow runs. Made of the operations on builds."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from circleci_v1_async._core.arguments import check_callback, check_names, check_seconds
from circleci_v1_async.models import Build, BuildSummary
from circleci_v1_async.slug import ProjectSlug

from .builds import request_build, request_project_builds
from .finding import HISTORY, FindOperations, is_of_commit, is_of_workflow
from .paths import parse_commit_reference, parse_workflow_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable

    from circleci_v1_async._calls.caller import Caller
    from circleci_v1_async._polling.plan import PollResult, WaitPlan
    from circleci_v1_async._polling.schedule import Schedule
    from circleci_v1_async.request import Request
    from circleci_v1_async.verdict import Verdict

__all__ = ["WorkflowOperations"]


class WorkflowOperations(FindOperations):
    """Waiting for commits and workflow runs."""

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

        The wait continues until the first build appears, until all builds have finished, and then for `settle` more
        seconds in which no other build appears: CircleCI creates a workflow's next job only when the previous job ends.
        With `jobs`, it ends as soon as all of these have finished, or when no build has run for `settle` seconds. See
        `Verdict` for the builds that count.

        v1.1 shows only builds. An approval is not a build: while a workflow is on hold, no build runs, often for longer
        than any `settle`. The same applies to jobs that wait for something else without a build. Name the jobs after it
        in `jobs`, and set `settle` to more than the time until then. A wait for a commit that never gets a build
        continues until `timeout`.

        Each poll takes one request for the list, and one for each unfinished build that newer builds have pushed off
        its first page. The first poll reads as many builds as `builds_for_commit`; every further one reads, if need be,
        down to the newest build of the previous poll. Pauses and transient errors are handled as by `wait_for_build`;
        there is also a poll at the moment when `settle` is over.

        Args:
            project: The project's slug or URL; or, without `sha`, a build of the commit.
            sha: The commit's hash, or its first 7 digits or more.
            branch: Only wait for builds of this branch.
            jobs: Names of the jobs that count, in each workflow that has them; `None` for all.
            settle: Seconds, from 0, without a running build after which no other build is expected.
            fail_fast: Whether to stop at the first build that fails or is canceled.
            timeout: Seconds until the last poll, as for `wait_for_build`, which may take up to 10 seconds more; `None`
                for no limit.
            interval: Shortest pause between two polls, in seconds.
            max_interval: Longest pause between two polls, in seconds.
            on_update: Called with each build when it is first seen, when its status, lifecycle or outcome changes, and
                when it finishes. Can be a coroutine function.

        Returns:
            The builds, those that failed, and the jobs without a build.

        Raises:
            InvalidInputError: An argument is invalid, or the given build has no `vcs_revision`. Nothing was sent.
            WaitTimeoutError: The builds did not finish in time, or `settle` was not over. `verdict` is the `Verdict` on
                the builds as of the last successful poll. If the last poll failed, its error is the cause.
            NotFoundError: The project does not exist, or the token has no access to it.

        Examples:
            ```python
            verdict = await ci.wait_for_commit("gh/acme/web", "c0ffee7", timeout=3600)
            for build in verdict.failed:
                print(build.job, build.status, build.build_url)
            ```
        """
        check_callback("on_update", on_update)
        slug, sha = parse_commit_reference(project, sha)
        plan = _make_plan(partial(is_of_commit, sha), jobs, settle, fail_fast=fail_fast)
        schedule = _make_schedule(timeout, interval, max_interval, plan)
        return await self._wait(plan, schedule, slug, branch, name=f"commit {sha}", on_update=on_update)

    async def wait_for_workflow(
        self,
        project: ProjectSlug | str | Build,
        workflow_id: str | None = None,
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
        """Wait until all builds of one workflow run have finished, and return the verdict on them.

        It waits like `wait_for_commit`, and with the same limits: see there for approvals. A rerun of a workflow is a
        run with its own ID, which you have to wait for separately.

        Args:
            project: The project's slug or URL; or, without `workflow_id`, a build of the run.
            workflow_id: The run's UUID, which is `build.workflows.workflow_id`.
            branch: Only wait for builds of this branch.
            jobs: Names of the jobs that count; `None` for all.
            settle: Seconds, from 0, without a running build after which no other build is expected.
            fail_fast: Whether to stop at the first build that fails or is canceled.
            timeout: Seconds until the last poll, as for `wait_for_build`, which may take up to 10 seconds more; `None`
                for no limit.
            interval: Shortest pause between two polls, in seconds.
            max_interval: Longest pause between two polls, in seconds.
            on_update: Called with each build when it is first seen, when its status, lifecycle or outcome changes, and
                when it finishes. Can be a coroutine function.

        Returns:
            The builds, those that failed, and the jobs without a build.

        Raises:
            InvalidInputError: An argument is invalid, or the given build is outside of workflows. Nothing was sent.
            WaitTimeoutError: As for `wait_for_commit`.
            NotFoundError: The project does not exist, or the token has no access to it.

        Examples:
            ```python
            workflow_id = "8b3f1c9e-52a4-4d0c-9a77-1f0e6b2d4c58"
            verdict = await ci.wait_for_workflow("gh/acme/web", workflow_id)
            print(verdict.is_success)
            ```
        """
        check_callback("on_update", on_update)
        slug, workflow_id = parse_workflow_reference(project, workflow_id)
        plan = _make_plan(partial(is_of_workflow, workflow_id), jobs, settle, fail_fast=fail_fast)
        schedule = _make_schedule(timeout, interval, max_interval, plan)
        return await self._wait(plan, schedule, slug, branch, name=f"workflow {workflow_id}", on_update=on_update)

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

        look = partial(_look, plan, project, request_project_builds(project, branch, {}))
        return await poll(self._caller, look, schedule, name=f"{name} of {project}", on_update=on_update)


async def _look(
    plan: WaitPlan, project: ProjectSlug, request: Request[list[Build]], caller: Caller
) -> PollResult[Build, Verdict]:
    from circleci_v1_async.walk import PageWalk

    began = caller.clock.monotonic()
    search = plan.begin()
    limit = None if plan.seen_up_to else HISTORY
    async with PageWalk(
        caller, request, lambda page: [build.build_num for build in page], limit=limit, prefetch=0
    ) as walk:
        async for page in walk.pages():
            if search.take(page):
                break
    for build_num in plan.find_unseen(search):
        detail = await caller.send(request_build(project, build_num))
        search.candidates.append(detail)
    return plan.update(search, began, caller.clock.monotonic())


def _identify(page: list[Build]) -> list[Hashable]:
    return [build.build_num for build in page]


def _make_plan(
    matches: Callable[[Build], bool], jobs: Collection[str] | None, settle: float, *, fail_fast: bool
) -> WaitPlan:
    from circleci_v1_async._polling.plan import WaitPlan

    return WaitPlan(
        matches, check_names("jobs", jobs) or (), check_seconds("settle", settle, from_zero=True), fail_fast=fail_fast
    )


def _make_schedule(timeout: float | None, interval: float, max_interval: float, plan: WaitPlan) -> Schedule:
    from circleci_v1_async._polling.schedule import Schedule

    return Schedule(timeout=timeout, interval=interval, max_interval=max_interval, settle=plan.settle)
