"""Tolerant decoding of replies that do not fit their models. The only module that imports cattrs.

It is imported when the first such reply comes: most programs receive none, and cattrs takes as long to import as
msgspec.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import Enum
from functools import cache
from typing import Any, cast, get_args, get_origin

import attrs
import msgspec
from cattrs import BaseValidationError, Converter
from cattrs.cols import homogenous_tuple_structure_factory, list_structure_factory
from cattrs.cols import mapping_structure_factory as _mapping_structure_factory  # pyright: ignore[reportUnknownVariableType]
from cattrs.errors import AttributeValidationNote
from cattrs.gen import make_dict_structure_fn, override

from circleci_v1_async.errors import DecodeError
from circleci_v1_async.models import OTHER_NAMES, BuildMessage

__all__ = ["make_converter", "structure_body"]

Hook = Callable[[Any, Any], Any]
Report = Callable[[type, str, str], None]

# msgspec adds the path within the value to its message.
_PATH_WITHIN = re.compile(r" - at `(?:key in )?\$(?P<path>.*)`$")


def _ignore(_model: type, _field: str, _got: str) -> None:
    """Ignore a report."""


def _origin(annotation: Any) -> Any:
    """Return the class of a container, or the annotation itself."""
    return get_origin(annotation) or annotation


@cache
def _holds_model(annotation: Any) -> bool:
    """Tell whether cattrs takes values of this type apart. Everything else is a leaf."""
    if attrs.has(_origin(annotation)):
        return True
    return any(_holds_model(argument) for argument in get_args(annotation))


def _fields(model: Any) -> "tuple[attrs.Attribute[Any], ...]":
    """Return the fields of a model, which may be a user's, with their types resolved."""
    fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(attrs.resolve_types(model))
    return fields


def _default_maker(default: Any) -> Callable[[], Any]:
    """Return a function that makes a field's default: a user's model may have a factory."""
    factory: Any = attrs.Factory
    return default.factory if isinstance(default, factory) else lambda: default


def _json_type(value: object) -> str:
    """Return the name of a JSON value's type."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case int() | float():
            return "number"
        case list():
            return "array"
        case _:
            return "object"


@cache
def _leaf(annotation: Any) -> Hook:
    """Return the hook for values that hold no model: `msgspec.convert`.

    msgspec caches what it knows of a type only for classes. A class for each annotation is five times as fast.
    """
    box: Any = msgspec.defstruct("Box", [("value", annotation)], array_like=True, gc=False)
    return lambda value, _annotation: msgspec.convert((value,), box).value


@cache
def _blank_time_remover(annotation: Any) -> Callable[[Any], None] | None:  # noqa: C901 - one case for each kind of type
    """Return a function that replaces blank times by null, in place; None for types without times.

    Builds of Bitbucket have such strings. With null, a whole page can be decoded at once.
    """
    origin = _origin(annotation)
    if attrs.has(origin):
        fields = _fields(origin)
        times = tuple(field.name for field in fields if "datetime.datetime" in str(field.type))
        nested = tuple(
            (field.name, clean) for field in fields if (clean := _blank_time_remover(cast("Any", field.type)))
        )

        def clean_model(value: Any) -> None:
            if isinstance(value, dict):
                value = cast("dict[str, Any]", value)
                for name in times:
                    if value.get(name) == "":
                        value[name] = None
                for name, clean in nested:
                    clean(value.get(name))

        return clean_model if times or nested else None

    for argument in get_args(annotation):
        if (clean_item := _blank_time_remover(argument)) is not None:
            break
    else:
        return None

    def clean_items(value: Any) -> None:
        # pyright and mypy differ on what an isinstance makes of Any.
        items: Any = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        for item in items:
            clean_item(item)

    is_container = isinstance(origin, type) and issubclass(origin, list | tuple | Mapping)
    return clean_items if is_container else clean_item


def _is_mapping(annotation: Any) -> bool:
    origin = _origin(annotation)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _of_kind(kind: type, name: str, structure: Hook) -> Hook:
    """Return a hook that refuses other kinds of JSON values: a string can be iterated, but is no list."""

    def check(value: Any, annotation: Any) -> Any:
        if not isinstance(value, kind):
            raise TypeError(f"Expected `{name}`, got `{_json_type(value)}`")
        return structure(value, annotation)

    return check


@attrs.frozen
class _Hooks:
    """Makes the hooks of a converter.

    One model at a time is tried whole, and taken apart only if it does not fit.

    Attributes:
        converter: The converter that the hooks are for.
        strict: Whether a wrong value in an optional field is refused. Otherwise the field keeps its default.
        report: Called with the model, the field's name and the JSON type of each wrong value that is let pass.
    """

    converter: Converter
    strict: bool
    report: Report

    def make_field_hook(self, model: type, field: "attrs.Attribute[Any]") -> Hook:
        """Return the hook for the values of a field."""
        annotation: Any = field.type
        inner: Hook = self.converter.get_structure_hook(annotation) if _holds_model(annotation) else _leaf(annotation)
        if field.default is attrs.NOTHING:
            return inner

        default = _default_maker(field.default)

        def structure(value: Any, annotation: Any) -> Any:
            # The service sends null for any absent value, whatever the field.
            if value is None:
                return default()
            if self.strict:
                return inner(value, annotation)
            try:
                return inner(value, annotation)
            except (msgspec.ValidationError, BaseValidationError, TypeError, ValueError):
                self.report(model, field.name, _json_type(value))
                return default()

        return structure

    def make_model_hook(self, model: Any) -> Hook:
        """Return the hook for a model."""
        fields = {field.name: override(struct_hook=self.make_field_hook(model, field)) for field in _fields(model)}
        by_field = make_dict_structure_fn(model, self.converter, **cast("Any", fields))

        def structure(value: Any, _annotation: Any) -> Any:
            try:
                return msgspec.convert(value, model)
            except msgspec.ValidationError:
                return by_field(value, model)

        return _of_kind(dict, "object", structure)

    def make_message_hook(self, model: Any) -> Hook:
        """Return the hook for a build's messages: openapi.yml has strings, the service sends objects."""
        structure = self.make_model_hook(model)
        return lambda value, annotation: (
            BuildMessage(message=value) if isinstance(value, str) else structure(value, annotation)
        )

    def make_renaming_hook(self, model: Any) -> Hook:
        """Return the hook for a model of which a field may have another name."""
        structure = self.make_model_hook(model)
        other, name = OTHER_NAMES[model]
        return lambda value, annotation: structure(
            {name: value[other], **value} if isinstance(value, dict) and other in value else value, annotation
        )

    def make_list_hook(self, annotation: Any) -> Hook:
        """Return the hook for a list."""
        return _of_kind(list, "array", list_structure_factory(annotation, self.converter))

    def make_tuple_hook(self, annotation: Any) -> Hook:
        """Return the hook for a tuple of any length."""
        return _of_kind(list, "array", homogenous_tuple_structure_factory(annotation, self.converter))

    def make_mapping_hook(self, annotation: Any) -> Hook:
        """Return the hook for a mapping of strings."""
        item: Any = get_args(annotation)[1]
        structure = cast("Any", _mapping_structure_factory)
        return _of_kind(dict, "object", structure(dict[str, item], self.converter, structure_to=dict))


