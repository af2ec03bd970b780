"""JSON for any model, made from its fields: every field filled, or whatever Hypothesis draws."""

import types
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin

import attrs
import msgspec
from hypothesis import strategies as st

from circleci_v1_async import models

MODELS = sorted(
    (
        value
        for value in vars(models).values()
        if isinstance(value, type) and attrs.has(value) and value.__module__.startswith(f"{models.__name__}.")
    ),
    key=lambda model: model.__name__,
)
TIME = "2026-02-03T04:05:06.789Z"


def required(field: "attrs.Attribute[Any]") -> bool:
    return field.default is attrs.NOTHING


def is_time(annotation: Any) -> bool:
    return "datetime.datetime" in str(annotation)


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """The members of a union without `None`; of anything else, itself."""
    if get_origin(annotation) in {Union, types.UnionType}:
        return tuple(member for member in get_args(annotation) if member is not types.NoneType)
    return (annotation,)


def full(model: type) -> dict[str, Any]:
    """A payload with every field, each with a value of its own kind."""
    return {field.name: _value(alternatives(field.type)[0], field.name) for field in attrs.fields(model)}


def _value(annotation: Any, name: str) -> Any:
    origin = get_origin(annotation) or annotation
    if is_time(annotation):
        return TIME
    if attrs.has(origin):
        return full(origin)
    if origin is tuple:
        return [_value(get_args(annotation)[0], name)]
    if origin is Mapping:
        return {f"a {name}": _value(get_args(annotation)[1], name)}
    if isinstance(origin, type) and issubclass(origin, Enum):
        return str(next(iter(origin)))
    return {int: 7, float: 0.25, bool: True, Any: [name, 1], str: f"the {name}"}[origin]


def accepts(annotation: Any, value: Any) -> bool:
    """Whether a value is one of a type's, by an opinion that does not come from the converter."""
    try:
        msgspec.convert(value, annotation)
    except msgspec.ValidationError:
        return False
    return True


WRONG: tuple[Any, ...] = ("5", 5, 5.7, True, [5.7], ["x"], [{}], {}, {"x": 5.7}, "\u0000", [], 2**70, 10**400)


@cache
def wrong_values(annotation: Any) -> tuple[Any, ...]:
    """Values that a type does not take; none for `Any`."""
    # A message may be a bare string, which only the converter knows.
    taken = [["x"]] if models.BuildMessage in get_args(annotation) else []
    return tuple(value for value in WRONG if value not in taken and not accepts(annotation, value))


texts = st.text(st.characters(codec="utf-8"), max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
times = st.sampled_from([TIME, "2013-02-12T21:33:14Z", "2026-12-31T23:59:59.999999-07:00"])


@cache
def values_of(annotation: Any) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one for each kind of type
    origin = get_origin(annotation) or annotation
    members = alternatives(annotation)
    if members != (annotation,):
        return st.one_of([values_of(member) for member in members])
    if is_time(annotation):
        return times
    if attrs.has(origin):
        return payloads(origin)
    if origin is tuple:
        return st.lists(values_of(get_args(annotation)[0]), max_size=3)
    if origin is Mapping:
        return st.dictionaries(texts, values_of(get_args(annotation)[1]), max_size=3)
    if isinstance(origin, type) and issubclass(origin, Enum):
        return st.sampled_from([str(member) for member in origin]) | texts
    return {
        int: st.integers(-(2**70), 2**70),
        float: st.floats(allow_nan=False, allow_infinity=False) | st.integers(-5, 5),
        bool: st.booleans(),
        str: texts,
        Any: json_values,
    }[origin]


@cache
def payloads(model: type) -> st.SearchStrategy[dict[str, Any]]:
    """Valid payloads with some of the fields, few at a time: a build alone has sixty."""
    fields = {field.name: field for field in attrs.fields(model)}
    needed = {name for name, field in fields.items() if required(field)}

    @st.composite
    def build(draw: st.DrawFn) -> dict[str, Any]:
        chosen = draw(st.lists(st.sampled_from(sorted(fields)), unique=True, max_size=6))
        return {name: draw(values_of(fields[name].type)) for name in sorted(needed.union(chosen))}

    return build()
