"""Wrappers that hide secret values: tokens, keys, variables."""

from collections.abc import Callable
from typing import Any, Generic, SupportsIndex, TypeVar, cast

T = TypeVar("T")


class _NotPickled:
    __slots__ = ()

    def __reduce_ex__(self, protocol: object) -> str | tuple[object, ...]:
        raise TypeError("a secret cannot be pickled")


class Secret(_NotPickled, Generic[T]):
    """A secret value. Only `reveal` returns it; no attribute, iteration, slice or encoder does.

    Error reporters take variables apart in many ways: by repr, as mappings, sequences and strings, by `__dict__` and
    `__slots__`. A secret is therefore not a mapping, sequence or string, and its only attribute is the function
    `reveal`. Do not keep its result in a variable: pass it immediately to the function that needs it.
    """

    __slots__ = ("reveal",)

    reveal: Callable[[], T]

    def __init__(self, value: T) -> None:
        self.reveal = lambda: value

    def __repr__(self) -> str:
        return "***"


class RedactedStr(_NotPickled, str):
    """A `str` with a redacted repr, for libraries that only accept a `str`.

    Its slices have the same repr. `str(value)` and f-strings return the plain text.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"

    def __getitem__(self, key: "SupportsIndex | slice[Any, Any, Any]") -> str:
        return RedactedStr(super().__getitem__(key))


class RedactedBytes(_NotPickled, bytes):
    """Like `RedactedStr`, for an encoded request body."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "b'***'"

    def __getitem__(self, key: Any) -> Any:
        piece = cast("object", super().__getitem__(key))
        return RedactedBytes(piece) if isinstance(piece, bytes) else piece


def wrap_secret(value: object) -> Any:
    """Wrap a secret argument of any type; return `None` unchanged. Call this first in a function.

    Later lines may raise an exception, and its traceback may show the variables of the function.
    """
    if value is None:
        return None
    return cast("object", value) if isinstance(value, Secret) else Secret(value)
