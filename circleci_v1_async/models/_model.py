"""The base of all models: attrs classes for readers and type checkers, msgspec Structs at run time.

A msgspec decoder writes the fields of a Struct by their offset. Those of an attrs class it sets one by one, as Python
code would, which takes more than twice as long on pages of builds. So the models are written as attrs classes, and this
module makes Structs of them that still answer to attrs: `attrs.has`, `fields`, `asdict`, `astuple`, `evolve`,
`resolve_types` and a plain `cattrs.Converter` work.

attrs looks for `__attrs_attrs__` on the class. attrs itself makes it, of a twin of the class, when it is first asked
for: most programs never ask, and to make it for all models would take as long as the rest of the package's import.

The garbage collector does not track models (`gc=False`): a full collection over 10,000 kept builds, during which the
event loop stands still, takes a tenth of the time. Models are frozen and what the service sends has no cycles, so there
is nothing to collect. The price: models take no weak references.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import attrs
from msgspec import NODEFAULT, Meta, Struct, structs

__all__ = ["SECRET", "Model", "Timestamp", "model"]

# A time without an offset is no point in time: it could not be compared with others.
Timestamp = Annotated[datetime, Meta(tz=True)]

# The default of a field that is a secret: None, and shown in no repr.
SECRET: Final[Any] = object()

_ATTRS_FIELD = type(cast("object", attrs.field()))
# Number of fields that a hash is made of: enough to tell builds apart, and few enough to be cheap.
_HASHED = 3
_SCALARS = (int, str, int | None, str | None)


if TYPE_CHECKING:
    from attrs import frozen as model

    class Model:
        """The base of all models."""

        def __rich_repr__(self) -> Iterator[tuple[str, object]]: ...

else:

    class _AttrsFields:
        """The fields as attrs knows them, which models have and the class of models has not."""

        def __get__(self, cls: type | None, _metaclass: type) -> "tuple[attrs.Attribute[Any], ...]":
            if cls is None:
                raise AttributeError
            return _attrs_twin(cls).__attrs_attrs__

        def __set__(self, cls: type, _fields: object) -> None:
            raise _no_attrs_class(cls.__name__)

    class _ModelType(type(Struct)):
        """The metaclass of models."""

        def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> "_ModelType":
            if "__attrs_attrs__" in namespace or any(isinstance(value, _ATTRS_FIELD) for value in namespace.values()):
                raise _no_attrs_class(name)
            secrets = {field for field, default in namespace.items() if default is SECRET}
            inherited = (getattr(base, "_secrets", ()) for base in bases)
            namespace |= {**dict.fromkeys(secrets), "_secrets": secrets.union(*inherited)}
            return super().__new__(
                cls, name, bases, namespace, **{"frozen": True, "kw_only": True, "gc": False, **options}
            )

        # Not by `__getattr__`: a class would then have its parent's, once that was made.
        __attrs_attrs__ = _AttrsFields()

    class Model(Struct, metaclass=_ModelType):
        """The base of all models."""

        def __repr__(self) -> str:
            return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

        def __rich_repr__(self) -> Iterator[tuple[str, object]]:
            # Most fields of most builds are absent: 70 of them would hide the others.
            for name, default in _shown_fields(type(self)):
                if (value := getattr(self, name)) != default:
                    yield name, value

        def __hash__(self) -> int:
            # Not of all fields: mappings have no hash, and a build has 70 fields.
            return hash(_hash_key(type(self))(self))

    def model(**_options: bool) -> Any:
        """Return the class as it is. Type checkers see `attrs.frozen` here."""
        return lambda cls: cls


def _no_attrs_class(name: str) -> TypeError:
    return TypeError(
        f"{name}: a subclass of a model is a model already. Annotate its fields and give them plain defaults, "
        "without `attrs.field`, and without a decorator of attrs."
    )


def _fields(cls: Any) -> tuple[Any, ...]:
    return structs.fields(cls)


@cache
def _attrs_twin(cls: Any) -> Any:
    """Return a class of attrs with the fields of a model. Nothing else about it is used."""
    base = cls.__base__
    inherited = getattr(base, "__struct_fields__", ())
    own = {
        field.name: attrs.field(
            default=_attrs_default(field),
            repr=field.name not in cls._secrets,
            kw_only=True,
            type=field.type,
        )
        for field in _fields(cls)
        if field.name not in inherited
    }
    bases = (_attrs_twin(base),) if inherited else (object,)
    return attrs.make_class(cls.__name__, own, bases, init=False, repr=False, eq=False)


def _attrs_default(field: Any) -> Any:
    if field.default_factory is not NODEFAULT:
        return attrs.Factory(field.default_factory)
    return attrs.NOTHING if field.default is NODEFAULT else field.default


@cache
def _shown_fields(cls: Any) -> tuple[tuple[str, Any], ...]:
    """Return the names and the defaults of the fields that are no secrets."""
    return tuple((field.name, field.default) for field in _fields(cls) if field.name not in cls._secrets)


@cache
def _hash_key(cls: Any) -> Callable[[Any], Any]:
    """Return a getter of the class and its first few scalars, which equal models have in common."""
    scalars = (field.name for field in _fields(cls) if field.type in _SCALARS)
    return attrgetter("__class__", *list(scalars)[:_HASHED])
