"""Bytes into models and back, whatever the bytes."""

import copy
import json
import logging
import math
import re
import types
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum, IntEnum
from typing import Any, Literal, get_args, get_origin

import attrs
import msgspec
import pytest
from effort import by_profile
from hypothesis import given, settings
from hypothesis import strategies as st
from model_payloads import MODELS, TIME, alternatives, full, is_time, payloads, required, texts, wrong_values

from circleci_v1_async import dumps, loads, make_converter
from circleci_v1_async._core.json_text import encode
from circleci_v1_async._core.secret import RedactedStr, Secret
from circleci_v1_async.converter import CircleCIConverter
from circleci_v1_async.enums import BuildStatus, Outcome, VcsType
from circleci_v1_async.errors import CircleCIError, DecodeError, InvalidInputError
from circleci_v1_async.models import (
    Action,
    Branch,
    BranchBuild,
    Build,
    BuildDetail,
    BuildMessage,
    BuildSummary,
    BuildUser,
    Commit,
    FollowResult,
    Project,
    Step,
    TestMetadata,
    User,
)

BOM = b"\xef\xbb\xbf"
CANARY = "canary-7c1e"
BOTH_MODES = pytest.mark.parametrize("strict", [False, True], ids=["tolerant", "strict"])
EACH_MODEL = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)


def as_json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


# Making the hooks takes longer than anything that is done with them here.
CONVERTERS = {strict: make_converter(strict=strict) for strict in (False, True)}


def decode(value: object, returns: Any, *, strict: bool = False) -> Any:
    converter = CONVERTERS[strict]
    converter._hooks.misfits._logged.clear()
    return converter.loads(value if isinstance(value, bytes) else as_json(value), returns)


def refusal(value: object, returns: Any, *, strict: bool = True) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        decode(value, returns, strict=strict)
    return caught.value


def without(payload: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if name not in names}


# Bodies that are no JSON, or not that JSON.


