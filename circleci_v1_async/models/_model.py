"""The base of all models. A model is an attrs class, and its instances are msgspec Structs.

The metaclass lets msgspec create the class, so that a msgspec decoder fills its fields by offset. It then passes the
class to `attrs.frozen`, with the fields as `these` and without the methods that a Struct already has. Since attrs
creates its own metadata, `attrs.fields`, `evolve`, `asdict` and `inspect` work, and so does cattrs. Defining a model
fails if it uses features that a Struct lacks (converters, aliases, `init=False`). Validators and `__attrs_post_init__`
run, even if msgspec decodes the model. Type checkers see `attrs.frozen(kw_only=True)`.

The garbage collector does not track models (`gc=False`). A full collection blocks the event loop; with 10,000 builds in
memory, it takes a tenth of the time that it would take with tracking. Models are frozen and replies have no cycles, so
the collector would not find anything to free. The disadvantage: models do not support weak references, because msgspec
allows weak references only to tracked objects.
"""

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from functools import cache
from itertools import pairwise
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import attrs
from msgspec import Meta, Struct, StructMeta, structs
from msgspec import field as struct_field

__all__ = ["Model", "Timestamp", "model"]

# Require an offset, because a time without an offset cannot be compared with a time that has one.
Timestamp = Annotated[datetime, Meta(tz=True)]

# Number of fields in a hash: enough to distinguish builds, and few enough to be fast.
_HASHED: Final = 3
_SCALARS: Final = (int, str, int | None, str | None)
# Real classes of objects that have other types for type checkers.
_FIELD: Final = type(cast("object", attrs.field()))
_FACTORY: Any = attrs.Factory
# Most fields have this default. attrs reads the field for each name, so that all names can share it.
_OPTIONAL: Any = attrs.field(default=None)
# Since Python 3.14, annotations can refer to names that do not exist yet.
_LAZILY: Final[Any] = {"format": 3} if sys.version_info >= (3, 14) else {}
_HAND_MADE: Final = frozenset({"__init__", "__attrs_pre_init__", "__post_init__"})


def _wrong_decorator(name: str) -> TypeError:
    return TypeError(
        f"{name}: use the decorator @model(kw_only=True) for a subclass of a model, not a decorator of attrs"
    )


def _read_fields(namespace: dict[str, Any]) -> "tuple[attrs.Attribute[Any], ...]":
    """Return the fields that are defined with `attrs.field`."""
    given = {name: value for name, value in namespace.items() if isinstance(value, _FIELD)}
    if not given:
        return ()
    # msgspec needs the defaults before the class exists, but attrs provides them only on a class.
    made = attrs.make_class("Fields", given, init=False, repr=False, eq=False, order=False)
    fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(made)
    return fields


def _struct_default(name: str, field: Any) -> Any:
    """Return the default of an attrs field, in msgspec's form."""
    if field.converter is not None or field.alias != field.name or not field.init or field.eq is not True:
        raise TypeError(
            f"{name}.{field.name}: a field of a model cannot have a converter, alias, init or eq. Register a structure "
            "hook for its type, or use your own attrs class"
        )
    default: Any = field.default
    if default is attrs.NOTHING:
        return struct_field()
    return struct_field(default_factory=default.factory) if isinstance(default, _FACTORY) else default


def _attrs_field(value: Any) -> Any:
    """Return the attrs field for the default of an annotated name."""
    if value is None:
        return _OPTIONAL
    if isinstance(value, _FIELD):
        return value
    # msgspec copies empty lists, dicts and sets, and rejects other mutable defaults.
    return attrs.field(default=_FACTORY(type(value)) if type(value) in {list, dict, set} else value)


def _post_init(self: Any) -> None:
    attrs.validate(self)
    if (post_init := getattr(self, "__attrs_post_init__", None)) is not None:
        post_init()


@cache
def _shown_fields(cls: Any) -> tuple[tuple[str, Any], ...]:
    """Return the names and the defaults of the fields in the repr."""
    return tuple((field.name, _make_default(field.default)) for field in attrs.fields(cls) if field.repr)


def _make_default(default: Any) -> Any:
    return default.factory() if isinstance(default, _FACTORY) else default


@cache
def _hash_key(cls: Any) -> Callable[[Any], Any]:
    """Return a getter of the class and of the first few scalars. Equal models have the same values."""
    scalars = (field.name for field in structs.fields(cls) if field.type in _SCALARS)
    return attrgetter("__class__", *list(scalars)[:_HASHED])


