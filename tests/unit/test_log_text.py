"""Pieces of logs put together as text: lines, escape sequences, headings."""

import asyncio
import re
import tracemalloc
from collections.abc import AsyncGenerator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from circleci_v1_async import Action, BodyTooLargeError, BuildStatus, Step, StepOutput, TruncatedError
from circleci_v1_async.logs._actions import ActionLines
from circleci_v1_async.logs._line import Remark
from circleci_v1_async.logs._stream import take_turns
from circleci_v1_async.logs._text import LogLines, LogText, has_failed, heading


def text(*pieces: str | StepOutput, tail: int | None = None, strip_ansi: bool = True, max_size: int = 10**9) -> str:
    log = LogText(tail=tail, strip_ansi=strip_ansi, max_size=max_size)
    for piece in pieces:
        log.add(StepOutput(message=piece) if isinstance(piece, str) else piece)
    return log.finish()


class TestLogText:
    @given(st.lists(st.text(st.sampled_from("ab\n"), max_size=6), max_size=8))
    def test_pieces_may_end_anywhere(self, pieces: list[str]) -> None:
        whole = "".join(pieces)
        assert text(*pieces, strip_ansi=False) == (whole if whole.endswith("\n") or not whole else whole + "\n")
        shown = whole.rstrip("\n")
        assert text(*pieces) == (shown and shown + "\n")

    def test_nothing_written_is_nothing_said(self) -> None:
        assert text() == text("") == ""
        assert text("\n") == ""
        assert text("\n", strip_ansi=False) == "\n"

    def test_a_tail_says_how_much_it_leaves_out(self) -> None:
        assert text("1\n2\n", "3\n4", tail=2) == "(2 lines before)\n3\n4\n"
        assert text("1\n2\n", tail=2) == "1\n2\n"

    def test_finishing_twice_adds_no_line(self) -> None:
        log = LogText(tail=None, strip_ansi=True, max_size=10)
        log.add(StepOutput(message="a"))
        assert log.finish() == log.finish() == "a\n"

    @pytest.mark.parametrize(
        ("written", "read"),
        [
            ("\x1b[1;31mred\x1b[0m", "red"),
            ("\x1b[?25l\x1b[2Khidden cursor", "hidden cursor"),
            ("\x1b]0;a title\x07text", "text"),
            ("\x1b]8;;https://a.example\x1b\\link\x1b]8;;\x1b\\", "link"),
            ("\x1b(Bplain\x1b=\x1b7", "plain"),
            ("\x1b[38;2;1;2;3mtrue colour", "true colour"),
            ("10%\r50%\r100%", "100%"),
            ("10%\r50%\r", "50%"),
            ("line\r", "line"),
            ("line\r\r", "line"),
            ("\x9b1;31mred\x9b0m", "red"),
            ("\x9d0;a title\x9ctext", "text"),
            ("\x1b]0;a title\x9ctext", "text"),
            ("next\x85line", "nextline"),
            ("\x1b\x1b[0m[31mred", "[31mred"),
            ("\x1b\x9b0m[31mred", "[31mred"),
            ("\x1b", ""),
            ("[not] a sequence", "[not] a sequence"),
            ("tab\tis blanks", "tab     is blanks"),
        ],
    )
    def test_what_a_terminal_would_not_show_is_left_out_unless_it_is_wanted(self, written: str, read: str) -> None:
        assert text(written + "\n") == (read and read + "\n")
        assert text(written + "\n", strip_ansi=False) == written + "\n"

    @pytest.mark.fault(78)
    @given(st.text(st.sampled_from("\x1b\x1b[](;0m1\x07\\ /~\r\x80\x90\x9b\x9c\x9d\x9fa")))
    @example("\x1b\x1b[0m[31m")
    @example("\x9b\x9b0m31m")
    def test_no_escape_and_no_8_bit_control_survives(self, written: str) -> None:
        assert not re.search("[\x1b\x80-\x9f]", text(written))

    @pytest.mark.fault(77)
    def test_a_line_is_put_together_once_however_many_pieces_it_comes_in(self) -> None:
        log = LogText(tail=None, strip_ansi=False, max_size=10**9)
        pieces = [StepOutput(message="x" * 1000)] * 1000
        tracemalloc.start()
        try:
            for piece in pieces:
                log.add(piece)
                # What is not joined is not copied: the pieces are the caller's own.
                assert tracemalloc.get_traced_memory()[1] < 500_000
        finally:
            tracemalloc.stop()
        assert log.finish() == "x" * 1_000_000 + "\n"

    @pytest.mark.fault(76)
    @pytest.mark.parametrize("tail", [None, 2])
    def test_no_more_is_kept_than_may_be(self, tail: int | None) -> None:
        assert text("1234567\n", "8", tail=tail, max_size=9) == "1234567\n8\n"
        for pieces in (["1234567890"], ["1234567\n", "89"], ["1234\n12345\n23"]):
            with pytest.raises(BodyTooLargeError, match=r"The log of a step is larger than 9 characters \(max_body\)"):
                text(*pieces, tail=tail, max_size=9)

    def test_of_a_long_log_only_the_tail_counts(self) -> None:
        assert text(*["1234\n"] * 1000, tail=2, max_size=400) == "(998 lines before)\n1234\n1234\n"
        assert text("1234\r" * 2 + "\n" + "\x1b[0m" * 2, max_size=4) == "1234\n"

    @pytest.mark.parametrize("strip_ansi", [True, False])
    def test_a_change_of_stream_does_not_end_a_line(self, *, strip_ansi: bool) -> None:
        pieces = [StepOutput(message="10%", type="err"), StepOutput(message=" done\nn", type="out"), "ext"]
        assert text(*pieces, strip_ansi=strip_ansi) == "10% done\nnext\n"

    @pytest.mark.fault(76)
    @pytest.mark.parametrize(
        "unit", ["\U0001f600\x1b[65535b\n", "\x1b[65535Gx\n", "\x1b[99B\x1b[999Gx\n" * 99, "\t", "\n"]
    )
    def test_what_sequences_make_of_a_piece_is_checked_row_by_row(self, unit: str) -> None:
        piece = StepOutput(message=(unit * 70_000)[:60_000])
        tracemalloc.start()
        try:
            with pytest.raises(BodyTooLargeError):
                text(*[piece] * 3, "x", max_size=50_000)
            assert tracemalloc.get_traced_memory()[1] < 5_000_000
        finally:
            tracemalloc.stop()

    def test_a_remark_stands_in_front_of_the_tail(self) -> None:
        log = LogText(tail=1, strip_ansi=True, max_size=100)
        log.add(Remark("3 characters are left"))
        log.add(StepOutput(message="1\n2\n"))
        assert log.finish() == "[3 characters are left]\n(1 lines before)\n2\n"

    def test_an_error_leaves_the_lines_that_came_before_it(self) -> None:
        log = LogText(tail=None, strip_ansi=True, max_size=100)
        assert log.fail(TruncatedError("It\nbroke \x1b[1moff"))[0] == "[this log could not be read: It broke off]\n"
        log.add(StepOutput(message="1\n2"))
        read, remark = log.fail(TruncatedError("Off"))
        assert read == "1\n2\n[the rest of this log could not be read: Off]\n"
        assert remark == Remark("the rest of this log could not be read: Off")

    def test_an_error_of_a_log_that_is_too_large_leaves_the_lines_that_were_kept(self) -> None:
        log = LogText(tail=None, strip_ansi=True, max_size=5)
        log.add(StepOutput(message="12345"))
        with pytest.raises(BodyTooLargeError) as caught:
            log.add(StepOutput(message="6\n"))
        assert log.fail(caught.value)[0].startswith(
            "123456\n[the rest of this log could not be read: The log of a step"
        )

    def test_a_sequence_may_be_cut_by_pieces(self) -> None:
        assert text("\x1b[3", "1mred\x1b", "[0m\r", "\n") == "red\n"


