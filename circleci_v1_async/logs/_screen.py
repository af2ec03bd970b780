"""The window of a terminal: what programs wrote, with what they wrote over it. No I/O.

A terminal would wrap long rows and show a window of them. Here rows are never wrapped, and one that has left the window
at its top is final, so that a log of any length takes little memory.
"""

import re
from collections import deque
from typing import Final, NamedTuple

from circleci_v1_async.models import StepOutput

__all__ = ["HEIGHT", "Line", "Screen", "remove_controls"]

HEIGHT: Final = 100

# The last column that tabs and sequences can reach. Text may be longer.
_LAST_COLUMN: Final = 65_535
_TAB: Final = 8
_COMMANDS: Final = frozenset("ABCDEFGHJK`bdfsu")
# Parameters that begin so are of other commands.
_PREFIXES: Final = frozenset("<=>?:")

_COLOUR: Final = re.compile(r"\x1b\[[0-9;:]{0,60}m")
_PLAIN: Final = re.compile(rf"(?:[^\x00-\x08\x0b-\x1f\x7f-\x9f]++|{_COLOUR.pattern})*+")
_TOKEN: Final = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
    # Parameters, intermediate characters and the command: a longer sequence is none.
    r"|(?:\x1b\[|\x9b)(?P<parameters>[0-?]{0,256})(?P<intermediates>[ -/]{0,16})(?P<command>[@-~])"
    # Titles, links and the like, of which the rest may come later.
    r"|(?P<string>\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])"
    r"|\x1b[ -/]{0,16}(?P<escape>[0-Z\\`-~])"
    # Of these the rest may come later.
    r"|(?P<partial>(?:(?:\x1b\[|\x9b)[0-?]{0,256}[ -/]{0,16}|\x1b[ -/]{0,16})\Z)"
    # Control sequences that something else interrupts, and single controls.
    r"|(?:\x1b\[|\x9b)[0-?]{0,256}[ -/]{0,16}|(?P<control>[\s\S])"
)
# A string ends by BEL, ST, CAN, SUB or another sequence; and with its line, as it would else take all that follows.
_STRING_END: Final = re.compile(r"\x1b\\|[\x07\x18\x1a\x9c]|(?=[\x1b\n])")


class Line(NamedTuple):
    """A line that is final.

    Attributes:
        text: Its text, without blanks at its end.
        piece: The piece of the log that wrote to it last; of a blank line, to the next one that is not.
    """

    text: str
    piece: StepOutput


_NOTHING: Final = StepOutput(message="")


class _Row:
    """A row of the window: pieces of text, or cells once something was written over."""

    __slots__ = ("_cells", "_texts", "length", "piece")

    def __init__(self, text: str = "", piece: StepOutput = _NOTHING) -> None:
        self._texts = [text] if text else []
        self._cells: list[str] | None = None
        self.length = len(text)
        self.piece = piece

    def __str__(self) -> str:
        return "".join(self._texts if self._cells is None else self._cells).rstrip(" ")

    def write(self, column: int, text: str) -> None:
        if column > self.length:
            self._append(" " * (column - self.length))
        if column == self.length:
            self._append(text)
        else:
            cells = self._as_cells()
            cells[column : column + len(text)] = text
            self.length = len(cells)

    def cut(self, column: int) -> None:
        """Leave out everything from a column on."""
        if column < self.length:
            if column:
                del self._as_cells()[column:]
            else:
                self._texts, self._cells = [], None
            self.length = column

    def _append(self, text: str) -> None:
        if self._cells is None:
            self._texts.append(text)
        else:
            self._cells += text
        self.length += len(text)

    def _as_cells(self) -> list[str]:
        if self._cells is None:
            self._cells = list("".join(self._texts))
            self._texts = []
        return self._cells


