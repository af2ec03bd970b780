"""What the steps of a build wrote, taken apart and put together without I/O."""

import re
from collections import deque
from typing import Final

from .enums import BuildStatus
from .errors import DecodeError
from .models import Action, Step, StepOutput

__all__ = ["ArrayItems", "LogText", "has_failed", "heading"]

_FAILED: Final = frozenset(
    {BuildStatus.FAILED, BuildStatus.TIMEDOUT, BuildStatus.INFRASTRUCTURE_FAIL, BuildStatus.CANCELED}
)
_MARK: Final = re.compile(rb'["\[\]{},]')
_DEPTHS: Final = {b"[": 1, b"{": 1, b"]": -1, b"}": -1, b",": 0}
_IN_STRING: Final = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
_BLANK: Final = b"\xef\xbb\xbf \t\r\n"
# Control sequences (colours, cursor), operating system commands (titles, links), and what has two characters.
_ANSI: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")


class ArrayItems:
    """Takes a JSON array apart while it comes in, so that no more than one item has to be kept.

    Where an item begins and ends is all that is looked at.

    Attributes:
        complete: Whether the array's end has come.
    """

    def __init__(self) -> None:
        self.complete = False
        self._buffer = bytearray()
        self._at = 0
        self._depth = 0
        self._in_string = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take in the next bytes and return the items that they complete.

        Raises:
            DecodeError: It is no array.
        """
        self._buffer += data
        items: list[bytes] = []
        begin = 0
        while mark := self._next_mark():
            if self._depth == 0:
                if mark != b"[" or self.complete or self._buffer[begin : self._at - 1].strip(_BLANK):
                    raise DecodeError("Expected `array`")
                begin = self._at
            elif self._depth == 1 and mark in {b",", b"]"}:
                if item := bytes(self._buffer[begin : self._at - 1]).strip(_BLANK):
                    items.append(item)
                begin = self._at
                self.complete = mark == b"]"
            self._depth += _DEPTHS[mark]
        if self._depth == 0 and self._buffer[begin:].strip(_BLANK):
            raise DecodeError("Expected `array`")
        del self._buffer[:begin]
        self._at -= begin
        return items

    def _next_mark(self) -> bytes | None:
        """The next character outside of strings that tells where something begins or ends."""
        while True:
            if self._in_string:
                found = _IN_STRING.match(self._buffer, self._at)
                assert found is not None, "it matches the empty string"  # noqa: S101 - for the type checkers
                self._at = found.end()
                # Else it goes on in the bytes to come, be it with what a backslash escapes.
                if not self._buffer.startswith(b'"', self._at):
                    return None
                self._at += 1
                self._in_string = False
            found = _MARK.search(self._buffer, self._at)
            if found is None:
                self._at = len(self._buffer)
                return None
            self._at = found.end()
            if found[0] != b'"':
                return bytes(found[0])
            self._in_string = True


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
