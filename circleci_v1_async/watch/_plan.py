"""The plan of a watch over a list of builds. No I/O.

A cursor is the complete state of a watch: the reported builds of each project, and the last reported state of each
unfinished build. Polling is therefore a function: it takes a cursor and the current list, and returns the events. Each
event carries the cursor after the event. A watch that resumes from this cursor reports exactly the remaining events.

A list is read from the top down to known ground: 50 consecutive builds that the cursor knows. All builds below known
ground were reported already or are older than the watch, because builds are reported from the bottom up.
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

Key = tuple[str, int]
Placed = tuple[str, Build]
EventKind = Literal["new", "changed", "finished"]

_log = logging.getLogger("circleci_v1_async")

_KNOWN_STREAK: Final = 50
_ASKS: Final = 20
_NOTHING: Final = KnownBuilds()


@attrs.frozen
class BuildEvent:
    """A build that is new, has changed or has finished.

    Attributes:
        build: The build as the poll read it.
        kind: Kind of the event. `new`: the build has entered the list. `changed`: the unfinished build has another
            status or lifecycle than reported before. `finished`: the build will not change again. A build that is
            already finished when the watch first sees it gets two events, `new` and `finished`.
        cursor: Position of the watch after this event: all earlier events are handled, and all later events are not.
    """

    build: Build
    kind: EventKind
    cursor: WatchCursor = attrs.field(repr=False)


class Reading:
    """A list that is read from its top down to known ground.

    `builds` has all builds that may make events, in list order: unknown ones down to known ground, all known ones.
    """

    def __init__(self, cursor: WatchCursor) -> None:
        self.cursor = cursor
        self.builds: list[Placed] = []
        self._known_in_a_row = 0

    @property
    def is_done(self) -> bool:
        return self._known_in_a_row >= _KNOWN_STREAK

    def add(self, builds: Iterable[Placed]) -> None:
        for project, build in builds:
            if _knows(self.cursor, project, build):
                self._known_in_a_row += 1
            elif self.is_done:
                continue
            else:
                self._known_in_a_row = 0
            self.builds.append((project, build))


class WatchPlan:
    """Decides which builds to request, and which events the builds make.

    To use it, begin at the cursor that `resume` or `start_now` returns. In each poll, call `read` and add the pages of
    the list, request the builds that `choose_lookups` returns, and call `emit` for the events. Cursors carry the name
    of their list, the `source`. If the list has builds of several projects, the project is `None`.
    """

    def __init__(self, source: str, project: ProjectSlug | None = None) -> None:
        self.source = source
        self._project = project
        self._turn = count(1)
        self._asked: dict[Key, int] = {}

    def resume(self, cursor: WatchCursor | None = None) -> WatchCursor:
        """Return the cursor to begin at: the given cursor, if it belongs to the list, or an empty cursor."""
        if cursor is None:
            return WatchCursor(self.source)
        if check_cursor(cursor).source != self.source:
            raise InvalidInputError(f"cursor: expected one of {self.source}, got one of {cursor.source}")
        return cursor

    def start_now(self, page: Iterable[Build]) -> WatchCursor:
        """Return a cursor that knows the builds of the first page and all older builds of their projects."""
        projects: dict[str, KnownBuilds] = {}
        lowest: dict[str, int] = {}
        for project, build in self.locate(page):
            projects[project] = projects.get(project, _NOTHING).with_build(build, told_end=build.is_finished)
            lowest[project] = min(build.build_num, lowest.get(project, build.build_num))
        return WatchCursor(
            self.source, {project: known.with_all_below(lowest[project]) for project, known in projects.items()}
        )

    def read(self, cursor: WatchCursor) -> Reading:
        return Reading(cursor)

    def locate(self, page: Iterable[Build]) -> Iterator[Placed]:
        """Yield each build with the slug of its project. Leave out builds that do not name their project."""
        for build in page:
            if (project := self._project or build.project) is not None:
                yield str(project), build

    def choose_lookups(self, reading: Reading) -> list[Key]:
        """Return the unfinished builds to request: of those not read, the 20 that have waited longest."""
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
        """Yield the events of a completed reading, and of the fetched lookups, oldest build first."""
        cursor = reading.cursor
        builds = [*asked, *reversed(reading.builds)]
        if self._project is not None:
            # A walk yields builds that arrived during the walk as soon as it reads them, so they may be out of order.
            builds.sort(key=lambda placed: placed[1].build_num)
        is_held_back = False
        for project, build in builds:
            kinds = _find_news(reading.cursor, project, build)
            if "new" in kinds:
                # Hold back all newer builds, even if another build finishes in between: when a build is reported, all
                # builds below it must have been reported.
                is_held_back = is_held_back or is_full(cursor)
                if is_held_back:
                    continue
            for kind in kinds:
                known = cursor.projects.get(project, _NOTHING).with_build(build, told_end=kind == "finished")
                cursor = replace_known(cursor, project, known)
                yield BuildEvent(build, kind, cursor)
        if is_held_back:
            _log.warning(
                "%s: %d builds are unfinished; new builds are held back until some finish", self.source, MOST_UNFINISHED
            )


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
