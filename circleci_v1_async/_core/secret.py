"""Values that only those see who ask for them: tokens, keys, variables."""

from collections.abc import Callable
from typing import Any, Generic, SupportsIndex, TypeVar, cast

__all__ = ["RedactedBytes", "RedactedStr", "Secret", "wrap_secret"]

T = TypeVar("T")


class Secret(Generic[T]):
    """A secret value, which no attribute, iteration, slice or encoder gives: only a call of `reveal` does.

    Reporters of errors take variables apart in many ways: by repr, as mappings, sequences and strings, by `__dict__`
    and `__slots__`. So it is none of these, and its only attribute is a function. Do not keep in a variable what
    `reveal` returns: pass it on at once to what needs it.

    Attributes:
        reveal: Returns the value.
    """

    __slots__ = ("reveal",)

    reveal: Callable[[], T]

    def __init__(self, value: T) -> None:
        self.reveal = lambda: value

    def __repr__(self) -> str:
        return "***"

    def __reduce_ex__(self, protocol: object) -> str | tuple[object, ...]:
        raise TypeError("a secret is not pickled")


class RedactedStr(str):
    """A `str` whose repr is redacted, and so are its slices, for libraries that take nothing but a `str`.

    `str(value)` and f-strings give the text in clear.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"

    def __getitem__(self, key: "SupportsIndex | slice[Any, Any, Any]") -> str:
        return RedactedStr(super().__getitem__(key))

    def __reduce_ex__(self, protocol: object) -> str | tuple[object, ...]:
        raise TypeError("a secret is not pickled")


class RedactedBytes(bytes):
    """As `RedactedStr`, for an encoded request body."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "b'***'"

    def __getitem__(self, key: Any) -> Any:
        piece = cast("object", super().__getitem__(key))
        return RedactedBytes(piece) if isinstance(piece, bytes) else piece

    def __reduce_ex__(self, protocol: object) -> str | tuple[object, ...]:
        raise TypeError("a secret is not pickled")


def wrap_secret(value: object) -> Any:
    """Wrap a secret argument of any type; `None` stays. Call it in the first line of a function.

    Later lines may raise, and tracebacks then show the variables of the function.
    """
    if value is None:
        return None
    return cast("object", value) if isinstance(value, Secret) else Secret(value)
