"""Finding the builds of a commit or a workflow in a project's list. No I/O."""

from collections.abc import Callable, Container, Iterable
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Final

import attrs

from circleci_v1_async.models import Build

__all__ = ["JobSearch", "find_newest_commit", "select_builds"]

# Margin by which a committer's clock may be ahead of CircleCI's, mistaken time zones included.
_CLOCKS_DIFFER: Final = timedelta(days=1)


@attrs.define
class JobSearch:
    """Picks builds out of a list, newest first, and tells where none can be further down.

    Attributes:
        matches: Tells whether a build is one of those that are looked for.
        seen_up_to: The highest number of an earlier search, which was complete: this one ends there; 0 if it is the
            first.
        candidates: The builds that match, and those outside of workflows that repeat a build: `select_builds` tells
            whether it is one of these.
        highest: The highest number in the list.
    """

    matches: Callable[[Build], bool]
    seen_up_to: int = 0
    candidates: list[Build] = attrs.field(factory=list[Build])
    highest: int = 0
    _oldest: datetime | None = None

    def take(self, page: list[Build]) -> bool:
        """Take in the next builds, all of them, and return whether the search is at its end."""
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
        # A sum may be no date: committers date as they please.
        return self._oldest is not None and created is not None and self._oldest - created > _CLOCKS_DIFFER


def select_builds(
    candidates: Iterable[Build], matches: Callable[[Build], bool], known: Container[object] = ()
) -> list[Build]:
    """Return the builds that match, and those outside of workflows that repeat one, oldest first.

    Args:
        candidates: Builds of one project.
        matches: Tells whether a build is one of those that are looked for.
        known: Numbers of further builds that are.
    """
    selected: dict[int, Build] = {}
    for build in sorted(candidates, key=attrgetter("build_num")):
        repeats_one = build.workflows is None and (build.retry_of in selected or build.retry_of in known)
        if matches(build) or repeats_one:
            selected[build.build_num] = build
    return list(selected.values())


def find_newest_commit(builds: Iterable[Build]) -> str | None:
    """Return the hash of the commit that was built first most recently; `None` if no build has one.

    A rerun of an older commit, which has a higher number, does not make that commit the newest.
    """
    by_age = sorted((build for build in builds if build.vcs_revision), key=attrgetter("build_num"))
    return next(reversed(dict.fromkeys(build.vcs_revision for build in by_age)), None)


def _created(build: Build) -> datetime | None:
    """Return the time at which a build was created, or soon after; `None` when it has not got that far."""
    return build.usage_queued_at or build.queued_at or build.start_time
