"""The plan of a watch over a list of builds. No I/O.

A cursor is everything that a watch knows: which builds of each project it has told of, and the state told last of
those that have not finished. Polling is therefore a function: the cursor and the list as it is now give the events, and
each event carries the cursor after it. A watch that goes on from there tells the rest, and nothing else.

A list is read from its top down to known ground: 50 builds in a row that the cursor knows. Builds below that were told
of before, or are older than the watch, because builds are told of from the ground up.
"""

import logging
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Final, Literal

import attrs

from circleci_v1_async.errors import InvalidInputError
from circleci_v1_async.models import Build
from circleci_v1_async.slug import ProjectSlug

from ._cursor import MOST_UNFINISHED, KnownBuilds, WatchCursor, check_cursor, is_full, progress_state, replace_known

__all__ = ["BuildEvent", "Key", "Placed", "Reading", "WatchPlan"]

Key = tuple[str, int]
Placed = tuple[str, Build]
EventKind = Literal["new", "changed", "finished"]

_log = logging.getLogger("circleci_v1_async")

_KNOWN_STREAK: Final = 50
_ASKS: Final = 20
_NOTHING: Final = KnownBuilds()


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

    Attributes:
        cursor: The builds that are known.
        builds: Builds that were read and may be news, in the list's order: unknown ones down to known ground, and all
            that are known.
    """

    def __init__(self, cursor: WatchCursor) -> None:
        self.cursor = cursor
        self.builds: list[Placed] = []
        self._known_in_a_row = 0

    @property
    def is_done(self) -> bool:
        """Whether known ground was reached."""
        return self._known_in_a_row >= _KNOWN_STREAK

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
    """Decides which builds to ask for, and which events they make.

    To drive it: begin at the cursor that `resume` or `start_now` gives. For each poll, `read` the list,
    `choose_lookups` of builds that were not in it, and `emit` the events.

    Args:
        source: The name of the list, which its cursors carry.
        project: The project that all builds of the list are of; `None` when they are of several.

    Attributes:
        source: The name of the list.
    """

    def __init__(self, source: str, project: ProjectSlug | None = None) -> None:
        self.source = source
        self._project = project
        self._turn = count(1)
        self._asked: dict[Key, int] = {}

    def resume(self, cursor: WatchCursor | None = None) -> WatchCursor:
        """Return the cursor to begin at: this one, or one that knows nothing.

        Raises:
            InvalidInputError: It is none, or belongs to another list.
        """
        if cursor is None:
            return WatchCursor(self.source)
        if check_cursor(cursor).source != self.source:
            raise InvalidInputError(f"cursor: expected one of {self.source}, got one of {cursor.source}")
        return cursor

    def start_now(self, page: Iterable[Build]) -> WatchCursor:
        """Return a cursor that knows the builds of the first page, and all of their projects that are older."""
        projects: dict[str, KnownBuilds] = {}
        lowest: dict[str, int] = {}
        for project, build in self.locate(page):
            projects[project] = projects.get(project, _NOTHING).with_build(build, told_end=build.is_finished)
            lowest[project] = min(build.build_num, lowest.get(project, build.build_num))
        return WatchCursor(
            self.source, {project: known.with_all_below(lowest[project]) for project, known in projects.items()}
        )

    def read(self, cursor: WatchCursor) -> Reading:
        """Begin to read the list."""
        return Reading(cursor)

    def locate(self, page: Iterable[Build]) -> Iterator[Placed]:
        """Give each build the slug of its project, and leave out those that do not say which that is."""
        for build in page:
            if (project := self._project or build.project) is not None:
                yield str(project), build

    def choose_lookups(self, reading: Reading) -> list[Key]:
        """Return the unfinished builds to ask for: those not read, the longest waiting first."""
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

    def emit(self, reading: Reading, asked: Iterable[Placed] = ()) -> Iterator[BuildEvent]:
        """Yield the events, the oldest first.

        Args:
            reading: The list.
            asked: The answers to `ask`.
        """
        cursor = reading.cursor
        builds = [*asked, *reversed(reading.builds)]
        if self._project is not None:
            # A walk gives builds that came in the middle of it when it comes across them.
            builds.sort(key=lambda placed: placed[1].build_num)
        is_held_back = False
        for project, build in builds:
            kinds = _find_news(reading.cursor, project, build)
            if "new" in kinds:
                # Also when one of the others finishes meanwhile: all builds below one told of must be told of.
                is_held_back = is_held_back or is_full(cursor)
                if is_held_back:
                    continue
            for kind in kinds:
                known = cursor.projects.get(project, _NOTHING).with_build(build, told_end=kind == "finished")
                cursor = replace_known(cursor, project, known)
                yield BuildEvent(build, kind, cursor)
        if is_held_back:
            _log.warning("%s: new builds wait, because %d have not finished", self.source, MOST_UNFINISHED)


def _knows(cursor: WatchCursor, project: str, build: Build) -> bool:
    known = cursor.projects.get(project, _NOTHING)
    return build.build_num in known or build.build_num in known.unfinished


def _find_news(cursor: WatchCursor, project: str, build: Build) -> tuple[EventKind, ...]:
    unfinished = cursor.projects.get(project, _NOTHING).unfinished
    if build.build_num in unfinished:
        if build.is_finished:
            return ("finished",)
        return () if unfinished[build.build_num] == progress_state(build) else ("changed",)
    if _knows(cursor, project, build):
        return ()
    return ("new", "finished") if build.is_finished else ("new",)