@pytest.mark.fault(25, 27, 28, 30, 31, 33)
@BOTH_MODES
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "The body is empty"),
        (b" \r\n\t", "The body is empty"),
        (BOM, "The body is empty"),
        (
            b"<!DOCTYPE html>\n<html>  <title>Log in</title>",
            "HTML instead of JSON",
        ),
        (b'{:login "ada", :admin false}', "JSON is malformed"),
        (b'{"login": "ada"', "truncated"),
        (b'{"login": "ada"} {}', "JSON is malformed"),
        (b'{"days_left_in_trial": NaN}', "JSON is malformed"),
        (b'{"days_left_in_trial": -Infinity}', "JSON is malformed"),
        (b'{"unknown": NaN}', "JSON is malformed"),
        (b'{"login": "\xff"}', "Invalid UTF-8 (byte 11)"),
        (b'{"unknown": "\xe9"}', "Invalid UTF-8 (byte 13)"),
        ('{"login": "ada"}'.encode("utf-16"), "Invalid UTF-8 (byte 0)"),
        (b"[" * 100_000 + b"]" * 100_000, "Nested too deeply"),
        (b'{"identities": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001, "Nested too deeply"),
        (b'{"unknown": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "Nested too deeply"),
        (b'{"days_left_in_trial": ' + b"9" * 5000 + b"}", "out of range"),
        (b'{"identities": {"a": ' + b"9" * 5000 + b"}}", "out of range"),
        (b'{"days_left_in_trial": 1e999}', "out of range"),
        (b"[]", "Expected `object`, got `array`"),
        (b'[{"login": "ada"}]', "Expected `object`, got `array`"),
        (b'"ada"', "Expected `object`, got `string`"),
        (b"5", "Expected `object`, got `number`"),
        (b"0.5", "Expected `object`, got `number`"),
        (b"true", "Expected `object`, got `boolean`"),
        (b"null", "Expected `object`, got `null`"),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_a_body_that_is_no_object_is_a_decode_error_that_says_why(body: bytes, reason: str, strict):
    error = refusal(body, User, strict=strict)
    assert reason in error.reason
    assert error.size == len(body)
    assert error.__cause__ is None


@pytest.mark.fault(33)
@BOTH_MODES
@pytest.mark.parametrize("body", [b"{}", b'"builds"', b'""', b"null", b"1"])
def test_a_list_is_asked_for_and_something_else_comes(body: bytes, strict):
    error = refusal(body, list[Build], strict=strict)
    assert error.reason.startswith("Expected `array`, got ")
    assert error.path == "$"


def test_an_object_of_models_is_asked_for_and_a_list_comes():
    assert refusal([], dict[str, Build]).reason == "Expected `object`, got `array`"


@pytest.mark.fault(26, 29, 30)
@pytest.mark.parametrize(
    ("body", "returns", "expected"),
    [
        (BOM + b'{"login": "ada"}', User, User(login="ada")),
        (b' \n{"login": "ada"}\r\n', User, User(login="ada")),
        (b'{"login": "bob", "login": "ada"}', User, User(login="ada")),
        (b'{"build_num": 1180591620717411303424}', BuildSummary, BuildSummary(build_num=2**70)),
        (b'{"days_left_in_trial": -2438}', User, User(days_left_in_trial=-2438)),
        (b'{"identities": {"id": 18446744073709551617}}', User, User(identities={"id": 2**64 + 1})),
        (b'{"run_time": 2}', TestMetadata, TestMetadata(run_time=2.0)),
        (b'{"a": [1, null]}', Any, {"a": [1, None]}),
        (b"[1, 2]", list[int], [1, 2]),
        (b'{"a": {"build_num": 1}}', dict[str, Build], {"a": Build(build_num=1)}),
        (b"null", Build | None, None),
        (b'{"build_num": 1}', Build | None, Build(build_num=1)),
        (b'{"build_num": 1, "branch": 5}', Build | None, Build(build_num=1)),
    ],
)
def test_what_is_accepted(body: bytes, returns: Any, expected: object):
    value = decode(body, returns)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.fault(37)
@pytest.mark.parametrize(
    ("body", "returns"),
    [
        (b'"5"', int),
        (b"5.7", int),
        (b"true", int),
        (b"5", str),
        (b"null", str),
        (b"1", bool),
        (b'"false"', bool),
        (b'"1.5"', float),
        (b"5", bytes),
        (b"5", BuildStatus),
        (b'"1"', IntEnum("Level", ["LOW"])),
        (b"5", Enum("Colour", ["RED"])),
        (b"5", datetime),
        (b'["5"]', list[int]),
        (b'"12"', list[int]),
        (b'{"a": "5"}', dict[str, int]),
        (b'["5"]', tuple[int, ...]),
    ],
    ids=repr,
)
def test_nothing_is_coerced_into_a_type_that_is_no_model(body: bytes, returns: Any):
    assert refusal(body, returns, strict=False).reason.startswith(("Expected ", "Invalid "))


class Unknown:
    """No type of JSON."""


class Text(str):
    """A class that is derived from one of JSON's."""

    __slots__ = ()


@attrs.frozen
class Holder:
    within: tuple[Unknown, ...] = ()


@pytest.mark.parametrize("returns", [5, [], "Build", {}], ids=repr)
def test_a_type_that_nothing_can_be_decoded_into_is_refused_before_it_is_used(returns: Any):
    with pytest.raises(InvalidInputError, match=r"^returns: expected a model, a container of models or a JSON type; "):
        make_converter().check(returns)
    with pytest.raises(InvalidInputError):
        loads(b"{}", returns)


@pytest.mark.parametrize("returns", [Unknown, list[Unknown], dict[str, Unknown], Unknown | None, Text, Holder], ids=str)
def test_a_class_without_a_hook_is_refused_by_name(returns: Any):
    with pytest.raises(InvalidInputError, match=r"^returns: expected a model, .*Unsupported type: .*(Unknown|Text)"):
        make_converter().check(returns)
    with pytest.raises(InvalidInputError, match=r"^type: expected a model"):
        loads(b"{}", returns)


# Wrong values, field by field.


@pytest.mark.fault(37)
@EACH_MODEL
def test_a_wrong_value_in_an_optional_field_leaves_its_default_and_all_else_in_place(model: type):
    payload = full(model)
    for field in attrs.fields(model):
        for wrong in () if required(field) else wrong_values(field.type):
            expected = decode(without(payload, field.name), model, strict=True)
            assert decode({**payload, field.name: wrong}, model) == expected, (field.name, wrong)
            assert decode([payload, {**payload, field.name: wrong}], list[model])[1] == expected, (field.name, wrong)


@pytest.mark.fault(37)
@EACH_MODEL
def test_a_wrong_value_is_a_decode_error_with_its_path_when_strict(model: type):
    payload = full(model)
    for field in attrs.fields(model):
        for wrong in wrong_values(field.type):
            error = refusal({**payload, field.name: wrong}, model)
            assert error.path.startswith(f"$.{field.name}"), (field.name, wrong)
            error = refusal([payload, {**payload, field.name: wrong}], list[model])
            assert error.path.startswith(f"$[1].{field.name}"), (field.name, wrong)


@pytest.mark.fault(34, 37)
@EACH_MODEL
def test_a_wrong_value_in_a_required_field_is_a_decode_error_also_when_tolerant(model: type):
    payload = full(model)
    for field in filter(required, attrs.fields(model)):
        for wrong in (*wrong_values(field.type), None):
            assert refusal({**payload, field.name: wrong}, model, strict=False).path == f"$.{field.name}"
        error = refusal(without(payload, field.name), model, strict=False)
        assert (error.reason, error.path) == (f"Object missing required field `{field.name}`", f"$.{field.name}")


@BOTH_MODES
def test_null_in_a_required_field_is_said_to_be_null(strict):
    assert refusal({"build_num": None}, Build, strict=strict).reason == "Expected `int`, got `null`"


@pytest.mark.fault(34)
@BOTH_MODES
@EACH_MODEL
def test_null_is_the_default_of_every_optional_field(model: type, strict, caplog: pytest.LogCaptureFixture):
    payload = full(model)
    optional = [field.name for field in attrs.fields(model) if not required(field)]
    for name in optional:
        assert decode({**payload, name: None}, model, strict=strict) == decode(without(payload, name), model)
    nothing = decode({**payload, **dict.fromkeys(optional)}, model, strict=strict)
    assert nothing == decode(without(payload, *optional), model)
    assert not caplog.records


@pytest.mark.fault(38)
@BOTH_MODES
@EACH_MODEL
def test_an_empty_string_for_a_time_is_null_without_a_word(model: type, strict, caplog: pytest.LogCaptureFixture):
    payload = full(model)
    for field in attrs.fields(model):
        if is_time(field.type):
            blank = {**payload, field.name: ""}
            expected = decode({**payload, field.name: None}, model)
            assert decode(blank, model, strict=strict) == expected
            assert decode([payload, blank], list[model], strict=strict)[1] == expected
    assert not caplog.records


@BOTH_MODES
def test_blank_times_are_null_also_below(strict, caplog: pytest.LogCaptureFixture):
    build = {"build_num": 1, "committer_date": "", "all_commit_details": [{"committer_date": "", "branch": "main"}, {}]}
    assert decode([build], list[Build], strict=strict) == [
        Build(build_num=1, all_commit_details=(Commit(branch="main"), Commit()))
    ]
    project = {"branches": {"main": {"recent_builds": [{"build_num": 1, "added_at": ""}], "latest_workflows": None}}}
    assert decode(project, Project, strict=strict).branches["main"].recent_builds == (BranchBuild(build_num=1),)
    assert decode({"a": {"build_num": 1, "stop_time": ""}}, dict[str, Build], strict=strict)["a"].stop_time is None
    assert not caplog.records


def test_a_page_of_bitbucket_builds_needs_no_tolerance():
    page = [{"build_num": n, "committer_date": "", "all_commit_details": [{"committer_date": ""}]} for n in range(1, 4)]
    for body in (as_json(page), json.dumps(page).encode()):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(CircleCIConverter, "structure", None)  # called when the fast way has failed
            builds = loads(body, list[Build])
        assert [build.committer_date for build in builds] == [None] * 3


def test_a_build_parameter_that_is_named_like_a_date_keeps_its_value():
    for parameters in ({"committer_date": ""}, {"a": {"committer_date": ""}}, {"a": "},", "committer_date": ""}):
        build = {"build_num": 1, "committer_date": "", "build_parameters": parameters}
        assert decode(build, Build) == Build(build_num=1, build_parameters=parameters)
        assert decode([build], list[Build]) == [Build(build_num=1, build_parameters=parameters)]


def test_a_blank_date_is_null_also_where_the_builds_lie_deeper():
    build = {"build_num": 1, "committer_date": ""}
    assert decode({"first_build": build}, FollowResult) == FollowResult(first_build=Build(build_num=1))
    assert decode({"a": build}, dict[str, Build]) == {"a": Build(build_num=1)}
    assert decode([build, {**build, "stop_time": "x"}], list[Build]) == [Build(build_num=1)] * 2


@pytest.mark.parametrize(
    "body", [{"all_commit_details": {"a": {"author_date": ""}}}, {"all_commit_details": "x"}, {"previous": ""}]
)
def test_blank_times_are_looked_for_without_trust_in_the_shape(body: dict[str, Any]):
    assert decode({"build_num": 1, "author_date": "", **body}, Build) == Build(build_num=1)


@pytest.mark.fault(38)
@pytest.mark.parametrize(
    "wrong",
    [
        " ",
        "0000-01-01T00:00:00Z",
        "2026-02-03T04:05:99Z",
        "2026-02-03",
        "2026-02-03T04:05:06",
        "1445467384",
        1445467384,
    ],
)
def test_a_time_that_is_no_instant_is_left_out(wrong: object):
    payload = {"build_num": 1, "author_date": wrong}
    assert decode(payload, Build).author_date is None
    assert refusal(payload, Build).path == "$.author_date"


@pytest.mark.fault(38)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2013-02-12T21:33:14Z", datetime(2013, 2, 12, 21, 33, 14, tzinfo=UTC)),
        ("2013-02-12T21:33:14.000Z", datetime(2013, 2, 12, 21, 33, 14, tzinfo=UTC)),
        ("2013-02-12T21:33:27.48Z", datetime(2013, 2, 12, 21, 33, 27, 480_000, tzinfo=UTC)),
        ("2013-02-12T13:33:14-08:00", datetime(2013, 2, 12, 13, 33, 14, tzinfo=timezone(timedelta(hours=-8)))),
    ],
)
def test_times_are_aware_in_every_form_that_was_recorded(text: str, expected: datetime):
    time = decode({"build_num": 1, "author_date": text}, Build, strict=True).author_date
    assert time == expected
    assert time.utcoffset() == expected.utcoffset()


