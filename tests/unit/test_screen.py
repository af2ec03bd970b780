"""The window of a terminal that logs are written to."""

import re
import tracemalloc
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import chain, islice

import attrs
import pyte
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from circleci_v1_async import StepOutput
from circleci_v1_async.logs._screen import HEIGHT, WIDTH, Line, Screen, remove_controls

# Sequences that a terminal of any kind knows, and pieces of them.
SEQUENCES = [
    *"\n\r\b\t",
    *(f"\x1b[{count}{command}" for command in "ABCDEFGd" for count in ("", "1", "2", "3", "40")),
    *(f"\x1b[{mode}{command}" for command in "JK" for mode in ("", "0", "1", "2")),
    *("\x1b[H", "\x1b[2;3H", "\x1b[;4f", "\x1b7", "\x1b8"),
    *("\x1b[0m", "\x1b[1;31m", "\x1b]0;a title\x07", "\x1b[?25l", "\x1b(B"),
    *("a", "bc", "def", " ", "x" * 30),
]
TOKENS = st.lists(st.sampled_from(SEQUENCES), max_size=40)
WRITTEN = TOKENS.map("".join)

FIRST, SECOND = (StepOutput(message="", time=datetime(2026, 11, 2, 8, n, tzinfo=UTC), type=f"{n}") for n in (1, 2))


def find_columns(token: str) -> int:
    """Return the number of columns that a token can take the cursor to the right."""
    if token.startswith("\x1b["):
        return 40 if "40" in token else 5
    return 8 if token == "\t" else len(token)


def take(lines: Iterable[Line]) -> list[Line]:
    """Return all lines. A screen that yields lines without end fails the test before it fills the memory."""
    taken = list(islice(lines, 100_000))
    assert len(taken) < 100_000
    return taken


def feed(screen: Screen, *pieces: StepOutput) -> list[Line]:
    return take(chain.from_iterable(map(screen.feed, pieces)))


def show(*pieces: str, height: int = HEIGHT) -> str:
    screen = Screen(height)
    lines = feed(screen, *(StepOutput(message=piece) for piece in pieces))
    return "\n".join(text for text, _, _ in [*lines, *take(screen.finish())])


def measure(written: str, height: int = HEIGHT) -> int:
    screen = Screen(height)
    feed(screen, StepOutput(message=written))
    return screen.size


def show_with_pyte(written: str) -> str:
    screen = pyte.Screen(WIDTH, HEIGHT)
    screen.set_mode(pyte.modes.LNM)
    pyte.Stream(screen).feed(written)
    return "\n".join(line.rstrip() for line in screen.display).rstrip("\n")


@given(TOKENS.filter(lambda tokens: sum(map(find_columns, tokens)) < WIDTH).map("".join))
def test_within_its_margin_it_shows_the_same_as_another_terminal(written: str) -> None:
    assert show(written) == show_with_pyte(written)


@given(WRITTEN | st.text(st.sampled_from("\x1b\x9b\x9d\x90[](;0;m1AKb\x07\x9c\\\x18 /~\r\n\t\b\x7fa?")), st.data())
@example("\x1b]0;a title\x1b\\b", None)
@example("a\x1b[" + "1" * 300 + "m", None)
@example("a\r\nb", None)
def test_pieces_may_end_anywhere(written: str, data: st.DataObject | None) -> None:
    whole = show(written)
    cuts = [data.draw(st.integers(0, len(written)))] if data else range(len(written))
    for cut in cuts:
        assert show(written[:cut], written[cut:]) == whole
    assert show(*written) == whole
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", whole)


@given(WRITTEN)
def test_with_one_row_each_line_is_final_when_it_ends(written: str) -> None:
    screen = Screen(height=1)
    *_, (text, _, _) = feed(screen, StepOutput(message=f"{written}\nend\n"))
    assert text == "end"
    assert take(screen.finish()) == []


def test_rows_above_the_window_are_final_and_those_within_can_still_change() -> None:
    lines = "".join(f"{number}\n" for number in range(HEIGHT))
    screen = Screen()
    assert [text for text, _, _ in feed(screen, StepOutput(message=lines))] == ["0"]
    [(text, _, _)] = feed(screen, StepOutput(message="\x1b[200Achanged\x1b[200B\n"))
    assert text == "changed"
    assert len(take(screen.finish())) == HEIGHT - 2


