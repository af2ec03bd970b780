"""What the demo knows of a history that it reads, and of the failure that it looks into. Nothing is shown here."""

import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Final, Self

import attrs

from circleci_v1_async import Build, Download, PageWalk

from .lines import outcome_of
from .team import Team

__all__ = ["Failure", "Report"]

_SHOWN: Final = 8
_SLOWEST: Final = 5


@attrs.frozen
class Failure:
    """A build that failed, and what it left behind.

    Attributes:
        build: The build.
        log: What its failed steps wrote, the end of it.
        downloads: What came of fetching its artifacts.
    """

    build: Build
    log: str
    downloads: list[Download]


@attrs.define
class Report:
    """What a walk has brought so far.

    Attributes:
        project: Whose builds they are.
        host: Who serves them.
        team: Who works on the project meanwhile; `None` where nobody can know.
        builds: How many builds came.
        requests: How many requests it took.
        seconds: How long it took.
        outcomes: How many builds ended how; those that have not ended count by their status.
        latest: The last few that came.
        slowest: Those that ran the longest, the longest first.
        lost: How many were in every version of the list that was served and did not come; `None` where nobody can know.
        failure: The latest failure, once it has been looked into; `None` where there is none, or nobody looks.
    """

    project: str
    host: str
    team: Team | None = None
    builds: int = 0
    requests: int = 0
    seconds: float = 0.0
    outcomes: Counter[str] = attrs.Factory(Counter[str])
    latest: deque[Build] = attrs.Factory(lambda: deque[Build](maxlen=_SHOWN))
    slowest: list[Build] = attrs.Factory(list[Build])
    lost: int | None = None
    failure: Failure | None = None
    _keys: set[tuple[str | None, int]] = attrs.field(factory=set[tuple[str | None, int]], init=False, repr=False)

    @property
    def repeated(self) -> int:
        """How many builds came more than once, counted each time."""
        return self.builds - len(self._keys)

    @property
    def is_exact(self) -> bool:
        """Whether everything came exactly once, as far as one can know."""
        return not self.lost and not self.repeated

    async def follow(self, walk: PageWalk[Build], show: Callable[[Self], None]) -> None:
        """Read `walk` to its end and `show` how far it is after each page."""
        start = time.monotonic()
        async with walk:
            async for page in walk.pages():
                for build in page:
                    self.add(build)
                self.requests, self.seconds = walk.requests, time.monotonic() - start
                show(self)
        self.requests, self.seconds = walk.requests, time.monotonic() - start

    def count_lost(self, survivors: frozenset[tuple[str, int]], limit: int | None) -> None:
        """Compare with the truth: `survivors` were in the list whenever it was served.

        A walk that ended at its limit owes only those in front of its last build: a project's list descends by number.
        """
        last = min(num for _, num in self._keys) if self.builds == limit else 0
        self.lost = sum(num > last for _, num in survivors - self._keys)

    def add(self, build: Build) -> None:
        """Take one more build into account."""
        self.builds += 1
        self._keys.add(build.key)
        self.outcomes[outcome_of(build)] += 1
        self.latest.append(build)
        if build.build_time_millis is not None:
            self.slowest = sorted([*self.slowest, build], key=_duration, reverse=True)[:_SLOWEST]


def _duration(build: Build) -> int:
    return build.build_time_millis or 0
