"""Watches over lists of builds."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from functools import partial
from itertools import starmap
from typing import TypeVar

from circleci_v1_async._calls.attempts import status_or_class
from circleci_v1_async._calls.caller import Caller
from circleci_v1_async._core.arguments import check_seconds
from circleci_v1_async._core.paging import MAX_PAGE
from circleci_v1_async._core.tasks import TaskIterable, run_together, stop
from circleci_v1_async._polling.pauses import choose_pause, pause_after_error
from circleci_v1_async.errors import CircleCIError, NotFoundError, UsageError
from circleci_v1_async.models import Build, BuildDetail
from circleci_v1_async.request import Request
from circleci_v1_async.walk._page_walk import PageWalk, name_list
from circleci_v1_async.walk._plan import PagePlan

from ._cursor import WatchCursor
from ._plan import BuildEvent, Key, Placed, WatchPlan

T = TypeVar("T")

_log = logging.getLogger("circleci_v1_async")


class BuildWatch(TaskIterable):
    """A watch over a list of builds: an endless loop over the events of the builds.

    `async for event in watch` yields a `BuildEvent` for each build that is new, has changed or has finished. You can
    iterate over a watch only once. To resume, create another watch from its `cursor`.

    Guarantee: every build that enters the list is reported exactly once as `new` and, when it finishes, exactly once as
    `finished`, no matter how many builds arrive between two polls. The oldest build is reported first, in list order.
    Builds that have left the first pages of the list are reported before the others. Several changes of a build between
    two polls are reported as one.

    With each event's `cursor`, events are handled exactly once even across restarts: save the cursor together with the
    event's effect, in one transaction, and start the next watch with it. If you save the cursor after the effect, a
    crash in between repeats that one event. Save the cursor that `start` returns before the first event. Events are
    not lost then, no matter when the program ends. `CursorFile` keeps a cursor in a file.

    Each poll costs one request for 100 builds if at most 50 builds arrived since the previous poll, and otherwise a
    request for each page down to the known builds. Unfinished builds that are not on these pages are requested one by
    one: up to 20 in each poll, and those that have waited longest first. A poll keeps the builds that it has read in
    memory until their events are yielded. With `start_at="oldest"`, the first poll reads the whole list.

    Transient errors (no connection, timeouts, 429, 5xx, a list that changes faster than it can be read) are logged as
    warnings under `circleci_v1_async`, and the watch continues. It waits longer before the next poll: up to six times
    the interval, or as long as the service requests, up to `RetryPolicy.max_retry_after`. Permanent errors are raised.

    Leaving the loop cancels the requests in flight. `aclose`, from any task, ends a running loop without an error.

    Limits. A watch cannot report these builds correctly:

    - A build that enters the list below 50 consecutive builds that were already reported: a poll stops reading there.
    - A build that enters the list after another build of its project with a number at least 512 higher was reported.
    - A build that leaves the list before a poll sees it.
    - An unfinished build that CircleCI deletes: its end is not reported, and it is requested for as long as the cursor
      is used.
    - Old builds of a project that the user starts to follow, or that is renamed: the project's latest builds enter the
      list, and count as `new`.

    If 5000 builds are unfinished at the same time, newer builds wait, with a warning, until some of the 5000 finish.
    """

    _begun_before = "A watch can be iterated only once: create a new watch from its cursor."
    _closed_early = "The watch was closed before it started."

    def __init__(
        self,
        caller: Caller,
        request: Request[list[Build]],
        request_build: Callable[[str, int], Request[BuildDetail]],
        plan: WatchPlan,
        *,
        cursor: WatchCursor | None,
        interval: float,
    ) -> None:
        super().__init__(name_list(request))
        self._caller = caller
        self._request = request
        self._request_build = request_build
        self._plan = plan
        self._first = self._cursor = cursor
        self._starting = asyncio.Lock()
        self._interval = check_seconds("interval", interval)
        self._event_count = 0

    @property
    def cursor(self) -> WatchCursor | None:
        """The cursor of the last event. Before the first event, the cursor that `start` returns, or `None`.

        A new watch from this cursor reports all events that this watch has not reported.
        """
        return self._cursor

    async def start(self) -> WatchCursor:
        """Return the first cursor. Save it before the loop, so that a restart does not lose events.

        With `start_at="now"`, this requests the first page of the list, and repeats the request after transient errors.
        A watch from a cursor, or from the oldest build, makes no request. Every call returns the same cursor.

        Returns:
            The cursor before the first event.

        Raises:
            CircleCIError: The list cannot be read, and the error is permanent.
            UsageError: The watch was closed before it had its first cursor.
        """
        if self._first is not None:
            return self._first
        self._check_open()
        task = self._create_task(self._find_start())
        try:
            await asyncio.wait((task,))
        finally:
            await stop((task,))
        if task.cancelled():
            raise UsageError(self._closed_early)
        return task.result()

    def __aiter__(self) -> AsyncGenerator[BuildEvent, None]:
        if self._state != "closed":
            self._begin()
        return self._events()

    def _progress(self) -> str:
        return f"{self._event_count} events"

    async def _events(self) -> AsyncGenerator[BuildEvent, None]:
        delay = 0.0
        try:
            while self._state == "running":
                # A separate task, so that `aclose` can stop it without canceling the caller.
                task = self._create_task(self._find_events(delay))
                await asyncio.wait((task,))
                if self._state != "running":
                    return
                for event in task.result():
                    self._cursor = event.cursor
                    self._event_count += 1
                    yield event
                    if self._state != "running":
                        return
                delay = choose_pause(self._interval, 0, self._caller.clock.random())
        finally:
            await self._end()

    async def _find_start(self) -> WatchCursor:
        async with self._starting:
            if self._first is None:
                page = await self._persist(lambda: self._walk(limit=MAX_PAGE).collect())
                self._first = self._cursor = self._plan.start_now(page)
            return self._first

    async def _find_events(self, delay: float) -> Iterable[BuildEvent]:
        await self._caller.clock.sleep(delay)
        if self._cursor is None:
            await self._find_start()
            return ()
        return await self._persist(partial(self._poll, self._cursor))

    async def _persist(self, read: Callable[[], Awaitable[T]]) -> T:
        """Call `read` until it succeeds or raises a permanent error."""
        failures = 0
        while True:
            try:
                return await read()
            except CircleCIError as error:
                if not error.transient:
                    raise
                failures += 1
                delay = pause_after_error(self._caller, self._plan.source, self._interval, failures, error)
            await self._caller.clock.sleep(delay)

    async def _poll(self, cursor: WatchCursor) -> Iterable[BuildEvent]:
        reading = self._plan.read(cursor)
        async with aclosing(self._walk().pages()) as pages:
            async for page in pages:
                reading.add(self._plan.locate(page))
                if reading.is_done:
                    break
        answers = await self._get_builds(self._plan.choose_lookups(reading))
        return self._plan.emit(reading, answers)

    def _walk(self, limit: int | None = None) -> PageWalk[Build]:
        return PageWalk(self._caller, self._request, PagePlan(lambda page: [build.key for build in page], limit=limit))

    async def _get_builds(self, keys: Iterable[Key]) -> list[Placed]:
        """Fetch builds one by one. Leave out builds that do not exist or failed with a transient error."""
        return [found for found in await run_together(starmap(self._get_build, keys)) if found is not None]

    async def _get_build(self, project: str, build_num: int) -> Placed | None:
        try:
            return project, await self._caller.send(self._request_build(project, build_num))
        except CircleCIError as error:
            if not (error.transient or isinstance(error, NotFoundError)):
                raise
            _log.info("build %d of %s: %s; polling again later", build_num, project, status_or_class(error))
            return None