def test_of_many_lines_at_once_those_that_leave_the_window_are_final() -> None:
    lines = "".join(f"{number} \n" for number in range(1000))
    screen = Screen()
    final = feed(screen, StepOutput(message="begun\n"), StepOutput(message=lines))
    assert [text for text, _, _ in final] == ["begun", *map(str, range(1001 - HEIGHT))]
    assert [text for text, _, _ in take(screen.finish())] == [str(number) for number in range(1001 - HEIGHT, 1000)]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("10%\r50%\r100%", "100%"),
        ("a\tb\t\tc", "a       b               c"),
        ("12345\t|\r\tX", "12345   X"),
        ("a\x1b[5bb", "aaaaaab"),
        ("\x1b[5bb", "b"),
        ("abc\x1b[1Kd", "   d"),
        ("abcdef\x1b[3G\x1b[1K", "   def"),
        ("abc\x1b[3K", "abc"),
        ("abcdef\b\b\x1b[1K", "     f"),
        ("abc\ndef\nghi\x1b[A\x1b[2D\x1b[JX", "abc\ndX"),
        ("abc\ndef\nghi\x1b[A\x1b[2D\x1b[0JX", "abc\ndX"),
        ("abc\ndef\nghi\x1b[A\x1b[2D\x1b[1JX", "\n Xf\nghi"),
        ("abc\ndef\nghi\x1b[A\x1b[2D\x1b[2JX", "\n X"),
        ("abc\ndef\nghi\x1b[A\x1b[2D\x1b[3JX", "abc\ndXf\nghi"),
        ("abc\b\bX", "aXc"),
        ("\b\ba", "a"),
        ("abcdef\x1b[3G\x1b[Kxyz", "abxyz"),
        ("a\n\nb\n\n\n", "a\n\nb"),
        ("a\n \nb\n\n\nc", "a\n\nb\n\n\nc"),
        ("a   \nb", "a\nb"),
        ("ab\x1b[Ec\x1b[2Ed", "ab\nc\n\nd"),
        ("ab\ncd\nef\x1b[Fg\x1b[2Fh", "hb\ngd\nef"),
        ("ab\x1b[3dc\x1b[de", "ab e\n\n  c"),
        ("abc\x1b[2`d", "adc"),
        ("ab\ncd\x1b[2;2He\x1b[;2Hf\x1b[Hg", "gf\nce"),
        ("ab\x1b[2Hc\x1b[3;4fd\x1b[2;3;4fe", "ab\nc e\n   d"),
        ("\x1b[sab\x1b[uc", "cb"),
        ("ab\ncd\x1b[ux", "xb\ncd"),
        ("a\vb\fc", "a\nb\nc"),
        ("a\x1b[>4;2mb\x1b[?1Ac\x1b[1!Ad", "abcd"),
        ("a\x1bPq#0\x1b\\b\x1b_x\x18c\x9dtitle\x9cd", "abcd"),
        ("a\x1b]title without an end\nb", "a\nb"),
        ("a\x1b[4:3mb\x1b[1\nc", "ab\nc"),
        ("next\x85line\x07\x00\x7f", "nextline"),
        ("a\x1b[31", "a"),
        ("\x1b[70000Ca", " " * 239 + "a"),
        ("\x1b[240Ga", " " * 239 + "a"),
        ("\x1b[9;9999Ha", "\n" * 8 + " " * 239 + "a"),
        ("\t" * 100 + "a", " " * 800 + "a"),
        ("\t" * 100 + "a\n", " " * 800 + "a"),
        ("x" * 300 + "\tb", "x" * 300 + "    b"),
        ("x" * 300 + "\r" + "\t" * 32 + "a", "x" * 256 + "a" + "x" * 43),
        ("x" * 300 + "\tb\n", "x" * 300 + "    b"),
        ("x" * 300 + "\x1b[5D\x1b[2Ca", "x" * 295 + "axxxx"),
        ("x" * 300 + "\x1b[5Da\x1b[1Kb", " " * 296 + "bxxx"),
        ("x" * 300 + "\x1b[2Ka", " " * 239 + "a"),
        ("x" * 300 + "\x1b[Ba", "x" * 300 + "\n" + " " * 239 + "a"),
        ("x" * 300 + "\x1b7\r\x1b8a", "x" * 239 + "a" + "x" * 60),
        ("x" * 300 + "\x1b[9b", "x" * 300),
        ("\t" * 30 + "\x1b[Ca", " " * 240 + "a"),
        ("a\nbc\t\n\x1b[2bd", "a\nbc\nccd"),
        ("aX\n\x1b[2bc", "aX\nXXc"),
        ("a \n\x1b[2bc", "a\n  c"),
        ("\x1b[32ma\x1b[0m\t\x1b[1mb\n\x1b[31mc\n\x1b\x1b[1md", "a       b\nc\nd"),
        ("ab" + "\x1b[70000b", "a" + "b" * 239),
        ("ab\ncd\x1b[2A\x1b[Ce\tf\ng\nh\n", "ab e    f\ngd\nh"),
        ("ab\ncd\x1b[Ae\nf\n", "abe\nfd"),
        ("ab\ncd\nef\x1b[2A\n1\n", "ab\n1d\nef"),
        ("ab\ncd\x1b[A\x1b[2K\ne\n", "\ned"),
        ("ab\ncd\x1b[A\n\te\n", "ab\ncd      e"),
        ("ab\ncd\x1b[A\ne\t\tf\t\n", "ab\ned              f"),
        ("x" * 70_000 + "\x1b[Ay", "x" * 70_000 + "y"),
    ],
)
def test_what_is_written_is_shown_as_a_terminal_leaves_it(written: str, shown: str) -> None:
    assert show(written) == shown


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (("a", "\n", "b"), "a\nb"),
        (("a\x1b[3", "1mb"), "ab"),
        (("a\x1b", "[2Cb"), "a  b"),
        (("a\x1b]0;a ti", "tle\x07b", "c"), "abc"),
        (("a\x1b]0;a title", "\x1b", "\\b", "c"), "abc"),
        (("a\x1b]0;a title\x1b", "\\b"), "ab"),
        (("a\x1b]0;a title", "\x1b", "[31mb"), "ab"),
        (("a\x1b]a title without an end\nb", "c"), "a\nbc"),
        (("ab\ncd\nef\x1b[2A\n1\n", "2\n"), "ab\n1d\n2f"),
    ],
)
def test_a_piece_goes_on_where_the_last_one_ended(pieces: tuple[str, ...], shown: str) -> None:
    assert show(*pieces) == shown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("a\nb\nc\x1b[1dd", "a\nbd\nc"),
        ("a\nb\nc\x1b[2;2Hd", "a\nb\ncd"),
        ("a\nb\x1b[s\nc\x1b[ud", "a\nb\ncd"),
        ("a\nb\nc\x1b[A\x1b[s\x1b[Bd\x1b[ux", "a\nbx\ncd"),
    ],
)
def test_positions_count_from_the_first_row_of_the_window(written: str, shown: str) -> None:
    assert show(written, height=2) == shown


