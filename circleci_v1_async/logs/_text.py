"""Texts and lines from the pieces of logs, without I/O."""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

from circleci_v1_async.enums import BuildStatus
from circleci_v1_async.errors import BodyTooLargeError, CircleCIError
from circleci_v1_async.models import Action, Step, StepOutput

from ._line import Remark
from ._screen import HEIGHT, Line, Screen, remove_controls

_FAILED: Final = frozenset(
    {BuildStatus.FAILED, BuildStatus.TIMEDOUT, BuildStatus.INFRASTRUCTURE_FAIL, BuildStatus.CANCELED}
)


class RawLines:
    """Lines as they were written, including escape sequences, with the same methods as `Screen`."""

    def __init__(self) -> None:
        # Parts of the unfinished line. They are joined at the end of the line: joining in each piece would take
        # quadratic time.
        self._open_line: list[str] = []
        self._first = self._last = StepOutput(message="")
        self.size = 0

    def feed(self, piece: StepOutput) -> Iterator[Line]:
        """Add a piece, and yield the lines that end in it."""
        first, *others = piece.message.split("\n")
        self._extend(first, piece)
        for text in others:
            yield self._close()
            self._extend(text, piece)

    def finish(self) -> Iterator[Line]:
        """Yield the unfinished line, if it has any text."""
        return iter([self._close()] if self._open_line else [])

    def _extend(self, text: str, piece: StepOutput) -> None:
        self._last = piece
        if not self._open_line:
            self._first = piece
        if text:
            self._open_line.append(text)
            self.size += len(text)

    def _close(self) -> Line:
        text = "".join(self._open_line)
        self._open_line.clear()
        self.size = 0
        return text, self._last.time, self._first.type


class LogLines:
    """Lines of a log, raw or from a `Screen` of that height. The pieces of the log can end anywhere.

    A change of stream does not end a line, because a log that is not stored yet does not distinguish the streams. More
    than `max_size` characters that are not final are a `BodyTooLargeError`.
    """

    def __init__(self, *, strip_ansi: bool, max_size: int, height: int = HEIGHT) -> None:
        self._source = Screen(height) if strip_ansi else RawLines()
        self._max_size = max_size

    def feed(self, piece: StepOutput) -> Iterator[Line]:
        """Add the next piece, and yield the lines that become final."""
        source, max_size = self._source, self._max_size
        for line in source.feed(piece):
            if source.size > max_size:
                raise _too_large(max_size)
            yield line
        if source.size > max_size:
            raise _too_large(max_size)

    def finish(self) -> Iterator[Line]:
        return self._source.finish()


class LogText:
    """Text of a log, or of its last lines. More than `max_size` characters are a `BodyTooLargeError`."""

    def __init__(self, *, tail: int | None, strip_ansi: bool, max_size: int) -> None:
        self._tail = tail
        self._max_size = max_size
        self._source = LogLines(strip_ansi=strip_ansi, max_size=max_size)
        self._remarks: list[str] = []
        self._lines: deque[str] = deque()
        self._count = 0
        self._size = 0

    def add(self, piece: StepOutput | Remark) -> None:
        """Add the next piece or a remark. Remarks come before the text."""
        if isinstance(piece, Remark):
            self._remarks.append(f"{piece}")
        else:
            self._keep(self._source.feed(piece))

    def finish(self) -> str:
        """Return the kept lines, each with a line end, after the number of dropped lines, if any."""
        self._keep(self._source.finish())
        return self._join()

    def fail(self, error: CircleCIError) -> tuple[str, Remark]:
        """Return the kept lines from before an error, followed by a remark, and the remark itself."""
        with suppress(BodyTooLargeError):
            self._keep(self._source.finish())
        remark = explain_failure(error, has_begun=self._count > 0)
        return f"{self._join()}{remark}\n", remark

    def _join(self) -> str:
        left_out = self._count - len(self._lines)
        lines = [*self._remarks, *([f"({left_out} lines before)"] if left_out else []), *self._lines]
        return "".join(f"{line}\n" for line in lines)

    def _keep(self, lines: Iterable[Line]) -> None:
        for text, _, _ in lines:
            self._lines.append(text)
            self._size += len(text) + 1
            self._count += 1
            if self._tail is not None and len(self._lines) > self._tail:
                self._size -= len(self._lines.popleft()) + 1
            # The end of the last line does not count.
            if self._size - 1 > self._max_size:
                raise _too_large(self._max_size)


def explain_failure(error: CircleCIError, *, has_begun: bool) -> Remark:
    """Return the remark that replaces an unreadable log, or the unreadable rest of a log."""
    rest = "the rest of " if has_begun else ""
    reason = remove_controls(" ".join(f"{error}".split()))
    return Remark(f"{rest}this log could not be read: {reason}")


def _too_large(max_size: int) -> BodyTooLargeError:
    return BodyTooLargeError(f"The log of a step is larger than {max_size} characters (max_body)")


def has_failed(action: Action) -> bool:
    """Return whether a step run failed, by its status: the `failed` field is null after a timeout."""
    return action.status in _FAILED


def heading(step: Step, action: Action, *, strip_ansi: bool) -> str:
    """Return the heading of a step run's log, with a line end."""
    name = step.name or action.name or "step"
    status = action.status or "unknown"
    if strip_ansi:
        name, status = remove_controls(name), remove_controls(status)
    container = f" [{action.index}]" if len(step.actions) > 1 else ""
    exit_code = f", exit code {action.exit_code}" if action.exit_code else ""
    return f"=== {name}{container} ({status}{exit_code})\n"
