"""Lines of the runs of a build's steps, without I/O."""

from collections.abc import Iterator

import attrs

from circleci_v1_async.models import Action, BuildDetail, Step, StepOutput

from ._line import LogLine
from ._screen import HEIGHT, Line, remove_controls
from ._text import LogLines, has_failed

__all__ = ["ActionLines", "FollowedAction", "select_actions"]


def select_actions(build: BuildDetail, step_name: str | None, *, failed_only: bool) -> Iterator[tuple[Step, Action]]:
    """Yield the runs of steps that are wanted, in their order."""
    for step in build.steps:
        for action in step.actions:
            if step_name in {None, step.name} and (has_failed(action) or not failed_only):
                yield step, action


class ActionLines:
    """Lines of the run of a step.

    Args:
        step: The step.
        action: Its run.
        max_size: Characters that may be kept until lines are final.
        strip_ansi: Whether they are as a terminal would show them, or as they were written.
        height: Rows of the terminal: of one, each line is final when it has ended.
    """

    def __init__(
        self, step: Step, action: Action, max_size: int, *, strip_ansi: bool = True, height: int = HEIGHT
    ) -> None:
        self._step = remove_controls(step.name or "")
        self._index = action.index or 0
        self._lines = LogLines(strip_ansi=strip_ansi, max_size=max_size, height=height)

    def feed(self, piece: StepOutput) -> Iterator[LogLine]:
        """Yield the lines that are final by the next piece.

        Raises:
            BodyTooLargeError: There is more to keep than may be kept.
        """
        return self._make(self._lines.feed(piece))

    def finish(self) -> Iterator[LogLine]:
        """Yield the lines that are left."""
        return self._make(self._lines.finish())

    def _make(self, lines: list[Line]) -> Iterator[LogLine]:
        for text, piece in lines:
            yield LogLine(self._step, self._index, text, piece.time, piece.type)


@attrs.define(eq=False)
class FollowedAction:
    """A run of a step whose output is read from its beginning at each look.

    Attributes:
        is_over: Whether a look has found it ended. What was written last may be stored a little later: the look after
            that one is the last.
        is_done: Whether all of it was read.
        given: Number of its lines that were given.
    """

    is_over: bool = False
    is_done: bool = False
    given: int = 0
