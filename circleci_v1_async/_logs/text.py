"""Pieces of logs put together as text, without I/O."""

import re
from collections import deque
from typing import Final

from circleci_v1_async.enums import BuildStatus
from circleci_v1_async.errors import BodyTooLargeError
from circleci_v1_async.models import Action, Step, StepOutput

__all__ = ["LogText", "has_failed", "heading"]

_FAILED: Final = frozenset(
    {BuildStatus.FAILED, BuildStatus.TIMEDOUT, BuildStatus.INFRASTRUCTURE_FAIL, BuildStatus.CANCELED}
)
# Control sequences (colours, cursor), operating system commands (titles, links), what has two characters; and every
# ESC and 8-bit control that is left, since what is left out around one must not make a sequence of it.
_ANSI: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]"
    r"|[\x1b\x80-\x9f]"
)


class LogText:
    """Lines of a log, as many as are wanted.

    Args:
        tail: How many of the last lines to keep; `None` for all.
        strip_ansi: Whether to leave out escape sequences, and what a carriage return let others write over.
        max_size: Characters that may be kept.
    """

    def __init__(self, *, tail: int | None, strip_ansi: bool, max_size: int) -> None:
        self._tail = tail
        self._strip_ansi = strip_ansi
        self._max_size = max_size
        self._lines: deque[str] = deque()
        self._count = 0
        self._size = 0
        # Joined at the line's end: to join it with each piece would take quadratic time.
        self._open_line: list[str] = []
        self._type: str | None = None

    def add(self, piece: StepOutput) -> None:
        """Take in the next piece, which may end anywhere; but not in a line of another stream.

        Raises:
            BodyTooLargeError: There is more to keep than may be kept.
        """
        if piece.type != self._type:
            self._end_line()
            self._type = piece.type
        begin = 0
        while end := piece.message.find("\n", begin) + 1:
            self._extend_line(piece.message[begin : end - 1])
            self._close_line()
            begin = end
        self._extend_line(piece.message[begin:])

    def finish(self) -> str:
        """Return the wanted lines, each with its end, and how many there were before them."""
        self._end_line()
        left_out = self._count - len(self._lines)
        lines = [f"({left_out} lines before)", *self._lines] if left_out else self._lines
        return "".join(f"{line}\n" for line in lines)

    def _extend_line(self, text: str) -> None:
        if text:
            self._size += len(text)
            self._open_line.append(text)
            if self._size > self._max_size:
                raise BodyTooLargeError(f"The log of a step is larger than {self._max_size} characters (max_body)")

    def _end_line(self) -> None:
        if self._open_line:
            self._close_line()

    def _close_line(self) -> None:
        written = line = "".join(self._open_line)
        self._open_line.clear()
        if self._strip_ansi:
            line = _strip_escapes(line).rstrip("\r").rpartition("\r")[2]
        self._lines.append(line)
        self._size += len(line) - len(written) + 1
        self._count += 1
        if self._tail is not None and len(self._lines) > self._tail:
            self._size -= len(self._lines.popleft()) + 1


def _strip_escapes(text: str) -> str:
    """Return the text without escape sequences, and without what could begin one."""
    return _ANSI.sub("", text)


def has_failed(action: Action) -> bool:
    """Whether the run of a step failed. Not by its `failed`, which is null on time-outs."""
    return action.status in _FAILED


def heading(step: Step, action: Action, *, strip_ansi: bool) -> str:
    """Return the line above the log of a run of a step."""
    name = step.name or action.name or "step"
    status = action.status or "unknown"
    if strip_ansi:
        name, status = _strip_escapes(name), _strip_escapes(status)
    container = f" [{action.index}]" if len(step.actions) > 1 else ""
    exit_code = f", exit code {action.exit_code}" if action.exit_code else ""
    return f"=== {name}{container} ({status}{exit_code})\n"
