"""Steps of builds, and their output."""

import attrs

from circleci_v1_async.enums import BuildStatus

from ._model import Model, Timestamp, model

__all__ = ["Action", "Step", "StepOutput"]


@model(kw_only=True)
class Action(Model):
    """The run of a step in one container."""

    truncated: bool | None = None
    """Whether CircleCI kept only a part of the output where `output_url` leads."""

    index: int | None = None
    """Number of the container, from 0."""

    parallel: bool | None = None
    """Whether the step runs in every container."""

    failed: bool | None = None
    """Whether the action failed: `True` or null. A trap: it is null on time-outs. Use `status`."""

    infrastructure_fail: bool | None = None
    """Whether CircleCI's own infrastructure failed: `True` or null, never `False`."""

    name: str | None = None
    """Name of the step."""

    bash_command: str | None = None
    """Command that was run; `None` for steps that run none."""

    status: BuildStatus | None = None
    """Status of the action. It is `timedout` when the step was killed for giving no output."""

    timedout: bool | None = None
    """Whether the action timed out. Always null when seen: use `status`."""

    end_time: Timestamp | None = None
    """Time at which the action ended; `None` while it runs."""

    type: str | None = None
    """Section of the configuration of CircleCI 1.0, such as `checkout`. Always `test` since 2.0."""

    allocation_id: str | None = None
    """Id of the machine. It tells the runs of a step apart that ran more than once; absent on old builds."""

    output_url: str | None = attrs.field(default=None, repr=False)
    """URL of the output. Do not share it: for a few minutes, it works for everyone who knows it.

    It is shown in no repr, and absent while the action runs, when it was cancelled, and on old builds.
    `iter_output` and `get_build_log` read the output.
    """

    start_time: Timestamp | None = None
    """Time at which the action started."""

    background: bool | None = None
    """Whether the step runs beside those that follow; absent on old builds."""

    exit_code: int | None = None
    """Exit code of the command; `None` while it runs, when it was killed, and for steps that run none."""

    insignificant: bool | None = None
    """Whether the build goes on as if nothing had happened when this fails; absent on old builds."""

    canceled: bool | None = None
    """Whether the action was cancelled: `True` or null, never `False`."""

    step: int | None = None
    """Number of the step. Not an index, and with gaps: 0, 99, 101, 102 and so on."""

    run_time_millis: int | None = None
    """Duration in milliseconds; `None` while the action runs."""

    has_output: bool | None = None
    """Whether the action wrote something. Even then, `output_url` may be absent."""

    truncation_len: int | None = None
    """Length that the output was cut to, in characters. Null or absent when seen."""

    source: str | None = None
    """Origin of the step, such as `config`; not always sent."""

    auto_rerun_number: int | None = None
    """Number of the automatic rerun that this is, from 1; absent when it is none."""

    max_auto_reruns: int | None = None
    """Number of automatic reruns that the step may have; absent when it has none."""


@model(kw_only=True)
class Step(Model):
    """A step of a build."""

    name: str | None = None
    """Name of the step in the configuration."""

    actions: tuple[Action, ...] = ()
    """Runs of the step, one for each container."""


@model(kw_only=True)
class StepOutput(Model):
    """A piece of a step's output. It is not a line: it may hold many, and end in the middle of one."""

    message: str
    """Text as it was written, with escape sequences and line ends."""

    time: Timestamp | None = None
    """Time at which the text was written; `None` when the service does not say."""

    type: str | None = None
    """Stream that the text was written to, `out` or `err`; `None` when the service does not say."""

    truncated: bool | None = None
    """Whether CircleCI kept only a part of the output; `None` when the service does not say."""
