"""The converter between JSON and models, and the functions that use a shared one."""

from collections.abc import Sequence
from contextlib import suppress
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import msgspec
from cattrs import Converter
from cattrs.errors import StructureHandlerNotFoundError

from circleci_v1_async._core.secret import Secret, to_json_value, wrap_secret
from circleci_v1_async._core.tracebacks import TracebackScrubber
from circleci_v1_async.errors import DecodeError, InvalidInputError
from circleci_v1_async.models._branch_names import decode_branch_names, encode_branch_names

from ._hooks import Hooks
from ._json import BOM, check_density, explain_malformed, parse, replace_blank_dates
from ._misfits import MISFITS, Misfits, check_misfit, explain
from ._native import NativeTypes, is_union

__all__ = ["CircleCIConverter", "ShortList", "count_sent", "default_converter", "dumps", "loads", "make_converter"]

T = TypeVar("T")


class ShortList(list[T]):
    """A list without the items of the reply that did not fit.

    Attributes:
        sent: Number of items in the reply. Whoever reads a list page by page has to count these.
    """

    sent: int = 0


def count_sent(page: Sequence[Any]) -> int:
    """Return the number of items that the service sent for a page, including those that did not fit."""
    return page.sent if isinstance(page, ShortList) else len(page)


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
        self._hooks = Hooks(self, self._native, Misfits(strict))
        self._hooks.register()
        # So far, cattrs and this package registered hooks, and not a user.
        self._native.claims.clear()
        self._own_hooks = self._structure_func.get_num_fns()
        self._own_unstructure_hooks = self._unstructure_func.get_num_fns()

    def copy(self, *, strict: bool | None = None) -> Self:  # type: ignore[override] # pyright: ignore[reportIncompatibleMethodOverride] - the options of cattrs are fixed
        """Return a converter with the same hooks.

        Args:
            strict: Whether a value that does not fit is always an error; by default, as here.
        """
        copied = type(self)(strict=self.strict if strict is None else strict)
        self._structure_func.copy_to(copied._structure_func, skip=self._own_hooks)
        self._unstructure_func.copy_to(copied._unstructure_func, skip=self._own_unstructure_hooks)
        copied._native.claims.extend(self._native.claims)
        return copied

    if not TYPE_CHECKING:  # cattrs has these signatures as overloads

        def register_structure_hook(self, cl, func=None):
            """Register a structure hook for a type, as in cattrs."""
            if func is None:
                return super().register_structure_hook(cl)  # which calls this method again
            if is_union(cl):
                # cattrs would ask its own hooks for unions first.
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

    def dumps(self, value: Any) -> bytes:
        """Encode a model, or a list of models, as JSON that `loads` reads. Unstructure hooks apply.

        Raises:
            InvalidInputError: JSON has no form for a value.
        """
        with TracebackScrubber():
            return _encode(value, self)

    def check(self, kind: Any, argument: str = "returns") -> None:
        """Reject a type that nothing can be decoded into.

        Args:
            kind: The type.
            argument: The name of the argument, for the error.

        Raises:
            InvalidInputError: msgspec does not support the type, and there is no structure hook for it.
        """
        try:
            if self._native.get_decoder(kind) is None:
                self._hooks.find(kind)
        except (TypeError, NameError, StructureHandlerNotFoundError) as error:
            expected = "a model, a container of models or a JSON type"
            raise InvalidInputError(f"{argument}: expected {expected}; {error}") from None

    def decode(self, body: bytes, kind: type[T]) -> T:
        """Decode a reply into a type that `check` accepted.

        Returns:
            The value. A list that lacks items of the reply is a `ShortList`.

        Raises:
            DecodeError: The reply is not JSON, or does not fit the type.
        """
        text = body.removeprefix(BOM)
        check_density(text)
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
                if (builds := replace_blank_dates(text, decoder.decode)) is not None:
                    return cast("T", builds)
            parsed = parse(text)
        except (UnicodeDecodeError, RecursionError, msgspec.MsgspecError) as error:
            raise explain_malformed(error, text, len(body)) from None
        try:
            value: Any = self.structure(parsed, kind)
        except RecursionError:
            raise DecodeError("Nested too deeply", "$", len(body)) from None
        except MISFITS as error:
            check_misfit(error)
            raise DecodeError(*explain(error), len(body)) from None
        if type(value) is list and isinstance(parsed, list) and len(value) < len(parsed):
            value = ShortList(value)
            value.sent = len(parsed)
        return cast("T", value)


def make_converter(*, strict: bool = False) -> CircleCIConverter:
    """Make a converter to register structure hooks with, for `CircleCISession(converter=…)`.

    Args:
        strict: Whether a value that does not fit is always an error. Otherwise an optional field keeps its default, a
            list loses the item, a mapping loses the entry, and the first of each kind is logged as a warning under
            `circleci_v1_async`.

    Examples:
        ```python
        from datetime import datetime

        from circleci_v1_async import make_converter

        converter = make_converter()
        converter.register_structure_hook(
            datetime, lambda value, _: datetime.fromisoformat(value).astimezone()
        )
        ```
    """
    return CircleCIConverter(strict=strict)


@cache
def default_converter(*, strict: bool) -> CircleCIConverter:
    """Return the shared converter of sessions without one of their own: its hooks take milliseconds to make."""
    return make_converter(strict=strict)


def dumps(model: Any) -> bytes:
    """Encode a model, or a list of models, as JSON in the form of the API, for keeping. `loads` reads it.

    Everything is written, even secrets such as `User.heroku_api_key` and `Action.output_url`. Absent fields become null
    or empty lists.

    Raises:
        InvalidInputError: JSON has no form for a value.
    """
    with TracebackScrubber():
        return _encode(model)


def loads(data: bytes | str, type: type[T]) -> T:
    """Decode JSON that `dumps` wrote or the service sent. To use hooks, call the `loads` of a converter.

    Args:
        data: JSON.
        type: A model, or a container such as `list[Build]`.

    Raises:
        DecodeError: The data is not JSON, or does not fit the type.
        InvalidInputError: Nothing can be decoded into the type.
    """
    data = wrap_secret(data)
    return default_converter(strict=False).loads(data, type)


def _to_bytes(data: bytes | str) -> bytes:
    return data.encode(errors="surrogatepass") if isinstance(data, str) else bytes(data)


def _encode(value: Any, converter: Converter | None = None) -> bytes:
    try:
        value = encode_branch_names(value)
        return msgspec.json.encode(converter.unstructure(value) if converter else value, enc_hook=to_json_value)
    except (TypeError, ValueError, RecursionError):
        raise InvalidInputError("dumps: expected a model, or a list of them, with what JSON can hold") from None