@pytest.mark.fault(37)
@pytest.mark.parametrize("wrong", ["5", 5.7, True])
def test_an_integer_is_neither_read_from_text_nor_cut_nor_made_of_a_boolean(wrong: object):
    assert decode({"build_num": 1, "parallel": wrong, "retries": [1, wrong]}, Build) == Build(build_num=1, retries=(1,))
    assert refusal({"build_num": wrong}, Build, strict=False).path == "$.build_num"
    assert refusal({"build_num": 1, "retries": [1, wrong]}, Build).path == "$.retries[1]"


@pytest.mark.fault(34)
def test_null_is_never_the_text_none():
    assert decode({"path": "a", "url": "b", "pretty_path": None}, models_of("Artifact")).pretty_path is None


def models_of(name: str) -> Any:
    return next(model for model in MODELS if model.__name__ == name)


def test_a_bad_field_three_levels_deep_leaves_its_step_intact():
    steps = [
        {"name": "checkout", "actions": [{"name": "a", "exit_code": "0", "index": 1}, {"name": "b", "exit_code": 0}]},
        {"name": "test", "actions": [{"name": "c"}]},
    ]
    assert decode({"build_num": 1, "steps": steps}, BuildDetail).steps == (
        Step(name="checkout", actions=(Action(name="a", index=1), Action(name="b", exit_code=0))),
        Step(name="test", actions=(Action(name="c"),)),
    )
    assert refusal([{"build_num": 1, "steps": steps}], list[BuildDetail]).path == "$[0].steps[0].actions[0].exit_code"


