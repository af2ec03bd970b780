"""Logs taken apart and put together: pieces of JSON arrays, lines, headings."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from circleci_v1_async import Action, BuildStatus, DecodeError, Step, StepOutput
from circleci_v1_async.output import ArrayItems, LogText, has_failed, heading

# JSON's own marks are what its strings have to be safe from.
TEXT = st.text(max_size=12) | st.text(st.sampled_from('"\\[]{},: \n\té\u2028'), max_size=12)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
STYLE = st.fixed_dictionaries({"ensure_ascii": st.booleans(), "indent": st.sampled_from([None, 0, 2])})


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[start:stop] for start, stop in pairwise(edges)]


def fed(*chunks: bytes) -> tuple[list[Any], bool]:
    items = ArrayItems()
    found = [json.loads(item) for chunk in chunks for item in items.feed(chunk)]
    return found, items.complete


class TestArrayItems:
    @given(st.lists(VALUE, max_size=5), STYLE, st.lists(st.integers(0), max_size=20), st.sampled_from(["", " \r\n\t"]))
    @example(["\\", '"', '\\"],'], {}, list(range(40)), "")
    def test_any_array_cut_anywhere_has_the_items_that_it_has(
        self, values: list[Any], style: dict[str, Any], places: list[int], blank: str
    ) -> None:
        data = f"{blank}{json.dumps(values, **style)}{blank}".encode()
        assert fed(*cut(data, places)) == (values, True)
        assert fed(*(bytes((byte,)) for byte in data)) == (values, True)

    @given(st.lists(VALUE, min_size=1, max_size=5), st.data())
    def test_an_array_without_its_end_is_not_complete_and_has_given_only_what_it_has(
        self, values: list[Any], data: st.DataObject
    ) -> None:
        whole = json.dumps(values).encode()
        found, complete = fed(whole[: data.draw(st.integers(0, len(whole) - 1))])
        assert not complete
        assert found == values[: len(found)]

    def test_a_bom_is_no_part_of_it(self) -> None:
        for chunks in ((b"\xef\xbb\xbf[1]",), (b"\xef", b"\xbb\xbf", b"[1]")):
            assert fed(*chunks) == ([1], True)

    def test_nothing_is_kept_of_an_item_that_was_given(self) -> None:
        items = ArrayItems()
        for _ in range(100):
            items.feed(b'[{"message": "x"}' if not items._depth else b',{"message": "x"}')
        assert len(items._buffer) < 40

    def test_what_an_item_is_made_of_is_nobodys_business_here(self) -> None:
        assert ArrayItems().feed(b"[1 2, nul, {,}]") == [b"1 2", b"nul", b"{,}"]

    @pytest.mark.parametrize(
        "data",
        [
            *(b"{}", b'"text"', b"5", b"null", b"nothing", b"<html>", b'<html lang="en">', b"]", b"}", b",", b"x[1]"),
            *(b"[1]]", b"[1] [2]", b"[1],", b"[1]x", b'[1] "', b"[1}]", b"[]{}"),
        ],
    )
    def test_what_is_no_array_is_an_error_also_byte_by_byte(self, data: bytes) -> None:
        for chunks in ((data,), [bytes((byte,)) for byte in data]):
            with pytest.raises(DecodeError, match="Expected `array`") as caught:
                fed(*chunks)
            assert caught.value.path == "$"

    @pytest.mark.parametrize("data", [b"", b" ", b"[", b"[1", b'["a', b'["a\\', b'[{"a": ['])
    def test_what_may_go_on_is_no_error_yet(self, data: bytes) -> None:
        assert not fed(data)[1]


def text(*pieces: str | StepOutput, tail: int | None = None, strip_ansi: bool = True) -> str:
    log = LogText(tail=tail, strip_ansi=strip_ansi)
    for piece in pieces:
        log.add(StepOutput(message=piece) if isinstance(piece, str) else piece)
    return log.finish()


class TestLogText:
    @given(st.lists(st.text(st.sampled_from("ab\n"), max_size=6), max_size=8))
    def test_pieces_may_end_anywhere(self, pieces: list[str]) -> None:
        whole = "".join(pieces)
        assert text(*pieces) == (whole if whole.endswith("\n") or not whole else whole + "\n")

    def test_nothing_written_is_nothing_said(self) -> None:
        assert text() == text("") == ""
        assert text("\n") == "\n"

    def test_a_tail_says_how_much_it_leaves_out(self) -> None:
        assert text("1\n2\n", "3\n4", tail=2) == "(2 lines before)\n3\n4\n"
        assert text("1\n2\n", tail=2) == "1\n2\n"

    def test_finishing_twice_adds_no_line(self) -> None:
        log = LogText(tail=None, strip_ansi=True)
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
            ("[not] a sequence", "[not] a sequence"),
            ("tab\tis text", "tab\tis text"),
        ],
    )
    def test_what_a_terminal_would_not_show_is_left_out_unless_it_is_wanted(self, written: str, read: str) -> None:
        assert text(written + "\n") == read + "\n"
        assert text(written + "\n", strip_ansi=False) == written + "\n"

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
    assert heading(Step(name=name, actions=tuple(actions)), actions[0]) == expected
