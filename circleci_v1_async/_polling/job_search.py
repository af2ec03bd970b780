"""Search for the builds of a commit or a workflow in a project's list, without I/O."""

from collections.abc import Callable, Container, Iterable
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Final

import attrs

from circleci_v1_async.models import Build

# Maximum time that a committer's clock may be ahead of CircleCI's, including wrong time zones.
_CLOCKS_DIFFER: Final = timedelta(days=1)


@attrs.define
class JobSearch:
    """Selects builds from a list, newest first, and detects when the rest of the list cannot match.

    An earlier, complete search has read the list up to the build number `seen_up_to`; this search ends there. The
    candidates are the builds that match, and builds outside of workflows that rerun a build: `select_builds` keeps only
    the reruns of matching builds.
    """

    matches: Callable[[Build], bool]
    seen_up_to: int = 0
    candidates: list[Build] = attrs.field(factory=list[Build])
    highest: int = 0
    _oldest: datetime | None = None

    def take(self, page: list[Build]) -> bool:
        """Add all builds of the next page, and return whether the search has finished."""
        is_at_end = False
        for build in page:
            is_at_end |= self._take(build)
        return is_at_end

    def _take(self, build: Build) -> bool:
        self.highest = max(self.highest, build.build_num)
        if self.matches(build):
            self.candidates.append(build)
            self._oldest = min(filter(None, (self._oldest, build.committer_date, _created(build))), default=None)
        elif build.workflows is None and build.retry_of is not None:
            self.candidates.append(build)
        return build.build_num <= self.seen_up_to or self._is_too_old(build)

    def _is_too_old(self, build: Build) -> bool:
        created = _created(build)
        # Subtract the dates instead of adding a day: a commit date can be anything, so the sum could overflow.
        return self._oldest is not None and created is not None and self._oldest - created > _CLOCKS_DIFFER


def select_builds(
    candidates: Iterable[Build], matches: Callable[[Build], bool], known: Container[object] = ()
) -> list[Build]:
    """Return the builds that match, and builds outside of workflows that rerun one, oldest first.

    All candidates belong to one project. `known` contains the numbers of builds that were selected before.
    """
    selected: dict[int, Build] = {}
    for build in sorted(candidates, key=attrgetter("build_num")):
        repeats_one = build.workflows is None and (build.retry_of in selected or build.retry_of in known)
        if matches(build) or repeats_one:
            selected[build.build_num] = build
    return list(selected.values())


def find_newest_commit(builds: Iterable[Build]) -> str | None:
    """Return the hash of the commit with the most recent first build; `None` if no build has a hash.

    A rerun of an older commit has a higher build number, but does not make that commit the newest.
    """
    by_age = sorted((build for build in builds if build.vcs_revision), key=attrgetter("build_num"))
    return next(reversed(dict.fromkeys(build.vcs_revision for build in by_age)), None)


def _created(build: Build) -> datetime | None:
    """Return the time at which a build was created, or soon after; `None` if the time is not set yet."""
    return build.usage_queued_at or build.queued_at or build.start_time
