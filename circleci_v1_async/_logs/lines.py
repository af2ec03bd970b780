"""Lines of the runs of a build's steps, without I/O."""

from collections.abc import Iterator

import attrs

from circleci_v1_async.logs import LogLine
from circleci_v1_async.models import Action, BuildDetail, Step, StepOutput

from .screen import HEIGHT, Line
from .text import LogLines, has_failed

__all__ = ["RunLines", "select_runs"]


def select_runs(build: BuildDetail, step_name: str | None, *, failed_only: bool) -> Iterator[tuple[Step, Action]]:
    """Yield the runs of steps that are wanted, in their order."""
    for step in build.steps:
        for action in step.actions:
            if step_name in {None, step.name} and (has_failed(action) or not failed_only):
                yield step, action


@attrs.define(eq=False)
class RunLines:
    """Lines of the run of a step, whose output may be read again from its beginning when it has grown.

    Args:
        step: The step.
        action: Its run.
        max_size: Characters that may be kept until lines are final.
        height: Rows of the terminal that shows them: of one, each line is final when it has ended.

    Attributes:
        is_done: Whether all of its lines were returned.
    """

    step: Step
    action: Action
    max_size: int
    height: int = HEIGHT
    is_done: bool = attrs.field(default=False, init=False)
    _lines: LogLines = attrs.field(init=False)
    # Characters that were read before, and since the beginning.
    _seen: int = attrs.field(default=0, init=False)
    _position: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._lines = LogLines(strip_ansi=True, max_size=self.max_size, height=self.height)

    def begin(self) -> None:
        """Go back to the beginning of the output. Pieces that were read before are left out."""
        self._position = 0

    def feed(self, piece: StepOutput) -> Iterator[LogLine]:
        """Yield the lines that are final by the next piece.

        Raises:
            BodyTooLargeError: There is more to keep than may be kept.
        """
        new = piece.message[max(self._seen - self._position, 0) :]
        self._position += len(piece.message)
        self._seen = max(self._seen, self._position)
        return self._make(self._lines.feed(attrs.evolve(piece, message=new)))

    def finish(self) -> Iterator[LogLine]:
        """Yield the lines that are left."""
        self.is_done = True
        return self._make(self._lines.finish())

    def _make(self, lines: list[Line]) -> Iterator[LogLine]:
        name, index = self.step.name or "", self.action.index or 0
        for text, piece in lines:
            yield LogLine(name, index, text, piece.time, piece.type)
