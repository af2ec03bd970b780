"""Builds of workflow runs, and waits for these builds. Built on the operations on builds."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from circleci_v1_async.models import Build
from circleci_v1_async.slug import ProjectSlug

from .commits import HISTORY, CommitOperations
from .paths import parse_workflow_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from circleci_v1_async.verdict import Verdict


class WorkflowOperations(CommitOperations):
    async def builds_for_workflow(
        self,
        project: ProjectSlug | str | Build,
        workflow_id: str | None = None,
        *,
        branch: str | None = None,
        latest_only: bool = True,
        limit: int | None = HISTORY,
    ) -> list[Build]:
        """Find the builds of one workflow run, newest first.

        The search reads the project's builds, and stops, like `builds_for_commit`. A rerun of a workflow is a separate
        run with its own ID. Its builds are not included.

        Args:
            project: The project's slug or URL; or, without `workflow_id`, a build of the run.
            workflow_id: The run ID, a UUID: `build.workflows.workflow_id`.
            branch: Only return builds of this branch, which takes fewer requests.
            latest_only: Whether to return only the newest build of each job, as in `builds_for_commit`.
            limit: Number of newest builds to read; `None` for all of them.

        Returns:
            The builds. The list is empty if no build that was read belongs to the run, which may be too new or too old.

        Raises:
            InvalidInputError: An argument is invalid, or the given build is outside of workflows. Nothing was sent.
            NotFoundError: The project does not exist, or the token has no access to it.
            PaginationDriftError: The list changes faster than the search can read it.

        Examples:
            ```python
            build = await ci.find_latest_build("gh/acme/web", branch="main")
            if build and build.workflows:
                print(await ci.builds_for_workflow(build))
            ```
        """
        slug, workflow_id = parse_workflow_reference(project, workflow_id)
        return await self._find(slug, partial(_is_of_workflow, workflow_id), branch, limit, latest_only=latest_only)

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

        This method waits like `wait_for_commit`, and has the same limits: see `wait_for_commit` for approvals. A rerun
        of a workflow is a separate run with its own ID. You must wait for it separately.

        Args:
            project: The project's slug or URL; or, without `workflow_id`, a build of the run.
            workflow_id: The run ID, a UUID: `build.workflows.workflow_id`.
            branch: Only wait for builds of this branch.
            jobs: Names of the jobs that count; `None` for all.
            settle: Number of seconds, from 0, to wait for new builds while no build runs.
            fail_fast: Whether to stop at the first build that fails or is canceled.
            timeout: Number of seconds until the last poll, which takes up to 10 seconds more, as in `wait_for_build`;
                `None` for no limit.
            interval: Shortest pause between two polls, in seconds.
            max_interval: Longest pause between two polls, in seconds.
            on_update: Called with each new, changed or finished build, as in `wait_for_commit`.

        Returns:
            The verdict, with the builds, the failed builds, and the jobs without a build.

        Raises:
            InvalidInputError: An argument is invalid, or the given build is outside of workflows. Nothing was sent.
            NotFoundError: The project does not exist, or the token has no access to it.
            WaitTimeoutError: The builds did not finish in time, or `settle` was not over in time. `verdict` is the
                `Verdict` on the builds as of the last successful poll. If the last poll failed, its error is the cause.

        Examples:
            ```python
            workflow_id = "8b3f1c9e-52a4-4d0c-9a77-1f0e6b2d4c58"
            verdict = await ci.wait_for_workflow("gh/acme/web", workflow_id)
            print(verdict.is_success)
            ```
        """
        from circleci_v1_async._polling.plan import WaitPlan
        from circleci_v1_async._polling.schedule import Schedule

        slug, workflow_id = parse_workflow_reference(project, workflow_id)
        plan = WaitPlan(partial(_is_of_workflow, workflow_id), jobs, settle, fail_fast)
        schedule = Schedule(timeout=timeout, interval=interval, max_interval=max_interval, settle=plan.settle)
        return await self._wait(plan, schedule, slug, branch, name=f"workflow {workflow_id}", on_update=on_update)


def _is_of_workflow(workflow_id: str, build: Build) -> bool:
    return build.workflows is not None and (build.workflows.workflow_id or "").lower() == workflow_id
