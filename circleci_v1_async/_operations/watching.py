"""Waits for builds, and watches of lists of builds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

from circleci_v1_async._core.arguments import check_callback, check_one_of
from circleci_v1_async.models import Build, BuildDetail, BuildSummary
from circleci_v1_async.request import Request
from circleci_v1_async.slug import ProjectSlug

from .base import Operations
from .builds import request_build, request_project_builds

if TYPE_CHECKING:
    from collections.abc import Callable

    from circleci_v1_async.watch import BuildWatch, WatchCursor


class WatchOperations(Operations):
    async def wait_for_build(
        self,
        project: ProjectSlug | str | BuildSummary,
        build_num: int | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - its error carries the build
        interval: float = 5.0,
        max_interval: float = 30.0,
        appear: float = 0.0,
        on_update: Callable[[BuildDetail], object] | None = None,
    ) -> BuildDetail:
        """Wait until a build has finished, whatever its outcome. A build that was not run counts as finished.

        The wait polls `get_build`. The pause between two polls is a tenth of the time waited so far, but at least
        `interval` and at most `max_interval` seconds, plus up to a tenth at random. By default, the wait therefore
        notices the end at most 33 seconds late. Transient errors (no connection, timeouts, 429, 5xx) are logged as
        warnings under `circleci_v1_async`, and polling continues. `RetryPolicy.max_retry_after` limits a `Retry-After`.

        Args:
            project: The project's slug or URL; or, without a number, the build or its URL.
            build_num: The build's number, from 1.
            timeout: Number of seconds until the last poll; `None` for no limit. After `timeout` seconds, a request in
                flight is canceled, and the last poll starts: one attempt, which takes up to the session's `timeout`, at
                most 10 seconds. A build that finishes before `timeout` is therefore returned if CircleCI answers.
            interval: Shortest pause between two polls, in seconds.
            max_interval: Longest pause between two polls, in seconds. A value below `interval` counts as `interval`.
            appear: Number of seconds, from 0, during which a 404 means that the build does not exist yet. Webhooks and
                commit statuses can arrive before the build can be fetched.
            on_update: Called with the build when it is first seen, when its status, lifecycle or outcome changes, and
                when it finishes. Can be a coroutine function, which `timeout` does not interrupt.

        Returns:
            The finished build.

        Raises:
            NotFoundError: The build does not exist, or the token has no access to it.
            WaitTimeoutError: The build did not finish in time. `build` is the build as of the last successful poll. If
                the last poll failed, its error is the cause.

        Examples:
            ```python
            build = await ci.wait_for_build("gh/acme/web", 9, timeout=3600)
            print(build.outcome)
            ```
        """
        from circleci_v1_async._polling.poll import wait_until_finished
        from circleci_v1_async._polling.schedule import Schedule

        check_callback("on_update", on_update)
        request = request_build(project, build_num)
        schedule = Schedule(timeout=timeout, interval=interval, max_interval=max_interval, appear=appear)
        name = "build {build_num} of {project}".format(**request.path_values)
        return await wait_until_finished(self._caller, request, schedule, name=name, on_update=on_update)

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
        """Watch a project's builds without end: yield an event when a build is new, changes or finishes.

        The events of the builds found by one poll are yielded oldest first.

        Args:
            project: The project's slug or URL.
            branch: Only watch builds of this branch.
            start_at: Where a watch without `cursor` starts. `now` reports new builds, and changes to the unfinished
                builds on the first page. `oldest` reports all existing builds first, and holds them in memory.
            cursor: The cursor of an earlier watch of the same list, to resume from. `start_at` is ignored.
            interval: Average number of seconds between two polls.
            shallow: Whether to leave out about half of the fields of the builds in lists.

        Returns:
            An async iterator. Use `async for` on it, without `await`. See `BuildWatch`.

        Raises:
            InvalidInputError: An argument is invalid. Raised by the call itself; permanent errors are raised during
                iteration. Transient errors are logged, and the watch continues.

        Examples:
            ```python
            async for event in ci.watch_project_builds("gh/acme/web"):
                print(event.kind, event.build.build_num, event.build.status)
            ```
        """
        request = request_project_builds(project, branch, {"shallow": shallow})
        return self._watch(request, start_at, cursor, interval)

    def watch_recent_builds(
        self,
        *,
        start_at: Literal["now", "oldest"] = "now",
        cursor: WatchCursor | None = None,
        interval: float = 15.0,
        shallow: bool | None = None,
    ) -> BuildWatch:
        """Watch the builds of all projects that the user follows, like `watch_project_builds`.

        Args:
            start_at: Where a watch without `cursor` starts: `now` or `oldest`.
            cursor: The cursor of an earlier watch of the same list, to resume from. `start_at` is ignored.
            interval: Average number of seconds between two polls.
            shallow: Whether to leave out about half of the fields of the builds in lists.

        Returns:
            An async iterator. Use `async for` on it, without `await`. See `BuildWatch`.

        Raises:
            InvalidInputError: An argument is invalid. Raised by the call itself; permanent errors are raised during
                iteration. Transient errors are logged, and the watch continues.

        Examples:
            ```python
            async for event in ci.watch_recent_builds():
                print(event.kind, event.build.project, event.build.build_num)
            ```
        """
        request = Request("GET", "/recent-builds", query={"shallow": shallow}, returns=list[Build])
        return self._watch(request, start_at, cursor, interval)

    def _watch(
        self, request: Request[list[Build]], start_at: str, cursor: WatchCursor | None, interval: float
    ) -> BuildWatch:
        from circleci_v1_async.watch import BuildWatch
        from circleci_v1_async.watch._plan import WatchPlan

        source = request.path.format(**request.path_values)
        plan = WatchPlan(source, cast("ProjectSlug | None", request.path_values.get("project")))
        start = check_one_of("start_at", start_at, ("now", "oldest"))
        if cursor is not None or start == "oldest":
            cursor = plan.resume(cursor)
        return BuildWatch(self._caller, request, request_build, plan, cursor=cursor, interval=interval)
