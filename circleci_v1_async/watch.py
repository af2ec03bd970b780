"""Watching builds: one until it has finished, and lists of them for as long as one likes.

A cursor is everything that a watch knows: which builds of each project it has told of, and what it said last of those
that have not finished. Looking at a list again is therefore a function: the cursor and what the list holds now give the
events, and each event carries the cursor after it. Whoever goes on from there is told the rest, and nothing else.

A list is read from its top down to known ground: 50 builds in a row that the cursor knows. What lies below was told of
before, or is older than the watch, because builds are told of from the ground up.

`WatchPlan` decides, without I/O. `BuildWatch` does the asking and the waiting.
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing
from inspect import isawaitable
from itertools import count, starmap
from typing import Final, Literal, Self, TypeVar, cast

import attrs

from ._arguments import seconds
from ._calls import Calls
from ._paths import BUILD, in_build
from ._tasks import SelfClosing, read_exception, stop
from ._walk_plan import MAX_PAGE
from .errors import (
    CircleCIError,
    InvalidInputError,
    NotFoundError,
    StatusError,
    WaitTimeoutError,
    in_short,
)
from .models import Build, BuildDetail
from .request import Request
from .slug import ProjectSlug
from .walk import PageWalk

__all__ = [
    "BuildEvent",
    "BuildWatch",
    "KnownBuilds",
    "Reading",
    "WatchCursor",
    "WatchPlan",
    "pause",
    "until_finished",
]

B = TypeVar("B", bound=Build)
Key = tuple[str, int]
Placed = tuple[str, Build]
State = tuple[str | None, str | None]
EventKind = Literal["new", "changed", "finished"]

_log = logging.getLogger("circleci_v1_async")

_VERSION: Final = 1
# Builds of one second come in any order, and a large workflow starts hundreds of them in one.
_WINDOW: Final = 512
_ALL: Final = (1 << _WINDOW) - 1
_GROUND: Final = 50
_MOST_IDLE: Final = 500
_MOST_UNFINISHED: Final = 5000
_ASKS: Final = 20
_GROWTH: Final = 1.5
_SLOWEST: Final = 6.0


def pause(interval: float, quiet: int, chance: float, error: CircleCIError | None = None) -> float:
    """Seconds until the next look: more the longer there was nothing to see, and never the same for two who wait.

    Args:
        interval: Seconds to begin with.
        quiet: How many looks in a row brought nothing.
        chance: A random number from 0 to 1.
        error: What the last look ended with. What the service asks for in `Retry-After` is granted.
    """
    asked = error.retry_after if isinstance(error, StatusError) else None
    # A power of a larger number may be no float.
    return max(interval * min(_GROWTH ** min(quiet, 10), _SLOWEST) * (0.75 + chance / 2), asked or 0.0)


@attrs.frozen
class KnownBuilds:
    """What a watch has told of one project.

    Attributes:
        highest: The highest build number that was told of.
        told: Which numbers up to that one were, as bits: the lowest bit is the highest number. Numbers that have left
            this window count as told.
        unfinished: The numbers whose end is still to be told, the oldest first, with the status and lifecycle told
            last.
    """

    highest: int = 0
    told: int = 0
    unfinished: Mapping[int, State] = attrs.Factory(dict[int, State])

    def __contains__(self, number: int) -> bool:
        age = self.highest - number
        return age >= _WINDOW or (age >= 0 and bool(self.told >> age & 1))

    def after(self, build: Build, *, told_end: bool) -> Self:
        """The same once somebody was told of that build, and of its end or not yet."""
        number = build.build_num
        unfinished = {**self.unfinished, number: _state(build)}
        if told_end:
            del unfinished[number]
        highest = max(number, self.highest)
        told = self.told << min(highest - self.highest, _WINDOW) | 1 << min(highest - number, _WINDOW)
        return type(self)(highest, told & _ALL, unfinished)

    def and_all_below(self, number: int) -> Self:
        """The same with everything older than that number counted as told."""
        age = max(0, self.highest - number + 1)
        return attrs.evolve(self, told=self.told | _ALL >> age << age)


_NOTHING: Final = KnownBuilds()


@attrs.frozen
class WatchCursor:
    """Where a watch stands, to be saved and gone on from.

    It takes 150 bytes of JSON and its name for each project of the list, and 45 for each build that has not finished:
    a few hundred bytes as a rule. It holds no more than 5000 unfinished builds and, beside their projects, the 500 with
    the latest news: less than 2 MB whatever happens, as long as no name is longer than 100 characters.

    Attributes:
        source: The list that it belongs to.
        projects: What is known of each project, those with the latest news last.
    """

    source: str
    projects: Mapping[str, KnownBuilds] = attrs.field(factory=dict[str, KnownBuilds], repr=False)

    def to_json(self) -> str:
        """The cursor as text, to be kept with the effect of the event that it came with."""
        projects = {
            name: [known.highest, f"{known.told:x}", [[number, *last] for number, last in known.unfinished.items()]]
            for name, known in self.projects.items()
        }
        return json.dumps({"version": _VERSION, "source": self.source, "projects": projects}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The cursor that `to_json` gave.

        Raises:
            InvalidInputError: It is no cursor, or one of another version.
        """
        version: object = None
        try:
            data = json.loads(text)
            version = data["version"]
            if version == _VERSION:
                return cls(
                    str(data["source"]),
                    {
                        str(name): KnownBuilds(
                            int(highest), int(told, 16) & _ALL, {int(number): (a, b) for number, a, b in unfinished}
                        )
                        for name, (highest, told, unfinished) in data["projects"].items()
                    },
                )
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
            pass
        found = f"version {version!r}" if isinstance(version, int) and version != _VERSION else "something else"
        raise InvalidInputError(f"cursor: expected what to_json gave, of version {_VERSION}; got {found}")

    @property
    def is_full(self) -> bool:
        """Whether it holds as many unfinished builds as it may."""
        return sum(len(known.unfinished) for known in self.projects.values()) >= _MOST_UNFINISHED

    def after(self, project: str, known: KnownBuilds) -> Self:
        """The same with other knowledge of one project."""
        projects = dict(self.projects)
        projects.pop(project, None)
        idle = [name for name, other in projects.items() if not other.unfinished]
        if len(idle) >= _MOST_IDLE:
            # Its builds lie below those of hundreds of other projects, where no walk gets to.
            del projects[idle[0]]
        return attrs.evolve(self, projects=projects | {project: known})


