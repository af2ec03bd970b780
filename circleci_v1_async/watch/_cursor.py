"""Cursors of watches: which builds were told of, and the last state of unfinished ones."""

import json
from collections.abc import Mapping
from typing import Final, Self

import attrs

from circleci_v1_async.errors import InvalidInputError
from circleci_v1_async.models import Build

__all__ = [
    "MOST_UNFINISHED",
    "KnownBuilds",
    "State",
    "WatchCursor",
    "check_cursor",
    "is_full",
    "progress_state",
    "replace_known",
]

State = tuple[str | None, str | None]

MOST_UNFINISHED: Final = 5000
_MOST_IDLE: Final = 500
_VERSION: Final = 1
# Builds of one second come in any order, and a large workflow starts hundreds of them in one.
_WINDOW: Final = 512
_ALL: Final = (1 << _WINDOW) - 1


@attrs.frozen
class KnownBuilds:
    """Builds of one project that a watch has told of.

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

    def with_build(self, build: Build, *, told_end: bool) -> Self:
        """Return the same with that build told of, and its end too or not yet."""
        number = build.build_num
        unfinished = {**self.unfinished, number: progress_state(build)}
        if told_end:
            del unfinished[number]
        highest = max(number, self.highest)
        told = self.told << min(highest - self.highest, _WINDOW) | 1 << min(highest - number, _WINDOW)
        return type(self)(highest, told & _ALL, unfinished)

    def with_all_below(self, number: int) -> Self:
        """Return the same with everything older than that number counted as told."""
        age = max(0, self.highest - number + 1)
        return attrs.evolve(self, told=self.told | _ALL >> age << age)


@attrs.frozen
class WatchCursor:
    """The place at which a watch stands, to be saved and gone on from.

    It takes 150 bytes of JSON and its name for each project of the list, and 45 for each build that has not finished:
    a few hundred bytes as a rule. It holds no more than 5000 unfinished builds and, beside their projects, the 500 with
    the latest news: less than 2 MB whatever happens, as long as no name is longer than 100 characters.

    Attributes:
        source: The list that it belongs to.
        projects: The builds known of each project, those with the latest news last.
    """

    source: str
    projects: Mapping[str, KnownBuilds] = attrs.field(factory=dict[str, KnownBuilds], repr=False)

    def to_json(self) -> str:
        """Return the cursor as text, to be kept with the effect of the event that it came with."""
        projects = {
            name: [known.highest, f"{known.told:x}", [[number, *last] for number, last in known.unfinished.items()]]
            for name, known in self.projects.items()
        }
        return json.dumps({"version": _VERSION, "source": self.source, "projects": projects}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Return the cursor that `to_json` gave.

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
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError):
            pass
        found = f"version {version!r}" if isinstance(version, int) and version != _VERSION else "something else"
        raise InvalidInputError(f"cursor: expected what to_json gave, of version {_VERSION}; got {found}")


def check_cursor(cursor: object) -> WatchCursor:
    """Require a cursor.

    Raises:
        InvalidInputError: It is something else.
    """
    if isinstance(cursor, WatchCursor):
        return cursor
    raise InvalidInputError(f"cursor: expected a WatchCursor, such as from_json makes, got {type(cursor).__name__}")


def is_full(cursor: WatchCursor) -> bool:
    """Whether a cursor holds as many unfinished builds as it may."""
    return sum(len(known.unfinished) for known in cursor.projects.values()) >= MOST_UNFINISHED


def replace_known(cursor: WatchCursor, project: str, known: KnownBuilds) -> WatchCursor:
    """Return the same cursor with other knowledge of one project."""
    projects = dict(cursor.projects)
    projects.pop(project, None)
    idle = [name for name, other in projects.items() if not other.unfinished]
    if len(idle) >= _MOST_IDLE:
        # Its builds lie below those of hundreds of other projects, where no walk gets to.
        del projects[idle[0]]
    return attrs.evolve(cursor, projects=projects | {project: known})


def progress_state(build: Build) -> State:
    """Return the part of a build whose changes a watch tells of."""
    return build.status, build.lifecycle