def make_converter(*, strict: bool = False, report: Report = _ignore) -> Converter:
    """Make a cattrs converter for the models.

    Args:
        strict: Refuse a wrong value in an optional field. Otherwise the field keeps its default.
        report: Called with the model, the field's name and the JSON type of each wrong value that is let pass.
    """
    converter = Converter(prefer_attrib_converters=False)
    hooks = _Hooks(converter, strict, report)
    # The last one registered is asked first.
    register: Callable[[Callable[[Any], bool], Callable[[Any], Hook]], object]
    register = converter.register_structure_hook_factory
    register(attrs.has, hooks.make_model_hook)
    register(lambda kind: kind is BuildMessage, hooks.make_message_hook)
    register(lambda kind: kind in OTHER_NAMES, hooks.make_renaming_hook)
    register(lambda kind: _origin(kind) is list, hooks.make_list_hook)
    register(lambda kind: _origin(kind) is tuple, hooks.make_tuple_hook)
    register(_is_mapping, hooks.make_mapping_hook)
    register(lambda kind: not _holds_model(kind), _leaf)
    # Classes for which cattrs has hooks that coerce, and that come before all factories.
    for kind in (str, bytes, int, float, Enum):
        converter.register_structure_hook(kind, lambda value, annotation: _leaf(annotation)(value, annotation))
    return converter


def structure_body(body: bytes, annotation: Any, converter: Converter) -> Any:
    """JSON as that type, one field at a time where it does not fit as a whole.

    Raises:
        DecodeError: It cannot be made that type.
        msgspec.DecodeError: It is not JSON.
    """
    try:
        value = msgspec.json.decode(body)
        if (remove_blank_times := _blank_time_remover(annotation)) is not None:
            remove_blank_times(value)
            if annotation not in OTHER_NAMES:
                # On most pages of Bitbucket's builds that was all.
                with suppress(msgspec.ValidationError):
                    return msgspec.convert(value, annotation)
        return converter.structure(value, annotation)
    except (BaseValidationError, TypeError, ValueError) as error:
        if isinstance(error, msgspec.DecodeError) and not isinstance(error, msgspec.ValidationError):
            raise
        reason, path = _explain(error)
        raise DecodeError(reason, path, len(body)) from None


def _explain(error: BaseException, path: str = "$") -> tuple[str, str]:
    """Return what is wrong, and where, without showing any value."""
    while isinstance(error, BaseValidationError):
        error = error.exceptions[0]
        for note in getattr(error, "__notes__", ()):
            if isinstance(note, AttributeValidationNote):
                path += f".{note.name}"
            else:
                # Of an item. Keys of objects are part of the body.
                path += f"[{note.index}]" if isinstance(note.index, int) else "[...]"
    if isinstance(error, KeyError):
        return f"Object missing required field `{error.args[0]}`", path
    reason = str(error)
    if (within := _PATH_WITHIN.search(reason)) is not None:
        # The first step of that path is into the box that a leaf is checked in.
        path += within["path"].removeprefix("[0]")
        reason = reason[: within.start()]
    # The text that msgspec quotes after an apostrophe is the value.
    return reason.partition(" '")[0], path
