"""Splitter of a JSON list: returns items while the text arrives, and keeps at most one in memory."""

import re
import sys
from collections.abc import Callable
from typing import Final, cast

from circleci_v1_async.errors import BodyTooLargeError, DecodeError

_BLANK: Final = b" \t\r\n"
_BOM: Final = b"\xef\xbb\xbf"
_OPENING: Final = b"[{"
_QUOTE, _BEGIN_LIST, _END_LIST, _END_OBJECT = b'"[]}'

# Possessive quantifiers, so that the matcher never backtracks over bytes that it has matched.
_STRING: Final = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_OUTSIDE: Final = rb'[^"%b]*+(?:"%b"[^"%b]*+)*+'


def _matcher(pattern: bytes) -> "Callable[[bytearray, int], re.Match[bytes]]":
    """Return a function that matches a pattern at a position. The pattern must match the empty string."""
    return cast("Callable[[bytearray, int], re.Match[bytes]]", re.compile(pattern, re.DOTALL).match)


_to_string_end: Final = _matcher(_STRING)
_to_bracket: Final = _matcher(_OUTSIDE % (rb"\[\]{}", _STRING, rb"\[\]{}"))
_to_comma_or_bracket: Final = _matcher(_OUTSIDE % (rb"\[\]{},", _STRING, rb"\[\]{},"))


class ListSplitter:
    """Splits a JSON list into its items, of at most `largest` bytes with the blanks around an item.

    The splitter only finds the beginning and the end of each item. It does not check the items: use a JSON parser.
    """

    def __init__(self, *, largest: int = sys.maxsize) -> None:
        self.complete = False
        self.count = 0
        self._largest = largest
        self._buffer = bytearray()
        self._begin = 0
        self._at: int = 0
        self._depth: int = 0
        self._in_string = False

    def feed(self, data: bytes) -> list[bytes]:
        """Read the next bytes, and return the items that these bytes complete.

        If the text is not a list, or an item is missing or too large, raise an error.
        """
        self._buffer += data
        items: list[bytes] = []
        while (mark := self._next_mark()) is not None:
            if self._depth:
                self._end_item(items, mark)
            else:
                self._open(mark)
        # Check the received bytes after the last mark.
        if self._depth:
            self._check_size(len(self._buffer) - self._begin)
        else:
            self._check_outside(len(self._buffer))
            self._begin = self._at
        del self._buffer[: self._begin]
        self._at -= self._begin
        self._begin = 0
        return items

    def _next_mark(self) -> int | None:
        """Return the next comma or bracket outside of strings and items; `None` if it has not arrived yet."""
        while not self._in_string or self._leave_string():
            self._at = (_to_comma_or_bracket if self._depth == 1 else _to_bracket)(self._buffer, self._at).end()
            if self._at == len(self._buffer):
                break
            mark = self._buffer[self._at]
            self._at += 1
            if mark == _QUOTE:
                self._in_string = True
            elif self._depth and mark in _OPENING:
                self._depth += 1
            elif self._depth > 1:
                self._depth -= 1
            else:
                return mark
        return None

    def _leave_string(self) -> bool:
        """Move past a string, or as far as possible: the received bytes may end after a backslash."""
        self._at = _to_string_end(self._buffer, self._at).end()
        self._in_string = not self._buffer.startswith(b'"', self._at)
        if not self._in_string:
            self._at += 1
        return not self._in_string

    def _open(self, mark: int) -> None:
        self._check_outside(self._at - 1)
        if self.complete or mark != _BEGIN_LIST:
            raise _wrong_kind()
        self._depth = 1
        self._begin = self._at

    def _end_item(self, items: list[bytes], mark: int) -> None:
        self._check_size(self._at - 1 - self._begin)
        item = bytes(self._buffer[self._begin : self._at - 1]).strip(_BLANK)
        if item:
            items.append(item)
            self.count += 1
        elif mark != _END_LIST or self.count:
            raise DecodeError("JSON is malformed: an item is missing", f"$[{self.count}]")
        self._begin = self._at
        if mark == _END_OBJECT:
            raise _wrong_kind()
        if mark == _END_LIST:
            self._depth = 0
            self.complete = True

    def _check_outside(self, end: int) -> None:
        if self._buffer[self._begin : end].strip(_BLANK if self.complete else _BLANK + _BOM):
            raise _wrong_kind()

    def _check_size(self, size: int) -> None:
        if size > self._largest:
            raise BodyTooLargeError(f"An item of a list is larger than {self._largest} bytes (max_body)")


def _wrong_kind() -> DecodeError:
    return DecodeError("Expected `array`")
