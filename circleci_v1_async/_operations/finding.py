"""Finding builds: of a commit, of a workflow run, of a pull request, and the latest one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from circleci_v1_async._core.arguments import check_integer, check_text
from circleci_v1_async.enums import BuildFilter, BuildFilterName
from circleci_v1_async.models import Build, BuildSummary
from circleci_v1_async.slug import ProjectSlug

from .builds import BuildOperations
from .paths import parse_commit_reference, parse_workflow_reference

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["HISTORY", "FindOperations", "is_of_commit", "is_of_workflow"]

# Number of newest builds that a search reads.
HISTORY: Final = 1000


class FindOperations(BuildOperations):
    """Finding builds: of a commit, of a workflow run, of a pull request, and the latest one."""

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
        for every 95 older builds. Once it has found a build, it stops at builds that are a day older than the commit
        and than every build found, because no build of the commit can be further down. Until then, it continues up to
        `limit`.

        Args:
            project: The project's slug or URL; or, without `sha`, a build of the commit.
            sha: The commit's hash, or its first 7 digits or more. If several commits begin with these digits, you get
                the builds of all of them: `vcs_revision` tells them apart.
            branch: Only return builds of this branch, which takes fewer requests.
            latest_only: Whether to return only the newest build of each job of each workflow. A build that reran
                another one outside of its workflow stands for its job. All other builds outside of workflows count as
                one job.
            limit: Number of newest builds to read; `None` for all of them.

        Returns:
            The builds. Empty if none of the builds read is of the commit, which may be too new or too old.

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
        return await self._find(slug, partial(is_of_commit, sha), branch, limit, latest_only=latest_only)

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

        It reads the project's builds, and stops, as `builds_for_commit` does. A rerun of a workflow is a run with its
        own ID, and its builds are not included.

        Args:
            project: The project's slug or URL; or, without `workflow_id`, a build of the run.
            workflow_id: The run's UUID, which is `build.workflows.workflow_id`.
            branch: Only return builds of this branch, which takes fewer requests.
            latest_only: Whether to return only the newest build of each job. A build that reran another one outside of
                its workflow stands for its job.
            limit: Number of newest builds to read; `None` for all of them.

        Returns:
            The builds. Empty if none of the builds read is of the run, which may be too new or too old.

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
        return await self._find(slug, partial(is_of_workflow, workflow_id), branch, limit, latest_only=latest_only)

    async def builds_for_pull_request(
        self, project: ProjectSlug | str, number: int, *, latest_only: bool = True, limit: int | None = HISTORY
    ) -> list[Build]:
        """Find the builds of a pull request, newest first; on GitLab, of a merge request.

        A build belongs to it if one of its `pull_request_numbers` is the number, or if its branch is `pull/<number>`,
        as for pull requests from forks. Builds of a pull request can be anywhere in the list, so the search always
        reads the `limit` newest builds: 11 requests for 1,000 builds.

        Args:
            project: The project's slug or URL.
            number: The pull request's number, from 1.
            latest_only: Whether to return only the builds of the newest commit, as `builds_for_commit` does: the newest
                build of each job of each workflow. The newest commit is the one that was built first most recently, so
                a rerun of an older commit does not count. `False`: all builds of the pull request.
            limit: Number of newest builds to read; `None` for all of them.

        Returns:
            The builds. Empty if none of the builds read is of the pull request.

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
        from circleci_v1_async._jobs import find_latest_of_each_job, sort_newest_first
        from circleci_v1_async._polling.job_search import find_newest_commit, select_builds

        matches = partial(_is_of_pull_request, check_integer("number", number, 1))
        builds = await self.iter_project_builds(project, limit=limit, prefetch=0).collect()
        found = select_builds(builds, matches)
        if latest_only and (sha := find_newest_commit(found)) is not None:
            found = list(find_latest_of_each_job(select_builds(builds, partial(is_of_commit, sha))).values())
        return sort_newest_first(found)

    async def find_latest_build(
        self,
        project: ProjectSlug | str,
        *,
        branch: str | None = None,
        job: str | None = None,
        workflow: str | None = None,
        filter: BuildFilter | BuildFilterName | None = None,
        limit: int | None = HISTORY,
    ) -> Build | None:
        """Find the latest build of a job or workflow: the highest one in the project's list that fits.

        Use it to fetch the artifacts of the last successful run of a job. `list_latest_artifacts` cannot do that: it
        returns the artifacts of the last build, whatever its job.

        Without `job` and `workflow`, this takes one request for one build. Otherwise it reads the list, 100 builds in
        the first request and 95 in every further one, until a build fits.

        Args:
            project: The project's slug or URL.
            branch: Only consider builds of this branch.
            job: Only consider builds of the job with this name in the configuration.
            workflow: Only consider builds of the workflow with this name in the configuration.
            filter: Only consider builds that are `completed`, `successful`, `failed` or `running`.
            limit: Number of newest builds to read; `None` for all of them.

        Returns:
            The build; `None` if none of the builds read fits.

        Raises:
            InvalidInputError: An argument is invalid. Nothing was sent.
            NotFoundError: The project does not exist, or the token has no access to it.
            PaginationDriftError: The list changes faster than the search can read it.

        Examples:
            ```python
            build = await ci.find_latest_build(
                "gh/acme/web", branch="main", job="docs", filter="successful"
            )
            if build:
                print([artifact.path for artifact in await ci.list_build_artifacts(build)])
            ```
        """
        check_text("job", job)
        check_text("workflow", workflow)
        if job is None and workflow is None:
            limit = 1 if limit is None else min(check_integer("limit", limit, 0), 1)
        async with self.iter_project_builds(project, branch=branch, filter=filter, limit=limit, prefetch=0) as walk:
            async for build in walk:
                if job in {None, build.job} and workflow in {None, build.workflows and build.workflows.workflow_name}:
                    return build
        return None

    async def _find(
        self,
        project: ProjectSlug,
        matches: Callable[[Build], bool],
        branch: str | None,
        limit: int | None,
        *,
        latest_only: bool,
    ) -> list[Build]:
        from circleci_v1_async._jobs import find_latest_of_each_job, sort_newest_first
        from circleci_v1_async._polling.job_search import JobSearch, select_builds

        search = JobSearch(matches)
        async with self.iter_project_builds(project, branch=branch, limit=limit, prefetch=0) as walk:
            async for page in walk.pages():
                if search.take(page):
                    break
        found = select_builds(search.candidates, matches)
        return sort_newest_first(find_latest_of_each_job(found).values() if latest_only else found)


def is_of_commit(sha: str, build: Build) -> bool:
    """Return whether a build is of a commit."""
    return (build.vcs_revision or "").startswith(sha)


def is_of_workflow(workflow_id: str, build: Build) -> bool:
    """Return whether a build is of a workflow run."""
    return build.workflows is not None and (build.workflows.workflow_id or "").lower() == workflow_id


def _is_of_pull_request(number: int, build: Build) -> bool:
    return number in build.pull_request_numbers or build.branch == f"pull/{number}"
