"""The window of a terminal: the output of programs after all overwriting and erasing. No I/O.

Unlike a terminal, this window never wraps long rows. A row that has left the window at the top is final, so a log of
any length takes little memory.

Anybody who can start a build can write to its log, so the cost of a log is bounded. The time is at most proportional to
the size of the log, because no sequence takes longer in longer rows, unless it erases their text. The result has at
most 64 characters per byte of the log, because only text and tabs can go beyond the margin.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain, repeat
from typing import Final, TypeAlias

from circleci_v1_async.models import StepOutput

from ._row import Row

HEIGHT: Final = 100
# Number of columns that movements and repetitions can reach. Text and tabs after text can go beyond this margin.
WIDTH: Final = 240
_TAB: Final = 8
# Maximum number of final blank lines to keep until another line follows. The limit keeps their release short enough for
# one turn of the event loop.
_MOST_BLANKS: Final = 10_000

# Colors have no effect here, and are by far the most frequent sequences.
_COLOR: Final = re.compile(r"\x1b\[[0-9;:]{0,60}+m")
# A string, such as a title or a link, ends with BEL, ST, CAN, SUB, a color, any other sequence, or its line.
_STRING_END: Final = re.compile(r"\x1b\\|[\0\x07\x18\x1a\x9c]|(?=[\x1b\n])")
_TOKEN: Final = re.compile(
    # Complete lines. The first alternative is a faster pattern for ASCII lines.
    r"(?P<lines>(?<![^\n])(?:[\0\t\n -~]*\n|[^\x01-\x08\x0b-\x1f\x7f-\x9f]*\n))"
    r"|(?P<text>[^\x00-\x1f\x7f-\x9f]+)|(?P<newline>\n)"
    r"|(?P<return>\r+)|(?P<back>\x08+)|(?P<tab>\t+)"
    r"|(?:\x1b\[|\x9b)(?P<parameters>[0-9;]{0,256}+)(?P<command>[A-HJK`bdfsu])"
    r"|\x1b(?P<escape>[78])"
    r"|(?P<string>(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\0\x07\n\x18\x1a\x1b\x9c]*+)"
    r"(?P<end>\x1b\\|[\0\x07\x18\x1a\x9c]|(?=\x1b.))?"
    # Incomplete sequences at the end of a piece. The next piece may complete them.
    r"|(?P<partial>(?:(?:\x1b\[|\x9b)[0-?]{0,256}+[ -/]{0,16}+|\x1b[ -/]{0,16}+)\Z)"
    # All other sequences and all interrupted sequences are ignored. Characters that match no pattern are also ignored.
    r"|(?:\x1b\[|\x9b)[0-?]{0,256}+[ -/]{0,16}+[@-~]?|\x1b[ -/]{0,16}+[0-Z\\`-~]"
)

# Translation that removes the control characters of `lines`.
_IN_LINES: Final = str.maketrans("", "", "\0\t\n")

# A final line: the text without trailing blanks, the time of the piece that wrote to the line last, and the stream of
# the first character. A plain tuple is used because a log may have millions of lines.
Line: TypeAlias = tuple[str, datetime | None, str | None]


class Screen:
    """A window of rows with a cursor. Text is written at the cursor. `size` counts its characters.

    The window supports line feed, carriage return, backspace, tab, movements of the cursor, erasing, repetition, and
    saving and restoring the cursor. It ignores all other sequences, so no line contains a control character. In a
    window of one row, each line is final as soon as it is complete.
    """

    def __init__(self, height: int = HEIGHT) -> None:
        self._height = height
        # Rows with text, by their number from the beginning of the log.
        self._rows: dict[int, Row] = {}
        # Number of the window's first row, and a row number after the last row with text.
        self._top = self._end = 0
        self._row = self._column = 0
        # Saved position of the cursor, relative to the window.
        self._saved = (0, 0)
        self._last_character = ""
        self._rest = ""
        self._is_in_string = False
        # Number of final blank lines. They are dropped unless another line follows.
        self._blanks = 0
        self._final: list[Iterable[Line]] = []
        self._piece = StepOutput(message="")
        self.size = 0

    def feed(self, piece: StepOutput) -> Iterator[Line]:  # noqa: C901, PLR0912 - a case for each kind of token
        """Write a piece, and yield the lines that become final. A piece may end within a line or a sequence."""
        self._piece = piece
        text, self._rest = _simplify(self._rest + piece.message), ""
        for token in _TOKEN.finditer(text, self._end_string(text)):
            match token.lastgroup:
                case "text":
                    self._write(token[0])
                case "newline":
                    self._feed_line()
                case "lines":
                    self._write_lines(token[0])
                case "return":
                    self._column = 0
                case "back":
                    self._column = max(self._column - len(token[0]), 0)
                case "tab":
                    self._tab(len(token[0]))
                case "command":
                    self._command(token["command"], token["parameters"])
                case "escape":
                    self._command("s" if token[0] == "\x1b7" else "u", "")
                case "string":
                    self._is_in_string = True
                case "partial":
                    self._rest = token[0]
                case _:
                    continue
            if self._final:
                final, self._final = self._final, []
                for lines in final:
                    yield from lines

    def finish(self) -> Iterator[Line]:
        """Yield the remaining lines without trailing blank lines."""
        self._scroll(max(self._rows, default=-1) + 1)
        final, self._final = self._final, []
        return chain.from_iterable(final)

    def _write_lines(self, plain: str) -> None:
        """Write complete lines of text, tabs and NUL."""
        plain = plain.replace("\0", "")
        begin = 0
        while begin < len(plain) and (self._column or self._row < self._end):
            end = plain.index("\n", begin)
            self._write_over(plain[begin:end])
            self._feed_line()
            begin = end + 1
        if begin < len(plain):
            self._write_below(plain[begin:])

    def _write_over(self, line: str) -> None:
        """Write text and tabs to a row that may have text."""
        first, *others = line.split("\t")
        if first:
            self._write(first)
        for text in others:
            self._tab(1)
            if text:
                self._write(text)

    def _write_below(self, plain: str) -> None:
        """Write complete lines below all text. They overwrite no text, so each line is written in one step."""
        if shown := plain.rstrip("\n\t"):
            self._last_character = shown[-1]
        *lines, _ = (plain.expandtabs(_TAB) if "\t" in plain else plain).split("\n")
        first, self._row = self._row, self._row + len(lines)
        top = max(self._top, self._row - self._height + 1)
        self._scroll(min(top, first))
        # Number of these lines that scroll out of the window immediately.
        count = max(top - first, 0)
        final = [line.rstrip(" ") for line in lines[:count]]
        while final and not final[-1]:
            final.pop()
        if final:
            time, kind = self._piece.time, self._piece.type
            if self._blanks:
                self._release_blanks(time, kind)
            self._final.append(zip(final, repeat(time), repeat(kind)))
        self._hold_blanks(count - len(final))
        self._top = top
        for number, line in enumerate(lines[count:], first + count):
            if line:
                self._rows[number] = Row(line, self._piece)
                self.size += len(line)
        self._end = self._row

    def _end_string(self, text: str) -> int:
        """Return the end of the string sequence that an earlier piece began; 0 if there is no such string."""
        if not self._is_in_string:
            return 0
        if (end := _STRING_END.search(text)) is None:
            return len(text)
        self._is_in_string = False
        return end.end()

    def _tab(self, count: int) -> None:
        """Move the cursor to a tab stop. Beyond the margin, a tab writes blanks, and `size` counts them."""
        self._column += _TAB * count - self._column % _TAB
        if self._column < WIDTH:
            return
        if (row := self._rows.get(self._row)) is None:
            self._begin_row(" " * self._column)
        elif row.length < self._column:
            self.size += row.write(row.length, " " * (self._column - row.length), self._piece)

    def _command(self, command: str, parameters: str) -> None:  # noqa: C901, PLR0912 - a case for each command
        first, _, rest = parameters.partition(";")
        number = int(first or 0)
        count = number or 1
        row, column = self._row, self._column
        match command:
            case "J":
                self._erase_in_display(number)
            case "K":
                self._erase_in_line(number)
            case "b":
                self._repeat(count)
            case "s":
                self._saved = row - self._top, column
            case "u":
                self._move(self._top + self._saved[0], self._saved[1])
            case "A":
                self._move(row - count, column)
            case "B":
                self._move(row + count, column)
            case "C":
                self._move(row, column + count)
            case "D":
                self._move(row, column - count)
            case "E":
                self._move(row + count, 0)
            case "F":
                self._move(row - count, 0)
            case "G" | "`":
                self._move(row, count - 1)
            case "d":
                self._move(self._top + count - 1, column)
            case _:  # H and f
                self._move(self._top + count - 1, int(rest.partition(";")[0] or 1) - 1)

    def _write(self, text: str) -> None:
        if row := self._rows.get(self._row):
            self.size += row.write(self._column, text, self._piece)
        else:
            self._begin_row(" " * self._column + text)
        self._column += len(text)
        self._last_character = text[-1]

    def _begin_row(self, text: str) -> None:
        self._rows[self._row] = Row(text, self._piece)
        self.size += len(text)
        if self._end <= self._row:
            self._end = self._row + 1

    def _feed_line(self) -> None:
        """Move the cursor to the beginning of the next row."""
        self._is_in_string = False
        self._row += 1
        self._column = 0
        if self._row == self._top + self._height:
            self._scroll(self._top + 1)

    def _scroll(self, top: int) -> None:
        """Remove the rows above `top` from the window. They become final lines."""
        for number in range(self._top, top):
            if (row := self._rows.pop(number, None)) is None:
                self._hold_blanks(1)
                continue
            self.size -= row.length
            if text := str(row):
                if self._blanks:
                    self._release_blanks(row.last.time, row.first.type)
                self._final.append([(text, row.last.time, row.first.type)])
            else:
                self._hold_blanks(1)
        self._top = top

    def _hold_blanks(self, count: int) -> None:
        """Keep final blank lines until another line follows. If there are too many, release the oldest."""
        self._blanks += count
        if (more := self._blanks - _MOST_BLANKS) > 0:
            self._final.append(repeat(("", self._piece.time, self._piece.type), more))
            self._blanks = _MOST_BLANKS

    def _release_blanks(self, time: datetime | None, kind: str | None) -> None:
        """Release the kept blank lines, because another line follows."""
        self._final.append(repeat(("", time, kind), self._blanks))
        self._blanks = 0

    def _move(self, row: int, column: int) -> None:
        """Move the cursor. It stays in the window and before the margin.

        If the cursor is beyond the margin, it can stay there, but not beyond its previous column or the row's text.
        """
        self._row = min(max(row, self._top), self._top + self._height - 1)
        limit = WIDTH - 1
        if self._column > limit and (there := self._rows.get(self._row)):
            limit = max(limit, min(self._column, there.length))
        self._column = max(min(column, limit), 0)

    def _cut(self, number: int, column: int) -> None:
        if (row := self._rows.get(number)) is None:
            return
        self.size -= row.length
        if column:
            row.cut(column)
            self.size += row.length
            return
        del self._rows[number]
        if self._end == number + 1:
            self._end = number

    def _erase_in_line(self, mode: int) -> None:
        row = self._rows.get(self._row)
        if mode == 0:
            self._cut(self._row, self._column)
        elif mode == 2 or (row is not None and self._column + 1 >= row.length and mode == 1):  # noqa: PLR2004
            self._cut(self._row, 0)
        elif mode == 1 and row is not None:
            row.erase_left(self._column + 1)
        # If the cursor was beyond the margin, in erased text, move it back.
        self._move(self._row, self._column)

    def _erase_in_display(self, mode: int) -> None:
        for number in list(self._rows):
            if mode == 2 or (number > self._row and mode == 0) or (number < self._row and mode == 1):  # noqa: PLR2004
                self._cut(number, 0)
        self._erase_in_line(mode)

    def _repeat(self, count: int) -> None:
        if text := self._last_character * min(count, WIDTH - self._column):
            self._write(text)


def _simplify(text: str) -> str:
    """Return a text with only one kind of line end, and with each color replaced by NUL.

    NUL has no effect. It separates the characters around the color, which could otherwise form a sequence.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    text = text.replace("\v", "\n").replace("\f", "\n")
    return _COLOR.sub("\0", text) if "\x1b" in text else text


def remove_controls(text: str) -> str:
    """Return a text without control characters and sequences. Their effects on a screen are not applied."""
    kept = "".join(token[0] for token in _TOKEN.finditer(text) if token.lastgroup in {"text", "lines"})
    return kept.translate(_IN_LINES)
