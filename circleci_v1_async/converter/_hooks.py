"""Structure hooks for everything that the service sends.

A model is first tried as a whole, by msgspec, and taken apart only if it does not fit. All values but models, lists and
mappings (the leaves) are converted by msgspec, too. The hooks therefore give what a decoder of msgspec gives, except
that a misfit costs its own field, its item of a list, or its entry of a mapping.
"""

from collections.abc import Callable, Iterable, Mapping, MutableMapping, MutableSequence, Sequence
from datetime import datetime
from enum import Enum, IntEnum, StrEnum
from functools import cache
from types import NoneType
from typing import Annotated, Any, Final, TypeAlias, TypeVar, Union, get_args, get_origin

import attrs
import msgspec
from cattrs import Converter
from cattrs.errors import (
    AttributeValidationNote,
    ClassValidationError,
    IterableValidationError,
    IterableValidationNote,
    StructureHandlerNotFoundError,
)

from circleci_v1_async.models import OTHER_NAMES, BuildMessage

from ._misfits import JSON_TYPES, MISFITS, MisfitError, Misfits, add_note, check_misfit
from ._native import NativeTypes, get_fields, is_known, is_union

__all__ = ["Hooks"]

T = TypeVar("T")
Field: TypeAlias = "attrs.Attribute[Any]"
Hook = Callable[[Any, Any], Any]
# Adds the value of a field to the arguments of its class.
Filler = Callable[[dict[str, Any], dict[str, Any]], None]

_LISTS: Final[Mapping[Any, type]] = {list: list, Sequence: list, MutableSequence: list, tuple: tuple}
_MAPPINGS: Final = frozenset({dict, Mapping, MutableMapping})
_SCALARS: Final = frozenset({str, int, float, bool, NoneType})
# Classes for which cattrs has hooks that coerce, and those that would otherwise get the hook of a base.
_LEAVES: Final = (str, bytes, int, float, bool, datetime, Enum, IntEnum, StrEnum)


def _without_none(kind: Any) -> Any:
    """Return an optional type without `None`, and any other type as it is."""
    members = tuple(member for member in get_args(kind) if member is not NoneType)
    return Union[members] if is_union(kind) else kind  # noqa: UP007 - it takes a tuple


def _is_class(kind: Any) -> bool:
    return isinstance(kind, type) and not get_args(kind) and attrs.has(kind)


def _is_list(kind: Any) -> bool:
    return get_origin(kind) in _LISTS and (get_origin(kind) is not tuple or get_args(kind)[1:] == (Ellipsis,))


def _is_mapping(kind: Any) -> bool:
    return get_origin(kind) in _MAPPINGS


def _is_leaf(kind: Any) -> bool:
    inner = _without_none(kind)
    return not (_is_class(inner) or _is_list(inner) or _is_mapping(inner))


def _is_union_of_scalars(kind: Any) -> bool:
    return is_union(_without_none(kind)) and _SCALARS.issuperset(get_args(kind))


def _is_time(kind: Any) -> bool:
    if isinstance(kind, type) and not get_args(kind):
        return issubclass(kind, datetime)
    return (is_union(kind) or get_origin(kind) is Annotated) and any(map(_is_time, get_args(kind)))


def _name(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind)


@cache
def _leaf_hook(annotation: Any) -> Hook:
    """Return a hook that converts values by msgspec.

    msgspec caches its knowledge of classes only. A class for each annotation makes this five times as fast.
    """
    box: Any = msgspec.defstruct("Box", [("value", annotation)], array_like=True, gc=False)
    return lambda value, _annotation: msgspec.convert((value,), box).value


def _structure_leaf(value: Any, annotation: Any) -> Any:
    return _leaf_hook(annotation)(value, annotation)


def _pass_on(value: Any, _annotation: Any) -> Any:
    return value


def _of_kind(kind: type, structure: Callable[[Any], Any]) -> Hook:
    """Return a hook that rejects other JSON types: a string can be iterated, but is not a list."""

    def check(value: Any, _annotation: Any) -> Any:
        if not isinstance(value, kind):
            raise MisfitError(f"Expected `{JSON_TYPES[kind]}`, got `{JSON_TYPES.get(type(value), 'object')}`")
        return structure(value)

    return check


