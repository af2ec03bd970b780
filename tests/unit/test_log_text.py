"""Pieces of logs put together as text: lines, escape sequences, headings."""

import asyncio
import re
import tracemalloc
from collections.abc import AsyncGenerator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from circleci_v1_async import Action, BodyTooLargeError, BuildStatus, Step, StepOutput
from circleci_v1_async.logs._stream import take_turns
from circleci_v1_async.logs._text import LogText, has_failed, heading


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

    def test_what_another_stream_says_begins_a_line_of_its_own(self) -> None:
        out, err = (StepOutput(message=f"{kind}", type=kind) for kind in ("out", "err"))
        assert text(out, out, err, err, out) == "outout\nerrerr\nout\n"  # codespell:ignore outout
        assert text(StepOutput(message="1\n", type="out"), err) == "1\nerr\n"

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

    async def output() -> AsyncGenerator[StepOutput, None]:
        yield StepOutput(message=message, type="out")

    counting = asyncio.create_task(count_turns())
    pieces = [piece async for piece in take_turns(output())]
    counting.cancel()
    assert "".join(piece.message for piece in pieces) == message
    assert {piece.type for piece in pieces} == {"out"}
    assert turns >= len(pieces) > 5