@attrs.frozen
class BuildEvent:
    """Something that happened to a build.

    Attributes:
        build: The build as it was seen then.
        kind: `new`: it is in the list, and was not; `changed`: it has another status or lifecycle than told before, and
            has not finished; `finished`: it will not change again. A build that has finished when it is first seen is
            both new and finished, in two events.
        cursor: Where the watch stands once this event has been handled, with all before it and none after it.
    """

    build: Build
    kind: EventKind
    cursor: WatchCursor = attrs.field(repr=False)


class Reading:
    """A list that is read from its top down to known ground.

    Args:
        cursor: What is known.
        ground: How many builds in a row have to be known.

    Attributes:
        cursor: What is known.
        builds: What was read and may be news, in the list's order: unknown builds down to known ground, and all that
            are known.
    """

    def __init__(self, cursor: WatchCursor, ground: int) -> None:
        self.cursor = cursor
        self.builds: list[Placed] = []
        self._ground = ground
        self._known_in_a_row = 0

    @property
    def is_done(self) -> bool:
        """Whether known ground was reached."""
        return self._known_in_a_row >= self._ground

    def add(self, builds: Iterable[Placed]) -> None:
        """Take in the next builds of the list."""
        for project, build in builds:
            if _knows(self.cursor, project, build):
                self._known_in_a_row += 1
            elif self.is_done:
                continue
            else:
                self._known_in_a_row = 0
            self.builds.append((project, build))


