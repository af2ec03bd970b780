"""Watches over lists of builds."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from functools import partial
from itertools import starmap
from typing import TypeVar

from circleci_v1_async._calls.caller import Caller
from circleci_v1_async._core.arguments import check_seconds
from circleci_v1_async._core.tasks import TaskIterable, stop
from circleci_v1_async._polling.pauses import choose_pause, pause_after_error
from circleci_v1_async.errors import CircleCIError, NotFoundError, UsageError, status_or_class
from circleci_v1_async.models import Build, BuildDetail
from circleci_v1_async.request import Request
from circleci_v1_async.walk import PageWalk
from circleci_v1_async.walk._lists import MAX_PAGE, name_list

from ._cursor import WatchCursor
from ._plan import BuildEvent, Key, Placed, WatchPlan

__all__ = ["BuildWatch"]

T = TypeVar("T")

_log = logging.getLogger("circleci_v1_async")


class BuildWatch(TaskIterable):
    """A watch over a list of builds: an endless loop over the events of its builds.

    `async for event in watch` gives a `BuildEvent` for each build that is new, has changed or has finished. A watch is
    watched once; another one goes on where it stood, from `cursor`.

    Promised: every build that comes into the list is told of as `new`, and as `finished` once it has, exactly once
    each, however many come between two polls. Builds are told of oldest first, in the order of the list; those that
    have left its first pages come before. Several changes between two polls are told of once.

    Each event's `cursor` makes it exactly once over restarts too: save it together with the event's effect, in one
    transaction, and start the next watch with it. When it is saved after the effect, a crash in between repeats that
    one event. Save the cursor of `start` as well, before the first event: then none is lost, whenever the program
    ends. `CursorFile` keeps a cursor in a file.

    Each poll costs one request for 100 builds as long as no more than 50 came since the one before, and as many as
    they take otherwise. Builds that have not finished and are no longer on the pages read are asked for one by one, up
    to 20 at each poll, by turns. A poll holds the builds that it has read until it has told of them: with
    `start_at="oldest"`, which begins with all there are, this is the whole list.

    Errors that may pass (no connection, time-outs, 429, 5xx, a list that changes faster than it can be read) are
    logged as warnings under `circleci_v1_async`; the watch waits longer, up to six times the interval, or as long as
    the service asks up to `RetryPolicy.max_retry_after`, and goes on. All others come out of the loop.

    Leaving the loop leaves nothing behind. `aclose`, from any task, ends a loop that is still running, without an
    error.

    Not promised:

    - builds that come into the list below 50 or more that were told of, or after one of their project whose number is
      higher by 512 or more;
    - builds that leave the list before a poll sees them; the end of an unfinished build that the service has forgotten,
      which is asked for as long as the cursor is used;
    - that nothing old is new: a project that the user begins to follow, or that gets another name, brings its latest
      builds into the list.

    Should 5000 builds be unfinished at one time, newer ones wait, with a warning, until some of those have finished.
    """

    _begun_before = "This watch was begun before and can be watched only once: make one from its cursor."
    _closed_early = "This watch was ended before it had started."

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
        """The cursor of the last event; before any, the first one, or `None` until the watch has it.

        A new watch from there tells of all that this one has not.
        """
        return self._cursor

    async def start(self) -> WatchCursor:
        """Return the first cursor. Save it before the loop, so that a restart loses nothing.

        A watch from now on asks for the first page of the list, again and again while that fails for reasons that may
        pass; one that was given a cursor, or starts at the oldest build, asks for nothing. Each call gives the same.

        Raises:
            CircleCIError: The list cannot be read, for a reason that will not pass.
            UsageError: The watch was ended meanwhile.
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
                # A task of its own, so that `aclose` can stop it without cancelling the caller.
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
                page = await self._persist(self._read_first_page)
                self._first = self._cursor = self._plan.start_now(page)
            return self._first

    async def _find_events(self, delay: float) -> Iterable[BuildEvent]:
        await self._caller.clock.sleep(delay)
        if self._cursor is None:
            await self._find_start()
            return ()
        return await self._persist(partial(self._poll, self._cursor))

    async def _persist(self, read: Callable[[], Awaitable[T]]) -> T:
        """Read, again and again while that fails for reasons that may pass."""
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

    async def _read_first_page(self) -> list[Build]:
        return await self._walk(limit=MAX_PAGE).collect()

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
        return PageWalk(self._caller, self._request, lambda page: [build.key for build in page], limit=limit)

    async def _get_builds(self, keys: Iterable[Key]) -> list[Placed]:
        """Ask for builds one by one. One that cannot be had at present is left out."""
        # A TaskGroup would wrap errors. Exceptions are returned, so that no request is left behind when one fails.
        results = await asyncio.gather(*starmap(self._get_build, keys), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if isinstance(result, tuple)]

    async def _get_build(self, project: str, build_num: int) -> Placed | None:
        try:
            return project, await self._caller.send(self._request_build(project, build_num))
        except CircleCIError as error:
            if not (error.transient or isinstance(error, NotFoundError)):
                raise
            _log.info("build %d of %s: %s; asking again later", build_num, project, status_or_class(error))
            return None
