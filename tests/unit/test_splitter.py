"""A JSON list split into its items, however it is cut."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from circleci_v1_async import BodyTooLargeError, DecodeError
from circleci_v1_async.logs import _splitter
from circleci_v1_async.logs._splitter import ListSplitter

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
    items = ListSplitter()
    found = [json.loads(item) for chunk in chunks for item in items.feed(chunk)]
    return found, items.complete


class TestListSplitter:
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
        items = ListSplitter()
        for _ in range(100):
            items.feed(b'[{"message": "x"}' if not items._depth else b',{"message": "x"}')
        assert len(items._buffer) < 40

    def test_what_an_item_is_made_of_is_nobodys_business_here(self) -> None:
        assert ListSplitter().feed(b"[1 2, nul, {,}, \v\f]") == [b"1 2", b"nul", b"{,}", b"\v\f"]

    def test_each_batch_has_the_items_that_its_bytes_complete_and_all_are_counted(self) -> None:
        splitter = ListSplitter()
        assert [(splitter.feed(data), splitter.count) for data in (b"[1,2,", b"3", b",4]", b"\n")] == [
            ([b"1", b"2"], 2),
            ([], 2),
            ([b"3", b"4"], 4),
            ([], 4),
        ]

    @pytest.mark.parametrize(
        "data",
        [
            *(b"{}", b'"text"', b"5", b"null", b"nothing", b"<html>", b'<html lang="en">', b"]", b"}", b",", b"x[1]"),
            *(b"[1]]", b"[1] [2]", b"[1],", b"[1]x", b'[1] "', b"[1}]", b"[]{}", b"[1]\xef\xbb\xbf"),
        ],
    )
    def test_what_is_no_array_is_an_error_also_byte_by_byte(self, data: bytes) -> None:
        for chunks in ((data,), [bytes((byte,)) for byte in data]):
            with pytest.raises(DecodeError) as caught:
                fed(*chunks)
            assert (caught.value.reason, caught.value.path) == ("Expected `array`", "$")

    @pytest.mark.parametrize("data", [b"", b" ", b"[", b"[1", b'["a', b'["a\\', b'[{"a": ['])
    def test_what_may_go_on_is_no_error_yet(self, data: bytes) -> None:
        assert fed(data)[1] is False

    @pytest.mark.parametrize(
        ("data", "place"),
        [(b"[,]", 0), (b"[,1]", 0), (b"[1,]", 1), (b"[1,,2]", 1), (b"[1, ,2]", 1), (b"[{},]", 1), (b"[1,2,]", 2)],
    )
    def test_a_list_that_lacks_an_item_is_malformed(self, data: bytes, place: int) -> None:
        for chunks in ((data,), [bytes((byte,)) for byte in data]):
            with pytest.raises(DecodeError) as caught:
                fed(*chunks)
            assert caught.value.reason == "JSON is malformed: an item is missing"
            assert caught.value.path == f"$[{place}]"

    @pytest.mark.fault(76)
    @pytest.mark.parametrize("step", [1, 5, 100])
    def test_an_item_may_have_so_many_bytes_also_one_that_does_not_end(self, step: int) -> None:
        for data in (b'[1,"345678", 2]', b'["34', b"[1, {},12345678"):
            splitter = ListSplitter(largest=8)
            assert [splitter.feed(data[start : start + step]) for start in range(0, len(data), step)]
        for data in (b'[1, "345678", 2]', b'["34567890', b'["\\"456789', b"[[[[[[[[[[", b"[1,         "):
            with pytest.raises(BodyTooLargeError, match=r"larger than 8 bytes \(max_body\)"):
                splitter = ListSplitter(largest=8)
                for start in range(0, len(data), step):
                    splitter.feed(data[start : start + step])

    @pytest.mark.fault(77)
    def test_what_comes_byte_by_byte_is_looked_at_once(self) -> None:
        looked_at = 0

        def counting(match: Any) -> Any:
            def count(buffer: bytearray, at: int) -> Any:
                nonlocal looked_at
                found = match(buffer, at)
                looked_at += found.end() - at
                return found

            return count

        data = b'[{"message": "' + b"x\\\\" * 20_000 + b'", "more": [[1], {}]}]'
        with pytest.MonkeyPatch.context() as patch:
            for name in ("_to_string_end", "_to_bracket", "_to_comma_or_bracket"):
                patch.setattr(_splitter, name, counting(getattr(_splitter, name)))
            assert fed(*(data[start : start + 7] for start in range(0, len(data), 7)))[1]
        assert looked_at <= len(data)
