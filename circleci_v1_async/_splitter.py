"""JSON arrays taken apart into their items while they come in."""

import re
from typing import Final

from .errors import DecodeError

__all__ = ["ArrayItems"]

_MARK: Final = re.compile(rb'["\[\]{},]')
_DEPTHS: Final = {b"[": 1, b"{": 1, b"]": -1, b"}": -1, b",": 0}
_IN_STRING: Final = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
_BLANK: Final = b"\xef\xbb\xbf \t\r\n"


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
