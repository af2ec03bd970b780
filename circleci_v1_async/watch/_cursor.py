"""Cursors of watches: the reported builds, and the last reported state of unfinished builds."""

import json
from collections.abc import Mapping
from typing import Final, Self

import attrs

from circleci_v1_async.errors import InvalidInputError
from circleci_v1_async.models import Build

State = tuple[str | None, str | None]

MOST_UNFINISHED: Final = 5000
_MOST_IDLE: Final = 500
_VERSION: Final = 1
# Builds that start within the same second enter the list in any order, and a large workflow starts hundreds at once.
_WINDOW: Final = 512
_ALL: Final = (1 << _WINDOW) - 1


@attrs.frozen
class KnownBuilds:
    """Builds of one project that a watch has reported, with numbers up to `highest`.

    The bits of `told` mark the reported numbers; the lowest bit stands for `highest`. Numbers below this window of 512
    bits count as reported. `unfinished` has the numbers of the reported builds without a `finished` event, oldest
    first, each with the last reported status and lifecycle.
    """

    highest: int = 0
    told: int = 0
    unfinished: Mapping[int, State] = attrs.Factory(dict[int, State])

    def __contains__(self, number: int) -> bool:
        age = self.highest - number
        return age >= _WINDOW or (age >= 0 and bool(self.told >> age & 1))

    def with_build(self, build: Build, *, told_end: bool) -> Self:
        """Return a copy that counts a build as reported; with `told_end`, also as reported to have finished."""
        number = build.build_num
        unfinished = {**self.unfinished, number: progress_state(build)}
        if told_end:
            del unfinished[number]
        highest = max(number, self.highest)
        told = self.told << min(highest - self.highest, _WINDOW) | 1 << min(highest - number, _WINDOW)
        return type(self)(highest, told & _ALL, unfinished)

    def with_all_below(self, number: int) -> Self:
        """Return a copy that counts all builds with a lower number as reported."""
        age = max(0, self.highest - number + 1)
        return attrs.evolve(self, told=self.told | _ALL >> age << age)


@attrs.frozen
class WatchCursor:
    """The saved position of a watch. A new watch can resume from it.

    As JSON, a cursor takes 150 bytes plus the project's name for each project of the list, and 45 bytes for each
    unfinished build: usually a few hundred bytes. A cursor contains at most 5000 unfinished builds. It contains the
    projects of these builds, and up to 500 other projects: those with the latest events. If no name is longer than 100
    characters, a cursor is therefore always smaller than 2 MB.

    Attributes:
        source: Name of the list that the cursor belongs to.
        projects: The known builds of each project. The project with the latest event comes last.
    """

    source: str
    projects: Mapping[str, KnownBuilds] = attrs.field(factory=dict[str, KnownBuilds], repr=False)

    def to_json(self) -> str:
        """Return the cursor as a JSON string. Save the string together with the effect of the cursor's event."""
        projects = {
            name: [known.highest, f"{known.told:x}", [[number, *last] for number, last in known.unfinished.items()]]
            for name, known in self.projects.items()
        }
        return json.dumps({"version": _VERSION, "source": self.source, "projects": projects}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Return the cursor from a string that `to_json` returned.

        Raises:
            InvalidInputError: The string is not a cursor, or is a cursor of another version.
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
        raise InvalidInputError(f"cursor: expected JSON from to_json, of version {_VERSION}; got {found}")


def check_cursor(cursor: object) -> WatchCursor:
    """Return the value if it is a cursor; otherwise, raise an error."""
    if isinstance(cursor, WatchCursor):
        return cursor
    raise InvalidInputError(
        f"cursor: expected a WatchCursor, such as the result of from_json, got {type(cursor).__name__}"
    )


def is_full(cursor: WatchCursor) -> bool:
    return sum(len(known.unfinished) for known in cursor.projects.values()) >= MOST_UNFINISHED


def replace_known(cursor: WatchCursor, project: str, known: KnownBuilds) -> WatchCursor:
    """Return a copy of a cursor with different known builds of one project."""
    projects = dict(cursor.projects)
    projects.pop(project, None)
    idle = [name for name, other in projects.items() if not other.unfinished]
    if len(idle) >= _MOST_IDLE:
        # Hundreds of other projects have newer builds in the list, so a walk does not reach this project's builds.
        del projects[idle[0]]
    return attrs.evolve(cursor, projects=projects | {project: known})


def progress_state(build: Build) -> State:
    """Return the fields of a build that make a `changed` event: its status and lifecycle."""
    return build.status, build.lifecycle