def test_a_nested_list_loses_the_item_that_does_not_fit_and_nothing_else():
    payload = {"build_num": 1, "branch": "main", "all_commit_details": [{"commit": "c0ffee"}, "c0ffee"]}
    commits = (Commit(commit="c0ffee"),)
    assert decode(payload, Build) == Build(build_num=1, branch="main", all_commit_details=commits)
    assert refusal(payload, Build).path == "$.all_commit_details[1]"


@pytest.mark.parametrize("wrong", [None, 5, "x", [], {}, {"build_num": "1"}], ids=repr)
def test_a_list_loses_the_item_that_does_not_fit_unless_strict(wrong: object, caplog: pytest.LogCaptureFixture):
    body = [{"build_num": 1}, wrong, {"build_num": 2}, wrong]
    builds = decode(body, list[Build])
    assert builds == [Build(build_num=1), Build(build_num=2)]
    assert type(builds) is list
    assert len(caplog.records) == 1
    assert refusal(body, list[Build]).path.startswith("$[1]")


@pytest.mark.parametrize("wrong", [[None], [5, "x"], [{}], [{"build_num": "1"}] * 3], ids=repr)
def test_a_list_of_which_no_item_fits_is_a_decode_error(wrong: list[object]):
    assert refusal(wrong, list[Build], strict=False).path.startswith("$[0]")
    assert decode({"build_num": 1, "retries": ["x"], "pull_requests": [5]}, Build) == Build(build_num=1)


def test_a_mapping_loses_the_entry_that_does_not_fit_unless_strict(caplog: pytest.LogCaptureFixture):
    body = {"branches": {"main": {}, "odd": 5, "other": None}}
    assert decode(body, Project) == Project(branches={"main": Branch()})
    assert [record.getMessage() for record in caplog.records] == [
        "Project.branches: a JSON number does not fit and is left out: Expected `object`, got `number` (logged once)",
        "Project.branches: a JSON null does not fit and is left out: Expected `object`, got `null` (logged once)",
    ]
    assert decode({"branches": {"odd": 5}}, Project) == Project()
    assert refusal(body, Project).path == "$.branches[...]"


@attrs.frozen
class Counted:
    """A class with mappings whose keys are not strings, and a field that may not fit."""

    names: dict[int, str] = attrs.field(factory=dict[int, str])
    shares: Mapping[float, int] | None = None
    builds: dict[int, Build] = attrs.field(factory=dict[int, Build])
    branch: str | None = None


