"""Workflows that are played: a job begins some time after those that it needs have succeeded."""

from collections.abc import Iterator

import attrs
from hypothesis import strategies as st

__all__ = ["Event", "Job", "Play", "plays"]


@attrs.frozen(order=True)
class Event:
    """A build comes, or gets another status.

    Attributes:
        time: Seconds from the beginning.
        run: The job and its run, which is 0 for the first: together they are the build.
        step: Counts what happens to the build.
        status: The build's status from then on.
    """

    time: float
    run: tuple[int, int]
    step: int
    status: str


@attrs.frozen
class Job:
    """A job of a workflow.

    Attributes:
        needs: Numbers of the jobs that have to succeed first.
        gap: Seconds from the end of the last of them to its build.
        waits: Seconds that the build waits.
        runs: Seconds that it runs.
        result: The status that it ends with.
        rerun_after: Seconds from a failure to a rerun, which succeeds; `None` for none.
    """

    needs: tuple[int, ...]
    gap: float = 1.0
    waits: float = 1.0
    runs: float = 1.0
    result: str = "success"
    rerun_after: float | None = None

    def play(self, number: int, start: float) -> Iterator[Event]:
        """Give what happens from its first build on."""
        results = [self.result] + ["success"] * (self.rerun_after is not None and self.result != "success")
        for run, result in enumerate(results):
            steps = [(0.0, "scheduled"), (self.waits, "running"), (self.runs, result)]
            for step, (seconds, status) in enumerate(steps):
                start += seconds
                yield Event(start, (number, run), step, status)
            start += self.rerun_after or 0.0


@attrs.frozen
class Play:
    """A workflow."""

    jobs: tuple[Job, ...]

    @property
    def longest_gap(self) -> float:
        """The longest time from an end to what it brings about."""
        return max(max(job.gap, job.rerun_after or 0.0) for job in self.jobs)

    @property
    def events(self) -> list[Event]:
        """All that happens, in order. Jobs whose needs are not met never come."""
        ends: dict[int, float] = {}
        events: list[Event] = []
        for number, job in enumerate(self.jobs):
            if ends.keys() >= set(job.needs):
                own = list(job.play(number, max((ends[need] for need in job.needs), default=0.0) + job.gap))
                events += own
                if own[-1].status == "success":
                    ends[number] = own[-1].time
        return sorted(events)


@st.composite
def plays(draw: st.DrawFn, longest_gap: float = 50.0, jobs: int = 8) -> Play:
    """Workflows that fan out and in, with late jobs, reruns, and failures after which nothing comes."""
    seconds = st.floats(0.0, 200.0)
    gaps = st.floats(0.0, longest_gap)
    made: list[Job] = []
    for number in range(draw(st.integers(1, jobs))):
        needs = draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else ()
        result = draw(st.sampled_from(["success", "success", "success", "failed", "canceled", "timedout"]))
        rerun_after = draw(st.none() | gaps)
        made.append(Job(tuple(needs), draw(gaps), draw(seconds), draw(seconds), result, rerun_after))
    return Play(tuple(made))
