"""Builds: single builds, pages of builds, and walks of whole lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from circleci_v1_async._core.arguments import (
    check_aware_datetime,
    check_branch,
    check_integer,
    check_one_of,
    check_text,
)
from circleci_v1_async._core.paging import MAX_PAGE, OVERLAP, PREFETCH
from circleci_v1_async.enums import BuildFilter, BuildFilterName
from circleci_v1_async.models import Build, BuildDetail, BuildSummary
from circleci_v1_async.request import QueryValue, Request
from circleci_v1_async.slug import ProjectSlug

from .base import Operations
from .paths import BUILD, PROJECT, build_values, project_values

if TYPE_CHECKING:
    from datetime import datetime

    from typing_extensions import TypeVar

    from circleci_v1_async.walk import PageWalk

    M = TypeVar("M", default=Build)


class BuildOperations(Operations):
    async def list_project_builds(
        self,
        project: ProjectSlug | str,
        *,
        branch: str | None = None,
        filter: BuildFilter | BuildFilterName | None = None,
        limit: int = 30,
        offset: int = 0,
        shallow: bool | None = None,
    ) -> list[Build]:
        """Fetch one page of a project's builds, newest first. `iter_project_builds` walks all pages.

        `GET /project/{project}` (openapi.yml: listProjectBuilds), or with a branch
        `GET /project/{project}/tree/{branch}` (CircleCI's docs). To read all builds, use `iter_project_builds` instead
        of comparing lengths: a page lacks the builds that do not match the model.

        Args:
            project: The project's slug or URL.
            branch: Only return builds of this branch.
            filter: Only return builds that are `completed`, `successful`, `failed` or `running`.
            limit: Maximum number of builds, 1 to 100.
            offset: Number of newest builds to skip.
            shallow: Whether to leave out about half of the fields, which makes the service answer faster.

        Returns:
            At most `limit` builds. The last page has fewer, and a page past the end of the list has none.

        Raises:
            NotFoundError: The project does not exist, or the token has no access to it.
        """
        page = _page(limit, offset, "iter_project_builds")
        query = {**page, "filter": check_one_of("filter", filter, BuildFilter), "shallow": shallow}
        return await self.send(request_project_builds(project, branch, query))

    async def list_recent_builds(self, *, limit: int = 30, offset: int = 0, shallow: bool | None = None) -> list[Build]:
        """Fetch one page of the followed projects' builds, latest first. `iter_recent_builds` walks all pages.

        `GET /recent-builds` (openapi.yml: listRecentBuilds). The builds are sorted by creation time, not by
        `build_num`. A page lacks the builds that do not match the model, as in `list_project_builds`.

        Args:
            limit: Maximum number of builds, 1 to 100.
            offset: Number of newest builds to skip.
            shallow: Whether to leave out about half of the fields.

        Raises:
            AuthenticationError: The session has no personal token.
        """
        query = {**_page(limit, offset, "iter_recent_builds"), "shallow": shallow}
        return await self.send(Request("GET", "/recent-builds", query=query, returns=list[Build]))

    async def get_build(self, project: ProjectSlug | str | BuildSummary, build_num: int | None = None) -> BuildDetail:
        """Fetch a build with its steps.

        `GET /project/{project}/{build_num}` (openapi.yml: getBuild).

        Raises:
            NotFoundError: The build does not exist, or the token has no access to it.
        """
        return await self.send(request_build(project, build_num))

    async def find_latest_build(
        self,
        project: ProjectSlug | str,
        *,
        branch: str | None = None,
        job: str | None = None,
        workflow: str | None = None,
        filter: BuildFilter | BuildFilterName | None = None,
        limit: int | None = 1000,
    ) -> Build | None:
        """Find the latest build of a job or workflow: the first match in the project's list of builds.

        Use it to fetch the artifacts of the last successful run of a job. `list_latest_artifacts` cannot do that: it
        returns the artifacts of the last build, whatever its job.

        Without `job` and `workflow`, this takes one request for one build. Otherwise it reads the list, 100 builds in
        the first request and 95 in each further request, until a build matches.

        Args:
            project: The project's slug or URL.
            branch: Only consider builds of this branch.
            job: Only consider builds of the job with this name in the configuration.
            workflow: Only consider builds of the workflow with this name in the configuration.
            filter: Only consider builds that are `completed`, `successful`, `failed` or `running`.
            limit: Number of newest builds to read; `None` for all of them.

        Returns:
            The build; `None` if no build that was read matches.

        Raises:
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

    def iter_project_builds(
        self,
        project: ProjectSlug | str,
        *,
        model: type[M] = Build,  # type: ignore[assignment] # it is the default of M
        branch: str | None = None,
        filter: BuildFilter | BuildFilterName | None = None,
        shallow: bool | None = None,
        since: datetime | None = None,
        limit: int | None = None,
        offset: int = 0,
        page_size: int = MAX_PAGE,
        overlap: int = OVERLAP,
        prefetch: int = PREFETCH,
    ) -> PageWalk[M]:
        """Walk a project's builds, newest first, each exactly once even while the list changes.

        Args:
            project: The project's slug or URL.
            model: The class to decode each build into: an attrs class, a msgspec Struct or a dataclass. Declare only
                the fields that you need, which is faster than `Build`. `build_num` is required, and with `since` one of
                its three dates. All fields have the same names and types as in `Build`.
            branch: Only return builds of this branch.
            filter: Only return builds that are `completed`, `successful`, `failed` or `running`.
            shallow: Whether to leave out about half of the fields.
            since: Only yield builds that were queued at this time or later, given with a time zone; `None` for builds
                of any time. A build counts by `queued_at`, or by `usage_queued_at` or `start_time` if the former is
                absent. If it has none of these (it was not run, or is scheduled), it takes the date of the nearest
                build above it in the list that has a date. The walk ends after a page with dates, all before `since`.
            limit: Maximum number of builds in total; `None` for all of them.
            offset: Number of newest builds to skip.
            page_size: Number of builds per request, 2 to 100.
            overlap: Number of builds, from 1, that each page shares with the previous page. Up to this many builds can
                leave the list between two requests without costing an extra request.
            prefetch: Number of pages to request ahead of the page being read; 0 turns this off.

        Returns:
            A `PageWalk`, which makes the requests of `list_project_builds`. Use `async for` on it, without `await`.

        Raises:
            InvalidInputError: An argument is invalid. Raised by the call itself; other errors during iteration.
            PaginationDriftError: The list changes faster than the walk can read it.
            OffsetRefusedError: After full pages, the service refuses to list older builds.

        Examples:
            ```python
            async for build in ci.iter_project_builds("gh/acme/web", filter="failed"):
                print(build.build_num, build.subject)
            ```
        """
        request = request_project_builds(
            project, branch, {"filter": check_one_of("filter", filter, BuildFilter), "shallow": shallow}
        )
        options = {"limit": limit, "offset": offset, "page_size": page_size, "overlap": overlap, "prefetch": prefetch}
        return self._walk(request, model, since, options)

    def iter_recent_builds(
        self,
        *,
        model: type[M] = Build,  # type: ignore[assignment] # it is the default of M
        shallow: bool | None = None,
        since: datetime | None = None,
        limit: int | None = None,
        offset: int = 0,
        page_size: int = MAX_PAGE,
        overlap: int = OVERLAP,
        prefetch: int = PREFETCH,
    ) -> PageWalk[M]:
        """Walk the builds of all projects that the user follows, latest first, each exactly once.

        Args:
            model: The class to decode each build into, as in `iter_project_builds`. In addition to `build_num`, the
                class needs `vcs_url` or `build_url`, because builds of different projects can have the same number.
            shallow: Whether to leave out about half of the fields.
            since: Only yield builds that were queued at this time or later, as in `iter_project_builds`.
            limit: Maximum number of builds in total; `None` for all of them.
            offset: Number of latest builds to skip.
            page_size: Number of builds per request, 2 to 100.
            overlap: Number of builds, from 1, that each page shares with the previous page.
            prefetch: Number of pages to request ahead of the page being read; 0 turns this off.

        Returns:
            A `PageWalk`, which makes the requests of `list_recent_builds`. Use `async for` on it, without `await`.

        Raises:
            InvalidInputError: An argument is invalid. Raised by the call itself; other errors during iteration.
            PaginationDriftError: The list changes faster than the walk can read it.
            OffsetRefusedError: After full pages, the service refuses to list older builds.

        Examples:
            ```python
            async for build in ci.iter_recent_builds(limit=500):
                print(build.project, build.build_num, build.status)
            ```
        """
        request = Request("GET", "/recent-builds", query={"shallow": shallow}, returns=list[Build])
        options = {"limit": limit, "offset": offset, "page_size": page_size, "overlap": overlap, "prefetch": prefetch}
        return self._walk(request, model, since, options)

    def _walk(
        self, request: Request[list[Build]], model: type[Any], since: datetime | None, options: dict[str, Any]
    ) -> PageWalk[Any]:
        from circleci_v1_async.walk import PageWalk
        from circleci_v1_async.walk._cutoff import Cutoff, make_date_reader
        from circleci_v1_async.walk._identity import make_key_reader
        from circleci_v1_async.walk._plan import PagePlan

        returns: Any = list[model]  # type: ignore[valid-type] # known at run time
        converter = self._caller.options.converter
        identify = make_key_reader(model, converter, across_projects="project" not in request.path_values)
        since = check_aware_datetime("since", since)
        cutoff = None if since is None else Cutoff(since, make_date_reader(model))
        return PageWalk(self._caller, request.with_returns(returns), PagePlan(identify, cutoff=cutoff, **options))


def request_build(project: ProjectSlug | str | BuildSummary, build_num: int | None = None) -> Request[BuildDetail]:
    return Request("GET", BUILD, build_values(project, build_num), returns=BuildDetail)


def request_project_builds(
    project: ProjectSlug | str, branch: str | None, query: Mapping[str, QueryValue]
) -> Request[list[Build]]:
    """Return the request for the builds of a project, or of one of its branches."""
    if (branch := check_branch("branch", branch)) is None:
        return Request("GET", PROJECT, project_values(project), query=query, returns=list[Build])
    path_values = {**project_values(project), "branch": branch}
    return Request("GET", f"{PROJECT}/tree/{{branch}}", path_values, query=query, returns=list[Build])


def _page(limit: int, offset: int, walk: str) -> dict[str, QueryValue]:
    hint = f"{walk} yields more builds than one page has"
    return {
        "limit": check_integer("limit", limit, 1, MAX_PAGE, hint=hint),
        "offset": check_integer("offset", offset, 0),
    }