@pytest.mark.parametrize("branch", ["main", 5], ids=["fits", "does not fit"])
def test_keys_become_numbers_whether_or_not_another_value_fits(branch: object):
    body = {"names": {"1": "a"}, "shares": {"1.5": 2}, "builds": {"7": {"build_num": 7, "branch": branch}}}
    name = branch if isinstance(branch, str) else None
    build = Build(build_num=7, branch=name)
    assert decode(body | {"branch": branch}, Counted) == Counted({1: "a"}, {1.5: 2}, {7: build}, name)
    assert decode(body["builds"], dict[int, Build]) == {7: build}


def test_a_mapping_loses_the_entry_whose_key_does_not_fit_unless_strict():
    body = {"7": {"build_num": 7}, "seven": {"build_num": 7}}
    assert decode(body, dict[int, Build]) == {7: Build(build_num=7)}
    error = refusal(body, dict[int, Build])
    assert (error.path, error.reason) == ("$[...]", "Expected `int`, got `str`")


def test_keys_of_a_mapping_in_hand_may_be_numbers_already():
    assert make_converter().structure({7: {"build_num": 7}}, dict[int, Build]) == {7: Build(build_num=7)}


def test_a_wrong_value_costs_its_own_field_also_in_a_union():
    body = ["text", 5, {"build_num": 1, "branch": 5}, {"build_num": "x"}]
    assert decode(body, list[Build | str]) == ["text", Build(build_num=1)]
    assert decode({"branch": 5, "build_num": 1}, Build | str) == Build(build_num=1)
    assert decode([[1, "x"], {"a": 1}], list[list[int] | dict[str, int]]) == [[1], {"a": 1}]


def test_a_nested_model_without_its_required_field_is_left_out():
    assert decode({"build_num": 1, "previous": {"status": "success"}}, Build) == Build(build_num=1)


def test_keys_of_the_body_are_not_in_a_path():
    payload = {"branches": {CANARY: {"recent_builds": [{"build_num": "1"}]}}}
    assert refusal(payload, Project).path == "$.branches[...].recent_builds[0].build_num"


@pytest.mark.fault(36)
def test_unknown_keys_are_dropped_in_both_ways():
    payload = {"build_num": 1, "unknown": {"branch": 5}, "user": {"login": "ada", "unknown": 5}}
    expected = Build(build_num=1, user=BuildUser(login="ada"))
    assert decode(payload, Build, strict=True) == expected
    assert decode({**payload, "branch": 5}, Build) == expected


@pytest.mark.fault(35)
@BOTH_MODES
def test_an_unknown_enum_value_is_kept(strict, caplog: pytest.LogCaptureFixture):
    payload = {"build_num": 1, "status": "brand_new", "vcs_type": "sourcehut", "committer_date": ""}
    build = decode(payload, Build, strict=strict)
    assert isinstance(build.status, BuildStatus)
    assert (build.status, build.vcs_type) == ("brand_new", "sourcehut")
    assert isinstance(build.vcs_type, VcsType)
    assert not caplog.records


@pytest.mark.parametrize("identity", [1815, "{0b832565-c0a0}", "1815"])
def test_the_id_of_a_user_is_an_integer_or_a_string_as_it_came(identity: object):
    assert decode({"id": identity}, BuildUser, strict=True).id == identity


@BOTH_MODES
def test_messages_are_objects_or_bare_strings(strict, caplog: pytest.LogCaptureFixture):
    payload = {"build_num": 1, "messages": ["as openapi.yml says", {"type": "warning", "message": "as it is"}]}
    assert decode(payload, Build, strict=strict).messages == (
        BuildMessage(message="as openapi.yml says"),
        BuildMessage(type="warning", message="as it is"),
    )
    assert not caplog.records


@BOTH_MODES
@pytest.mark.parametrize(
    ("payload", "following"),
    [
        ({"followed": True}, True),
        ({"following": False, "followed": True}, False),
        ({"following": True}, True),
        ({}, None),
    ],
)
def test_old_servers_say_followed_for_following(payload: dict[str, Any], following, strict):
    assert decode(payload, FollowResult, strict=strict) == FollowResult(following=following)


def test_a_follow_result_that_is_no_object_is_a_decode_error():
    assert refusal(["followed"], FollowResult).reason == "Expected `object`, got `array`"


