"""Builds: one by one, a page of them, and every one of a list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import datetime, timedelta
from itertools import count
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Unpack

from circleci_v1_async._arguments import commit, integer, one_of
from circleci_v1_async._paths import BUILD, MAX_PAGE, PROJECT, in_build, in_project
from circleci_v1_async.enums import BuildFilter, TestResult
from circleci_v1_async.models import Build, BuildDetail, BuildSummary, TestMetadata, TestReport
from circleci_v1_async.request import QueryValue, Request
from circleci_v1_async.slug import ProjectSlug

from .base import Operations

if TYPE_CHECKING:
    from circleci_v1_async.walk import PageWalk, WalkOptions

__all__ = ["BuildOperations", "request_project_builds"]

# Margin by which a committer's clock may be ahead of CircleCI's, mistaken time zones included.
_CLOCKS_DIFFER: Final = timedelta(days=1)
_NO_FAILURE: Final = frozenset({TestResult.SUCCESS, TestResult.SKIPPED})


class BuildOperations(Operations):
    """Builds: one by one, a page of them, and every one of a list."""

    async def list_project_builds(
        self,
        project: ProjectSlug | str,
        *,
        branch: str | None = None,
        filter: BuildFilter | str | None = None,
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
        query = {**_page(limit, offset), "filter": one_of("filter", filter, BuildFilter), "shallow": shallow}
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
        query = {**_page(limit, offset), "shallow": shallow}
        return await self.send(Request("GET", "/recent-builds", query=query, returns=list[Build]))

    async def get_build(self, project: ProjectSlug | str | BuildSummary, build_num: int | None = None) -> BuildDetail:
        """A build with its steps.

        `GET /project/{project}/{build_num}` (openapi.yml: getBuild).

        Raises:
            NotFoundError: There is no such build, or the token may not see it.
        """
        return await self.send(Request("GET", BUILD, in_build(project, build_num), returns=BuildDetail))

    async def list_build_tests(
        self, project: ProjectSlug | str | BuildSummary, build_num: int | None = None
    ) -> list[TestMetadata]:
        """The results of a build's tests. Empty when it stored none.

        `GET /project/{project}/{build_num}/tests` (openapi.yml: listBuildTests).

        Raises:
            NotFoundError: There is no such build, or the token may not see it.
        """
        report = await self.send(Request("GET", f"{BUILD}/tests", in_build(project, build_num), returns=TestReport))
        return list(report.tests)

    async def list_failed_tests(
        self, project: ProjectSlug | str | BuildSummary, build_num: int | None = None
    ) -> list[TestMetadata]:
        """The tests of a build that failed. Empty when none did, or when it stored no results.

        One request, that of `list_build_tests`. A test has failed if its result is neither `success` nor `skipped`,
        also when this package does not know the result, or when there is none.

        Raises:
            NotFoundError: There is no such build, or the token may not see it.
        """
        return [test for test in await self.list_build_tests(project, build_num) if test.result not in _NO_FAILURE]

    async def builds_for_commit(
        self,
        project: ProjectSlug | str,
        sha: str,
        *,
        branch: str | None = None,
        latest_only: bool = True,
        limit: int | None = 1000,
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
        """
        sha = commit("sha", sha)
        found: list[Build] = []
        oldest: datetime | None = None
        async with self.iter_project_builds(project, branch=branch, limit=limit, prefetch=0) as walk:
            async for build in walk:
                if (build.vcs_revision or "").startswith(sha):
                    found.append(build)
                    oldest = min(filter(None, (oldest, build.committer_date, _created(build))), default=None)
                elif oldest is not None and _is_too_old(build, oldest):
                    break
        number = attrgetter("build_num")
        if latest_only:
            found = _newest_of_each_job(sorted(found, key=number))
        return sorted(found, key=number, reverse=True)

    def iter_project_builds(
        self,
        project: ProjectSlug | str,
        *,
        branch: str | None = None,
        filter: BuildFilter | str | None = None,
        shallow: bool | None = None,
        limit: int | None = None,
        offset: int = 0,
        page_size: int = MAX_PAGE,
        overlap: int = 5,
        prefetch: int = 1,
    ) -> PageWalk[Build]:
        """Walk a project's builds, newest first, each exactly once, also while the list changes.

        Args:
            project: A slug or URL of it.
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
        """
        request = request_project_builds(
            project, branch, {"filter": one_of("filter", filter, BuildFilter), "shallow": shallow}
        )
        return self._walk(request, limit=limit, offset=offset, page_size=page_size, overlap=overlap, prefetch=prefetch)

    def iter_recent_builds(
        self,
        *,
        shallow: bool | None = None,
        limit: int | None = None,
        offset: int = 0,
        page_size: int = MAX_PAGE,
        overlap: int = 5,
        prefetch: int = 1,
    ) -> PageWalk[Build]:
        """Walk the builds of all projects that the user follows, latest first, each exactly once.

        Args:
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
        """
        request = Request("GET", "/recent-builds", query={"shallow": shallow}, returns=list[Build])
        return self._walk(request, limit=limit, offset=offset, page_size=page_size, overlap=overlap, prefetch=prefetch)

    def _walk(self, request: Request[list[Build]], **options: Unpack[WalkOptions]) -> PageWalk[Build]:
        from circleci_v1_async.walk import PageWalk

        return PageWalk(self._calls, request, _page_identifier(), **options)


def _created(build: Build) -> datetime | None:
    """Return the time at which a build was created, or soon after; `None` when it has not got that far."""
    return build.usage_queued_at or build.queued_at or build.start_time


def _is_too_old(build: Build, oldest: datetime) -> bool:
    created = _created(build)
    # A sum may be no date: committers date as they please.
    return created is not None and oldest - created > _CLOCKS_DIFFER


def _newest_of_each_job(oldest_first: Iterable[Build]) -> list[Build]:
    jobs: dict[int | None, tuple[str | None, ...]] = {}
    newest: dict[tuple[str | None, ...], Build] = {}
    for build in oldest_first:
        if build.workflows is None:
            job = jobs.get(build.retry_of, (build.vcs_revision,))
        else:
            job = (build.vcs_revision, build.workflows.workflow_name, build.workflows.job_name)
        jobs[build.build_num] = job
        newest[job] = build
    return list(newest.values())


def _page_identifier() -> Callable[[list[Build]], list[Hashable]]:
    """Return a function that identifies builds: by key, or by number in the first repository."""
    # The first repository gets 0, each further one the next number.
    places = defaultdict[str | None, int](count().__next__)

    def identify(page: list[Build]) -> list[Hashable]:
        return [
            (place, build.build_num) if (place := places[build.vcs_url or build.build_url]) else build.build_num
            for build in page
        ]

    return identify


def request_project_builds(
    project: ProjectSlug | str, branch: str | None, query: Mapping[str, QueryValue]
) -> Request[list[Build]]:
    """Return the request for the builds of a project, or of one of its branches."""
    if branch is None:
        return Request("GET", PROJECT, in_project(project), query=query, returns=list[Build])
    path_values = {**in_project(project), "branch": branch}
    return Request("GET", f"{PROJECT}/tree/{{branch}}", path_values, query=query, returns=list[Build])


def _page(limit: int, offset: int) -> dict[str, QueryValue]:
    return {"limit": integer("limit", limit, 1, MAX_PAGE), "offset": integer("offset", offset, 0)}
