"""Pieces of logs put together as text, without I/O."""

from collections import deque
from typing import Final

from circleci_v1_async.enums import BuildStatus
from circleci_v1_async.errors import BodyTooLargeError
from circleci_v1_async.models import Action, Step, StepOutput

from ._screen import HEIGHT, Line, Screen, remove_controls

__all__ = ["LogLines", "LogText", "has_failed", "heading"]

_FAILED: Final = frozenset(
    {BuildStatus.FAILED, BuildStatus.TIMEDOUT, BuildStatus.INFRASTRUCTURE_FAIL, BuildStatus.CANCELED}
)


class RawLines:
    """Lines as they were written, escape sequences included, in the manner of a `Screen`.

    Attributes:
        size: Characters of the line that has no end yet.
    """

    def __init__(self) -> None:
        # Joined at the line's end: to join it with each piece would take quadratic time.
        self._open_line: list[str] = []
        self._piece = StepOutput(message="")
        self.size = 0

    def feed(self, piece: StepOutput) -> list[Line]:
        """Take in a piece, and return the lines that end in it."""
        self._piece = piece
        first, *others = piece.message.split("\n")
        self._extend(first)
        lines: list[Line] = []
        for text in others:
            lines.append(self._close())
            self._extend(text)
        return lines

    def end_line(self) -> list[Line]:
        """Return the line that has no end yet, if it has begun."""
        return [self._close()] if self._open_line else []

    finish = end_line

    def _extend(self, text: str) -> None:
        if text:
            self._open_line.append(text)
            self.size += len(text)

    def _close(self) -> Line:
        text = "".join(self._open_line)
        self._open_line.clear()
        self.size = 0
        return Line(text, self._piece)


class LogLines:
    """Lines of a log, whose pieces may end anywhere, but not in a line of another stream.

    Args:
        strip_ansi: Whether they are as a terminal would show them, or as they were written.
        height: Rows of the terminal.
        max_size: Characters that may be kept until lines are final.
    """

    def __init__(self, *, strip_ansi: bool, max_size: int, height: int = HEIGHT) -> None:
        self._source = Screen(height) if strip_ansi else RawLines()
        self._max_size = max_size
        self._type: str | None = None

    def feed(self, piece: StepOutput) -> list[Line]:
        """Take in the next piece, and return the lines that are final by that.

        Raises:
            BodyTooLargeError: There is more to keep than may be kept.
        """
        lines: list[Line] = []
        # Without a type it is not known which stream it is of, as while a build runs.
        if piece.type is not None and piece.type != self._type:
            if self._type is not None:
                lines += self._source.end_line()
            self._type = piece.type
        lines += self._source.feed(piece)
        if self._source.size > self._max_size:
            raise _too_large(self._max_size)
        return lines

    def finish(self) -> list[Line]:
        """Return the lines that are left."""
        return self._source.finish()


class LogText:
    """Text of a log, as many of its lines as are wanted.

    Args:
        tail: How many of the last lines to keep; `None` for all.
        strip_ansi: Whether they are as a terminal would show them, or as they were written.
        max_size: Characters that may be kept.
    """

    def __init__(self, *, tail: int | None, strip_ansi: bool, max_size: int) -> None:
        self._tail = tail
        self._max_size = max_size
        self._source = LogLines(strip_ansi=strip_ansi, max_size=max_size)
        self._lines: deque[str] = deque()
        self._count = 0
        self._size = 0

    def add(self, piece: StepOutput) -> None:
        """Take in the next piece.

        Raises:
            BodyTooLargeError: There is more to keep than may be kept.
        """
        self._keep(self._source.feed(piece))

    def finish(self) -> str:
        """Return the wanted lines, each with its end, and how many there were before them."""
        self._keep(self._source.finish())
        left_out = self._count - len(self._lines)
        lines = [f"({left_out} lines before)", *self._lines] if left_out else self._lines
        return "".join(f"{line}\n" for line in lines)

    def _keep(self, lines: list[Line]) -> None:
        for text, _ in lines:
            self._lines.append(text)
            self._size += len(text) + 1
            self._count += 1
            if self._tail is not None and len(self._lines) > self._tail:
                self._size -= len(self._lines.popleft()) + 1
        # The last line needs no end.
        if self._size - 1 > self._max_size:
            raise _too_large(self._max_size)


def _too_large(max_size: int) -> BodyTooLargeError:
    return BodyTooLargeError(f"The log of a step is larger than {max_size} characters (max_body)")


def has_failed(action: Action) -> bool:
    """Whether the run of a step failed. Not by its `failed`, which is null on time-outs."""
    return action.status in _FAILED


def heading(step: Step, action: Action, *, strip_ansi: bool) -> str:
    """Return the line above the log of a run of a step."""
    name = step.name or action.name or "step"
    status = action.status or "unknown"
    if strip_ansi:
        name, status = remove_controls(name), remove_controls(status)
    container = f" [{action.index}]" if len(step.actions) > 1 else ""
    exit_code = f", exit code {action.exit_code}" if action.exit_code else ""
    return f"=== {name}{container} ({status}{exit_code})\n"