@pytest.mark.fault(32)
@BOTH_MODES
@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (r"a\ud800b", "a\ufffdb"),
        (r"\udc00", "\ufffd"),
        (r"\uD83d\uDE00", "😀"),
        (r"\ud83d\ud83d\ude00", "\ufffd😀"),
        (r"\\ud800", r"\ud800"),
        (r"\ud800\n", "\ufffd\n"),
        (r"\ud800A", "\ufffdA"),
    ],
)
def test_lone_surrogates_become_replacement_characters(escaped: str, text: str, strict):
    body = f'{{"login": "{escaped}", "name": "ünï"}}'.encode()
    assert decode(body, User, strict=strict) == User(login=text, name="ünï")
    assert decode(f'["{escaped}"]'.encode(), Any, strict=strict) == [text]


# What is said about it.


def test_each_kind_of_wrong_value_is_logged_once(caplog: pytest.LogCaptureFixture):
    converter = make_converter()
    builds = [{"build_num": 1, "branch": wrong, "parallel": "2"} for wrong in (5, 6.5, {}, [], True)]
    for _ in range(2):
        converter.loads(as_json(builds), list[Build])
    assert [(record.name, record.levelno) for record in caplog.records] == [("circleci_v1_async", logging.WARNING)] * 5
    assert {record.getMessage().partition(" does not fit")[0] for record in caplog.records} == {
        "Build.branch: a JSON number",
        "Build.branch: a JSON object",
        "Build.branch: a JSON array",
        "Build.branch: a JSON boolean",
        "Build.parallel: a JSON string",
    }


def test_each_converter_logs_for_itself_whichever_method_is_called(caplog: pytest.LogCaptureFixture):
    for converter in (make_converter(), make_converter()):
        assert converter.structure({"build_num": 1, "branch": 5}, Build) == Build(build_num=1)
        assert converter.loads(b'{"build_num": 1, "branch": 6}', Build) == Build(build_num=1)
    assert len(caplog.records) == 2


def test_loads_uses_one_tolerant_converter_for_the_process(caplog: pytest.LogCaptureFixture):
    number = attrs.make_class("Number", {"number": attrs.field(type=int, default=0)})
    for _ in range(2):
        assert loads(b'{"number": "5"}', number) == number()
    assert len(caplog.records) == 1


def leaves(value: Any) -> Iterator[tuple[Any, Any]]:
    """Where a value can be replaced: every container with each of its keys or indexes."""
    if isinstance(value, dict | list):
        for key in list(value if isinstance(value, dict) else range(len(value))):
            yield value, key
            yield from leaves(value[key])


@pytest.mark.fault(42)
@EACH_MODEL
def test_no_byte_of_the_body_is_in_a_decode_error_or_in_the_log(model: type, caplog: pytest.LogCaptureFixture):
    payload = json.loads(json.dumps(full(model)).replace('"the ', f'"{CANARY} ').replace('"a ', f'"{CANARY} '))
    for index in range(len(list(leaves(payload)))):
        for wrong in (f"{CANARY}'s", 3.141592, [CANARY], {CANARY: CANARY}, None):
            mutant = copy.deepcopy(payload)
            container, key = list(leaves(mutant))[index]
            container[key] = wrong
            for strict in (False, True):
                try:
                    decode(mutant, model, strict=strict)
                except DecodeError as error:
                    shown = f"{error} {error!r} {error.args} {vars(error)}"
                    assert CANARY not in shown
                    assert "3.14" not in shown
    assert CANARY not in caplog.text
    assert "3.14" not in caplog.text


@pytest.mark.parametrize("returns", [Enum("Colour", {"RED": "red"}), Literal["red"], list[Literal["red"]]])
def test_a_value_that_is_none_of_a_closed_set_is_not_quoted(returns: Any):
    body = [CANARY] if get_origin(returns) is list else CANARY
    assert refusal(body, returns).reason == "Invalid enum value"


@pytest.mark.parametrize("body", [CANARY, f'{{"a": {CANARY}}}', f'{{"{CANARY}": "{CANARY}"', f'["{CANARY}", NaN]'])
def test_no_byte_of_a_malformed_body_is_in_a_decode_error(body: str):
    error = refusal(body.encode(), User)
    assert CANARY not in f"{error} {error.args}"


# The two ways agree.


def by_fields() -> CircleCIConverter:
    """A converter that leaves no class to msgspec."""
    converter = make_converter()
    converter._native.claim(attrs.has)
    return converter


def by_hooks_of_a_user() -> CircleCIConverter:
    """A converter with hooks that do as msgspec does."""
    converter = make_converter()
    for kind in (str, int, bool, float):
        converter.register_structure_hook(kind, msgspec.convert)
    return converter


OTHER_WAYS = [by_fields(), by_hooks_of_a_user()]


