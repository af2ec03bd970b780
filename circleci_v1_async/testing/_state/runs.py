"""The course of a build that runs by the fake's clock: queued, running, finished."""

import math
from datetime import UTC, datetime, timedelta
from typing import Final

import attrs

# The time in the queue, as a share of the build's running time.
_QUEUE_SHARE: Final = 0.1
# The steps, each with the shares of the run when it starts and ends, and its number of output lines.
_STEPS: Final = (("Spin up environment", 0.0, 0.1, 2), ("checkout", 0.1, 0.2, 3), ("run tests", 0.2, 1.0, 40))


@attrs.define
class Clock:
    """The fake's clock: the system's clock, plus the time that a test has added."""

    _moved: timedelta = attrs.field(factory=timedelta, init=False)

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return datetime.now(UTC) + self._moved

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self._moved += timedelta(seconds=seconds)


@attrs.frozen
class RunStep:
    """A step of a run at one moment.

    Attributes:
        started: Number of seconds from the start of the run.
        seconds: Number of seconds that the step takes.
        lines: The lines written so far.
    """

    name: str
    started: float
    seconds: float
    lines: list[str]
    is_over: bool


@attrs.frozen
class Run:
    """A build's course.

    Attributes:
        starts_at: Time when the build leaves the queue.
        seconds: Number of seconds that the build runs.
        left_at: Time when a user set the build's status. From then on, the clock changes nothing.
    """

    starts_at: datetime
    seconds: float
    left_at: datetime | None = None

    @classmethod
    def begin(cls, now: datetime, seconds: float, *, is_queued: bool) -> "Run":
        """Create the run of a build that is queued, or that starts to run now."""
        return cls(now + timedelta(seconds=seconds * _QUEUE_SHARE if is_queued else 0), seconds)

    @property
    def start_time(self) -> datetime:
        """The time when the build started, or will start."""
        return self.starts_at if self.left_at is None else min(self.starts_at, self.left_at)

    @property
    def stop_time(self) -> datetime:
        """The time when the build ended, or will end."""
        return self.left_at or self.starts_at + timedelta(seconds=self.seconds)

    def find_status(self, now: datetime) -> str:
        """Return the build's status at a time."""
        if now < self.starts_at:
            return "queued"
        return "running" if now < self.stop_time else "success"

    def list_steps(self, now: datetime) -> list[RunStep]:
        """Return the steps that have started at a time, each with its output up to that time."""
        elapsed = (now - self.starts_at).total_seconds()
        steps: list[RunStep] = []
        for name, begin, end, count in _STEPS:
            started, seconds = begin * self.seconds, (end - begin) * self.seconds
            if elapsed < started:
                break
            is_over = elapsed >= started + seconds
            written = count if is_over else math.floor((elapsed - started) / seconds * count)
            lines = [f"{name}: line {number} of {count}" for number in range(1, written + 1)]
            steps.append(RunStep(name, started, seconds, lines, is_over))
        return steps
