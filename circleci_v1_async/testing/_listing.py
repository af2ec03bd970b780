"""Which builds a list request asks for: filters, branch, limit and offset."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Final
from weakref import WeakKeyDictionary

import attrs

from circleci_v1_async.testing import _builds
from circleci_v1_async.testing._encoding import compact
from circleci_v1_async.testing._state import Build, Project

MAX_LIMIT: Final = 100
_FAILURES: Final = frozenset({"failed", "timedout", "infrastructure_fail"})


def _is_running(build: Build) -> bool:
    # The service counts the builds that wait as running: queue bots live on that.
    return not build.phase.is_over


FILTERS: Final[dict[str, Callable[[Build], bool]]] = {
    "completed": lambda build: build.phase.is_finished,
    "successful": lambda build: build.phase.outcome == "success",
    "failed": lambda build: build.phase.outcome in _FAILURES,
    "running": _is_running,
}


@attrs.frozen
class ListQuery:
    """What a list request asked for, as the service understands it."""

    filter: str | None = None
    branch: str | None = None
    limit: int = 30
    offset: int = 0
    shallow: bool = False

    @classmethod
    def of(cls, query: Mapping[str, str], *, branch: str | None = None) -> "ListQuery":
        """Read a query string's parameters.

        Raises:
            ValueError: A parameter has a value that the service does not know. What it really answers then is not
                recorded; the fake refuses, so that such a request does not go unnoticed.
        """
        filter = query.get("filter")
        if filter is not None and filter not in FILTERS:
            raise ValueError(f"filter: {filter}")
        return cls(
            filter=filter,
            branch=query.get("branch", branch),
            limit=min(max(int(query.get("limit", "30")), 1), MAX_LIMIT),
            offset=max(int(query.get("offset", "0")), 0),
            shallow=query.get("shallow") == "true",
        )

    def select(self, builds: Iterable[Build]) -> Iterator[Build]:
        """The builds of the whole list, in the order given."""
        matches = FILTERS[self.filter] if self.filter else None
        for build in builds:
            if (self.branch is None or build.branch == self.branch) and (matches is None or matches(build)):
                yield build

    def page(self, builds: Iterable[Build]) -> list[Build]:
        """The builds of the page asked for; past the end, none."""
        return list(islice(self.select(builds), self.offset, self.offset + self.limit))


class PageRenderer:
    """Lists of builds as compact JSON. A `Build` never changes, so what was rendered of one is kept as long as it."""

    def __init__(self, projects: Mapping[str, Project]) -> None:
        self._projects = projects
        self._full: WeakKeyDictionary[Build, bytes] = WeakKeyDictionary()
        self._shallow: WeakKeyDictionary[Build, bytes] = WeakKeyDictionary()

    def render(self, builds: Iterable[Build], *, shallow: bool) -> bytes:
        """The JSON array of `builds`."""
        kept = self._shallow if shallow else self._full
        payload = _builds.shallow if shallow else _builds.full
        items: list[bytes] = []
        for build in builds:
            item = kept.get(build)
            if item is None:
                item = kept[build] = compact(payload(self._projects[build.slug], build))
            items.append(item)
        return b"[" + b",".join(items) + b"]"