class _FieldDocs(dict[str, str | None]):
    """The `__slots__` of a model, where `help` and `inspect.getdoc` find the descriptions of fields.

    A description consists of the type and the string under the field. All descriptions of a class are read from its
    source at the first access.
    """

    def __init__(self, cls: Any) -> None:
        super().__init__(dict.fromkeys(cls.__slots__))
        self._cls: Any = cls

    def __getitem__(self, name: str) -> str | None:
        if self._cls is not None:
            cls, self._cls = self._cls, None
            # A class that was defined at the interactive prompt has no source.
            with suppress(OSError, TypeError, SyntaxError):
                self.update(_read_field_docs(cls))
        return super().__getitem__(name)


def _read_field_docs(cls: Any) -> Iterator[tuple[str, str]]:
    import ast  # noqa: PLC0415 - only `help` and similar programs need it

    (definition,) = ast.parse(inspect.cleandoc(inspect.getsource(cls))).body
    for field, doc in pairwise([*cast("ast.ClassDef", definition).body, None]):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            text = ast.unparse(field.annotation)
            if isinstance(doc, ast.Expr) and isinstance(doc.value, ast.Constant) and isinstance(doc.value.value, str):
                text += f": {inspect.cleandoc(doc.value.value)}"
            yield field.target.id, text


_Decorator = Callable[[type], type]

if TYPE_CHECKING:
    from attrs import frozen as model

    class Model:
        """The base of all models."""

        def __rich_repr__(self) -> Iterator[tuple[str, object]]: ...

else:

    class _ModelType(StructMeta):
        """Metaclass that creates Structs that are also attrs classes."""

        def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> "_ModelType":
            if "__attrs_attrs__" in namespace:
                # A decorator of attrs creates the class a second time to add slots.
                raise _wrong_decorator(name)
            if hand_made := _HAND_MADE & namespace.keys():
                raise TypeError(f"{name}: a model cannot define {min(hand_made)}; define __attrs_post_init__ instead")
            given = _read_fields(namespace)
            struct_names = namespace | {field.name: _struct_default(name, field) for field in given}
            if "__attrs_post_init__" in namespace or any(field.validator for field in given):
                struct_names["__post_init__"] = _post_init
            options = {"frozen": True, "kw_only": True, "gc": False, **options}
            made = super().__new__(cls, name, bases, struct_names, **options)
            own = [field for field in inspect.get_annotations(made, **_LAZILY) if field in made.__struct_fields__]
            made = attrs.frozen(
                made,
                these={field: _attrs_field(namespace.get(field, attrs.NOTHING)) for field in own},
                kw_only=True,
                slots=False,
                weakref_slot=False,
                init=False,
                repr=False,
                eq=False,
                match_args=False,
            )
            made.__slots__ = _FieldDocs(made)
            if made.__base__ is not Struct:
                # Inherit them from `Model`. If a class defines them, a later decorator of attrs rejects it with a less
                # helpful message than `_wrong_decorator`.
                del made.__setattr__, made.__delattr__
            return made

        def __setattr__(cls, name: str, value: object) -> None:
            if name == "__attrs_attrs__" and name in vars(cls):
                raise _wrong_decorator(cls.__name__)
            super().__setattr__(name, value)

    class Model(Struct, metaclass=_ModelType):
        """The base of all models."""

        def __repr__(self) -> str:
            return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

        def __rich_repr__(self) -> Iterator[tuple[str, object]]:
            # Omit absent fields. Most of a build's 70 fields are usually absent, and would hide the others.
            for name, default in _shown_fields(type(self)):
                if (value := getattr(self, name)) != default:
                    yield name, value

        def __hash__(self) -> int:
            # Do not hash all fields: mappings are not hashable, and a build has 70 fields.
            return hash(_hash_key(type(self))(self))

    def model(*, kw_only: bool = False) -> _Decorator:
        """Mark a subclass of a model as a model, so that type checkers know its fields.

        Write it as `@model(kw_only=True)`. Type checkers treat it as `attrs.frozen`. At run time, it only checks the
        class: every subclass of a model becomes a model when it is defined.

        Args:
            kw_only: Whether the fields are keyword-only. It must be `True`.

        Raises:
            TypeError: `kw_only` is not `True`, or the class is not a subclass of a model.
        """
        if kw_only is not True:
            raise TypeError("model: expected @model(kw_only=True), because the fields of models are keyword-only")

        def check(cls: type) -> type:
            if not isinstance(cls, _ModelType):
                raise TypeError(f"model: expected a subclass of a model, got {cls.__name__}; use attrs.frozen instead")
            return cls

        return check
