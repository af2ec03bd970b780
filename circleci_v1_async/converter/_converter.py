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

T = TypeVar("T")

# Classes that have subclasses with a different JSON form, for example `date` with `datetime`.
_EXACT: Final = frozenset({str, bytes, int, float, date})
_TRUNCATED: Final = "Input data was truncated"  # by msgspec


class CircleCIConverter(Converter):
    """A cattrs converter with a structure hook for every model. `make_converter` creates one.

    Your structure hooks apply to every reply of a session that uses this converter, even to fields of models. Types
    without such hooks are decoded by msgspec only, which returns the same result faster.

    Attributes:
        strict: Whether a value that does not fit its type always raises an error.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.strict = strict
        self._native = NativeTypes()
        super().__init__()
        # By default, cattrs coerces values to these classes before it looks for hooks with predicates or factories.
        dispatch: Any = self._structure_func
        dispatch.register_cls_list([(kind, _DispatchNotFound) for kind in (str, bytes, int, float, Enum)])
        self._hooks = Hooks(self, self._native, Misfits(strict))
        self._hooks.register()
        # The hooks so far belong to cattrs and this package, not to a user.
        self._native.claims.clear()
        self._own_hooks = (self._structure_func.get_num_fns(), self._unstructure_func.get_num_fns())

    def copy(self, *, strict: bool | None = None) -> Self:  # type: ignore[override] # pyright: ignore[reportIncompatibleMethodOverride] - the options of cattrs are fixed
        """Return a converter with the same hooks. If you pass `strict`, it replaces the current value."""
        mine: Any = self
        copied: Any = type(self)(strict=self.strict if strict is None else strict)
        mine._structure_func.copy_to(copied._structure_func, skip=self._own_hooks[0])
        mine._unstructure_func.copy_to(copied._unstructure_func, skip=self._own_hooks[1])
        copied._native.claims.extend(self._native.claims)
        return cast("Self", copied)

    if not TYPE_CHECKING:  # pragma: no branch - cattrs has these signatures as overloads

        def register_structure_hook(self, cl, func=None):
            """Register a structure hook for a type, like the cattrs method of this name."""
            if func is None:
                return super().register_structure_hook(cl)  # which calls this method again
            if not isinstance(cl, type) or cl in _EXACT:
                # cattrs would try its own union hooks first, and would apply a hook for `str` to enums.
                return self.register_structure_hook_func(lambda kind: kind == cl, func)
            self._native.claim(lambda kind: kind == cl or issubclass(kind, cl))
            return super().register_structure_hook(cl, func)

        def register_structure_hook_func(self, check_func, func):
            """Register a structure hook for all types that a predicate accepts, like the cattrs method."""
            self._native.claim(check_func)
            return super().register_structure_hook_func(check_func, func)

        def register_structure_hook_factory(self, predicate, factory=None):
            """Register a hook factory for all types that a predicate accepts, like the cattrs method."""
            if factory is None:
                return partial(self.register_structure_hook_factory, predicate)
            self._native.claim(predicate)
            return super().register_structure_hook_factory(predicate, factory)

    def structure(self, obj: Any, cl: type[T]) -> T:
        """Convert JSON values to a type, for example a dict to a model.

        Raises:
            cattrs.BaseValidationError: The values do not fit the type. This is a `ValueError` or `TypeError` instead
                if a hook for the type itself raised it, and a `msgspec.ValidationError` for a type without fields.
        """
        value = super().structure(obj, cl)
        decode_branch_names(value)
        return value

    def loads(self, data: bytes | str, type: type[T]) -> T:
        """Decode JSON in the same way as a session.

        Args:
            data: The JSON text.
            type: A model, a container such as `list[Build]`, or a type with a structure hook.

        Raises:
            DecodeError: The data is not JSON, or does not fit the type.
            InvalidInputError: The data is neither a string nor bytes, or the type is not supported.
        """
        data = wrap_secret(data)
        self.check(type, "type")
        with TracebackScrubber():
            value = self.decode(_to_bytes(data), type)
        return cast("T", list(cast("list[Any]", value))) if isinstance(value, ShortList) else value

    def check(self, kind: Any, argument: str = "returns") -> None:
        """Raise an `InvalidInputError` with the name of the argument if a type is not supported."""
        try:
            if self._native.get_decoder(kind) is None:
                self._hooks.find(kind)
        except (TypeError, NameError, StructureHandlerNotFoundError) as error:
            # A TypeError if it is not a type, and a NameError if the type of a field does not exist.
            expected = f"{argument}: expected a model, a container of models or a JSON type"
            raise InvalidInputError(f"{expected}; {error}") from None

    def decode(self, body: bytes, kind: type[T]) -> T:
        """Decode a reply, or raise a `DecodeError`. If list items were dropped, return a `ShortList`."""
        size, text = len(body), body.removeprefix(BOM)
        if is_too_dense(text):
            raise DecodeError("Too many objects or lists for its size", "$", size)
        decoder = self._native.get_decoder(kind)
        try:
            # msgspec does not validate the UTF-8 of strings without a field. This check is cheap in comparison.
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


def _to_bytes(hidden: object) -> bytes:
    data = cast("Secret[object]", hidden).reveal() if isinstance(hidden, Secret) else hidden
    if isinstance(data, str | bytes | bytearray | memoryview):
        return data.encode(errors="surrogatepass") if isinstance(data, str) else bytes(cast("bytes", data))
    raise InvalidInputError(f"data: expected JSON text, got {type(data).__name__}; `structure` takes parsed JSON")


def _parse(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return msgspec.json.decode(replace_lone_surrogates(text))


def make_converter(*, strict: bool = False) -> CircleCIConverter:
    """Create a converter for your structure hooks. Pass it to `CircleCISession(converter=…)`.

    Args:
        strict: Whether a value that does not fit its type always raises an error. Otherwise, an optional field keeps
            its default, and such an item of a list or entry of a mapping is dropped. The first such value of each kind
            is logged as a warning under `circleci_v1_async`.
    """
    return CircleCIConverter(strict=strict)


@cache
def default_converter(*, strict: bool) -> CircleCIConverter:
    """Return a shared converter, because creating the hooks takes milliseconds."""
    return make_converter(strict=strict)


def loads(data: bytes | str, type: type[T]) -> T:
    """Decode JSON from `dumps` or from the service. To use hooks, call `CircleCIConverter.loads`.

    Raises:
        DecodeError: The data is not JSON, or does not fit the type.
        InvalidInputError: The data is neither a string nor bytes, or the type is not supported.
    """
    data = wrap_secret(data)
    with TracebackScrubber():
        return default_converter(strict=False).loads(data, type)
