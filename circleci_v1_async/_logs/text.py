"""Pieces of logs put together as text, without I/O."""

import re
from collections import deque
from typing import Final

from circleci_v1_async.enums import BuildStatus
from circleci_v1_async.models import Action, Step, StepOutput

__all__ = ["LogText", "has_failed", "heading"]

_FAILED: Final = frozenset(
    {BuildStatus.FAILED, BuildStatus.TIMEDOUT, BuildStatus.INFRASTRUCTURE_FAIL, BuildStatus.CANCELED}
)
# Control sequences (colours, cursor), operating system commands (titles, links), and what has two characters.
_ANSI: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")


class LogText:
    """Lines of a log, as many as are wanted.

    Args:
        tail: Only so many of the last lines; `None` for all.
        strip_ansi: Whether to leave out escape sequences, and what a carriage return let others write over.
    """

    def __init__(self, *, tail: int | None, strip_ansi: bool) -> None:
        self._lines: deque[str] = deque(maxlen=tail)
        self._strip_ansi = strip_ansi
        self._count = 0
        self._rest = ""
        self._type: str | None = None

    def add(self, piece: StepOutput) -> None:
        """Take in the next piece, which may end anywhere; but not in a line of another stream."""
        if piece.type != self._type:
            self._end_line()
            self._type = piece.type
        *lines, self._rest = (self._rest + piece.message).split("\n")
        for line in lines:
            self._add(line)

    def finish(self) -> str:
        """All of the wanted lines, each with its end, and a word about those that are left out."""
        self._end_line()
        left_out = self._count - len(self._lines)
        lines = [f"({left_out} lines before)", *self._lines] if left_out else self._lines
        return "".join(f"{line}\n" for line in lines)

    def _end_line(self) -> None:
        if self._rest:
            self._add(self._rest)
            self._rest = ""

    def _add(self, line: str) -> None:
        self._count += 1
        if self._strip_ansi:
            line = _ANSI.sub("", line).rstrip("\r").rpartition("\r")[2]
        self._lines.append(line)


def has_failed(action: Action) -> bool:
    """Whether a run of a step did not do what it should. `failed` alone does not tell: a time-out has none."""
    return action.status in _FAILED


def heading(step: Step, action: Action) -> str:
    """The line above what a run of a step wrote."""
    container = f" [{action.index}]" if len(step.actions) > 1 else ""
    exit_code = f", exit code {action.exit_code}" if action.exit_code else ""
    return f"=== {step.name or action.name or 'step'}{container} ({action.status or 'unknown'}{exit_code})\n"
