"""Values whose reprs do not show them."""

from collections.abc import Mapping
from typing import Any, Final, cast


class Secret(str):
    """A `str` whose repr is redacted, for tokens and private keys.

    It goes where a string goes (a header, a JSON body) and stays out of reprs, logs and tracebacks that print
    local variables. `str(secret)` and f-strings still give the value: wrap it in the first line that sees it and
    format it nowhere.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"

    def __reduce_ex__(self, protocol: object) -> str | tuple[object, ...]:
        raise TypeError("a secret is not pickled")


class SecretBytes(bytes):
    """As `Secret`, for an encoded request body."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "b'***'"


class SecretDict(dict[str, Any]):
    """As `Secret`, for variables of builds."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "{'***'}"


_WRONG_TYPE: Final = object()


def hide(value: object) -> Any:
    """Wrap a secret argument. Call it in the first line of a function: tracebacks show variables.

    Values of a wrong type become an object without a value, so that the error of a later check cannot show them.
    """
    match value:
        case None | Secret():
            return value
        case str():
            return Secret(value)
        case Mapping():
            return SecretDict(cast("Mapping[str, Any]", value))
        case _:
            return _WRONG_TYPE
