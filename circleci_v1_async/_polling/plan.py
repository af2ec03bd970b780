"""The plan of waiting for a commit or a workflow: what was seen, and whether that is all. No I/O.

A workflow's next job is created when the one before ends, so that for a moment everything has finished although more is
to come. The plan therefore waits until nothing has run for `settle` seconds. It counts them from the reply that shows
the last change to the request that shows no other: a job that is created within `settle` of the end of the one before
is in the list by then, however long replies take.
"""

import math
from collections.abc import Callable
from typing import Final, Generic, TypeVar

import attrs

from circleci_v1_async.enums import BuildStatus
from circleci_v1_async.models import Build
from circleci_v1_async.models._jobs import Job, find_latest_of_each_job
from circleci_v1_async.verdict import Verdict

from .job_search import JobSearch, select_builds

__all__ = ["PollResult", "WaitPlan", "result_state"]

# A sleeper may wake a little early: seconds until it looks again, and seconds that do not count.
_TICK: Final = 0.01
_EARLY: Final = 1e-6

B = TypeVar("B", bound=Build)
L = TypeVar("L")


@attrs.frozen
class PollResult(Generic[B, L]):
    """Result of a look.

    Attributes:
        last: What is known by now: the result, if it is over.
        is_over: Whether the wait is over.
        news: The builds that are new, or in another state than before.
        summary: Where it stands, for errors.
        soon: Seconds until the next look at the latest.
    """

    last: L
    is_over: bool
    news: tuple[B, ...]
    summary: str
    soon: float = math.inf


def result_state(build: Build) -> tuple[object, ...]:
    """Return the part of a build of which a change is news."""
    return build.status, build.lifecycle, build.outcome, build.is_finished


@attrs.define
class WaitPlan:
    """Decides when a commit or a workflow is done.

    To drive it: `begin`, let the search take pages until it is at its end, add the builds that `find_unseen` names to
    its candidates, and `update`.

    Args:
        matches: Tells whether a build is one of those that are waited for.
        jobs: Names of the jobs to wait for; none for all.
        settle: Seconds without a running build after which no other is expected.
        fail_fast: Whether the first failure ends it.

    Attributes:
        seen_up_to: The highest number in the list at the last look.
    """

    matches: Callable[[Build], bool]
    jobs: tuple[str, ...] = ()
    settle: float = 60.0
    fail_fast: bool = False
    seen_up_to: int = attrs.field(default=0, init=False)
    _builds: dict[int, Build] = attrs.field(factory=dict[int, Build], init=False)
    _idle_since: float | None = attrs.field(default=None, init=False)

    def begin(self) -> JobSearch:
        """Return the search of the next look."""
        return JobSearch(self.matches, self.seen_up_to)

    def find_unseen(self, search: JobSearch) -> list[int]:
        """Return the numbers of unfinished builds that a search has not met: newer ones displaced them."""
        met = {build.build_num for build in search.candidates}
        return [
            build.build_num for build in self._latest().values() if not build.is_finished and build.build_num not in met
        ]

    def update(self, search: JobSearch, began: float, ended: float) -> PollResult[Build, Verdict]:
        """Take in a look, and decide.

        Args:
            search: What it has found.
            began: Time at which the look began.
            ended: Time at which it ended.
        """
        found = select_builds(search.candidates, self.matches, self._builds)
        news = tuple(build for build in found if self._is_news(build))
        self._builds.update((build.build_num, build) for build in found)
        self.seen_up_to = max(self.seen_up_to, search.highest)
        latest = self._latest()
        running = sum(not build.is_finished for build in latest.values())
        if running or not latest:
            self._idle_since = None
        elif news or self._idle_since is None:
            self._idle_since = ended
        return PollResult(
            last=Verdict.of(self._builds.values(), jobs=self.jobs or None),
            is_over=self._is_settled(began) or self._is_decided(latest),
            news=news,
            summary=self._summarize(len(latest), running),
            soon=math.inf if self._idle_since is None else max(_TICK, self._idle_since + self.settle - ended),
        )

    def _summarize(self, builds: int, running: int) -> str:
        if not builds:
            return "never seen"
        if running:
            return f"last seen with {running} of {builds} builds unfinished"
        return f"last seen with all its builds finished ({builds}), but `settle` ({self.settle:g} s) was not over"

    def _is_news(self, build: Build) -> bool:
        known = self._builds.get(build.build_num)
        return known is None or result_state(known) != result_state(build)

    def _latest(self) -> dict[Job, Build]:
        return find_latest_of_each_job(self._builds.values())

    def _counted(self, latest: dict[Job, Build]) -> dict[Job, Build]:
        return {job: build for job, build in latest.items() if not self.jobs or job.name in self.jobs}

    def _is_settled(self, began: float) -> bool:
        # Of the look that found everything finished, the request came before the reply: with no time to settle, it is
        # the last one nevertheless.
        return self._idle_since is not None and (not self.settle or began - self._idle_since >= self.settle - _EARLY)

    def _is_decided(self, latest: dict[Job, Build]) -> bool:
        """Whether nothing that may still come is waited for."""
        counted = self._counted(latest)
        if self.fail_fast and any(_is_final(build) and not build.is_success for build in counted.values()):
            return True
        came = {job.name for job in counted}
        return bool(self.jobs) and came.issuperset(self.jobs) and all(map(_is_final, counted.values()))


def _is_final(build: Build) -> bool:
    """Whether a build ends its job: CircleCI repeats a `retried` one, and may run another yet."""
    return build.is_finished and build.status not in {BuildStatus.RETRIED, BuildStatus.NOT_RUN}
