"""The types that msgspec decodes alone, because no hook and no class of a user's takes part in them."""

import typing
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

import attrs
import msgspec

from circleci_v1_async.models import OTHER_NAMES

__all__ = ["NativeTypes", "find_parts", "get_fields", "is_known", "is_union"]

# Attributes of Structs, dataclasses, named tuples and TypedDicts, whose annotations are fields.
_RECORDS = ("__struct_fields__", "__dataclass_fields__", "_fields", "__required_keys__")


def is_union(kind: Any) -> bool:
    """Return whether a type is a union, such as an optional type."""
    return get_origin(kind) in {Union, UnionType}


def get_fields(model: Any) -> tuple[Any, ...]:
    """Return the fields of a class of attrs, with their types resolved."""
    return cast("tuple[Any, ...]", attrs.fields(attrs.resolve_types(model)))


@attrs.frozen(eq=False)
class NativeTypes:
    """Knows which types msgspec decodes as the hooks of a converter would, and has their decoders."""

    # Functions that return whether a user registered a hook for a type.
    claims: list[Callable[[Any], bool]] = attrs.field(factory=list[Callable[[Any], bool]])
    _decoders: "dict[Any, msgspec.json.Decoder[Any] | None]" = attrs.field(factory=dict[Any, Any], init=False)

    def claim(self, accepts: Callable[[Any], bool]) -> None:
        """Leave types to the hooks from now on."""
        self.claims.append(accepts)
        self._decoders.clear()

    def is_claimed(self, kind: Any) -> bool:
        """Return whether a user registered a hook for a type."""
        for accepts in self.claims:
            # cattrs ignores these errors, too: many checks are written for classes only.
            with suppress(Exception):
                if accepts(kind):
                    return True
        return False

    def get_decoder(self, kind: Any) -> "msgspec.json.Decoder[Any] | None":
        """Return the decoder for a type; `None` if only hooks can structure it.

        Raises:
            TypeError: It is not a type.
            NameError: The type of a field does not exist.
        """
        if kind not in self._decoders:
            self._decoders[kind] = None
            if self._is_native(kind, set()):
                # msgspec refuses some unions, for example of two classes.
                with suppress(TypeError):
                    self._decoders[kind] = msgspec.json.Decoder(kind)
        return self._decoders[kind]

    def _is_native(self, kind: Any, seen: set[Any]) -> bool:
        if kind in seen:
            return True
        seen.add(kind)
        if self.is_claimed(kind) or kind in OTHER_NAMES or not is_known(kind):
            return False
        return all(self._is_native(part, seen) for part in find_parts(kind))


def is_known(kind: Any) -> bool:
    """Return whether msgspec decodes a type as its author meant it, apart from the types within."""
    if is_union(kind) or get_origin(kind) in {Annotated, Literal}:
        return True
    if (origin := get_origin(kind)) is not None:
        # cattrs fills in the type variables of a class of attrs.
        return not attrs.has(origin) and is_known(origin)
    if attrs.has(kind):
        return issubclass(kind, msgspec.Struct) or _only_sets_fields(kind)
    return not isinstance(msgspec.inspect.type_info(kind), msgspec.inspect.CustomType)


def _only_sets_fields(kind: Any) -> bool:
    """Return whether the `__init__` of a class only sets fields: msgspec does not call it."""
    # attrs adds an `__attrs_init__` to a class that has an `__init__` of its own.
    if any(hasattr(kind, name) for name in ("__attrs_init__", "__attrs_pre_init__", "__attrs_post_init__")):
        return False
    owner = next(base for base in kind.__mro__ if "__init__" in vars(base))
    return "__attrs_attrs__" in vars(owner) and all(map(_is_only_set, attrs.fields(kind)))


def _is_only_set(field: Any) -> bool:
    does_work = field.converter or field.validator or getattr(field.default, "takes_self", False)
    return not does_work and field.init and field.alias == field.name and field.type is not None


def find_parts(kind: Any) -> Iterator[Any]:
    """Yield the types within a type: its arguments, the types of its fields, and what it is a name for."""
    origin: Any = get_origin(kind)
    if origin is Annotated:
        yield kind.__origin__
    elif origin is not None:
        yield from () if origin is Literal else (part for part in get_args(kind) if part is not Ellipsis)
    elif attrs.has(kind):
        yield from (field.type for field in get_fields(kind))
    elif not isinstance(kind, type):
        # A NewType and a `type` statement.
        yield from (getattr(kind, name) for name in ("__supertype__", "__value__") if hasattr(kind, name))
    elif any(hasattr(kind, name) for name in _RECORDS):
        yield from typing.get_type_hints(kind, include_extras=True).values()