@pytest.mark.parametrize(("written", "shown"), [("aX  \n", "aX"), ("a\u3000\n", "a\u3000")])
@pytest.mark.parametrize("height", [1, HEIGHT])
def test_only_blanks_are_left_out_at_the_end_of_a_line(written: str, shown: str, height: int) -> None:
    assert show(written, height=height) == shown


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("", 0),
        ("abc\b\bX", 3),
        ("ab\ncd\nef", 6),
        ("ab\x1b[Kcd\x1b[Eef", 6),
        ("\x1b[5Ga", 5),
        ("x" * 250 + "\t", 256),
        ("abcd\nefg\x1b[2D\x1b[K", 5),
        ("abc\ndef\x1b[2K", 3),
        ("abc\b\x1b[1K", 0),
    ],
)
def test_the_size_is_the_number_of_characters_in_the_window(written: str, size: int) -> None:
    assert measure(written) == size


def test_the_size_no_longer_counts_rows_that_have_left_the_window() -> None:
    assert measure("abc\rde\nf\rgh\nij", height=2) == len("ghij")


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("a\t\n", 8),
        ("a\t\r\n", 8),
        ("\x1b[31ma\t\x1b[m\n", 8),
        ("ab\rc\nd\t\n", 2 + 8),
        ("a\nb\x1b[2K\x1b[A\nc\t\n", 1 + 8),
    ],
)
def test_the_size_counts_the_last_tabs_of_complete_lines_below_all_text(written: str, size: int) -> None:
    assert measure(written) == size