class Screen:
    """A window of rows that text is written to, with a cursor.

    Understood are line feed, carriage return, backspace, tab, movements of the cursor, erasing, repetition, and saving
    and restoring the cursor. All other sequences are left out, so that no line has a control character.

    Args:
        height: Rows of the window. With one row, each line is final as soon as it has ended.

    Attributes:
        size: Characters in the window.
    """

    def __init__(self, height: int = HEIGHT) -> None:
        self._height = height
        # Rows below the last that was written to are left out.
        self._rows = deque([_Row()])
        self._row = self._column = 0
        self._saved = (0, 0)
        self._last_character = ""
        self._rest = ""
        self._is_in_string = False
        # Blank lines, which are left out unless something follows.
        self._blanks = 0
        self._piece = _NOTHING
        self.size = 0

    def feed(self, piece: StepOutput) -> list[Line]:
        """Write a piece, and return the lines that are final by that. It may end within a line or a sequence."""
        self._piece = piece
        final: list[Line] = []
        # A line feed is a carriage return as well.
        text, self._rest = (self._rest + piece.message).replace("\r\n", "\n"), ""
        begin = self._end_string(text, 0)
        while begin < len(text):
            begin = self._write_lines(text, begin, final)
            if token := _TOKEN.match(text, begin):
                begin = self._take(token, final)
        return final

    def end_line(self) -> list[Line]:
        """Go to the next line unless this one is empty, and return the lines that are final by that."""
        final: list[Line] = []
        self._rest, self._is_in_string = "", False
        if self._rows[self._row].length:
            self._feed_line(final)
        return final

    def finish(self) -> list[Line]:
        """Return the lines that are left. Blank ones at the end are left out."""
        final: list[Line] = []
        for row in self._rows:
            self._release(str(row), row.piece, final)
        self._rows = deque([_Row()])
        self._row = self._column = self._blanks = self.size = 0
        return final

    def _write_lines(self, text: str, begin: int, final: list[Line]) -> int:
        """Write whole lines of text and colours, if nothing is in their way. Return where to go on."""
        if self._column or self._row < len(self._rows) - 1 or self._rows[self._row].length:
            return begin
        match = _PLAIN.match(text, begin)
        assert match is not None, "it matches the empty string"  # noqa: S101 - for the type checkers
        if (end := text.rfind("\n", begin, match.end()) + 1) == 0:
            return begin
        plain = text[begin:end]
        if "\x1b" in plain:
            plain = _COLOUR.sub("", plain)
        *lines, _ = plain.expandtabs(_TAB).split("\n")
        if "\t" in plain and max(map(len, lines)) > _LAST_COLUMN:
            return begin
        if shown := plain.rstrip("\n\t"):
            self._last_character = shown[-1]
        self._rows.pop()
        if (above := len(lines) - self._height) > 0:
            # These leave the window at once.
            self._scroll(len(self._rows), final)
            for line in lines[:above]:
                self._release(line.rstrip(" "), self._piece, final)
            lines = lines[above:]
        for line in lines:
            self._rows.append(_Row(line, self._piece))
            self.size += len(line)
        self._rows.append(_Row())
        self._scroll(len(self._rows) - self._height, final)
        self._row = len(self._rows) - 1
        return end

    def _take(self, token: "re.Match[str]", final: list[Line]) -> int:
        """Do what a token says, and return where it ends."""
        match token.lastgroup:
            case "text":
                self._write(token[0])
            case "command":
                if not token["intermediates"]:
                    self._command(token["command"], token["parameters"])
            case "string":
                self._is_in_string = True
                return self._end_string(token.string, token.end())
            case "escape":
                self._escape(token["escape"])
            case "partial":
                self._rest = token[0]
            case "control":
                self._control(token[0], final)
            case _:
                pass
        return token.end()

    def _end_string(self, text: str, begin: int) -> int:
        """Return where a title or the like ends that has begun before."""
        if not self._is_in_string:
            return begin
        if (end := _STRING_END.search(text, begin)) is None:
            return len(text)
        if end[0] == "" and text[end.start() :] == "\x1b":
            # It may be half of an ST.
            self._rest = "\x1b"
            return len(text)
        self._is_in_string = False
        return end.end()

    def _control(self, control: str, final: list[Line]) -> None:
        match control:
            case "\n" | "\v" | "\f":
                self._feed_line(final)
            case "\r":
                self._column = 0
            case "\b":
                self._column = max(self._column - 1, 0)
            case "\t":
                self._column = max(min(self._column + _TAB - self._column % _TAB, _LAST_COLUMN), self._column)
            case _:
                pass

    def _escape(self, command: str) -> None:
        if command == "7":
            self._saved = self._row, self._column
        elif command == "8":
            self._move(*self._saved)

    def _command(self, command: str, parameters: str) -> None:
        if command not in _COMMANDS or parameters[:1] in _PREFIXES:
            return
        numbers = [min(int(number), _LAST_COLUMN + 1) if number.isdigit() else 0 for number in parameters.split(";")]
        first, second = (*numbers, 0)[:2]
        match command:
            case "J":
                self._erase_in_display(first)
            case "K":
                self._erase_in_line(first)
            case "b":
                self._repeat(first or 1)
            case "s":
                self._saved = self._row, self._column
            case "u":
                self._move(*self._saved)
            case _:
                self._move(*_find_target(command, first or 1, second or 1, self._row, self._column))

    def _write(self, text: str) -> None:
        row = self._rows[self._row]
        self.size -= row.length
        row.write(self._column, text)
        row.piece = self._piece
        self.size += row.length
        self._column += len(text)
        self._last_character = text[-1]

    def _feed_line(self, final: list[Line]) -> None:
        """Go to the beginning of the next row, as after a line feed that a program writes to a terminal."""
        self._row += 1
        self._column = 0
        if self._row == len(self._rows):
            self._rows.append(_Row())
            if self._row == self._height:
                self._scroll(1, final)
                self._row -= 1

    def _scroll(self, count: int, final: list[Line]) -> None:
        """Let rows leave the window at its top."""
        for _ in range(count):
            row = self._rows.popleft()
            self.size -= row.length
            self._release(str(row), row.piece, final)

    def _release(self, text: str, piece: StepOutput, final: list[Line]) -> None:
        if not text:
            self._blanks += 1
            return
        if self._blanks:
            final += [Line("", piece)] * self._blanks
            self._blanks = 0
        final.append(Line(text, piece))

    def _move(self, row: int, column: int) -> None:
        self._row = min(max(row, 0), self._height - 1)
        self._column = max(min(column, max(_LAST_COLUMN, self._column)), 0)
        while len(self._rows) <= self._row:
            self._rows.append(_Row())

    def _cut(self, row: _Row, column: int) -> None:
        self.size -= row.length
        row.cut(column)
        self.size += row.length

    def _blank(self, row: _Row, end: int) -> None:
        """Blank a row up to a column."""
        if end >= row.length:
            self._cut(row, 0)
        else:
            row.write(0, " " * end)

    def _erase_in_line(self, mode: int) -> None:
        row = self._rows[self._row]
        if mode == 0:
            self._cut(row, self._column)
        elif mode == 1:
            self._blank(row, self._column + 1)
        elif mode == 2:  # noqa: PLR2004 - all of it
            self._cut(row, 0)

    def _erase_in_display(self, mode: int) -> None:
        for number, row in enumerate(self._rows):
            if mode == 2 or (number > self._row and mode == 0) or (number < self._row and mode == 1):  # noqa: PLR2004 - all of it
                self._cut(row, 0)
        self._erase_in_line(mode)

    def _repeat(self, count: int) -> None:
        count = min(count, _LAST_COLUMN + 1 - self._column)
        if self._last_character and count > 0:
            self._write(self._last_character * count)


def _find_target(command: str, first: int, second: int, row: int, column: int) -> tuple[int, int]:
    """Return the row and column that a control sequence moves the cursor to, if it does."""
    targets = {
        "A": (row - first, column),
        "B": (row + first, column),
        "C": (row, column + first),
        "D": (row, column - first),
        "E": (row + first, 0),
        "F": (row - first, 0),
        "G": (row, first - 1),
        "`": (row, first - 1),
        "d": (first - 1, column),
        "H": (first - 1, second - 1),
        "f": (first - 1, second - 1),
    }
    return targets.get(command, (row, column))


def remove_controls(text: str) -> str:
    """Return a text without control characters and sequences, whatever they would do to a screen."""
    kept: list[str] = []
    begin = 0
    while token := _TOKEN.match(text, begin):
        begin = token.end()
        if token.lastgroup == "text":
            kept.append(token[0])
        elif token.lastgroup == "string":
            end = _STRING_END.search(text, begin)
            begin = end.end() if end else len(text)
    return "".join(kept)
