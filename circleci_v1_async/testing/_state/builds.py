"""Builds with their steps, as plain values, without I/O and without the JSON of the API."""

import zlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

import attrs

from circleci_v1_async.testing._state.digests import make_stable_uuid
from circleci_v1_async.testing._state.files import Artifact
from circleci_v1_async.testing._state.runs import Run

FIRST_CONFIGURED_STEP: Final = 101
# Recorded: the built-in steps before the configured steps, for the machine and its environment, have these numbers.
_BUILT_IN_STEPS: Final = (0, 99)


@attrs.frozen
class Phase:
    """The stage of a build, which its status determines.

    Attributes:
        lifecycle: The API's `lifecycle`.
        outcome: The API's `outcome`; None until the build is finished.
        failed: The API's `failed`; null, not false, for builds that are fixed, timed out or have no tests.
        usage_queued: Whether the build has entered the plan's queue.
        queued: Whether the build has entered a machine's queue.
        started: Whether the build has started.
        timed: Whether a finished build has a duration. After an infrastructure failure, it has no duration.
        never_runs: Whether the build will not be run, regardless of its lifecycle.
    """

    lifecycle: str
    outcome: str | None = None
    failed: bool | None = None
    usage_queued: bool = True
    queued: bool = False
    started: bool = False
    timed: bool = True
    never_runs: bool = False

    @property
    def is_finished(self) -> bool:
        """Whether the build has run to completion."""
        return self.lifecycle == "finished"

    @property
    def is_over(self) -> bool:
        """Whether the build will never change again."""
        return self.outcome is not None or self.never_runs


def _make_finished_phase(outcome: str, *, failed: bool | None = None, timed: bool = True) -> Phase:
    return Phase("finished", outcome, failed, queued=True, started=True, timed=timed)


PHASES: Final = {
    "success": _make_finished_phase("success", failed=False),
    "fixed": _make_finished_phase("success"),
    "failed": _make_finished_phase("failed", failed=True),
    "canceled": _make_finished_phase("canceled", failed=False),
    "timedout": _make_finished_phase("timedout"),
    "no_tests": _make_finished_phase("no_tests"),
    "infrastructure_fail": _make_finished_phase("infrastructure_fail", failed=True, timed=False),
    "retried": _make_finished_phase("infrastructure_fail", failed=True, timed=False),
    "running": Phase("running", queued=True, started=True),
    "queued": Phase("queued", queued=True),
    "scheduled": Phase("scheduled"),
    "not_running": Phase("not_running"),
    "not_run": Phase("not_run", usage_queued=False, never_runs=True),
}
# Recorded: a build that is canceled before it starts keeps its lifecycle and never gets a queue time.
_CANCELED_WHILE_WAITING: Final = Phase("scheduled", "canceled", usage_queued=False)

# Recorded: a retry that is not run keeps the lifecycle of a waiting build.
_NOT_RUN_AGAIN: Final = Phase("scheduled", usage_queued=False, never_runs=True)


@attrs.frozen
class Previous:
    """A reference to the previous build of a branch, in its state when the next build was created."""

    build_num: int
    status: str
    build_time_millis: int


@attrs.define
class Action:
    """One step run: the execution of a step in one container."""

    step: int
    index: int
    name: str
    status: str
    output: str
    published: bool
    truncated: bool
    start_time: datetime
    fields: dict[str, object]
    duration: timedelta = timedelta(milliseconds=3_497)
    is_planned: bool = False


