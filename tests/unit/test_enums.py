"""Enums that the service may extend at any time."""

import copy
import gc
import pickle

import pytest

from circleci_v1_async import enums
from circleci_v1_async.enums import BuildFilter, BuildStatus, Lifecycle, OpenStrEnum, Outcome, TestResult

OPEN = [getattr(enums, name) for name in enums.__all__ if name != "BuildFilter"]
EACH_OPEN = pytest.mark.parametrize("enum", OPEN, ids=lambda enum: enum.__name__)


@EACH_OPEN
def test_all_enums_of_the_service_are_open(enum: type[OpenStrEnum]):
    assert issubclass(enum, OpenStrEnum)


@EACH_OPEN
def test_a_known_value_is_the_one_member_that_stands_for_it(enum: type[OpenStrEnum]):
    for member in enum:
        assert enum(member.value) is member
        assert member == member.value
        assert pickle.loads(pickle.dumps(member)) is member  # noqa: S301 - our own


@pytest.mark.fault(35)
@EACH_OPEN
@pytest.mark.parametrize("value", ["brand_new", "", "ünï", "SUCCESS", "\n"])
def test_an_unknown_value_is_kept_as_itself(enum: type[OpenStrEnum], value: str):
    unknown = enum(value)
    assert isinstance(unknown, enum)
    assert unknown == value
    assert hash(unknown) == hash(value)
    assert str(unknown) == value
    assert f"{unknown}" == value
    assert (unknown.name, unknown.value) == (value, value)
    assert repr(unknown) == f"<{enum.__name__}.{value}: {value!r}>"


@EACH_OPEN
def test_an_unknown_value_pickles_and_copies(enum: type[OpenStrEnum]):
    unknown = enum("brand_new")
    for again in (pickle.loads(pickle.dumps(unknown)), copy.copy(unknown), copy.deepcopy(unknown)):  # noqa: S301 - our own
        assert again == unknown
        assert type(again) is enum


@EACH_OPEN
def test_unknown_values_are_equal_and_not_remembered(enum: type[OpenStrEnum]):
    before = list(enum)
    assert enum("brand_new") == enum("brand_new")
    assert enum("brand_new") is not enum("brand_new")
    assert list(enum) == before
    assert "brand_new" not in enum.__members__
    gc.collect()
    assert not [value for value in gc.get_objects() if type(value) is enum and value == "brand_new"]


@EACH_OPEN
@pytest.mark.parametrize("value", [None, 5, b"success", ["success"]])
def test_what_is_no_string_is_no_value(enum: type[OpenStrEnum], value: object):
    with pytest.raises(ValueError, match="is not a valid"):
        enum(value)


@pytest.mark.fault(35)
def test_an_unknown_value_is_no_success():
    assert BuildStatus("brand_new") != BuildStatus.SUCCESS
    assert BuildStatus("brand_new") not in {BuildStatus.SUCCESS, BuildStatus.FIXED}
    assert Outcome("brand_new") not in set(Outcome)


def test_the_filter_is_ours_to_send_and_closed():
    with pytest.raises(ValueError, match="'brand_new' is not a valid BuildFilter"):
        BuildFilter("brand_new")
    assert [str(value) for value in BuildFilter] == ["completed", "successful", "failed", "running"]


def test_the_same_word_is_equal_across_enums():
    assert BuildStatus.NOT_RUN == Lifecycle.NOT_RUN == "not_run"


def test_pytest_does_not_collect_test_results():
    assert TestResult.__test__ is False
    assert "__test__" not in TestResult.__members__
