"""Work and output of the emulator: both grow no faster than the log, whatever a build writes to it."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circleci_v1_async import StepOutput
from circleci_v1_async.logs import _row, _screen
from circleci_v1_async.logs._screen import WIDTH, Screen

UNITS = {
    "text": "abc",
    "text outside of ASCII": "\xfc\U0001f600",
    "line": "a\n",
    "blank line": "\n",
    "line outside of ASCII": "\xfc\n",
    "CR LF": "\r\n",
    "CR": "\r",
    "text and CR": "a\r",
    "overwritten line": "xx\rx\n",
    "backspace": "\b",
    "text and backspace": "ab\b",
    "tab": "\t",
    "tab and line": "\ta\n",
    "form feed": "a\f",
    "NUL": "\0",
    "NUL in a line": "a\0\n",
    "color": "\x1b[m",
    "color with parameters": "\x1b[1;32m",
    "colored text": "\x1b[31ma\x1b[0m",
    "ESC": "\x1b",
    "CSI": "\x1b[",
    "8-bit CSI": "\x9b",
    "CSI without an end": "\x1b[1111111111",
    "long CSI": "\x1b[" + "1" * 300,
    "intermediates": "\x1b[    ",
    "string": "\x1b]",
    "string with an end": "\x1b]0;a\x07",
    "string and ESC": "\x9dtitle\x1b",
    "charset": "\x1b(B",
    "up": "\n\x1b[Ax",
    "up and text": "x\x1b[A",
    "down and text": "\x1b[Bx",
    "bottom": "\x1b[99B",
    "home": "\x1b[H",
    "home, text, bottom": "\x1b[Hx\x1b[99B",
    "left and text": "x\x1b[2D",
    "far column": "\x1b[65535Gx",
    "far column and CR": "\x1b[65535Gx\r",
    "position": "\x1b[99;999Hx\n",
    "repetition": "\x9b65535b",
    "repetition of a character": "x\x1b[65535b\x1b[2K",
    "repetition outside of ASCII": "\U0001f600\x1b[65535b\n",
    "save and restore": "\x1b7\x1b8",
    "restore, text, line": "\x1b8x\n",
    "restore, text, erase the beginning": "\x1b8x\x1b[65535C\b\b\x1b[1K",
    "save far to the right": "\x1b[240G\x1b7\r",
    "erase the rest": "\x1b[K",
    "erase the beginning": "\x1b[1K",
    "erase the beginning and write": "\x1b[1K\x1b[Dx",
    "write at the left and erase": "\rx\x1b[65535C\b\b\x1b[1K",
    "erase the row and write": "\x1b[2Kx",
    "erase below": "\x1b[J",
    "erase above": "x\x1b[1J",
    "erase all": "\n\x1b[2J",
    "erase all at the bottom": "\x1b[100B\x1b[2Jx",
}
MIXED = st.lists(st.sampled_from(sorted(UNITS.values())), min_size=1, max_size=5).map("".join)
LENGTH = 4096
BEGINNING_OF_A_LINE = r"(?<![^\n])"
NO_CONTROLS = re.compile(r"[^\x01-\x08\x0b-\x1f\x7f-\x9f]*")


class CountingPattern:
    """A pattern that counts the characters that it looks at."""

    def __init__(self, pattern: re.Pattern[str], steps: list[int]) -> None:
        self._pattern = pattern
        self._steps = steps

    def search(self, text: str) -> re.Match[str] | None:
        match = self._pattern.search(text)
        self._steps[0] += match.end() if match else len(text)
        return match

    def sub(self, new: str, text: str) -> str:
        self._steps[0] += len(text)
        return self._pattern.sub(new, text)

    def finditer(self, text: str, begin: int = 0) -> Iterator[re.Match[str]]:
        for match in self._pattern.finditer(text, begin):
            self._steps[0] += match.end() - match.start() + 1
            before = text[match.start() - 1 : match.start()]
            if before in {"", "\n"} or BEGINNING_OF_A_LINE not in self._pattern.pattern:
                # It has looked for complete lines first, as far as there are no controls.
                lines = NO_CONTROLS.match(text, match.start())
                self._steps[0] += len(lines[0]) if lines else 0
            yield match


def make_counting_row(steps: list[int]) -> type[_row.Row]:
    class CountingRow(_row.Row):
        def __init__(self, text: str, piece: StepOutput) -> None:
            steps[0] += len(text)
            super().__init__(text, piece)

        def write(self, column: int, text: str, piece: StepOutput) -> int:
            steps[0] += len(text) + max(column - self.length, 0)
            return super().write(column, text, piece)

        def cut(self, column: int) -> None:
            steps[0] += max(self.length - column, 0)
            super().cut(column)

        def erase_left(self, end: int) -> None:
            steps[0] += max(end - self._blanks, 0)
            super().erase_left(end)

        def _to_cells(self) -> list[str]:
            steps[0] += self.length if self._cells is None else 0
            return super()._to_cells()

        def __str__(self) -> str:
            steps[0] += self.length
            return super().__str__()

    return CountingRow


@contextmanager
def counted_steps() -> Iterator[list[int]]:
    """Count the calls that the emulator makes, and the characters that each of them goes over."""
    steps = [0]

    def count(_frame: FrameType, _event: str, _argument: object) -> None:
        steps[0] += 1

    before = sys.getprofile()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_TOKEN", "_COLOR", "_STRING_END"):
            patch.setattr(_screen, name, CountingPattern(getattr(_screen, name), steps))
        patch.setattr(_screen, "Row", make_counting_row(steps))
        sys.setprofile(count)
        try:
            yield steps
        finally:
            sys.setprofile(before)


def show(log: str) -> None:
    screen = Screen()
    for _ in screen.feed(StepOutput(message=log)):
        pass
    screen.finish()


def check_growth(unit: str, begin: str) -> None:
    """Check that twice as much log takes twice as many steps, even in a row that is as long."""
    counts = [0]
    with counted_steps() as steps:
        for length in (LENGTH, 2 * LENGTH, 4 * LENGTH):
            log = unit * (length // len(unit))
            show("x" * WIDTH + "x\x1b7" + "x" * length + begin + log if begin else log)
            counts.append(steps[0])
    first, second, third = (count - before for before, count in pairwise(counts))
    assert third - second <= 3 * (second - first) + 1000, counts


@pytest.mark.fault(77)
@pytest.mark.parametrize("begin", ["", "\x1b[m", "\b\b"], ids=["alone", "after a long text", "in a long text"])
@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_the_steps_for_a_sequence_grow_with_the_log(unit: str, begin: str) -> None:
    check_growth(unit, begin)


@pytest.mark.fault(77)
@given(MIXED, MIXED | st.just(""))
def test_the_steps_for_mixed_sequences_grow_with_the_log(unit: str, begin: str) -> None:
    check_growth(unit, begin)


def count_shown(log: str) -> int:
    screen = Screen()
    return sum(len(text) + 1 for text, _, _ in [*screen.feed(StepOutput(message=log)), *screen.finish()])


@pytest.mark.fault(76)
@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_a_sequence_shows_at_most_64_characters_for_each_byte(unit: str) -> None:
    for begin in ("", "x\x1b[99;999H\x1b7", "x" * 4000):
        log = begin + unit * (1000 // len(unit))
        assert count_shown(log) <= 64 * len(log.encode())


@pytest.mark.fault(76)
@given(st.lists(MIXED | st.sampled_from(["x" * 4000, "x\x1b[99;999H\x1b7"]), max_size=20).map("".join))
def test_mixed_sequences_show_at_most_64_characters_for_each_byte(log: str) -> None:
    assert count_shown(log) <= 64 * len(log.encode())
