"""Native types: types that msgspec can decode without hooks or code of a user's class."""

import typing
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

import attrs
import msgspec

from circleci_v1_async.models import OTHER_NAMES

# Attributes that identify Structs, dataclasses, named tuples and TypedDicts. Their annotations are fields.
_RECORDS = ("__struct_fields__", "__dataclass_fields__", "_fields", "__required_keys__")


def is_union(kind: Any) -> bool:
    """Return whether a type is a union, such as an optional type."""
    return get_origin(kind) in {Union, UnionType}


def get_fields(model: Any) -> tuple[Any, ...]:
    """Return the fields of an attrs class, with resolved types."""
    return cast("tuple[Any, ...]", attrs.fields(attrs.resolve_types(model)))


@attrs.frozen(eq=False, repr=False)
class NativeTypes:
    """The msgspec decoders for native types, which give the same result as a converter's hooks."""

    # Functions that return whether a user registered a hook for a type.
    claims: list[Callable[[Any], bool]] = attrs.field(factory=list[Callable[[Any], bool]])
    _decoders: "dict[Any, msgspec.json.Decoder[Any] | None]" = attrs.field(factory=dict[Any, Any], init=False)

    def claim(self, accepts: Callable[[Any], bool]) -> None:
        """From now on, use hooks instead of decoders for the types that a predicate accepts."""
        self.claims.append(accepts)
        self._decoders.clear()

    def is_claimed(self, kind: Any) -> bool:
        """Return whether a user registered a hook for a type."""
        for accepts in self.claims:
            # Ignore errors, as cattrs does, because many predicates only support classes.
            with suppress(Exception):
                if accepts(kind):
                    return True
        return False

    def get_decoder(self, kind: Any) -> "msgspec.json.Decoder[Any] | None":
        """Return the decoder for a type; `None` if only hooks can structure it."""
        if kind not in self._decoders:
            self._decoders[kind] = None
            if self._is_native(kind, set()):
                # msgspec rejects some unions, for example a union of two classes.
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
    """Return whether msgspec decodes a type correctly. This does not check the types inside it."""
    if is_union(kind) or get_origin(kind) in {Annotated, Literal}:
        return True
    if (origin := get_origin(kind)) is not None:
        # Leave generic attrs classes to cattrs, which replaces their type variables.
        return not attrs.has(origin) and is_known(origin)
    if attrs.has(kind):
        return issubclass(kind, msgspec.Struct) or _only_sets_fields(kind)
    return not isinstance(msgspec.inspect.type_info(kind), msgspec.inspect.CustomType)


def _only_sets_fields(kind: Any) -> bool:
    """Return whether a class's `__init__` only sets fields. This matters since msgspec skips it."""
    # attrs adds an `__attrs_init__` to a class that defines `__init__` itself.
    if any(hasattr(kind, name) for name in ("__attrs_init__", "__attrs_pre_init__", "__attrs_post_init__")):
        return False
    owner = next(base for base in kind.__mro__ if "__init__" in vars(base))
    return "__attrs_attrs__" in vars(owner) and all(map(_is_only_set, attrs.fields(kind)))


def _is_only_set(field: Any) -> bool:
    does_work = field.converter or field.validator or getattr(field.default, "takes_self", False)
    return not does_work and field.init and field.alias == field.name and field.type is not None


def find_parts(kind: Any) -> Iterator[Any]:
    """Yield the types inside a type: its arguments, its fields' types, and the target of an alias."""
    origin: Any = get_origin(kind)
    if origin is Annotated:
        yield kind.__origin__
    elif origin is not None:
        yield from () if origin is Literal else (part for part in get_args(kind) if part is not Ellipsis)
    elif attrs.has(kind):
        yield from (field.type for field in get_fields(kind))
    elif not isinstance(kind, type):
        # This is a NewType or a type alias from a `type` statement.
        yield from (getattr(kind, name) for name in ("__supertype__", "__value__") if hasattr(kind, name))
    elif any(hasattr(kind, name) for name in _RECORDS):
        yield from typing.get_type_hints(kind, include_extras=True).values()
