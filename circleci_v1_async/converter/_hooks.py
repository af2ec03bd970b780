"""Structure hooks for all types in the service's replies.

msgspec first tries to convert a complete model. If the values do not fit, the hooks convert its fields one by one.
msgspec also converts the leaves: all values except models, lists and mappings. The hooks therefore return the same
result as a msgspec decoder, except that a misfit (a value that does not fit its type) drops only its field or item.
"""

from collections.abc import Callable, Iterable, Mapping, MutableMapping, MutableSequence, Sequence
from datetime import datetime
from functools import cache
from types import NoneType
from typing import Annotated, Any, Final, TypeAlias, Union, cast, get_args, get_origin

import attrs
import msgspec
from cattrs import Converter, errors

from circleci_v1_async.models import OTHER_NAMES, BuildMessage

from ._misfits import MISFITS, MisfitError, Misfits, check_misfit, json_type
from ._native import NativeTypes, find_parts, get_fields, is_union

Field: TypeAlias = Any  # a field of attrs; the type of its converter is unknown
Hook = Callable[[Any, Any], Any]
# A function that structures the value of a field, and adds it to the arguments for the model's class.
Filler = Callable[[Any, dict[str, Any]], None]
# Cast, because type checkers do not know the third argument of these errors.
_ClassError, _ListError = cast("Any", errors.ClassValidationError), cast("Any", errors.IterableValidationError)

_LISTS: Final[Mapping[Any, type]] = {list: list, Sequence: list, MutableSequence: list, tuple: tuple}
_MAPPINGS: Final = frozenset({dict, Mapping, MutableMapping})
_SCALARS: Final = frozenset({str, int, float, bool, NoneType})


def _without_none(kind: Any) -> Any:
    members = tuple(member for member in get_args(kind) if member is not NoneType)
    return Union[members] if is_union(kind) else kind  # noqa: UP007 - it takes a tuple


def _shape(kind: Any) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in _LISTS and (origin is not tuple or arguments[1:] == (Ellipsis,)):
        return "list"
    if is_union(kind):
        # For a union of several classes, leave the hook to cattrs, which distinguishes classes by their fields.
        return "union" if [_shape(member) for member in arguments].count("class") <= 1 else ""
    return "mapping" if origin in _MAPPINGS else "class" if origin is None and attrs.has(kind) else ""


def _is_time(kind: Any) -> bool:
    if is_union(kind) or get_origin(kind) is Annotated:
        return any(map(_is_time, get_args(kind)))
    return isinstance(kind, type) and issubclass(kind, datetime)


@cache
def _leaf_hook(annotation: Any) -> Hook:
    # msgspec caches type information only for classes. With a class for each annotation, this is five times as fast.
    box: Any = msgspec.defstruct("Box", [("value", annotation)], array_like=True, gc=False)
    scalars = _SCALARS.intersection(get_args(annotation) if is_union(annotation) else (annotation,))
    # Keys of JSON objects are strings, even if the mapping has keys of another type.
    return lambda value, _: value if type(value) in scalars else msgspec.convert((value,), box, str_keys=True).value


def _key_hook(annotation: Any) -> Hook:
    """Return the hook for the keys of a mapping, which may be numbers or times written as strings."""
    kind: Any = dict[annotation, None]
    return lambda key, _annotation: next(iter(msgspec.convert({key: None}, kind, str_keys=True)))


def _of_kind(kind: type, name: str, structure: Callable[[Any], Any]) -> Hook:
    """Return a hook that rejects other JSON types. For example, a string is not accepted as a list."""

    def check(value: Any, _annotation: Any) -> Any:
        if not isinstance(value, kind):
            raise MisfitError(f"Expected `{name}`, got `{json_type(value)}`")
        return structure(value)

    return check