class WatchPlan:
    """What to ask for and what is news, without I/O.

    Args:
        source: The name of the list, which its cursors carry.
        project: The project that all builds of the list are of; `None` when they are of several.
        ground: How many builds in a row have to be known for all below them to be.

    Attributes:
        source: The name of the list.
    """

    def __init__(self, source: str, project: ProjectSlug | None = None, *, ground: int = _GROUND) -> None:
        self.source = source
        self._project = project
        self._ground = ground
        self._turn = count(1)
        self._asked: dict[Key, int] = {}

    def start(self, cursor: WatchCursor | None = None) -> WatchCursor:
        """The cursor to start with: this one, or one that knows nothing.

        Raises:
            InvalidInputError: It is none, or belongs to another list.
        """
        if cursor is None:
            return WatchCursor(self.source)
        if not isinstance(cast("object", cursor), WatchCursor):
            raise InvalidInputError(
                f"cursor: expected a WatchCursor, such as from_json makes, got {type(cursor).__name__}"
            )
        if cursor.source != self.source:
            raise InvalidInputError(f"cursor: expected one of {self.source}, got one of {cursor.source}")
        return cursor

    def now(self, page: Iterable[Build]) -> WatchCursor:
        """The cursor that knows the builds of the first page, and all of their projects that are older."""
        projects: dict[str, KnownBuilds] = {}
        lowest: dict[str, int] = {}
        for project, build in self.place(page):
            projects[project] = projects.get(project, _NOTHING).after(build, told_end=build.is_finished)
            lowest[project] = min(build.build_num, lowest.get(project, build.build_num))
        return WatchCursor(
            self.source, {project: known.and_all_below(lowest[project]) for project, known in projects.items()}
        )

    def reading(self, cursor: WatchCursor) -> Reading:
        """A list that is about to be read."""
        return Reading(cursor, self._ground)

    def place(self, page: Iterable[Build]) -> Iterator[Placed]:
        """Each build with the slug of its project; one that does not say which that is is left out."""
        for build in page:
            if (project := self._project or build.project) is not None:
                yield str(project), build

    def asks(self, reading: Reading) -> list[Key]:
        """The unfinished builds that were not read, to be asked for one by one: those first that waited longest."""
        seen = {(project, build.build_num) for project, build in reading.builds}
        waiting = [
            (project, number)
            for project, known in reading.cursor.projects.items()
            for number in known.unfinished
            if (project, number) not in seen
        ]
        asks = set(sorted(waiting, key=lambda key: self._asked.get(key, 0))[:_ASKS])
        turn = next(self._turn)
        self._asked = {key: turn if key in asks else self._asked.get(key, 0) for key in waiting}
        return [key for key in waiting if key in asks]

    def events(self, reading: Reading, asked: Iterable[Placed] = ()) -> Iterator[BuildEvent]:
        """What happened, the oldest first.

        Args:
            reading: The list.
            asked: What came of `asks`.
        """
        cursor = reading.cursor
        builds = [*asked, *reversed(reading.builds)]
        if self._project is not None:
            # A walk gives builds that came in the middle of it when it comes across them.
            builds.sort(key=lambda placed: placed[1].build_num)
        is_held_back = False
        for project, build in builds:
            kinds = _news(reading.cursor, project, build)
            if "new" in kinds:
                # Not even when one of the others finishes meanwhile: below a build that was told of, all must be.
                is_held_back = is_held_back or cursor.is_full
                if is_held_back:
                    continue
            for kind in kinds:
                known = cursor.projects.get(project, _NOTHING).after(build, told_end=kind == "finished")
                cursor = cursor.after(project, known)
                yield BuildEvent(build, kind, cursor)
        if is_held_back:
            _log.warning("%s: new builds wait, because %d have not finished", self.source, _MOST_UNFINISHED)


def _state(build: Build) -> State:
    return build.status, build.lifecycle


def _knows(cursor: WatchCursor, project: str, build: Build) -> bool:
    known = cursor.projects.get(project, _NOTHING)
    return build.build_num in known or build.build_num in known.unfinished


