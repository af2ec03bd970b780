"""Steps of builds, and their output."""

import attrs

from circleci_v1_async.enums import BuildStatus

from ._model import Model, Timestamp, model

__all__ = ["Action", "Step", "StepOutput"]


@model(kw_only=True)
class Action(Model):
    """A step run: one execution of a step in one container."""

    truncated: bool | None = None
    """Whether the output at `output_url` is incomplete, because CircleCI kept only a part of it."""

    index: int | None = None
    """Number of the container, from 0."""

    parallel: bool | None = None
    """Whether the step runs in every container."""

    failed: bool | None = None
    """Whether the step run failed: `True` or null. Unreliable: it is null for timeouts. Use `status`."""

    infrastructure_fail: bool | None = None
    """Whether CircleCI's own infrastructure failed: `True` or null, never `False`."""

    name: str | None = None
    """Name of the step."""

    bash_command: str | None = None
    """Command that was run; `None` for steps without a command."""

    status: BuildStatus | None = None
    """Status of the step run. It is `timedout` if CircleCI killed the step because it wrote no output."""

    timedout: bool | None = None
    """Whether the step run timed out. Unreliable: always null in the replies seen so far. Use `status`."""

    end_time: Timestamp | None = None
    """Time at which the step run ended; `None` while it is in progress."""

    type: str | None = None
    """Section of the CircleCI 1.0 configuration, such as `checkout`. Always `test` since 2.0."""

    allocation_id: str | None = None
    """ID of the machine. It distinguishes repeated runs of one step; absent on old builds."""

    output_url: str | None = attrs.field(default=None, repr=False)
    """URL of the output. Do not share it: for a few minutes, everyone who has the URL can read the output.

    The repr omits it. It is absent while the step runs, if the step run was canceled, and on old builds. Use
    `iter_output` or `get_build_log` to read the output.
    """

    start_time: Timestamp | None = None
    """Time at which the step run started."""

    background: bool | None = None
    """Whether the step runs concurrently with the following steps; absent on old builds."""

    exit_code: int | None = None
    """Exit code of the command; `None` while it runs, if it was killed, and without a command."""

    insignificant: bool | None = None
    """Whether the build ignores a failure of this step run and continues; absent on old builds."""

    canceled: bool | None = None
    """Whether the step run was canceled: `True` or null, never `False`."""

    step: int | None = None
    """Number of the step. It is not an index, because numbers have gaps: 0, 99, 101, 102 and so on."""

    run_time_millis: int | None = None
    """Duration in milliseconds; `None` while the step run is in progress."""

    has_output: bool | None = None
    """Whether the step run wrote output. Even if `True`, `output_url` can be absent."""

    truncation_len: int | None = None
    """Length of the shortened output, in characters. Always null or absent in the replies seen so far."""

    source: str | None = None
    """Origin of the step, such as `config`; sometimes absent."""

    auto_rerun_number: int | None = None
    """Number of this automatic rerun, from 1; absent if the step run is not an automatic rerun."""

    max_auto_reruns: int | None = None
    """Maximum number of automatic reruns of the step; absent without automatic reruns."""


@model(kw_only=True)
class Step(Model):
    """A step of a build."""

    name: str | None = None
    """Name of the step in the configuration."""

    actions: tuple[Action, ...] = ()
    """Step runs, one for each container."""


@model(kw_only=True)
class StepOutput(Model):
    """A piece of a step's output. It can contain several lines, and end in the middle of a line."""

    message: str
    """Unchanged text of the piece, with escape sequences and line ends."""

    time: Timestamp | None = None
    """Time at which the text was written; `None` if absent from the reply."""

    type: str | None = None
    """Stream that the text was written to, `out` or `err`; `None` if absent from the reply."""

    truncated: bool | None = None
    """Whether CircleCI kept only a part of the output; `None` if absent from the reply."""
