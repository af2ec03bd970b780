"""JSON as text: the objects and lists of a body, counted without a parser."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from circleci_v1_async import Build, DecodeError, loads
from circleci_v1_async._core import json_text
from circleci_v1_async._core.json_text import is_too_dense

TEXT = st.text(st.sampled_from('"\\[]{},: é'), max_size=12)
VALUE = st.recursive(
    st.none() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
MEGABYTE = 2**20


def count(value: Any) -> Iterator[type]:
    if isinstance(value, dict | list):
        yield type(value)
        for item in value.values() if isinstance(value, dict) else value:
            yield from count(item)


@given(VALUE, st.integers(0, 6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_brackets_within_strings_do_not_count(value: Any, allowed: int) -> None:
    kinds = list(count(value))
    too_many = max(kinds.count(dict), kinds.count(list)) > allowed
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_text, "_SMALL", {b"{": 0, b"[": 0})
        patch.setattr(json_text, "_FREE", allowed)
        patch.setattr(json_text, "_BYTES_EACH", 10**9)
        for ascii_only in (False, True):
            assert is_too_dense(json.dumps(value, ensure_ascii=ascii_only).encode()) is too_many


@pytest.mark.parametrize(
    ("item", "is_dense"),
    [
        (b'{"build_num":1}', True),
        (b"{}", True),
        (b"[]", True),
        (b'{"build_num":1,"subject":"' + b"x" * 80 + b'"}', False),
        (b'{"message":"' + b"\\u001b[32m{" * 50 + b'"}', False),
        (b'"ab"', False),
    ],
)
def test_a_large_body_may_have_an_object_for_each_64_bytes(item: bytes, is_dense: bool) -> None:  # noqa: FBT001 - a column
    body = b"[%b]" % b",".join([item] * (16 * MEGABYTE // len(item)))
    assert is_too_dense(body) is is_dense


def test_a_small_body_may_have_any_number_of_objects() -> None:
    assert not is_too_dense(b"[%b]" % b",".join([b"{}"] * (MEGABYTE // 3 - 1)))


def test_loads_refuses_a_dense_body_too() -> None:
    body = b"[%b]" % b",".join([b'{"build_num":1}'] * 200_000)
    with pytest.raises(DecodeError, match="Too many objects or lists for its size") as caught:
        loads(body, list[Build])
    assert (caught.value.path, caught.value.size) == ("$", len(body))
