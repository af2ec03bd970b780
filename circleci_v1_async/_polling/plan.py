"""Plan of a wait for a commit or a workflow: the known builds, and whether more can follow. No I/O.

A workflow's next job is created when the previous job ends. For a moment, all builds have finished although more builds
follow. The plan therefore waits until no build has run for `settle` seconds. It measures this time from the reply that
shows the last change to the start of a request that shows no further change. If a job is created within `settle`
seconds of the end of the previous job, that request's reply contains the job, no matter how long replies take.
"""

import math
from collections.abc import Callable
from typing import Final, Generic, TypeVar

import attrs

from circleci_v1_async._core.arguments import as_validator, check_names, check_seconds
from circleci_v1_async.enums import BuildStatus
from circleci_v1_async.models import Build
from circleci_v1_async.models._jobs import find_latest_of_each_job
from circleci_v1_async.verdict import Verdict

from .job_search import JobSearch, select_builds
from .schedule import EARLY

# Number of seconds until the next poll if a sleep ends slightly early.
_TICK: Final = 0.01

B = TypeVar("B", bound=Build)
L = TypeVar("L")


@attrs.frozen
class PollResult(Generic[B, L]):
    """Result of a poll: the latest state, and the builds that are new or changed.

    If the wait is over, the state is its result. The summary is for errors. The next poll is within `soon` seconds.
    """

    last: L
    is_over: bool
    news: tuple[B, ...]
    summary: str
    soon: float = math.inf


def result_state(build: Build) -> tuple[object, ...]:
    """Return the state of a build. A change of this state counts as news."""
    return build.status, build.lifecycle, build.outcome, build.is_finished


def _check_jobs(jobs: object) -> tuple[str, ...]:
    return check_names("jobs", jobs) or ()


@attrs.define
class WaitPlan:
    """Decides when a commit or a workflow is done: when all jobs, or those with these names, are.

    For each poll, call `begin`, pass pages to the search until it has finished, fetch the builds that `find_unseen`
    returns, add them to the search's candidates, and call `update`.
    """

    matches: Callable[[Build], bool]
    jobs: tuple[str, ...] = attrs.field(default=None, converter=_check_jobs)
    settle: float = attrs.field(default=60.0, validator=as_validator(check_seconds, from_zero=True))
    fail_fast: bool = False
    seen_up_to: int = attrs.field(default=0, init=False)
    _builds: dict[int, Build] = attrs.field(factory=dict[int, Build], init=False)
    _idle_since: float | None = attrs.field(default=None, init=False)

    def begin(self) -> JobSearch:
        return JobSearch(self.matches, self.seen_up_to)

    def find_unseen(self, search: JobSearch) -> list[int]:
        """Return the numbers of unfinished builds that the search did not find.

        Newer builds have displaced these builds from the pages that were read.
        """
        met = {build.build_num for build in search.candidates}
        return [build.build_num for build in self._latest() if not build.is_finished and build.build_num not in met]

    def update(self, search: JobSearch, began: float, ended: float) -> PollResult[Build, Verdict]:
        """Record a poll that began and ended at these times, and decide whether the wait is over."""
        found = select_builds(search.candidates, self.matches, self._builds)
        news = tuple(build for build in found if self._is_news(build))
        self._builds.update((build.build_num, build) for build in found)
        self.seen_up_to = max(self.seen_up_to, search.highest)
        latest = self._latest()
        running = sum(not build.is_finished for build in latest)
        if running or not latest:
            self._idle_since = None
        elif news or self._idle_since is None:
            self._idle_since = ended
        verdict = Verdict.of(self._builds.values(), jobs=self.jobs or None)
        return PollResult(
            last=verdict,
            is_over=self._is_settled(began) or self._is_decided(verdict),
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

    def _latest(self) -> list[Build]:
        return list(find_latest_of_each_job(self._builds.values()).values())

    def _is_settled(self, began: float) -> bool:
        # The first poll that finds everything finished begins before the time to settle, which starts at its end. If
        # `settle` is 0, that poll ends the wait nevertheless.
        return self._idle_since is not None and (not self.settle or began - self._idle_since >= self.settle - EARLY)

    def _is_decided(self, verdict: Verdict) -> bool:
        """Whether the wait does not need any of the builds that may still follow."""
        if self.fail_fast and any(map(_is_final, verdict.failed)):
            return True
        return bool(self.jobs) and not verdict.missing and all(map(_is_final, verdict.builds))


def _is_final(build: Build) -> bool:
    """Whether a build is the last build of its job.

    CircleCI reruns a `retried` build, and may still run another build after a `not_run` one.
    """
    return build.is_finished and build.status not in {BuildStatus.RETRIED, BuildStatus.NOT_RUN}
