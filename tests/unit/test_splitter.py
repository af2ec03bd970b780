"""JSON arrays taken apart into their items, however they are cut."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from circleci_v1_async import DecodeError
from circleci_v1_async._splitter import ArrayItems

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
