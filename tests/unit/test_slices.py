"""Large replies decoded in slices: the same values and errors as at once, with pauses, and only so many items."""

import json
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_payloads import MODELS, full, payloads, wrong_values

from circleci_v1_async import Artifact, Build, BuildDetail, DecodeError, FollowResult, Project, User
from circleci_v1_async._decoding import slices as _slices
from circleci_v1_async._decoding.codec import Decoder
from circleci_v1_async._decoding.slices import decode_in_slices
from circleci_v1_async.models import TestReport

BOM = b"\xef\xbb\xbf"
BOTH_MODES = pytest.mark.parametrize("strict", [False, True], ids=["tolerant", "strict"])
DECODERS = {strict: Decoder(strict) for strict in (False, True)}
STYLE = st.fixed_dictionaries({"ensure_ascii": st.booleans(), "indent": st.sampled_from([None, 2])})
UNKNOWN = st.dictionaries(st.sampled_from(["x", "y"]), st.lists(st.none() | st.dictionaries(st.just("a"), st.none())))


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """So small that few items make many."""
    monkeypatch.setattr(_slices, "_BYTES", 50)
    monkeypatch.setattr(_slices, "_ITEMS", 2)


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def decode(body: object, returns: Any, max_items: int | None = None, *, strict: bool = False) -> tuple[Any, int]:
    """The value, and how many pauses there were."""
    data = body if isinstance(body, bytes) else as_json(body)
    steps = decode_in_slices(data, returns, DECODERS[strict], max_items)
    pauses = 0
    while True:
        try:
            steps.send(None)
        except StopIteration as end:
            return end.value, pauses
        pauses += 1


def refusal(body: object, returns: Any, max_items: int | None = None, *, strict: bool = False) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        decode(body, returns, max_items, strict=strict)
    return caught.value


def outcome(call: Any) -> Any:
    try:
        return call()
    except DecodeError as error:
        return error.path, error.size


def assert_as_at_once(body: object, returns: Any, *, strict: bool) -> None:
    data = body if isinstance(body, bytes) else as_json(body)
    at_once = outcome(lambda: DECODERS[strict].decode(data, returns))
    assert outcome(lambda: decode(data, returns, strict=strict)[0]) == at_once


class TestAsAtOnce:
    @BOTH_MODES
    @pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
    def test_each_wrong_value_in_a_list_of_models_and_in_a_model(self, model: type, strict: bool) -> None:  # noqa: FBT001 - a column
        payload = full(model)
        assert_as_at_once([payload] * 5, list[model], strict=strict)
        for name in payload:
            for wrong in (*wrong_values(next(field.type for field in attrs.fields(model) if field.name == name)), None):
                changed = {**payload, name: wrong}
                assert_as_at_once([payload, payload, changed, payload], list[model], strict=strict)
                assert_as_at_once(changed, model, strict=strict)

    @BOTH_MODES
    @given(data=st.data())
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_any_payloads_in_any_style(self, data: st.DataObject, strict: bool) -> None:  # noqa: FBT001 - a column
        model = data.draw(st.sampled_from([Build, BuildDetail, TestReport, Artifact, User]))
        style, unknown = data.draw(STYLE), data.draw(UNKNOWN)
        values = [{**unknown, **value} for value in data.draw(st.lists(payloads(model), max_size=6))]
        body = data.draw(st.sampled_from([b"", BOM, b" \n", BOM + b"\t"])) + json.dumps(values, **style).encode() + b" "
        assert_as_at_once(body, list[model], strict=strict)
        for value in values[:2]:
            assert_as_at_once(json.dumps(value, **style).encode(), model, strict=strict)
        assert_as_at_once(body, Any, strict=strict)

    @BOTH_MODES
    @pytest.mark.parametrize("wrong", [5, None, [], "x", {"run_time": "x"}, {"name": 1}], ids=repr)
    @pytest.mark.parametrize("position", [0, 3, 8])
    def test_a_wrong_item_in_a_list_of_a_model(self, wrong: object, position: int, strict: bool) -> None:  # noqa: FBT001 - a column
        tests: list[Any] = [{"name": f"test_{number}"} for number in range(9)]
        tests[position] = wrong
        assert_as_at_once({"tests": tests, "exceptions": [1, {}]}, TestReport, strict=strict)
        tests[8] = wrong
        assert_as_at_once({"x": {"tests": [1]}, "exceptions": [[]], "tests": tests}, TestReport, strict=strict)

    @pytest.mark.parametrize("strict", [True])
    def test_wrong_items_in_two_lists(self, strict: bool) -> None:  # noqa: FBT001 - as above
        value = {**full(BuildDetail), "messages": [{}, {}, 5], "steps": [{}, 5]}
        assert_as_at_once(value, BuildDetail, strict=strict)
        assert_as_at_once(value, BuildDetail, strict=False)
        assert decode(value, BuildDetail)[0].messages == ()
        assert refusal({**value, "steps": []}, BuildDetail, strict=True).path.startswith("$.messages[2]")

    @pytest.mark.parametrize("field", ["branch", "steps"])
    def test_a_list_where_something_else_belongs_and_the_other_way_round(self, field: str) -> None:
        for wrong in ([], ["x"], [1, 2, 3], {}, {"a": [1]}, "x", None):
            for strict in (False, True):
                assert_as_at_once({"build_num": 1, field: wrong}, BuildDetail, strict=strict)

    @pytest.mark.parametrize("body", [b"{}", b'"x"', b"5", b"true", b"null", b"", b" \n", BOM])
    def test_what_is_no_list(self, body: bytes) -> None:
        assert_as_at_once(body, list[Build], strict=False)
        assert refusal(body, list[Build]).reason == outcome_reason(body, list[Build])

    @pytest.mark.parametrize("body", [b"[]", b'"x"', b"5", b"true", b"null", b"", b" \n", BOM])
    def test_what_is_no_object(self, body: bytes) -> None:
        assert_as_at_once(body, BuildDetail, strict=False)
        assert refusal(body, BuildDetail).reason == outcome_reason(body, BuildDetail)

    @pytest.mark.parametrize("returns", [list[Build], BuildDetail])
    def test_html(self, returns: Any) -> None:
        assert refusal(b"\n<!DOCTYPE html>" + b"x" * 500, returns).reason == "HTML instead of JSON"

    @pytest.mark.parametrize("returns", [dict[str, Build], FollowResult, Build | None, dict[str, Any]], ids=repr)
    def test_what_has_no_lists_to_split_is_decoded_at_once(self, returns: Any) -> None:
        body = {"first_build": {"build_num": 1, "steps": [{}] * 50}}
        assert_as_at_once(body, returns, strict=False)
        assert decode(body, dict[str, Build])[1] == 0


