"""Builds: one by one, a page of them, and every one of a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

from circleci_v1_async._core.arguments import (
    check_aware_datetime,
    check_branch,
    check_integer,
    check_one_of,
    check_text,
)
from circleci_v1_async.enums import BuildFilter, BuildFilterName
from circleci_v1_async.models import Build, BuildDetail, BuildSummary
from circleci_v1_async.request import QueryValue, Request
from circleci_v1_async.slug import ProjectSlug
from circleci_v1_async.walk._lists import MAX_PAGE, OVERLAP, PREFETCH

from .base import Operations
from .paths import BUILD, PROJECT, build_values, project_values

if TYPE_CHECKING:
    from datetime import datetime

    from circleci_v1_async.walk import PageWalk, WalkOptions

__all__ = ["BuildOperations", "request_build", "request_project_builds"]

M = TypeVar("M")


class BuildOperations(Operations):
    """Builds: one by one, a page of them, and every one of a list."""

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
        """One page of a project's builds, newest first. `iter_project_builds` walks them all.

        `GET /project/{project}` (openapi.yml: listProjectBuilds), with a branch
        `GET /project/{project}/tree/{branch}` (CircleCI's docs).

        A build that does not fit is left out, so the list may be shorter than the list that was sent. To read all
        builds, walk with `iter_project_builds` instead of counting.

        Args:
            project: A slug or URL of it.
            branch: Only builds of this branch.
            filter: Only builds that are `completed`, `successful`, `failed` or `running`.
            limit: At most so many builds, 1 to 100.
            offset: Number of builds to skip, from 0.
            shallow: Whether to leave out about half of the fields, which the service answers quicker.

        Returns:
            Fewer than `limit` at the end of the list, none behind it.

        Raises:
            NotFoundError: The project does not exist, or the token may not see it.
        """
        page = _page(limit, offset, "iter_project_builds")
        query = {**page, "filter": check_one_of("filter", filter, BuildFilter), "shallow": shallow}
        return await self.send(request_project_builds(project, branch, query))

    async def list_recent_builds(self, *, limit: int = 30, offset: int = 0, shallow: bool | None = None) -> list[Build]:
        """One page of the latest builds of all followed projects. `iter_recent_builds` walks them all.

        `GET /recent-builds` (openapi.yml: listRecentBuilds). The order is that of creation, not of `build_num`.

        A build that does not fit is left out, so the list may be shorter than the list that was sent. To read all
        builds, walk with `iter_recent_builds` instead of counting.

        Args:
            limit: At most so many builds, 1 to 100.
            offset: Number of builds to skip, from 0.
            shallow: Whether to leave out about half of the fields.

        Raises:
            AuthenticationError: There is no personal token.
        """
        query = {**_page(limit, offset, "iter_recent_builds"), "shallow": shallow}
        return await self.send(Request("GET", "/recent-builds", query=query, returns=list[Build]))

    async def get_build(self, project: ProjectSlug | str | BuildSummary, build_num: int | None = None) -> BuildDetail:
        """A build with its steps.

        `GET /project/{project}/{build_num}` (openapi.yml: getBuild).

        Raises:
            NotFoundError: There is no such build, or the token may not see it.
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

    @overload
    def iter_project_builds(
        self,
        project: ProjectSlug | str,
        *,
        branch: str | None = None,
        filter: BuildFilter | BuildFilterName | None = None,
        shallow: bool | None = None,
        **options: Unpack[WalkOptions],
    ) -> PageWalk[Build]: ...

    @overload
    def iter_project_builds(
        self,
        project: ProjectSlug | str,
        *,
        model: type[M],
        branch: str | None = None,
        filter: BuildFilter | BuildFilterName | None = None,
        shallow: bool | None = None,
        **options: Unpack[WalkOptions],
    ) -> PageWalk[M]: ...

    def iter_project_builds(
        self,
        project: ProjectSlug | str,
        *,
        model: type[Any] = Build,
        branch: str | None = None,
        filter: BuildFilter | BuildFilterName | None = None,
        shallow: bool | None = None,
        since: datetime | None = None,
        limit: int | None = None,
        offset: int = 0,
        page_size: int = MAX_PAGE,
        overlap: int = OVERLAP,
        prefetch: int = PREFETCH,
    ) -> PageWalk[Any]:
        """Walk a project's builds, newest first, each exactly once, also while the list changes.

        Args:
            project: A slug or URL of it.
            model: The class to decode each build into: an attrs class, a msgspec Struct or a dataclass. Declare only
                the fields that you need, which is faster than `Build`. `build_num` is required, and with `since` one of
                its three dates. All fields have the same names and types as in `Build`.
            branch: Only builds of this branch.
            filter: Only builds that are `completed`, `successful`, `failed` or `running`.
            shallow: Whether to leave out about half of the fields.
            since: Only yield builds that were queued at this time or later, given with a time zone; `None` for builds
                of any time. A build counts by `queued_at`, or by `usage_queued_at` or `start_time` if the former is
                absent. If it has none of these (it was not run, or is scheduled), it counts by the nearest build above
                it in the list that has one. The walk ends after the first page whose builds with dates are all older.
            limit: Maximum number of builds in total; `None` for all of them.
            offset: Number of newest builds to skip.
            page_size: Number of builds per request, 2 to 100.
            overlap: Number of builds that each page shares with the one before, from 1: as many may leave the list
                from one request to the next without costing a further one.
            prefetch: Number of pages to ask for ahead of the one that is being read, from 0.

        Returns:
            To be looped over with `async for`, without an `await`; see `PageWalk`.

        Raises:
            InvalidInputError: At once; every other error of `list_project_builds` comes out of the loop.
            PaginationDriftError: Out of the loop: the list changes faster than it can be read.
            OffsetRefusedError: Out of the loop: after full pages, the service refuses to list older builds.

        Examples:
            ```python
            async for build in ci.iter_project_builds("gh/acme/web", filter="failed"):
                print(build.build_num, build.subject)
            ```
        """
        request = request_project_builds(
            project, branch, {"filter": check_one_of("filter", filter, BuildFilter), "shallow": shallow}
        )
        return self._walk(
            request,
            model,
            since=since,
            limit=limit,
            offset=offset,
            page_size=page_size,
            overlap=overlap,
            prefetch=prefetch,
        )

    @overload
    def iter_recent_builds(self, *, shallow: bool | None = None, **options: Unpack[WalkOptions]) -> PageWalk[Build]: ...

    @overload
    def iter_recent_builds(
        self, *, model: type[M], shallow: bool | None = None, **options: Unpack[WalkOptions]
    ) -> PageWalk[M]: ...

    def iter_recent_builds(
        self,
        *,
        model: type[Any] = Build,
        shallow: bool | None = None,
        since: datetime | None = None,
        limit: int | None = None,
        offset: int = 0,
        page_size: int = MAX_PAGE,
        overlap: int = OVERLAP,
        prefetch: int = PREFETCH,
    ) -> PageWalk[Any]:
        """Walk the builds of all projects that the user follows, latest first, each exactly once.

        Args:
            model: The class to decode each build into, as for `iter_project_builds`. In addition to `build_num`, it
                needs `vcs_url` or `build_url`, because projects share numbers.
            shallow: Whether to leave out about half of the fields.
            since: Only yield builds that were queued at this time or later, as for `iter_project_builds`.
            limit: Maximum number of builds in total; `None` for all of them.
            offset: Number of latest builds to skip.
            page_size: Number of builds per request, 2 to 100.
            overlap: Number of builds that each page shares with the one before, from 1: as many may leave the list
                from one request to the next without costing a further one.
            prefetch: Number of pages to ask for ahead of the one that is being read, from 0.

        Returns:
            To be looped over with `async for`, without an `await`; see `PageWalk`.

        Raises:
            InvalidInputError: At once; every other error of `list_recent_builds` comes out of the loop.
            PaginationDriftError: Out of the loop: the list changes faster than it can be read.
            OffsetRefusedError: Out of the loop: after full pages, the service refuses to list older builds.

        Examples:
            ```python
            async for build in ci.iter_recent_builds(limit=500):
                print(build.project, build.build_num, build.status)
            ```
        """
        request = Request("GET", "/recent-builds", query={"shallow": shallow}, returns=list[Build])
        return self._walk(
            request,
            model,
            since=since,
            limit=limit,
            offset=offset,
            page_size=page_size,
            overlap=overlap,
            prefetch=prefetch,
        )

    def _walk(
        self,
        request: Request[list[Build]],
        model: type[Any],
        *,
        since: datetime | None,
        limit: int | None,
        offset: int,
        page_size: int,
        overlap: int,
        prefetch: int,
    ) -> PageWalk[Any]:
        from circleci_v1_async.walk import PageWalk
        from circleci_v1_async.walk._cutoff import Cutoff, make_date_reader
        from circleci_v1_async.walk._identity import make_key_reader

        returns: Any = list[model]  # type: ignore[valid-type] # known at run time
        converter = self._caller.options.converter
        identify = make_key_reader(model, converter, across_projects="project" not in request.path_values)
        since = check_aware_datetime("since", since)
        return PageWalk(
            self._caller,
            request.with_returns(returns),
            identify,
            limit=limit,
            offset=offset,
            page_size=page_size,
            overlap=overlap,
            prefetch=prefetch,
            cutoff=None if since is None else Cutoff(since, make_date_reader(model)),
        )


def request_build(project: ProjectSlug | str | BuildSummary, build_num: int | None = None) -> Request[BuildDetail]:
    """Return the request for one build."""
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