@attrs.frozen(eq=False, repr=False)
class Hooks:
    """Creates the hooks of a converter, for all types except the types that are left to cattrs."""

    converter: Converter
    native: NativeTypes
    misfits: Misfits
    _making: set[Any] = attrs.field(factory=set[Any], init=False)

    def register(self) -> None:
        """Register the hooks with the converter. The converter tries the last registered hook first."""
        makers: tuple[tuple[Callable[[Any], bool], Callable[[Any], Hook]], ...] = (
            (lambda kind: _shape(kind) == "union", self._make_union_hook),
            (lambda kind: _shape(kind) == "class", self._make_class_hook),
            (lambda kind: kind is BuildMessage, self._make_message_hook),
            (lambda kind: kind in OTHER_NAMES, self._make_renaming_hook),
            (lambda kind: _shape(kind) == "list", self._make_list_hook),
            (lambda kind: _shape(kind) == "mapping", self._make_mapping_hook),
            (self._is_leaf, _leaf_hook),
        )
        for accepts, make in makers:
            self.converter.register_structure_hook_factory(accepts, make)

    def _is_leaf(self, kind: Any) -> bool:
        members = get_args(kind) if is_union(kind) else (kind,)
        return not any(map(_shape, members)) and self.native.get_decoder(kind) is not None

    def find(self, kind: Any) -> Hook:
        """Return the hook for a type, or raise `StructureHandlerNotFoundError` if a part of it has none."""
        if kind in self._making:
            # The class contains itself.
            return self.converter.structure
        self._making.add(kind)
        try:
            if _shape(kind) != "class" and not self.native.is_claimed(kind):
                # Find the hooks now, because cattrs looks for some of them only when it structures a value.
                for part in find_parts(kind):
                    self.find(part)
            return self.converter.get_structure_hook(kind)
        finally:
            self._making.discard(kind)

    def _make_class_hook(self, model: Any) -> Hook:
        """Return the hook for an attrs class: a model, or a user's class."""
        fields = [field for field in get_fields(model) if field.init]
        required = [field for field in fields if field.default is attrs.NOTHING]
        hooked = {field.name for field in fields if self.native.get_decoder(field.type) is None}
        fillers: dict[str, Filler] = {}
        for field in fields:
            fillers[field.name] = fillers[field.alias] = self._make_filler(model, field)

        def structure_fields(value: dict[str, Any]) -> Any:
            arguments: dict[str, Any] = {}
            for key, item in value.items():
                if (fill := fillers.get(key)) is not None:
                    fill(item, arguments)
            for field in required:
                if field.alias not in arguments:
                    missing = MisfitError(f"Object missing required field `{field.name}`")
                    self._drop_field(model, field, None, missing)
            return self._make_instance(model, fields, arguments)

        def structure(value: dict[str, Any]) -> Any:
            try:
                others = {key: item for key, item in value.items() if key not in hooked} if hooked else value
                made = msgspec.convert(others, model, str_keys=True)
            except msgspec.ValidationError:
                return structure_fields(value)
            arguments: dict[str, Any] = {}
            for key in hooked.intersection(value):
                fillers[key](value[key], arguments)
                msgspec.structs.force_setattr(made, key, arguments.pop(key, getattr(made, key)))
            return made

        is_struct = issubclass(model, msgspec.Struct) and not hasattr(model, "__post_init__")
        needs_hooks = any(field.name in hooked for field in required) or not is_struct
        by_field = (needs_hooks or 2 * len(hooked) > len(fields)) and self.native.get_decoder(model) is None
        return _of_kind(dict, "object", structure_fields if by_field else structure)

    def _make_filler(self, model: Any, field: Field) -> Filler:
        alias, full = field.alias, Any if field.type is None else field.type
        is_claimed, is_required, is_time = self.native.is_claimed(full), field.default is attrs.NOTHING, _is_time(full)
        is_nullable = not is_claimed and (full is Any or NoneType in get_args(full))
        # Use the hook for the type without `None`: a hook for the optional type would not receive the field's name.
        kind = full if is_claimed else _without_none(full)
        structure = self._find_field_hook(kind, f"{model.__name__}.{field.name}", field.converter)

        def fill(value: Any, arguments: dict[str, Any]) -> None:
            if value is None or (is_time and value == ""):
                # The service can send null for an absent value of any field.
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
        shape = "" if self.native.is_claimed(kind) else _shape(kind)
        if shape == "list":
            return self._make_list_hook(kind, name)
        if shape == "mapping":
            return self._make_mapping_hook(kind, name)
        # A field with a converter accepts values of other types than its own, so pass JSON values on unchecked.
        is_json = kind is Any or _SCALARS.issuperset(get_args(kind) or (kind,))
        if converter is not None and is_json and self.native.get_decoder(kind) is not None:
            return _leaf_hook(Any)
        try:
            return self.find(kind)
        except errors.StructureHandlerNotFoundError:
            if converter is None:
                raise
            return _leaf_hook(Any)

    def _drop_field(self, model: Any, field: Field, value: Any, error: Exception) -> None:
        check_misfit(error)
        if self.misfits.strict or field.default is attrs.NOTHING:
            error.add_note(errors.AttributeValidationNote("Structuring a field", field.name, field.type))
            raise _ClassError(f"While structuring {model.__name__}", [error], model)
        self.misfits.drop(f"{model.__name__}.{field.name}", value, error)

    def _make_instance(self, model: Any, fields: Sequence[Field], arguments: dict[str, Any]) -> Any:
        try:
            return model(**arguments)
        except MISFITS as error:
            check_misfit(error)
            rejected = [(field, why) for field in fields if (why := _find_converter_error(field, arguments))]
            if not rejected:
                # No converter rejected its argument, so a validator rejected the object.
                raise _ClassError(f"While structuring {model.__name__}", [error], model) from None
        for field, why in rejected:
            self._drop_field(model, field, arguments.pop(field.alias), why)
        return self._make_instance(model, fields, arguments)

    def _make_message_hook(self, model: Any) -> Hook:
        """Return the hook for messages of builds: strings in openapi.yml, objects in real replies."""
        structure = self._make_class_hook(model)
        return lambda value, kind: BuildMessage(message=value) if isinstance(value, str) else structure(value, kind)

    def _make_renaming_hook(self, model: Any) -> Hook:
        """Return the hook for a model with a field that can have another JSON name."""
        structure = self._make_class_hook(model)
        other, name = OTHER_NAMES[model]
        return lambda value, kind: structure(
            {name: value[other], **value} if isinstance(value, dict) and other in value else value, kind
        )

    def _make_list_hook(self, annotation: Any, name: str = "") -> Hook:
        """Return the hook for a list or tuple. It drops the items that do not fit."""
        item_type, make = get_args(annotation)[0], cast("Callable[[Any], Any]", _LISTS[get_origin(annotation)])
        hook = self.find(item_type)
        what = name or getattr(item_type, "__name__", str(item_type))

        def structure(value: list[Any]) -> Any:
            return make(self._structure_each(enumerate(value), lambda _, item: hook(item, item_type), what))

        return _of_kind(list, "array", structure)

    def _make_mapping_hook(self, annotation: Any, name: str = "") -> Hook:
        """Return the hook for a mapping. It drops the entries that do not fit."""
        key_type, item_type = get_args(annotation)
        is_text = key_type is str or self.native.get_decoder(key_type) is None
        key_hook, hook = self.find(key_type) if is_text else _key_hook(key_type), self.find(item_type)
        what = name or getattr(item_type, "__name__", str(item_type))

        def structure_entry(key: Any, item: Any) -> tuple[Any, Any]:
            return key_hook(key, key_type), hook(item, item_type)

        return _of_kind(dict, "object", lambda value: dict(self._structure_each(value.items(), structure_entry, what)))

    def _structure_each(self, values: Iterable[tuple[Any, Any]], structure: Hook, what: str) -> list[Any]:
        items: list[Any] = []
        misfits: list[tuple[Any, Exception]] = []
        for key, value in values:
            try:
                items.append(structure(key, value))
            except MISFITS as error:
                check_misfit(error)
                error.add_note(errors.IterableValidationNote("Structuring an item", key, None))
                misfits.append((value, error))
                if self.misfits.strict:
                    break
        # If no item fits, raise an error, because the value as a whole probably has another type.
        if misfits and (self.misfits.strict or not items):
            raise _ListError(f"While structuring {what}", [misfit for _, misfit in misfits], list)
        for value, misfit in misfits:
            self.misfits.drop(what, value, misfit)
        return items

    def _make_union_hook(self, annotation: Any) -> Hook:
        """Return the hook for a union. It uses the hook of the first member that accepts the value."""
        hooks = [(member, self.find(member)) for member in get_args(annotation)]

        def structure(value: Any, _annotation: Any) -> Any:
            if value is None and NoneType in get_args(annotation):
                return None
            misfits: list[Exception] = []
            for member, hook in hooks:
                try:
                    return hook(value, member)
                except MISFITS as error:
                    check_misfit(error)
                    misfits.append(error)
            raise misfits[-1]

        return structure


def _find_converter_error(field: Field, arguments: dict[str, Any]) -> Exception | None:
    """Return the error if the field's converter rejects the argument; otherwise `None`."""
    convert: Any = field.converter
    try:
        if convert is not None and field.alias in arguments:
            value = arguments[field.alias]
            convert(value, None, field) if isinstance(field.converter, attrs.Converter) else convert(value)
    except MISFITS as error:
        return error
    return None