def outcome_reason(body: bytes, returns: Any) -> str:
    with pytest.raises(DecodeError) as caught:
        DECODERS[False].decode(body, returns)
    return caught.value.reason


class TestPauses:
    def test_there_is_one_every_few_items_and_bytes(self) -> None:
        assert decode([{}] * 10, list[User])[1] >= 5
        assert decode([{"login": "x" * 500}], list[User])[1] >= 10
        assert decode({"tests": [{}] * 10}, TestReport)[1] >= 5
        assert decode([[]] * 10, Any)[1] >= 5
        assert decode({"x": [[]] * 10}, User)[1] >= 5


class TestBounds:
    @pytest.mark.parametrize("length", [11, 12, 500])
    def test_a_list_is_refused_at_the_item_that_is_one_too_many(self, length: int) -> None:
        for body, returns, path in (
            ([{"build_num": 1}] * length, list[Build], "$"),
            ({"exceptions": [1], "tests": [{}] * length}, TestReport, "$.tests"),
            ({"x": [{}] * length}, User, "$.x"),
            ([{}] * length, Any, "$"),
        ):
            error = refusal(body, returns, 10)
            assert (error.reason, error.path) == ("The list has more than 10 items", f"{path}[10]")
            assert error.size == len(as_json(body))
            assert not error.truncated

    def test_it_is_not_read_on(self) -> None:
        body = as_json([{"build_num": 1}] * 20) + b"x" * 100_000
        assert refusal(body, list[Build], 10).path == "$[10]"

    def test_as_many_as_may_be_are_fine(self) -> None:
        assert len(decode([{"build_num": 1}] * 10, list[Build], 10)[0]) == 10

    def test_without_a_limit_they_may_take_so_much_room(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_slices, "_ROOM", 10 * Project.__basicsize__)
        assert len(decode([{}] * 10, list[Project])[0]) == 10
        assert refusal([{}] * 11, list[Project]).path == "$[10]"
        for item_type in (int, Any):
            assert refusal([0] * 100, list[item_type]).path == f"$[{10 * Project.__basicsize__ // 96}]"


class TestBrokenBodies:
    @given(st.data())
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_one_that_ends_early_is_truncated(self, data: st.DataObject) -> None:
        for value, returns in (
            ([{"build_num": 1}] * 3, list[Build]),
            ({"build_num": 1, "steps": [{}, {}]}, BuildDetail),
        ):
            body = as_json(value)
            assert refusal(body[: data.draw(st.integers(1, len(body) - 1))], returns).truncated

    @pytest.mark.parametrize(
        ("body", "path"),
        [
            (b'[{"build_num": 1}, {"build_num": nul}]', "$[1]"),
            (b'[{"build_num": 1}, {"build_num": 2}, {"build_num": 3]]', "$[2]"),
            (b'[{"build_num": 1}, {"build_num": 2, "branch": "\xff"}]', "$[1]"),
            (b'[{"build_num": 1},, {"build_num": 2}]', "$[1]"),
            (b'[{"build_num": 1}] x', "$"),
            (b"[" + b"[" * 100_000 + b"]" * 100_000 + b"]", "$[0]"),
        ],
        ids=lambda value: repr(value[:60]),
    )
    def test_an_error_says_at_which_item(self, body: bytes, path: str) -> None:
        error = refusal(body, list[Build])
        assert (error.path, error.size, error.truncated) == (path, len(body), False)
        with pytest.raises(DecodeError):
            DECODERS[False].decode(body, list[Build])

    @pytest.mark.parametrize(
        "body",
        [
            b'{"tests": [{}, {"name": nul}]}',
            b'{"tests": [{}, 5, nul]}',
            b'{"tests": [{}, 5, {"name": 1}, "\xff"]}',
            b'{"unknown": [{}, nul]}',
            b'{"unknown": ["\xff"]}',
            b'{"unknown": "\xff"}',
            b'{"tests": [{}]} x',
            b'{"tests": [{}] "exceptions": []}',
        ],
    )
    def test_what_is_no_json_is_an_error_wherever_it_is(self, body: bytes) -> None:
        assert not refusal(body, TestReport).truncated
        with pytest.raises(DecodeError):
            DECODERS[False].decode(body, TestReport)
