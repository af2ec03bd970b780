"""The converter between JSON and models."""

from contextlib import suppress
from datetime import date
from enum import Enum
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

import msgspec
from cattrs import Converter
from cattrs.dispatch import _DispatchNotFound  # pyright: ignore[reportPrivateUsage]
from cattrs.errors import StructureHandlerNotFoundError

from circleci_v1_async._core.json_text import BOM, explain_malformed, is_too_dense, replace_lone_surrogates
from circleci_v1_async._core.secret import Secret, wrap_secret
from circleci_v1_async._core.short_list import ShortList
from circleci_v1_async._core.tracebacks import TracebackScrubber
from circleci_v1_async.errors import DecodeError, InvalidInputError
from circleci_v1_async.models._blank_dates import decode_blank_dates
from circleci_v1_async.models._branch_names import decode_branch_names

from ._hooks import Hooks
from ._misfits import MISFITS, Misfits, check_misfit, explain
from ._native import NativeTypes

__all__ = ["CircleCIConverter", "default_converter", "loads", "make_converter"]

T = TypeVar("T")

# Classes of which others derive that are something else in JSON.
_EXACT: Final = frozenset({str, bytes, int, float, date})
_TRUNCATED: Final = "Input data was truncated"  # by msgspec


class CircleCIConverter(Converter):
    """A cattrs converter with a structure hook for every model. `make_converter` makes one.

    Hooks that you register apply to every reply of a session with this converter, even to fields of models. msgspec
    alone decodes the types that no hook of yours concerns, which gives the same result faster.

    Attributes:
        strict: Whether a value that does not fit is always an error.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.strict = strict
        self._native = NativeTypes()
        super().__init__()
        # cattrs coerces values to these classes, before it asks for hooks of functions and factories.
        dispatch: Any = self._structure_func
        dispatch.register_cls_list([(kind, _DispatchNotFound) for kind in (str, bytes, int, float, Enum)])
        self._hooks = Hooks(self, self._native, Misfits(strict))
        self._hooks.register()
        # So far, cattrs and this package registered hooks, and not a user.
        self._native.claims.clear()
        self._own_hooks = (self._structure_func.get_num_fns(), self._unstructure_func.get_num_fns())

    def copy(self, *, strict: bool | None = None) -> Self:  # type: ignore[override] # pyright: ignore[reportIncompatibleMethodOverride] - the options of cattrs are fixed
        """Return a converter with the same hooks, and with another `strict` if you pass one."""
        mine: Any = self
        copied: Any = type(self)(strict=self.strict if strict is None else strict)
        mine._structure_func.copy_to(copied._structure_func, skip=self._own_hooks[0])
        mine._unstructure_func.copy_to(copied._unstructure_func, skip=self._own_hooks[1])
        copied._native.claims.extend(self._native.claims)
        return cast("Self", copied)

    if not TYPE_CHECKING:  # pragma: no branch - cattrs has these signatures as overloads

        def register_structure_hook(self, cl, func=None):
            """Register a structure hook for a type, as in cattrs."""
            if func is None:
                return super().register_structure_hook(cl)  # which calls this method again
            if not isinstance(cl, type) or cl in _EXACT:
                # cattrs would ask its own hooks for unions first, and use a hook for `str` for enums.
                return self.register_structure_hook_func(lambda kind: kind == cl, func)
            self._native.claim(lambda kind: kind == cl or issubclass(kind, cl))
            return super().register_structure_hook(cl, func)

        def register_structure_hook_func(self, check_func, func):
            """Register a structure hook for all types that a function accepts, as in cattrs."""
            self._native.claim(check_func)
            return super().register_structure_hook_func(check_func, func)

        def register_structure_hook_factory(self, predicate, factory=None):
            """Register a factory of structure hooks for all types that a function accepts, as in cattrs."""
            if factory is None:
                return partial(self.register_structure_hook_factory, predicate)
            self._native.claim(predicate)
            return super().register_structure_hook_factory(predicate, factory)

    def structure(self, obj: Any, cl: type[T]) -> T:
        """Make a value of a type from JSON values, such as a model from a dict.

        Raises:
            cattrs.BaseValidationError: The values do not fit the type. `ValueError` or `TypeError` if a hook raised it
                for the whole object, `msgspec.ValidationError` for a type without fields.
        """
        value = super().structure(obj, cl)
        decode_branch_names(value)
        return value

    def loads(self, data: bytes | str, type: type[T]) -> T:
        """Decode JSON as a session does.

        Args:
            data: JSON.
            type: A model, a container such as `list[Build]`, or a type with a structure hook.

        Raises:
            DecodeError: The data is not JSON, or does not fit the type.
            InvalidInputError: Nothing can be decoded into the type.
        """
        data = wrap_secret(data)
        self.check(type, "type")
        with TracebackScrubber():
            value = self.decode(_to_bytes(cast("Secret[bytes | str]", data).reveal()), type)
        return cast("T", list(cast("list[Any]", value))) if isinstance(value, ShortList) else value

    def check(self, kind: Any, argument: str = "returns") -> None:
        """Raise an `InvalidInputError` that names the argument if nothing can be decoded into a type."""
        try:
            if self._native.get_decoder(kind) is None:
                self._hooks.find(kind)
        except (TypeError, NameError, StructureHandlerNotFoundError) as error:
            expected = f"{argument}: expected a model, a container of models or a JSON type"
            raise InvalidInputError(f"{expected}; {error}") from None

    def decode(self, body: bytes, kind: type[T]) -> T:
        """Decode a reply, or raise a `DecodeError`. A list that lacks items is a `ShortList`."""
        size, text = len(body), body.removeprefix(BOM)
        if is_too_dense(text):
            raise DecodeError("Too many objects or lists for its size", "$", size)
        decoder = self._native.get_decoder(kind)
        try:
            # msgspec does not check strings that are not modelled. This does, at a fraction of the cost.
            if not text.isascii():
                text.decode()
            if decoder is not None:
                with suppress(msgspec.MsgspecError):
                    decoded: T = decoder.decode(text)
                    decode_branch_names(decoded)
                    return decoded
                if (builds := decode_blank_dates(text, decoder.decode)) is not None:
                    return cast("T", builds)
            parsed = _parse(text)
        except (UnicodeDecodeError, RecursionError, msgspec.MsgspecError) as error:
            reason = explain_malformed(error, body)
            raise DecodeError(reason, "$", size, truncated=reason == _TRUNCATED) from None
        try:
            value: Any = self.structure(parsed, kind)
        except RecursionError as error:
            raise DecodeError(explain_malformed(error, body), "$", size) from None
        except MISFITS as error:
            check_misfit(error)
            raise DecodeError(*explain(error), size) from None
        if type(value) is list and isinstance(parsed, list) and len(cast("Any", value)) < len(cast("Any", parsed)):
            value = ShortList[Any](cast("Any", value))
            value.sent = len(cast("Any", parsed))
        return cast("T", value)


def _to_bytes(data: bytes | str) -> bytes:
    return data.encode(errors="surrogatepass") if isinstance(data, str) else bytes(data)


def _parse(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return msgspec.json.decode(replace_lone_surrogates(text))


def make_converter(*, strict: bool = False) -> CircleCIConverter:
    """Make a converter to register structure hooks with, for `CircleCISession(converter=…)`.

    Args:
        strict: Whether a value that does not fit is always an error. Otherwise an optional field keeps its default, a
            list loses the item, a mapping loses the entry, and the first of each kind is logged as a warning under
            `circleci_v1_async`.
    """
    return CircleCIConverter(strict=strict)


@cache
def default_converter(*, strict: bool) -> CircleCIConverter:
    """Return the shared converter, because hooks take milliseconds to make."""
    return make_converter(strict=strict)


def loads(data: bytes | str, type: type[T]) -> T:
    """Decode JSON that `dumps` wrote or the service sent. To use hooks, call `CircleCIConverter.loads`.

    Raises:
        DecodeError: The data is not JSON, or does not fit the type.
        InvalidInputError: Nothing can be decoded into the type.
    """
    data = wrap_secret(data)
    with TracebackScrubber():
        return default_converter(strict=False).loads(data, type)