def _news(cursor: WatchCursor, project: str, build: Build) -> tuple[EventKind, ...]:
    unfinished = cursor.projects.get(project, _NOTHING).unfinished
    if build.build_num in unfinished:
        if build.is_finished:
            return ("finished",)
        return () if unfinished[build.build_num] == _state(build) else ("changed",)
    if _knows(cursor, project, build):
        return ()
    return ("new", "finished") if build.is_finished else ("new",)


class BuildWatch(SelfClosing):
    """A watch over a list of builds: an endless loop over what happens to them.

    `async for event in watch` gives a `BuildEvent` for each build that is new, has changed or has finished. A watch is
    watched once; another one goes on where it stood, from `cursor`.

    Promised: every build that comes into the list is told of as `new`, and as `finished` once it has, exactly once
    each, however many come between two polls. Builds are told of oldest first, in the order of the list, and what left
    its first pages before what is on them. What changed several times between two polls is told of once.

    Each event's `cursor` is what makes it exactly once over restarts too: save it together with the event's effect, in
    one transaction, and start the next watch with it. When it is saved after the effect, a crash in between repeats
    that one event; none is lost either way.

    Each poll costs one request for 100 builds as long as no more than 50 came since the one before, and as many as
    they take otherwise. Builds that have not finished and are no longer on the pages read are asked for one by one, up
    to 20 at each poll, by turns. A poll holds the builds that it has read until it has told of them: with
    `start_at="oldest"`, which begins with all there are, this is the whole list.

    Errors that may pass (no connection, time-outs, 429, 5xx, a list that changes faster than it can be read) are
    logged as warnings under `circleci_v1_async`; the watch waits longer, up to six times the interval or as long as
    the service asks, and goes on. All others come out of the loop.

    Leaving the loop leaves nothing behind. `aclose`, from any task, ends a loop that is still at it, without an error.

    Not promised:

    - builds that come into the list below 50 or more that were told of, or after one of their project whose number is
      higher by 512 or more;
    - builds that leave the list before a poll sees them; the end of an unfinished build that the service has forgotten,
      which is asked for as long as the cursor is used;
    - that nothing old is new: a project that the user begins to follow, or that gets another name, brings its latest
      builds into the list.

    Should 5000 builds be unfinished at one time, newer ones wait, with a warning, until some of those have finished.

    Args:
        calls: Makes the requests.
        request: Asks for the list.
        plan: What is news.
        cursor: Where to start; `None` for the builds that come from now on.
        interval: Seconds from one poll to the next, on average.

    Raises:
        InvalidInputError: An argument is out of its range.
    """

    def __init__(
        self,
        calls: Calls,
        request: Request[list[Build]],
        plan: WatchPlan,
        *,
        cursor: WatchCursor | None,
        interval: float,
    ) -> None:
        self._calls = calls
        self._request = request
        self._plan = plan
        self._cursor = cursor
        self._interval = seconds("interval", interval)
        self._round: asyncio.Task[Iterable[BuildEvent]] | None = None
        self._begun = False
        self._closed = False

    @property
    def cursor(self) -> WatchCursor | None:
        """That of the event told last; before any, where the watch started. `None` until a watch from now on has.

        A new watch from there tells of what this one has not.
        """
        return self._cursor

    def __aiter__(self) -> AsyncGenerator[BuildEvent, None]:
        if self._begun:
            raise RuntimeError("This watch was begun before and can be watched only once: make one from its cursor.")
        self._begun = True
        return self._events()

    async def aclose(self) -> None:
        """End the watch: cancel what is under way and wait until it is gone. May be called twice, and from any task.

        A loop that is still at it ends.
        """
        self._closed = True
        await self._stop()

    async def _events(self) -> AsyncGenerator[BuildEvent, None]:
        delay = 0.0
        try:
            while not self._closed:
                # A task of its own, so that `aclose` can stop it without cancelling the caller.
                task = self._round = asyncio.create_task(self._look(delay))
                task.add_done_callback(read_exception)
                await asyncio.wait((task,))
                if self._closed:
                    return
                for event in task.result():
                    self._cursor = event.cursor
                    yield event
                    if self._closed:
                        return
                delay = pause(self._interval, 0, self._calls.clock.random())
        finally:
            await self._stop()

    async def _stop(self) -> None:
        if self._round is not None:
            await stop((self._round,))

    async def _look(self, delay: float) -> Iterable[BuildEvent]:
        """Wait, then poll, again and again while it fails for reasons that may pass."""
        failures = 0
        while True:
            await self._calls.clock.sleep(delay)
            try:
                return await self._poll()
            except CircleCIError as error:
                if not error.transient:
                    raise
                failures += 1
                delay = pause(self._interval, failures, self._calls.clock.random(), error)
                _log.warning("%s: %s; polling again in %.1f s", self._plan.source, in_short(error), delay)

    async def _poll(self) -> Iterable[BuildEvent]:
        if self._cursor is None:
            self._cursor = self._plan.now(await self._walk(limit=MAX_PAGE).collect())
            return ()
        reading = self._plan.reading(self._cursor)
        async with aclosing(self._walk().pages()) as pages:
            async for page in pages:
                reading.add(self._plan.place(page))
                if reading.is_done:
                    break
        asked = await self._answers(self._plan.asks(reading))
        return self._plan.events(reading, asked)

    def _walk(self, limit: int | None = None) -> PageWalk[Build]:
        return PageWalk(self._calls, self._request, lambda page: [build.key for build in page], limit=limit)

    async def _answers(self, asks: Iterable[Key]) -> list[Placed]:
        """The builds asked for. One that cannot be had at present is left out, which says nothing of its end."""
        # Not a TaskGroup, which wraps errors; and so that none is left behind when one fails.
        results = await asyncio.gather(*starmap(self._answer, asks), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if isinstance(result, tuple)]

    async def _answer(self, project: str, build_num: int) -> Placed | None:
        try:
            return project, await self._calls.send(
                Request("GET", BUILD, in_build(project, build_num), returns=BuildDetail)
            )
        except CircleCIError as error:
            if not (error.transient or isinstance(error, NotFoundError)):
                raise
            _log.info("build %d of %s: %s; asking again later", build_num, project, in_short(error))
            return None