def test_layers_that_are_redrawn_in_place_are_shown_as_they_end() -> None:
    written = "a1: Waiting\r\nb2: Waiting\r\nc3: Waiting\r\n"
    for percent in range(0, 101, 5):
        for row, layer in enumerate(("a1", "b2", "c3")):
            up = 3 - row
            written += f"\x1b[{up}A\x1b[2K\r{layer}: Downloading {percent}%\r\x1b[{up}B"
    for row, layer in enumerate(("a1", "b2", "c3")):
        written += f"\x1b[{3 - row}A\x1b[2K\r{layer}: Pull complete\r\x1b[{3 - row}B"
    assert show(written + "Status: Downloaded\r\n") == (
        "a1: Pull complete\nb2: Pull complete\nc3: Pull complete\nStatus: Downloaded"
    )


def test_a_line_has_the_time_of_its_last_piece_and_the_type_of_its_first_character() -> None:
    screen = Screen()
    pieces = attrs.evolve(FIRST, message="a\nb\nc"), attrs.evolve(SECOND, message="d\n\x1b[3AA\n\n\n\n\ne")
    assert feed(screen, *pieces) == []
    assert take(screen.finish()) == [
        ("A", SECOND.time, "2"),
        ("b", FIRST.time, "1"),
        ("cd", SECOND.time, "1"),
        *[("", SECOND.time, "2")] * 2,
        ("e", SECOND.time, "2"),
    ]


def test_blank_lines_have_the_time_and_type_of_the_line_that_follows_them() -> None:
    screen = Screen(height=1)
    assert feed(screen, attrs.evolve(FIRST, message="\n\n")) == []
    final = feed(screen, attrs.evolve(SECOND, message="a\n\nb\n"))
    assert final == [(text, SECOND.time, "2") for text in ("", "", "a", "", "b")]


@pytest.mark.parametrize(
    ("tabs", "length", "changed"), [("\r" + "\t" * 31, 248, FIRST), ("\r" + "\t" * 32, 248, SECOND), ("\t", 231, FIRST)]
)
def test_a_tab_changes_a_line_where_it_goes_beyond_its_text_and_the_margin(
    tabs: str, length: int, changed: StepOutput
) -> None:
    screen = Screen()
    assert feed(screen, attrs.evolve(FIRST, message="x" * length), attrs.evolve(SECOND, message=tabs)) == []
    assert take(screen.finish()) == [("x" * length, changed.time, "1")]


@pytest.mark.parametrize(
    "line",
    ["x" * 99 + "\n", "\r\n", "\x1b[2K\rprogress\r", "\x1b[1A\x1b[2K1\r\n\n", "\x1b]title", "\n\x1b[2J\x1b[99Bx"],
)
def test_a_log_of_any_length_takes_little_memory(line: str) -> None:
    screen = Screen()
    piece = StepOutput(message=line * 1000)
    tracemalloc.start()
    try:
        for _ in range(20):
            deque(screen.feed(piece), maxlen=0)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 200_000
    assert screen.size <= HEIGHT * 100


def test_of_very_many_blank_lines_only_the_last_wait_for_another_line() -> None:
    for pieces in (["\n" * 10_100], ["\n"] * 10_100, ["\v\r\n"] * 5_050):
        screen = Screen()
        assert feed(screen, *(StepOutput(message=piece, type="out") for piece in pieces)) == [("", None, "out")]
        assert take(screen.finish()) == []


def test_at_the_end_of_a_log_a_row_of_blanks_is_one_blank_line() -> None:
    screen = Screen()
    assert feed(screen, StepOutput(message="\n" * 10_099 + " ")) == []
    assert len(take(screen.finish())) == 100


def test_very_many_blank_lines_are_shown_before_a_line_that_follows_them() -> None:
    screen = Screen()
    *blanks, last = feed(screen, StepOutput(message="\n" * 50_000 + "x" + "\n" * 1000))
    assert set(blanks) == {("", None, None)}
    assert len(blanks) == 50_000
    assert last == ("x", None, None)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("\x1b[31mred\x9b", "red"),
        ("a\r\x1b[5Ab\x1b[2Jc\n", "abc"),
        ("a\tb\nc\0\n\x1b[md\n", "abcd"),
        ("a\x1b]0;title\x07b\x1b]title\x1b\\c\x9dno end", "abc"),
        ("\x1b\x1b[0m[31m\x1b[", "[31m"),
    ],
)
def test_of_names_all_controls_are_removed_whatever_they_would_do(text: str, kept: str) -> None:
    assert remove_controls(text) == kept