@attrs.frozen
class Hooks:
    """Makes the hooks of a converter.

    Attributes:
        converter: The converter that the hooks are for.
        native: The types that msgspec decodes.
        misfits: Knows whether a misfit is an error.
    """

    converter: Converter
    native: NativeTypes
    misfits: Misfits
    _making: set[Any] = attrs.field(factory=set[Any], init=False)

    def register(self) -> None:
        """Register the hooks with the converter, which asks the one that was registered last first."""
        for kind in _LEAVES:
            self.converter.register_structure_hook(kind, _structure_leaf)
        makers: tuple[tuple[Callable[[Any], bool], Callable[[Any], Hook]], ...] = (
            (_is_union_of_scalars, self._make_scalar_hook),
            (_is_class, self._make_class_hook),
            (lambda kind: kind is BuildMessage, self._make_message_hook),
            (lambda kind: kind in OTHER_NAMES, self._make_renaming_hook),
            (_is_list, self._make_list_hook),
            (_is_mapping, self._make_mapping_hook),
            (lambda kind: _is_leaf(kind) and self.native.get_decoder(kind) is not None, _leaf_hook),
        )
        for accepts, make in makers:
            self.converter.register_structure_hook_factory(accepts, make)

    def find(self, kind: Any) -> Hook:
        """Return the hook for a type.

        Raises:
            StructureHandlerNotFoundError: There is no hook for the type, or for a type within it.
        """
        if kind in self._making:
            # A class that contains itself.
            return self.converter.structure
        hook: Hook = self.converter.get_structure_hook(kind)
        if hook is _structure_leaf and not is_known(kind):
            # A class derived from one of JSON's, which msgspec would not make.
            raise StructureHandlerNotFoundError(f"Unsupported type: {kind!r}. Register a structure hook for it.", kind)
        return hook

    def _make_class_hook(self, model: Any) -> Hook:
        """Return the hook for a class of attrs: a model, or a class of a user's."""
        self._making.add(model)
        try:
            fields = [field for field in get_fields(model) if field.init]
            fillers = [self._make_filler(model, field) for field in fields]
        finally:
            self._making.discard(model)

        def structure_fields(value: dict[str, Any]) -> Any:
            arguments: dict[str, Any] = {}
            for fill in fillers:
                fill(value, arguments)
            return self._make_instance(model, fields, arguments)

        def structure(value: dict[str, Any]) -> Any:
            try:
                return msgspec.convert(value, model)
            except msgspec.ValidationError:
                return structure_fields(value)

        return _of_kind(dict, structure_fields if self.native.get_decoder(model) is None else structure)

    def _make_filler(self, model: Any, field: Field) -> Filler:
        name, alias, is_required = field.name, field.alias, field.default is attrs.NOTHING
        full: Any = Any if field.type is None else field.type
        is_claimed, is_time = self.native.is_claimed(full), _is_time(full)
        is_nullable = not is_claimed and (full is Any or NoneType in get_args(full))
        # The hook for an optional type would not pass on the name of the field.
        kind = full if is_claimed else _without_none(full)
        structure = self._find_field_hook(kind, f"{model.__name__}.{name}", field.converter)

        def fill(values: dict[str, Any], arguments: dict[str, Any]) -> None:
            key = alias if alias in values else name
            if key not in values:
                if is_required:
                    raise MisfitError(f"Object missing required field `{name}`")
                return
            value = values[key]
            if value is None or (is_time and value == ""):
                # The service sends null for any absent value, whatever the field.
                if is_nullable:
                    arguments[alias] = None
                    return
                if not is_required:
                    return
            try:
                arguments[alias] = structure(value, kind)
            except MISFITS as error:
                self._drop_field(model, field, value, error)

        return fill

    def _find_field_hook(self, kind: Any, name: str, converter: object) -> Hook:
        if not self.native.is_claimed(kind):
            if converter is not None and (kind is Any or kind in _SCALARS or _is_union_of_scalars(kind)):
                # The converter is there to take other values than the field has.
                return _pass_on
            if _is_list(kind):
                return self._make_list_hook(kind, name)
            if _is_mapping(kind):
                return self._make_mapping_hook(kind, name)
        try:
            return self.find(kind)
        except StructureHandlerNotFoundError:
            if converter is None:
                raise
            return _pass_on

    def _drop_field(self, model: Any, field: Field, value: Any, error: Exception) -> None:
        check_misfit(error)
        if self.misfits.strict or field.default is attrs.NOTHING:
            add_note(error, AttributeValidationNote("Structuring a field", field.name, field.type))
            raise ClassValidationError(f"While structuring {model.__name__}", [error], model)
        self.misfits.drop(f"{model.__name__}.{field.name}", value, error)

    def _make_instance(self, model: Any, fields: Sequence[Field], arguments: dict[str, Any]) -> Any:
        try:
            return model(**arguments)
        except MISFITS as error:
            check_misfit(error)
            given = [field for field in fields if field.converter is not None and field.alias in arguments]
            rejected = [(field, why) for field in given if (why := _find_converter_error(field, arguments[field.alias]))]
            if not rejected:
                # A validator judges the whole object.
                raise ClassValidationError(f"While structuring {model.__name__}", [error], model) from None
        for field, why in rejected:
            self._drop_field(model, field, arguments.pop(field.alias), why)
        return self._make_instance(model, fields, arguments)

    def _make_message_hook(self, model: Any) -> Hook:
        """Return the hook for a build's messages: openapi.yml has strings, the service sends objects."""
        structure = self._make_class_hook(model)
        return lambda value, kind: BuildMessage(message=value) if isinstance(value, str) else structure(value, kind)

    def _make_renaming_hook(self, model: Any) -> Hook:
        """Return the hook for a model of which a field may have another name."""
        structure = self._make_class_hook(model)
        other, name = OTHER_NAMES[model]
        return lambda value, kind: structure(
            {name: value[other], **value} if isinstance(value, dict) and other in value else value, kind
        )

    def _make_list_hook(self, annotation: Any, name: str | None = None) -> Hook:
        """Return the hook for a list or tuple, which loses the items that do not fit."""
        item_type, make = get_args(annotation)[0], _LISTS[get_origin(annotation)]
        hook = self.find(item_type)

        def structure_item(_index: int, item: Any) -> Any:
            return hook(item, item_type)

        what = name or _name(item_type)
        return _of_kind(list, lambda value: make(self._structure_each(enumerate(value), structure_item, what)))

    def _make_mapping_hook(self, annotation: Any, name: str | None = None) -> Hook:
        """Return the hook for a mapping, which loses the entries that do not fit."""
        key_type, item_type = get_args(annotation)
        key_hook, hook = self.find(key_type), self.find(item_type)

        def structure_entry(key: Any, item: Any) -> tuple[Any, Any]:
            return key_hook(key, key_type), hook(item, item_type)

        what = name or _name(item_type)
        return _of_kind(dict, lambda value: dict(self._structure_each(value.items(), structure_entry, what)))

    def _structure_each(
        self, values: Iterable[tuple[Any, Any]], structure: Callable[[Any, Any], T], what: str
    ) -> list[T]:
        items: list[T] = []
        misfits: list[tuple[Any, Exception]] = []
        for key, value in values:
            try:
                items.append(structure(key, value))
            except MISFITS as error:
                check_misfit(error)
                misfits.append((value, error))
                add_note(error, IterableValidationNote("Structuring an item", key, None))
                if self.misfits.strict:
                    break
        # If nothing fits, this is something else than was asked for.
        if misfits and (self.misfits.strict or not items):
            raise IterableValidationError(f"While structuring {what}", [error for _, error in misfits], list)
        for value, error in misfits:
            self.misfits.drop(what, value, error)
        return items

    def _make_scalar_hook(self, annotation: Any) -> Hook:
        """Return the hook for a union of JSON types: the type of the value chooses the hook."""
        hooks = {member: self.find(member) for member in get_args(annotation)}

        def structure(value: Any, _annotation: Any) -> Any:
            kind: Any = float if type(value) is int and int not in hooks else type(value)
            if kind not in hooks:
                raise MisfitError(f"Expected `{annotation}`, got `{JSON_TYPES.get(kind, 'object')}`")
            return hooks[kind](value, kind)

        return structure


def _find_converter_error(field: Field, value: Any) -> Exception | None:
    """Return the error by which the converter of a field rejects a value."""
    convert: Any = field.converter
    try:
        if isinstance(convert, attrs.Converter):
            convert(value, None, field)
        else:
            convert(value)
    except MISFITS as error:
        return error
    return None