@pytest.mark.parametrize("status", BuildStatus)
def test_four_statuses_are_failures(status: BuildStatus) -> None:
    failures = {"failed", "timedout", "infrastructure_fail", "canceled"}
    assert has_failed(Action(status=status)) == (status in failures)


def test_failed_alone_says_nothing() -> None:
    assert has_failed(Action(status=BuildStatus.TIMEDOUT, failed=None))
    assert not has_failed(Action(status=BuildStatus.SUCCESS, failed=True))
    assert not has_failed(Action(status=None, failed=True))
    assert not has_failed(Action(status=BuildStatus("brand_new")))


@pytest.mark.parametrize(
    ("name", "actions", "expected"),
    [
        ("pytest", [Action(index=0, status=BuildStatus.SUCCESS, exit_code=0)], "=== pytest (success)\n"),
        ("pytest", [Action(index=0, status=BuildStatus.FAILED, exit_code=2)], "=== pytest (failed, exit code 2)\n"),
        ("pytest", [Action(index=3, status=BuildStatus.TIMEDOUT), Action()], "=== pytest [3] (timedout)\n"),
        (None, [Action(name="checkout")], "=== checkout (unknown)\n"),
        (None, [Action()], "=== step (unknown)\n"),
    ],
)
def test_a_heading_says_which_step_and_how_it_went(name: str | None, actions: list[Action], expected: str) -> None:
    assert heading(Step(name=name, actions=tuple(actions)), actions[0], strip_ansi=True) == expected


@pytest.mark.fault(78)
def test_a_heading_has_escapes_only_if_they_are_wanted() -> None:
    step, action = Step(name="\x1b[31mred\x9b"), Action(status=BuildStatus("\x1bodd"))
    assert heading(step, action, strip_ansi=True) == "=== red (dd)\n"
    assert heading(step, action, strip_ansi=False) == "=== \x1b[31mred\x9b (\x1bodd)\n"


async def test_others_have_their_turns_while_a_long_piece_is_worked_on() -> None:
    message = "line\n" * 100_000
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def output() -> AsyncGenerator[StepOutput | Remark, None]:
        yield StepOutput(message=message, type="out")

    counting = asyncio.create_task(count_turns())
    pieces = [piece async for piece in take_turns(output())]
    counting.cancel()
    assert "".join(piece.message for piece in pieces if isinstance(piece, StepOutput)) == message
    assert {piece.type for piece in pieces if isinstance(piece, StepOutput)} == {"out"}
    assert turns >= len(pieces) > 5


@pytest.mark.parametrize("strip_ansi", [True, False])
def test_a_line_of_two_streams_has_the_type_of_its_first_character(*, strip_ansi: bool) -> None:
    lines = ActionLines(Step(name="test"), Action(index=1), 100, strip_ansi=strip_ansi)
    pieces = [("10%", "err"), ("done\n\n", "out"), ("next\n", "err"), ("no end", "out")]
    given = [line for message, kind in pieces for line in lines.feed(StepOutput(message=message, type=kind))]
    given += lines.finish()
    assert [(line.text, line.type, line.index) for line in given if line.text] == [
        ("10%done", "err", 1),
        ("next", "err", 1),
        ("no end", "out", 1),
    ]
    assert [line.text for line in given] == ["10%done", "", "next", "no end"]


def test_no_line_is_yielded_once_the_window_is_too_large():
    lines = LogLines(strip_ansi=True, max_size=5, height=2)
    with pytest.raises(BodyTooLargeError, match="larger than 5 characters"):
        next(lines.feed(StepOutput(message=f"a\n{'x' * 10}\n")))
