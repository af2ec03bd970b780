"""Builds: one by one, a page of them, and every one of a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar, Unpack, overload

from circleci_v1_async._core.arguments import check_branch, check_integer, check_one_of
from circleci_v1_async.enums import BuildFilter, BuildFilterName, TestResult
from circleci_v1_async.models import Build, BuildDetail, BuildSummary, TestMetadata, TestReport
from circleci_v1_async.request import QueryValue, Request
from circleci_v1_async.slug import ProjectSlug
from circleci_v1_async.walk._lists import MAX_PAGE

from .base import Operations
from .paths import BUILD, PROJECT, build_values, project_values

if TYPE_CHECKING:
    from circleci_v1_async.walk import PageWalk, WalkOptions

__all__ = ["BuildOperations", "request_build", "request_project_builds"]

M = TypeVar("M")

_NO_FAILURE: Final = frozenset({TestResult.SUCCESS, TestResult.SKIPPED})


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

    async def list_build_tests(
        self, project: ProjectSlug | str | BuildSummary, build_num: int | None = None
    ) -> list[TestMetadata]:
        """The results of a build's tests. Empty when it stored none.

        `GET /project/{project}/{build_num}/tests` (openapi.yml: listBuildTests).

        Raises:
            NotFoundError: There is no such build, or the token may not see it.
        """
        report = await self.send(Request("GET", f"{BUILD}/tests", build_values(project, build_num), returns=TestReport))
        return list(report.tests)

    async def list_failed_tests(
        self, project: ProjectSlug | str | BuildSummary, build_num: int | None = None
    ) -> list[TestMetadata]:
        """The tests of a build that failed. Empty when none did, or when it stored no results.

        One request, that of `list_build_tests`. A test has failed if its result is neither `success` nor `skipped`,
        also when this package does not know the result, or when there is none.

        Raises:
            NotFoundError: There is no such build, or the token may not see it.

        Examples:
            ```python
            for test in await ci.list_failed_tests("gh/acme/web", 7):
                print(test.file, test.name, test.message)
            ```
        """
        return [test for test in await self.list_build_tests(project, build_num) if test.result not in _NO_FAILURE]

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
        limit: int | None = None,
        offset: int = 0,
        page_size: int = MAX_PAGE,
        overlap: int = 5,
        prefetch: int = 1,
    ) -> PageWalk[Any]:
        """Walk a project's builds, newest first, each exactly once, also while the list changes.

        Args:
            project: A slug or URL of it.
            model: The class to make of each build, for fewer fields and less work: an attrs class, a msgspec Struct or
                a dataclass with the field `build_num`. The other fields have the names and the types of those of
                `Build`.
            branch: Only builds of this branch.
            filter: Only builds that are `completed`, `successful`, `failed` or `running`.
            shallow: Whether to leave out about half of the fields.
            limit: At most so many builds in all; `None` for all there are.
            offset: Number of newest builds to skip.
            page_size: Builds in a request, 2 to 100.
            overlap: Number of builds that each page shares with the one before, from 1: as many may leave the list
                from one request to the next without costing a further one.
            prefetch: Number of pages to ask for ahead of the one that is being read, from 0.

        Returns:
            To be looped over with `async for`, without an `await`; see `PageWalk`.

        Raises:
            InvalidInputError: At once; every other error of `list_project_builds` comes out of the loop.
            PaginationDriftError: Out of the loop: the list changes faster than it can be read.

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
            request, model, limit=limit, offset=offset, page_size=page_size, overlap=overlap, prefetch=prefetch
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
        limit: int | None = None,
        offset: int = 0,
        page_size: int = MAX_PAGE,
        overlap: int = 5,
        prefetch: int = 1,
    ) -> PageWalk[Any]:
        """Walk the builds of all projects that the user follows, latest first, each exactly once.

        Args:
            model: The class to make of each build, as for `iter_project_builds`; with the field `vcs_url` or
                `build_url` beside `build_num`, because projects share numbers.
            shallow: Whether to leave out about half of the fields.
            limit: At most so many builds in all; `None` for all there are.
            offset: Number of latest builds to skip.
            page_size: Builds in a request, 2 to 100.
            overlap: Number of builds that each page shares with the one before, from 1: as many may leave the list
                from one request to the next without costing a further one.
            prefetch: Number of pages to ask for ahead of the one that is being read, from 0.

        Returns:
            To be looped over with `async for`, without an `await`; see `PageWalk`.

        Raises:
            InvalidInputError: At once; every other error of `list_recent_builds` comes out of the loop.
            PaginationDriftError: Out of the loop: the list changes faster than it can be read.

        Examples:
            ```python
            async for build in ci.iter_recent_builds(limit=500):
                print(build.project, build.build_num, build.status)
            ```
        """
        request = Request("GET", "/recent-builds", query={"shallow": shallow}, returns=list[Build])
        return self._walk(
            request, model, limit=limit, offset=offset, page_size=page_size, overlap=overlap, prefetch=prefetch
        )

    def _walk(self, request: Request[list[Build]], model: type[Any], **options: Unpack[WalkOptions]) -> PageWalk[Any]:
        from circleci_v1_async.walk import PageWalk
        from circleci_v1_async.walk._identity import make_key_reader

        returns: Any = list[model]  # type: ignore[valid-type] # known at run time
        identify = make_key_reader(model, across_projects="project" not in request.path_values)
        return PageWalk(self._caller, request.with_returns(returns), identify, **options)


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