@st.composite
def mutated(draw: st.DrawFn) -> tuple[type, Any]:
    """A model and a payload of it in which some values were replaced or removed."""
    model = draw(st.sampled_from(MODELS))
    payload = json.loads(json.dumps(draw(payloads(model))))
    for _ in range(draw(st.integers(0, 3))):
        places = list(leaves(payload))
        if not places:
            break
        container, key = draw(st.sampled_from(places))
        if draw(st.booleans()):
            del container[key]
        else:
            container[key] = draw(
                st.sampled_from([None, "", "5", 5, 5.0, 5.7, -0.0, True, [], [None], {}, {"x": 1}, 2**64])
            )
    return model, payload


@settings(max_examples=by_profile(quick=100, thorough=500))
@given(mutated())
def test_the_fast_way_and_the_tolerant_way_agree(case: tuple[type, Any]):
    model, payload = case
    for returns, body in ((model, as_json(payload)), (list[model], as_json([payload, payload]))):
        try:
            fast = msgspec.json.decode(body, type=returns)
        except msgspec.ValidationError:
            fast = None
        try:
            both = make_converter().loads(body, returns)
        except DecodeError:
            assert fast is None
            for converter in OTHER_WAYS:
                with pytest.raises(DecodeError):
                    converter.loads(body, returns)
            continue
        for converter in OTHER_WAYS:
            assert converter._native.get_decoder(returns) is None
            assert converter.loads(body, returns) == both


def models_within(value: Any, annotation: Any) -> Iterator[tuple[dict[str, Any], type]]:
    """Every object of a payload that stands for a model."""
    for member in alternatives(annotation):
        origin = get_origin(member) or member
        if attrs.has(origin):
            yield value, origin
            for field in attrs.fields(origin):
                if value.get(field.name) is not None:
                    yield from models_within(value[field.name], field.type)
        elif origin is tuple or origin is Mapping:
            for item in value if origin is tuple else value.values():
                yield from models_within(item, get_args(member)[-1 if origin is Mapping else 0])


@settings(max_examples=by_profile(quick=100, thorough=500))
@given(st.data())
def test_a_wrong_value_anywhere_costs_its_own_field_and_nothing_else(data: st.DataObject):
    model = data.draw(st.sampled_from(MODELS))
    payload = data.draw(payloads(model))
    place, kind = data.draw(st.sampled_from(list(models_within(payload, model))))
    candidates = [
        (field.name, wrong) for field in attrs.fields(kind) if not required(field) for wrong in wrong_values(field.type)
    ]
    name, wrong = data.draw(st.sampled_from(candidates))
    place.pop(name, None)
    expected = decode(payload, model, strict=True)
    place[name] = wrong
    assert decode(payload, model) == expected


RETURNS = st.sampled_from([Any, int, str, dict[str, Any], list[int], *MODELS, *(list[model] for model in MODELS)])


@pytest.mark.fault(25)
@settings(max_examples=by_profile(quick=100, thorough=500))
@given(st.data())
def test_whatever_bytes_come_only_a_decode_error_comes_out(data: st.DataObject):
    returns = data.draw(RETURNS)
    bodies = st.binary(max_size=40) | st.text(alphabet='[]{}":,\\ud80019eE+-.tfn<\ufeff ', max_size=30).map(str.encode)
    body = data.draw(bodies | payloads(BuildDetail).map(as_json) | payloads(Project).map(as_json))
    cut = data.draw(st.integers(0, len(body)))
    for strict in (False, True):
        for candidate in (body, body[:cut], body[:cut] + b"\\ud800" + body[cut:]):
            try:
                decode(candidate, returns, strict=strict)
            except DecodeError as error:
                assert error.path.startswith("$")  # noqa: PT017 - it need not be raised


# Back to JSON.


@settings(max_examples=by_profile(quick=50, thorough=500))
@given(st.data())
def test_what_dumps_writes_loads_reads(data: st.DataObject):
    model = data.draw(st.sampled_from(MODELS))
    built = decode(data.draw(payloads(model)), model, strict=True)
    assert loads(dumps(built), model) == built
    assert loads(dumps([built, built]), list[model]) == [built, built]
    assert loads(dumps(built).decode(), model) == built


@EACH_MODEL
def test_dumps_writes_every_field_under_its_name_on_the_wire(model: type):
    built = decode(full(model), model, strict=True)
    written = json.loads(dumps(built))
    assert set(written) == {field.name for field in attrs.fields(model)}
    assert loads(dumps(built), model) == built


def test_dumps_writes_secrets_since_it_is_for_keeping():
    assert b'"heroku_api_key":"s3cret"' in dumps(User(heroku_api_key="s3cret"))


