"""Lines of a build's step runs, without I/O."""

from collections.abc import Iterable, Iterator

import attrs

from circleci_v1_async.errors import CircleCIError, InvalidInputError
from circleci_v1_async.models import Action, BuildDetail, Step, StepOutput

from ._line import LogLine, Remark
from ._screen import HEIGHT, Line, remove_controls
from ._text import LogLines, has_failed


def select_actions(
    build: BuildDetail, step_name: str | None, *, failed_only: bool, may_appear: bool = False
) -> list[tuple[Step, Action]]:
    """Return the selected step runs, in the order of the build.

    A step that the build does not have is an error, unless it `may_appear` later, or the build is old and has no steps.
    """
    names = [step.name for step in build.steps]
    if step_name is not None and not may_appear and names and step_name not in names:
        listed = ", ".join(remove_controls(name) for name in dict.fromkeys(names) if name)
        raise InvalidInputError(f"step: expected a step of build {build.build_num} ({listed}), got {step_name!r}")
    return [
        (step, action)
        for step in build.steps
        for action in step.actions
        if step_name in {None, step.name} and (has_failed(action) or not failed_only)
    ]


class ActionLines:
    """Lines of a step run. The output is read once, or from the beginning in each poll.

    The lines are as a terminal would show them or, without `strip_ansi`, as they were written. At most `max_size`
    characters are kept until lines are final.

    CircleCI may store the last output a little after the end of a step run (`is_over`), so the next poll is the last.
    """

    def __init__(self, step: Step, action: Action, max_size: int, *, strip_ansi: bool = True) -> None:
        self._step = remove_controls(step.name or "")
        self._index = action.index or 0
        self._max_size = max_size
        self._strip_ansi = strip_ansi
        self._given = 0
        self.is_over = self.is_done = False
        self.begin()

    def begin(self, height: int = HEIGHT) -> None:
        """Begin a poll. The lines that earlier polls yielded are not yielded again.

        `height` is the number of rows of the terminal. With one row, each complete line is final immediately.
        """
        self._lines = LogLines(strip_ansi=self._strip_ansi, max_size=self._max_size, height=height)
        self._position = 0

    @property
    def begun(self) -> bool:
        return self._position > 0

    def feed(self, piece: StepOutput | Remark) -> Iterator[LogLine]:
        """Yield the new lines that become final with the next piece, or a remark's line."""
        if isinstance(piece, StepOutput):
            return self._take_new(self._lines.feed(piece))
        # The lines after a remark come from a truncated log. Their positions differ from those in a complete log.
        self._given = self._position
        return iter([LogLine(self._step, self._index, f"{piece}", None, None)])

    def finish(self) -> Iterator[LogLine]:
        return self._take_new(self._lines.finish())

    def _take_new(self, lines: Iterable[Line]) -> Iterator[LogLine]:
        for text, time, kind in lines:
            self._position += 1
            if self._position > self._given:
                self._given = self._position
                yield LogLine(self._step, self._index, text, time, kind)


@attrs.define(eq=False)
class FollowedBuild:
    """A build whose log is polled. `is_done` when no more of it can be read.

    The log of a build that had finished before the first poll (not `was_running`) is read only once.
    """

    was_running: bool = False
    is_done: bool = False
    failures: list[CircleCIError] = attrs.field(factory=list["CircleCIError"])
    _lines: dict[tuple[object, ...], ActionLines] = attrs.field(factory=dict[tuple[object, ...], ActionLines])

    def find_lines(self, step: Step, action: Action, max_size: int) -> ActionLines:
        key = action.step, action.index, action.allocation_id, action.auto_rerun_number
        if key not in self._lines:
            self._lines[key] = ActionLines(step, action, max_size)
            self._lines[key].is_over = not self.was_running
        return self._lines[key]
