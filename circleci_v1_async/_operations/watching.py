"""Waiting for builds, and watching lists of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from circleci_v1_async._core.arguments import check_branch, check_one_of
from circleci_v1_async.models import Build, BuildDetail, BuildSummary
from circleci_v1_async.request import Request
from circleci_v1_async.slug import ProjectSlug

from .base import Operations
from .builds import request_build, request_project_builds

if TYPE_CHECKING:
    from collections.abc import Callable

    from circleci_v1_async.watch import BuildWatch, WatchCursor

__all__ = ["WatchOperations"]


class WatchOperations(Operations):
    """Waiting for builds, and watching lists of them."""

    async def wait_for_build(
        self,
        project: ProjectSlug | str | BuildSummary,
        build_num: int | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - its error carries the build
        interval: float = 5.0,
        on_update: Callable[[BuildDetail], object] | None = None,
    ) -> BuildDetail:
        """Wait until a build has finished, with any outcome. A build that was not run has finished.

        Polls by `get_build`, at the interval after each change, and up to six times more rarely while there is none.
        Errors that may pass (no connection, time-outs, 429, 5xx) are logged as warnings under `circleci_v1_async` and
        do not end it; a `Retry-After` is granted up to the policy's `max_retry_after`.

        Args:
            project: A slug or URL of it; or, without a number, a build that says where it belongs, or the URL of a
                build or job.
            build_num: The build's number, from 1.
            timeout: Seconds that all of it may take, a request in flight included; `None` for as long as it takes.
            interval: Seconds between two polls, on average, to begin with.
            on_update: Called with the build when it is first seen, when it has another status, lifecycle or outcome,
                and when it has finished. May be a coroutine function.

        Returns:
            The build as it ended.

        Raises:
            WaitTimeoutError: It did not finish in time. `last` is the build as it was seen last.
            NotFoundError: There is no such build, or the token may not see it.

        Examples:
            ```python
            build = await ci.wait_for_build("gh/acme/web", 9, timeout=3600)
            print(build.outcome)
            ```
        """
        from circleci_v1_async._polling.poll import wait_until_finished

        request = request_build(project, build_num)
        return await wait_until_finished(
            self._caller,
            request,
            name="build {build_num} of {project}".format(**request.path_values),
            within=timeout,
            interval=interval,
            on_update=on_update,
        )

    def watch_project_builds(
        self,
        project: ProjectSlug | str,
        *,
        branch: str | None = None,
        start_at: Literal["now", "oldest"] = "now",
        cursor: WatchCursor | None = None,
        interval: float = 15.0,
        shallow: bool | None = None,
    ) -> BuildWatch:
        """Watch a project's builds, endlessly: each that is new, that changes and that finishes, oldest first.

        Args:
            project: A slug or URL of it.
            branch: Only builds of this branch.
            start_at: `now` for builds that come from now on, and changes of those on the first page that have not
                finished; `oldest` for all there are, which are in memory at once.
            cursor: The cursor of an earlier watch of the same list, to go on from; then `start_at` is ignored.
            interval: Seconds from one poll to the next, on average.
            shallow: Whether to leave out about half of the fields of the builds in lists.

        Returns:
            To be looped over with `async for`, without an `await`; see `BuildWatch`.

        Raises:
            InvalidInputError: At once; every other error that will not pass comes out of the loop.

        Examples:
            ```python
            async for event in ci.watch_project_builds("gh/acme/web"):
                print(event.kind, event.build.build_num, event.build.status)
            ```
        """
        slug = ProjectSlug.parse(project)
        source = f"/project/{slug}" if check_branch("branch", branch) is None else f"/project/{slug}/tree/{branch}"
        request = request_project_builds(slug, branch, {"shallow": shallow})
        return self._watch(request, source, slug, start_at, cursor, interval)

    def watch_recent_builds(
        self,
        *,
        start_at: Literal["now", "oldest"] = "now",
        cursor: WatchCursor | None = None,
        interval: float = 15.0,
        shallow: bool | None = None,
    ) -> BuildWatch:
        """Watch the builds of all projects that the user follows; see `watch_project_builds`.

        Raises:
            InvalidInputError: At once; every other error that will not pass comes out of the loop.

        Examples:
            ```python
            async for event in ci.watch_recent_builds():
                print(event.kind, event.build.project, event.build.build_num)
            ```
        """
        request = Request("GET", "/recent-builds", query={"shallow": shallow}, returns=list[Build])
        return self._watch(request, "/recent-builds", None, start_at, cursor, interval)

    def _watch(
        self,
        request: Request[list[Build]],
        source: str,
        project: ProjectSlug | None,
        start_at: str,
        cursor: WatchCursor | None,
        interval: float,
    ) -> BuildWatch:
        from circleci_v1_async.watch import BuildWatch
        from circleci_v1_async.watch._plan import WatchPlan

        plan = WatchPlan(source, project)
        start = check_one_of("start_at", start_at, ("now", "oldest"))
        if cursor is not None or start == "oldest":
            cursor = plan.resume(cursor)
        return BuildWatch(self._caller, request, request_build, plan, cursor=cursor, interval=interval)