@given(st.dictionaries(texts, st.just(Branch())))
def test_names_of_branches_come_back_whatever_they_are(branches: dict[str, Branch]):
    project = Project(branches=branches)
    assert loads(dumps(project), Project) == project
    assert loads(dumps([Project(), project]), list[Project]) == [Project(), project]
    assert loads(dumps((project,)), tuple[Project, ...]) == (project,)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("main", "main"),
        ("feature%2Fx", "feature/x"),
        ("a%20b", "a b"),
        ("100%25", "100%"),
        ("%C3%BC", "ü"),
        ("a+b", "a+b"),
    ],
)
def test_percent_encoded_names_of_branches_are_decoded_in_both_ways(key: str, name: str):
    payload = {"branches": {key: {"is_using_workflows": True}}}
    for body in (payload, {**payload, "oss": "yes"}):
        assert decode(body, Project) == Project(branches={name: Branch(is_using_workflows=True)})
        assert [project.branches.keys() for project in decode([body, body], list[Project])] == [{name}, {name}]


def test_names_of_branches_are_written_as_the_service_writes_them():
    branches = {"feature/x ü": Branch()}
    assert set(json.loads(dumps(Project(branches=branches)))["branches"]) == {"feature%2Fx%20%C3%BC"}


def test_what_a_model_holds_of_other_kinds_is_written_as_its_kind():
    build = Build(build_num=1, branch=RedactedStr("main"), build_parameters=types.MappingProxyType({"A": "1"}))
    assert loads(dumps(build), Build) == Build(build_num=1, branch="main", build_parameters={"A": "1"})


@pytest.mark.parametrize(
    "model",
    [object(), Build(build_num=1, branch="\ud800"), Project(branches={f"{CANARY}\ud800": Branch()}), [Unknown()]],
    ids=["object", "surrogate", "branch", "list"],
)
def test_dumps_refuses_what_json_has_no_form_for(model: object):
    with pytest.raises(InvalidInputError, match=r"^dumps: expected a model or a list of models") as caught:
        dumps(model)
    assert CANARY not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("data", [b"", "", "{", '{"build_num": "1"}', '"\ud800"', b"\xff"])
def test_loads_raises_decode_errors_for_text_as_for_bytes(data: bytes | str):
    with pytest.raises(DecodeError) as caught:
        loads(data, Build)
    assert caught.value.request is None
    assert caught.value.status is None


@pytest.mark.parametrize("data", [None, 5, {"build_num": 1}, [CANARY]], ids=["null", "number", "dict", "list"])
def test_loads_refuses_what_is_no_text(data: Any):
    with pytest.raises(InvalidInputError, match=r"^data: expected JSON text, got [A-Za-z]+; `structure`"):
        loads(data, Build)


def test_loads_takes_text_with_a_bom():
    assert loads('\ufeff{"build_num": 1}', Build) == Build(build_num=1)


# Bodies of requests.


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"parallel": 2, "job": "test", "a": None}, b'{"parallel":2,"job":"test","a":null}'),
        ([1, 2.5, True, "ünï"], '[1,2.5,true,"ünï"]'.encode()),
        ({"type": Outcome.SUCCESS, "private_key": Secret("pem")}, b'{"type":"success","private_key":"pem"}'),
        (("a",), b'["a"]'),
        (types.MappingProxyType({"A": types.MappingProxyType({})}), b'{"A":{}}'),
    ],
)
def test_a_body_is_compact_json(body: object, expected: bytes):
    assert encode(body) == expected


def circle() -> list[Any]:
    loop: list[Any] = [CANARY]
    loop.append(loop)
    return loop


@pytest.mark.fault(45)
@pytest.mark.parametrize(
    "body",
    [
        {CANARY, "b"},
        {"a": {CANARY}},
        math.nan,
        [-math.inf],
        CANARY.encode(),
        {("a", "b"): CANARY},
        f"{CANARY}\ud800",
        circle(),
        {"a": object()},
        datetime.fromisoformat(TIME),
    ],
    ids=["set", "nested set", "nan", "inf", "bytes", "tuple key", "surrogate", "circle", "object", "datetime"],
)
def test_a_body_that_json_has_no_form_for_is_refused_without_being_quoted(body: object):
    with pytest.raises(InvalidInputError, match=r"^body: expected values that JSON can hold") as caught:
        encode(body)
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_decode_error_is_of_the_family():
    assert issubclass(DecodeError, CircleCIError)


@attrs.frozen
class Theirs:
    """A model of a user's, whose annotations are strings and whose default is made anew."""

    number: "int"
    when: "datetime | None" = None
    names: "list[str]" = attrs.field(factory=list)


def test_a_users_own_model_is_taken_apart_as_ours_are():
    body = b'{"number": 1, "when": "", "names": 7}'
    assert make_converter().loads(body, Theirs) == Theirs(1)
    with pytest.raises(DecodeError, match=re.escape("$.names")):
        make_converter(strict=True).loads(body, Theirs)
