"""Builds of a walk are told apart by the fields of whatever class they are decoded into."""

import dataclasses
from collections.abc import Callable
from typing import Any

import attrs
import msgspec
import pytest

from circleci_v1_async import Build, InvalidInputError, make_converter
from circleci_v1_async.walk._identity import make_key_reader


def key_reader(model: Any, *, across_projects: bool) -> Callable[[list[Any]], list[Any]]:
    return make_key_reader(model, make_converter(), across_projects=across_projects)


@attrs.frozen
class Slim:
    build_num: int
    vcs_url: str | None = None


@dataclasses.dataclass
class Paged:
    build_num: int
    build_url: str = ""


class Renamed(msgspec.Struct):
    number: int = msgspec.field(name="build_num")
    repository: str | None = msgspec.field(name="vcs_url", default=None)
    page: str | None = msgspec.field(name="build_url", default=None)


@attrs.define
class Number:
    build_num: int


class Mapped(dict[str, int]):
    pass


@attrs.define
class Unfillable:
    build_num: int
    socket: Callable[[], None] | type[int]


@attrs.define
class Unknown:
    build_num: "NoSuchName"  # type: ignore[name-defined] # noqa: F821


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (Slim, ["vcs_url"]),
        (Paged, ["build_url"]),
        (Renamed, ["repository", "page"]),
        (Build, ["vcs_url", "build_url"]),
    ],
)
def test_builds_are_identified_by_repository_and_number(model: Any, fields: list[str]) -> None:
    number = "number" if model is Renamed else "build_num"
    for name in fields:
        page = [model(**{number: count, name: repository}) for repository in "ab" for count in (1, 2)]
        identify = key_reader(model, across_projects=True)
        first = identify(page)
        assert first == [1, 2, (1, 1), (1, 2)]
        assert identify(page[::-1]) == first[::-1]


def test_within_a_project_the_number_is_enough() -> None:
    assert key_reader(Number, across_projects=False)([Number(7), Number(8)]) == [7, 8]


@pytest.mark.parametrize("model", [int, list, list[Build], Mapped, dict[str, int], "Slim", None, 7, {}, Slim(7)])
def test_what_has_no_fields_is_refused(model: Any) -> None:
    with pytest.raises(InvalidInputError, match="model: expected an attrs class, a msgspec Struct or a dataclass"):
        key_reader(model, across_projects=False)


@pytest.mark.parametrize("model", [Unfillable, Unknown])
def test_a_class_that_json_cannot_fill_is_refused(model: Any) -> None:
    with pytest.raises(InvalidInputError, match="model: expected"):
        key_reader(model, across_projects=False)


def test_a_class_without_what_tells_builds_apart_is_refused() -> None:
    @attrs.define
    class Status:
        status: str

    with pytest.raises(InvalidInputError, match="the field build_num, because it identifies a build; Status has none"):
        key_reader(Status, across_projects=False)
    with pytest.raises(
        InvalidInputError, match=r"the field vcs_url or build_url in addition to build_num.* Number has none"
    ):
        key_reader(Number, across_projects=True)
