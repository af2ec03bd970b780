"""Splitter of JSON lists: gives items while the text comes in, and keeps no more than one."""

import re
import sys
from collections.abc import Callable
from typing import Final, NamedTuple, cast

from circleci_v1_async.errors import BodyTooLargeError, DecodeError

__all__ = ["ListSplitter", "Run"]

_BLANK: Final = b" \t\r\n"
_BOM: Final = b"\xef\xbb\xbf"
_OPENING: Final = b"[{"
_QUOTE, _BEGIN_LIST, _END_LIST, _BEGIN_OBJECT, _END_OBJECT = b'"[]{}'

# Possessive: no byte is looked at a second time because a later one does not fit.
_STRING: Final = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_OUTSIDE: Final = rb'[^"%b]*+(?:"%b"[^"%b]*+)*+'


def _matcher(pattern: bytes) -> "Callable[[bytearray, int], re.Match[bytes]]":
    """Return a function that matches a pattern, which also the empty string matches, from a place on."""
    return cast("Callable[[bytearray, int], re.Match[bytes]]", re.compile(pattern, re.DOTALL).match)


_to_string_end: Final = _matcher(_STRING)
_to_bracket: Final = _matcher(_OUTSIDE % (rb"\[\]{}", _STRING, rb"\[\]{}"))
_to_comma_or_bracket: Final = _matcher(_OUTSIDE % (rb"\[\]{},", _STRING, rb"\[\]{},"))
# The key of a list that has just begun. Keys with escapes are no names of fields.
_KEY: Final = re.compile(rb'(?<!\\)"([^"\\]+)"[ \t\r\n]*:[ \t\r\n]*\[\Z')
_KEY_LENGTH: Final = 200


class Run(NamedTuple):
    """Items that follow each other in a list.

    Attributes:
        name: Key of the list; empty when the list is all of the text, or the key has escapes.
        first: Position of the first item.
        items: JSON text of each item.
    """

    name: str
    first: int
    items: list[bytes]

    def path(self, index: int) -> str:
        """Return the JSON path of one of the items."""
        return f"{f'$.{self.name}' if self.name else '$'}[{self.first + index}]"


class ListSplitter:
    """Splits a JSON list, or the lists that are members of a JSON object.

    It looks for where values begin and end, and for nothing else: the items are for a parser to judge.

    Args:
        of_object: Whether the text is to be an object, not a list.
        largest: Bytes that an item may have, with the blanks around it.

    Attributes:
        frame: Text of the object, with its lists empty.
        holes: Place in the frame for the items of each list, by name.
        complete: Whether the end has come.
        count: Items of the last list so far.
    """

    def __init__(self, *, of_object: bool = False, largest: int = sys.maxsize) -> None:
        self.frame = bytearray()
        self.holes: dict[str, int] = {}
        self.complete = False
        self.count = 0
        self._of_object = of_object
        self._largest = largest
        self._level = 2 if of_object else 1
        self._buffer = bytearray()
        self._begin = 0
        self._at: int = 0
        self._depth: int = 0
        self._in_string = False
        self._in_list = False
        self._name = ""

    def feed(self, data: bytes) -> list[Run]:
        """Take in the next bytes and return the items that they complete, list by list.

        Raises:
            DecodeError: It is no list or no object, or a list lacks an item.
            BodyTooLargeError: An item is too large.
        """
        self._buffer += data
        runs = [Run(self._name, self.count, [])]
        while (mark := self._next_mark()) is not None:
            if self._in_list:
                self._end_item(runs[-1], mark)
            elif mark in _OPENING:
                self._open(mark)
                runs.append(Run(self._name, 0, []))
            else:
                self._close()
        self._check_rest()
        if self._of_object and not self._in_list:
            self._move_to_frame()
        del self._buffer[: self._begin]
        self._at -= self._begin
        self._begin = 0
        return [run for run in runs if run.items]

    def _next_mark(self) -> int | None:
        """Return the next comma or bracket that is outside of strings and items; `None` when it is to come."""
        if self._in_string:
            self._skip_string()
        mark = None
        while mark is None and not self._in_string:
            if self._in_list and self._depth > self._level:
                self._skip_nested()
            is_between = self._in_list and self._depth == self._level
            self._at = (_to_comma_or_bracket if is_between else _to_bracket)(self._buffer, self._at).end()
            if self._at == len(self._buffer):
                break
            mark = self._buffer[self._at]
            self._at += 1
            if mark == _QUOTE:
                self._skip_string()
                mark = None
            elif self._in_list and mark in _OPENING:
                self._depth += 1
                mark = None
        return mark

    def _skip_nested(self) -> None:
        """Go to the end of what is within an item, or as far as it has come."""
        buffer, at, depth, level, size = self._buffer, self._at, self._depth, self._level, len(self._buffer)
        while depth > level:
            at = _to_bracket(buffer, at).end()
            if at == size or (mark := buffer[at]) == _QUOTE:
                break
            at += 1
            depth += 1 if mark in _OPENING else -1
        self._at, self._depth = at, depth

    def _skip_string(self) -> None:
        """Go to the end of a string, or as far as it has come: it may break off behind a backslash."""
        self._at = _to_string_end(self._buffer, self._at).end()
        self._in_string = not self._buffer.startswith(b'"', self._at)
        if not self._in_string:
            self._at += 1

    def _open(self, mark: int) -> None:
        if self._depth == 0:
            self._check_outside(self._at - 1)
            if self.complete or mark != (_BEGIN_OBJECT if self._of_object else _BEGIN_LIST):
                raise self._wrong_kind()
        self._depth += 1
        if mark == _BEGIN_LIST and self._depth == self._level:
            self._in_list = True
            self.count = 0
            if self._of_object:
                self._move_to_frame()
                key = _KEY.search(self.frame, max(0, len(self.frame) - _KEY_LENGTH))
                self._name = key[1].decode(errors="replace") if key else ""
                self.holes[self._name] = len(self.frame)
            self._begin = self._at

    def _end_item(self, run: Run, mark: int) -> None:
        self._check_size(self._at - 1 - self._begin)
        item = bytes(self._buffer[self._begin : self._at - 1]).strip(_BLANK)
        if item:
            run.items.append(item)
            self.count += 1
        elif mark != _END_LIST or self.count:
            raise DecodeError("JSON is malformed: an item is missing", run.path(len(run.items)))
        self._begin = self._at
        if mark == _END_OBJECT:
            raise self._wrong_kind()
        if mark == _END_LIST:
            self._in_list = False
            if self._of_object:
                # The frame takes the bracket.
                self._begin -= 1
            self._close()

    def _close(self) -> None:
        if self._depth == 0:
            raise self._wrong_kind()
        self._depth -= 1
        self.complete = self._depth == 0

    def _move_to_frame(self) -> None:
        self.frame += self._buffer[self._begin : self._at]
        self._begin = self._at

    def _check_rest(self) -> None:
        """Check what is there of the text that is to come."""
        if self._in_list:
            self._check_size(len(self._buffer) - self._begin)
        elif self._depth == 0 and not self._of_object:
            self._check_outside(len(self._buffer))
            self._begin = self._at

    def _check_outside(self, end: int) -> None:
        if self._buffer[self._begin : end].strip(_BLANK if self.complete else _BLANK + _BOM):
            raise self._wrong_kind()

    def _check_size(self, size: int) -> None:
        if size > self._largest:
            raise BodyTooLargeError(f"An item of a list is larger than {self._largest} bytes (max_body)")

    def _wrong_kind(self) -> DecodeError:
        return DecodeError(f"Expected `{'object' if self._of_object else 'array'}`")
