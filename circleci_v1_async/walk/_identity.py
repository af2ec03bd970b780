"""Identities of builds within a walk, from the fields of any class that builds are decoded into."""

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping
from itertools import count
from operator import attrgetter
from typing import Any, Final

import attrs

from circleci_v1_async.converter import CircleCIConverter
from circleci_v1_async.errors import InvalidInputError

_NUMBER: Final = "build_num"
_PLACES: Final = ("vcs_url", "build_url")


def make_key_reader(
    model: type[Any], converter: CircleCIConverter, *, across_projects: bool
) -> Callable[[list[Any]], list[Hashable]]:
    """Return a function that returns the identities of a page of builds of this class.

    The identity of a build in the first repository is its number. The identity in any other repository is the number
    together with the repository. If the list has builds of several projects, whose numbers can be equal, the class must
    have a field that names the repository.
    """
    fields = find_attributes(model)
    if not fields:
        raise InvalidInputError(f"model: expected an attrs class, a msgspec Struct or a dataclass; got {model!r}")
    converter.check(model, "model")
    if _NUMBER not in fields:
        raise InvalidInputError(
            f"model: expected a class with the field build_num, because it identifies a build; "
            f"{model.__name__} has none"
        )
    places = [fields[name] for name in _PLACES if name in fields]
    if across_projects and not places:
        raise InvalidInputError(
            f"model: expected a class with the field vcs_url or build_url in addition to build_num, because projects "
            f"share numbers; {model.__name__} has none"
        )
    number, place = attrgetter(fields[_NUMBER]), _place_getter(places)
    # Numbers of the repositories, in order of appearance. The first repository is 0.
    seen = defaultdict[str | None, int](count().__next__)

    def identify(page: list[Any]) -> list[Hashable]:
        return [(at, number(build)) if (at := seen[place(build)]) else number(build) for build in page]

    return identify


def find_attributes(model: Any) -> Mapping[str, str]:
    """Return the attributes of a class by their JSON keys; an empty mapping for any other type."""
    if not isinstance(model, type):
        return {}
    if (keys := getattr(model, "__struct_encode_fields__", None)) is not None:
        return dict(zip(keys, getattr(model, "__struct_fields__", ()), strict=True))
    if attrs.has(model):
        return {key: field.name for field in attrs.fields(model) for key in (field.name, field.alias)}
    return {field.name: field.name for field in dataclasses.fields(model)} if dataclasses.is_dataclass(model) else {}


def _place_getter(names: list[str]) -> Callable[[Any], str | None]:
    """Return a function that returns the value of the first of these fields that is not empty."""
    match names:
        case []:
            return lambda _build: None
        case [name]:
            return attrgetter(name)
        case _:
            first, second = map(attrgetter, names)
            return lambda build: first(build) or second(build)
