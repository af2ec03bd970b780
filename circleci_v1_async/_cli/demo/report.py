"""The data of the demo: counts of a history, and its latest failure. This module shows nothing."""

import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Final, Self

import attrs

from circleci_v1_async import Build, Download, PageWalk
from circleci_v1_async._cli.lines import get_outcome

from .team import Team

_LATEST: Final = 8
_SLOWEST: Final = 5


@attrs.frozen
class Failure:
    """A failed build with its log and its artifacts.

    Attributes:
        build: The build.
        log: The end of the output of its failed steps.
        downloads: Results of downloading its artifacts.
    """

    build: Build
    log: str
    downloads: list[Download]


@attrs.define
class Report:
    """The state of a walk: the latest builds, and counts.

    Attributes:
        project: The project.
        host: The server, in words.
        team: The team that changes the fake project during the walk; `None` for a real project.
        builds: Number of builds yielded.
        requests: Number of requests sent.
        seconds: Duration in seconds.
        outcomes: Number of builds by outcome. Unfinished builds count by status.
        latest: The last few builds yielded.
        slowest: The builds with the longest durations, longest first.
        lost: Number of builds that were in every served version of the list, but not yielded; `None` if unknown.
        failure: The latest failure; `None` if no build failed, or the failure was not fetched.
    """

    project: str
    host: str
    team: Team | None = None
    builds: int = 0
    requests: int = 0
    seconds: float = 0.0
    outcomes: Counter[str] = attrs.Factory(Counter[str])
    latest: deque[Build] = attrs.Factory(lambda: deque[Build](maxlen=_LATEST))
    slowest: list[Build] = attrs.Factory(list[Build])
    lost: int | None = None
    failure: Failure | None = None
    _keys: set[tuple[str | None, int]] = attrs.field(factory=set[tuple[str | None, int]], init=False, repr=False)

    @property
    def repeated(self) -> int:
        """The number of repeated builds."""
        return self.builds - len(self._keys)

    @property
    def is_exact(self) -> bool:
        """Whether no build is known to be lost or repeated."""
        return not self.lost and not self.repeated

    async def follow(self, walk: PageWalk[Build], show: Callable[[Self], None]) -> None:
        """Read `walk` completely, and call `show` after each page."""
        start = time.monotonic()
        async with walk:
            async for page in walk.pages():
                for build in page:
                    self.add(build)
                self.requests, self.seconds = walk.requests, time.monotonic() - start
                show(self)
        self.requests, self.seconds = walk.requests, time.monotonic() - start

    def count_lost(self, survivors: frozenset[tuple[str, int]], limit: int | None) -> None:
        """Count the `survivors`, builds in every served version of the list, that were not yielded.

        If a walk stopped at its limit, only builds above its last build count: lists are ordered by number.
        """
        last = min(num for _, num in self._keys) if self.builds == limit else 0
        self.lost = sum(num > last for _, num in survivors - self._keys)

    def add(self, build: Build) -> None:
        """Add a build to the counts."""
        self.builds += 1
        self._keys.add(build.key)
        self.outcomes[get_outcome(build)] += 1
        self.latest.append(build)
        if build.build_time_millis is not None:
            self.slowest = sorted([*self.slowest, build], key=_get_duration, reverse=True)[:_SLOWEST]


def _get_duration(build: Build) -> int:
    return build.build_time_millis or 0
