"""What `circleci-v1 demo` does: read a history and keep count. Nothing is shown here."""

import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Final, Self

import attrs

from circleci_v1_async import Build, CircleCISession, PageWalk, ProjectSlug
from circleci_v1_async.testing import FakeCircleCI

from .team import PROJECT, Team

__all__ = ["Report", "outcome_of", "read_fake", "read_project"]

_SHOWN: Final = 8
_SLOWEST: Final = 5
_PAGE: Final = 95  # new builds that a page brings: 100 less the overlap
_MAX_DELAY: Final = 0.08  # the fake, once interrupted, waits a tenth of a second for replies under way


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


def outcome_of(build: Build) -> str:
    """How a build ended, or where it stands until then."""
    return build.outcome or build.status or "unknown"


def _duration(build: Build) -> int:
    return build.build_time_millis or 0


async def read_fake(
    show: Callable[[Report], None], *, builds: int, limit: int | None, prefetch: int, seconds: float
) -> Report:
    """Stream the history of a fake whose builds arrive, finish and disappear meanwhile.

    Args:
        show: Called after each page.
        builds: How many builds there are at the start.
        limit: How many to read; `None` for all.
        prefetch: Pages to fetch ahead.
        seconds: How long to wait for pages, were each asked for after the one before. A short history takes less.
    """
    async with FakeCircleCI() as fake, CircleCISession(fake.token, base_url=fake.base_url) as ci:
        team = Team(fake, builds)
        fake.delay = min(_MAX_DELAY, seconds / (builds / _PAGE))
        report = Report(PROJECT, f"a fake CircleCI at {fake.base_url}", team)
        await report.follow(ci.iter_project_builds(PROJECT, limit=limit, prefetch=prefetch), show)
        report.count_lost(team.survivors, limit)
    return report


async def read_project(
    show: Callable[[Report], None], ci: CircleCISession, project: str, *, limit: int, prefetch: int
) -> Report:
    """Stream the history of a real project, of which nobody can know what was lost."""
    report = Report(str(ProjectSlug.parse(project)), "CircleCI")
    await report.follow(ci.iter_project_builds(project, limit=limit, prefetch=prefetch), show)
    return report