async def until_finished(
    calls: Calls,
    request: Request[B],
    *,
    name: str,
    within: float | None,
    interval: float,
    on_update: Callable[[B], object] | None,
) -> B:
    """Look at a build until it has finished.

    Args:
        calls: Makes the requests.
        request: Asks for the build.
        name: What the error calls the build.
        within: Seconds that all of it may take; `None` for as long as it takes.
        interval: Seconds from one look to the next, on average, to begin with.
        on_update: Called with the build when it is first seen, when it has another status, lifecycle or outcome, and
            when it has finished. What it returns is awaited if it can be.

    Raises:
        WaitTimeoutError: It did not finish in time.
        CircleCIError: It cannot be looked at, for a reason that will not pass.
        InvalidInputError: An argument is out of its range.
    """
    interval = seconds("interval", interval)
    limit = asyncio.timeout(within if within is None else seconds("timeout", within))
    last: B | None = None
    failure: CircleCIError | None = None
    quiet = 0
    try:
        async with limit:
            while True:
                try:
                    build = await calls.send(request)
                except CircleCIError as error:
                    if not error.transient:
                        raise
                    failure = error
                    quiet += 1
                    _log.warning("%s: %s; looking again later", name, in_short(error))
                else:
                    failure = None
                    is_news = last is None or build.is_finished or _news_of(build) != _news_of(last)
                    last = build
                    quiet = 0 if is_news else quiet + 1
                    if is_news and on_update is not None and isawaitable(told := on_update(build)):
                        await told
                    if build.is_finished:
                        return build
                await calls.clock.sleep(pause(interval, quiet, calls.clock.random(), failure))
    except TimeoutError:
        if not limit.expired():
            raise
    seen = "never seen" if last is None else f"last seen {last.status or 'without a status'}"
    raise WaitTimeoutError(f"{name} did not finish within {within:g} s; it was {seen}", last) from failure


def _news_of(build: Build) -> tuple[str | None, ...]:
    return (*_state(build), build.outcome)