@attrs.frozen(eq=False)
class Build:
    """One build. A change makes a new value, so that rendered payloads can be cached for each build.

    Attributes:
        created: Time of the build's creation. All its other times are derived from it.
        workflow_run: UUID of the workflow run; None for the run that all builds of a revision share.
        fields: Keys of the payload that a test sets. They override the computed keys.
        actions: The steps. They change in place, like `artifacts` and `tests`: lists of builds show none of them.
        run: The build's course by the fake's clock; None if the clock does not change the build.
        encoded: JSON of this version in lists, by form. A list encodes each version once.
    """

    slug: str
    build_num: int
    branch: str
    status: str
    subject: str
    created: datetime
    revision: str
    why: str
    workflow: str | None
    job: str
    workflow_run: str | None
    previous: Previous | None
    previous_successful: Previous | None
    fields: dict[str, object]
    dont_build: str | None = None
    tag: str | None = None
    parallel: int = 1
    build_parameters: dict[str, object] = attrs.Factory(dict[str, object])
    retry_of: int | None = None
    retries: tuple[int, ...] = ()
    canceled_while_waiting: bool = False
    canceled_by_user: bool = False
    ssh_enabled: bool = False
    actions: list[Action] = attrs.Factory(list[Action])
    artifacts: dict[tuple[str, str], Artifact] = attrs.Factory(dict[tuple[str, str], Artifact])
    tests: list[dict[str, object]] = attrs.Factory(list[dict[str, object]])
    run: Run | None = None
    encoded: dict[str, bytes] = attrs.field(factory=dict[str, bytes], init=False, repr=False)

    @cached_property
    def phase(self) -> Phase:
        """The stage that the status implies."""
        if self.canceled_while_waiting and self.status == "canceled":
            return _CANCELED_WHILE_WAITING
        if self.retry_of is not None and self.status == "not_run":
            return _NOT_RUN_AGAIN
        return PHASES[self.status]

    @cached_property
    def job_id(self) -> str:
        """The UUID of the build's job. The URLs of its artifacts contain it."""
        return make_stable_uuid(self.slug, self.build_num)

    @cached_property
    def workflow_id(self) -> str:
        """The UUID of the workflow run. By default all jobs of a push share it."""
        return self.workflow_run or make_stable_uuid(self.slug, self.workflow, self.revision)

    def add_action(
        self,
        name: str,
        *,
        output: str = "",
        status: str = "success",
        step: int | None = None,
        index: int = 0,
        published: bool = True,
        truncated: bool = False,
        fields: Mapping[str, object] | None = None,
    ) -> None:
        """Add a step, or one more container to a step. The default number is the service's next number."""
        number = self._choose_step_number() if step is None else step
        start = self.start_time + timedelta(seconds=4 * len(self.actions))
        self.actions.append(
            Action(number, index, name, status, output, published, truncated, start, dict(fields or {}))
        )

    def follow_run(self, run: Run, now: datetime) -> None:
        """Show the steps of the run at a time. The build's own steps stay, and end with the run."""
        if any(not action.is_planned for action in self.actions):
            if run.find_status(now) == "success":
                self.end_actions("success", now)
            return
        self.actions.clear()
        for step in run.list_steps(now):
            self.add_action(step.name, output="".join(f"{line}\r\n" for line in step.lines))
            action = self.actions[-1]
            action.is_planned = True
            action.status = "success" if step.is_over else "running"
            action.start_time = run.start_time + timedelta(seconds=step.started)
            action.duration = timedelta(seconds=step.seconds)

    def end_actions(self, status: str, now: datetime) -> None:
        """End the running steps."""
        for action in self.actions:
            if action.status == "running":
                action.status = status
                if action.is_planned:
                    action.duration = now - action.start_time

    def _choose_step_number(self) -> int:
        taken = [action.step for action in self.actions]
        return next(
            (step for step in _BUILT_IN_STEPS if step not in taken), max([FIRST_CONFIGURED_STEP - 1, *taken]) + 1
        )

    def find_action(self, step: str, index: str) -> Action | None:
        """Return the action with these numbers, which are strings from a path."""
        named = (action for action in self.actions if (str(action.step), str(action.index)) == (step, index))
        return next(named, None)

    def find_artifact(self, node_index: str, path: str) -> Artifact | None:
        """Return the artifact with this path, stored by this container."""
        return self.artifacts.get((node_index, path))

    @cached_property
    def recency(self) -> tuple[datetime, int]:
        """The sort key of `/recent-builds`: by second; within a second, an arbitrary but fixed order."""
        return self.created.replace(microsecond=0), zlib.crc32(f"{self.slug}#{self.build_num}".encode())

    @cached_property
    def duration(self) -> timedelta:
        """The duration of the build, even before it is finished."""
        if self.run is not None:
            return self.run.stop_time - self.run.start_time
        return timedelta(milliseconds=60_000 + 7_919 * self.build_num % 90_000)

    @cached_property
    def millis(self) -> int | None:
        """The duration in milliseconds, as the service shows it; None if the service does not show it."""
        return self.duration // timedelta(milliseconds=1) if self.phase.is_finished and self.phase.timed else None

    @property
    def start_time(self) -> datetime:
        """The time at which the build starts."""
        return self.created + timedelta(milliseconds=4_500) if self.run is None else self.run.start_time

    @property
    def stop_time(self) -> datetime:
        """The time at which the build stops."""
        return self.start_time + self.duration
