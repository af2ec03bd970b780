"""Builds: one by one, a page of them, and every one of a list."""

from collections.abc import Mapping
from functools import partial
from sys import intern
from typing import Any

from circleci_v1_async._arguments import integer, one_of, strings, text
from circleci_v1_async._caller import Caller
from circleci_v1_async._secret import hide
from circleci_v1_async.enums import BuildFilter
from circleci_v1_async.errors import InvalidInputError
from circleci_v1_async.models import Build, BuildDetail, TestMetadata, TestReport
from circleci_v1_async.request import QueryValue, Request, given
from circleci_v1_async.slug import ProjectSlug
from circleci_v1_async.walk import MAX_PAGE, PageWalk

from .paths import BUILD, in_build, in_project

__all__ = ["BuildOperations"]


class BuildOperations(Caller):
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
            offset: How many to skip, from 0.
            shallow: Whether to leave out about half of the fields, which the service answers quicker.

        Returns:
            Fewer than `limit` at the end of the list, none behind it.

        Raises:
            NotFoundError: The project does not exist, or the token may not see it.
        """
        query = {**_page(limit, offset), "filter": one_of("filter", filter, BuildFilter), "shallow": shallow}
        return await self.send(_project_builds(project, branch, query))

    async def list_recent_builds(self, *, limit: int = 30, offset: int = 0, shallow: bool | None = None) -> list[Build]:
        """One page of the latest builds of all projects that the user follows. `iter_recent_builds` walks them all.

        `GET /recent-builds` (openapi.yml: listRecentBuilds). The order is that of creation, not of `build_num`.

        Args:
            limit: At most so many builds, 1 to 100.
            offset: How many to skip, from 0.
            shallow: Whether to leave out about half of the fields.

        Raises:
            AuthenticationError: There is no personal token.
        """
        query = {**_page(limit, offset), "shallow": shallow}
        return await self.send(Request("GET", "/recent-builds", query=query, returns=list[Build]))

    async def trigger_build(
        self,
        project: ProjectSlug | str,
        *,
        branch: str | None = None,
        revision: str | None = None,
        tag: str | None = None,
        parallel: int | None = None,
        build_parameters: Mapping[str, str] | None = None,
        job: str | None = None,
    ) -> Build:
        """Start a build.

        `POST /project/{project}` (openapi.yml: triggerBuild; `job` from CircleCI's docs, which lack `branch`). The
        cloud removes it on 2027-02-01.

        Args:
            project: A slug or URL of it.
            branch: The branch; by default the project's default branch.
            revision: The commit; not together with `tag`.
            tag: The tag; not together with `revision`.
            parallel: In how many containers, from 1.
            build_parameters: Environment variables for the build.
            job: The job of the configuration to run.

        Returns:
            The build. That it was accepted does not mean that it runs: `status` may be `not_run`, and `messages`
            then says why.

        Raises:
            GoneError: CircleCI has removed it.
        """
        build_parameters = hide(build_parameters)
        if revision is not None and tag is not None:
            raise InvalidInputError("trigger_build: expected revision or tag, got both")
        body = given(
            branch=text("branch", branch),
            revision=text("revision", revision),
            tag=text("tag", tag),
            parallel=None if parallel is None else integer("parallel", parallel, 1),
            build_parameters=strings("build_parameters", build_parameters),
            job=text("job", job),
        )
        return await self.send(
            Request("POST", "/project/{project}", in_project(project), body=body or None, returns=Build)
        )

    async def trigger_branch_build(
        self,
        project: ProjectSlug | str,
        branch: str,
        *,
        revision: str | None = None,
        parallel: int | None = None,
        build_parameters: Mapping[str, str] | None = None,
    ) -> Build:
        """Start a build of a branch.

        `POST /project/{project}/tree/{branch}` (openapi.yml: triggerBranchBuild). Not for configurations of
        `version: 2.1`. The cloud removes it on 2027-02-01.

        Args:
            project: A slug or URL of it.
            branch: The branch.
            revision: The commit; by default the branch's latest.
            parallel: In how many containers, from 1.
            build_parameters: Environment variables for the build.

        Returns:
            The build; see `trigger_build`.

        Raises:
            GoneError: CircleCI has removed it.
        """
        build_parameters = hide(build_parameters)
        body = given(
            revision=text("revision", revision),
            parallel=None if parallel is None else integer("parallel", parallel, 1),
            build_parameters=strings("build_parameters", build_parameters),
        )
        path_values = {**in_project(project), "branch": branch}
        return await self.send(
            Request("POST", "/project/{project}/tree/{branch}", path_values, body=body or None, returns=Build)
        )

    async def get_build(self, project: ProjectSlug | str, build_num: int) -> BuildDetail:
        """A build with its steps.

        `GET /project/{project}/{build_num}` (openapi.yml: getBuild).

        Raises:
            NotFoundError: There is no such build, or the token may not see it.
        """
        return await self.send(Request("GET", BUILD, in_build(project, build_num), returns=BuildDetail))

    async def retry_build(self, project: ProjectSlug | str, build_num: int) -> Build:
        """Run a build again, with the same configuration and commit.

        `POST /project/{project}/{build_num}/retry` (openapi.yml: retryBuild). The cloud removes it on 2027-02-01;
        CircleCI Server never had it.

        Returns:
            The new build.

        Raises:
            NotFoundError: There is no such build, or the token may not see it.
            GoneError: CircleCI has removed it.
        """
        return await self.send(Request("POST", f"{BUILD}/retry", in_build(project, build_num), returns=Build))

    async def cancel_build(self, project: ProjectSlug | str, build_num: int) -> Build:
        """Cancel a build. One that has finished stays as it is, which is no error.

        `POST /project/{project}/{build_num}/cancel` (openapi.yml: cancelBuild).

        Returns:
            The build as it is now.

        Raises:
            NotFoundError: There is no such build, or the token may not see it.
        """
        return await self.send(Request("POST", f"{BUILD}/cancel", in_build(project, build_num), returns=Build))

    async def list_build_tests(self, project: ProjectSlug | str, build_num: int) -> list[TestMetadata]:
        """The results of a build's tests. Empty when it stored none.

        `GET /project/{project}/{build_num}/tests` (openapi.yml: listBuildTests).

        Raises:
            NotFoundError: There is no such build, or the token may not see it.
        """
        report = await self.send(Request("GET", f"{BUILD}/tests", in_build(project, build_num), returns=TestReport))
        return list(report.tests)

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
            offset: How many of the newest to skip.
            page_size: Builds in a request, 2 to 100.
            overlap: By how many builds one page reaches into the one before, from 1.
            prefetch: How many pages to ask for ahead of the one that is being read, from 0.

        Returns:
            To be looped over with `async for`, without an `await`; see `PageWalk`.

        Raises:
            InvalidInputError: At once; every other error of `list_project_builds` comes out of the loop.
            PaginationDriftError: Out of the loop: the list changes faster than it can be read.
        """
        request = _project_builds(
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
            offset: How many of the latest to skip.
            page_size: Builds in a request, 2 to 100.
            overlap: By how many builds one page reaches into the one before, from 1.
            prefetch: How many pages to ask for ahead of the one that is being read, from 0.

        Returns:
            To be looped over with `async for`, without an `await`; see `PageWalk`.

        Raises:
            InvalidInputError: At once; every other error of `list_recent_builds` comes out of the loop.
            PaginationDriftError: Out of the loop: the list changes faster than it can be read.
        """
        request = Request("GET", "/recent-builds", query={"shallow": shallow}, returns=list[Build])
        return self._walk(request, limit=limit, offset=offset, page_size=page_size, overlap=overlap, prefetch=prefetch)

    def _walk(self, request: Request[list[Build]], **options: Any) -> PageWalk[Build]:
        return PageWalk(partial(self._fetch_page, request), _identity, **options)

    async def _fetch_page(self, request: Request[list[Build]], *, limit: int, offset: int) -> list[Build]:
        return await self.send(request.with_query(limit=limit, offset=offset))


def _identity(build: Build) -> tuple[str | None, int]:
    """A build's key, which a walk keeps of each build: its URL only once."""
    url, build_num = build.key
    return (intern(url) if url else url, build_num)


def _project_builds(
    project: ProjectSlug | str, branch: str | None, query: Mapping[str, QueryValue]
) -> Request[list[Build]]:
    if branch is None:
        return Request("GET", "/project/{project}", in_project(project), query=query, returns=list[Build])
    path_values = {**in_project(project), "branch": branch}
    return Request("GET", "/project/{project}/tree/{branch}", path_values, query=query, returns=list[Build])


def _page(limit: int, offset: int) -> dict[str, QueryValue]:
    return {"limit": integer("limit", limit, 1, MAX_PAGE), "offset": integer("offset", offset, 0)}
