"""Values that do not show themselves."""

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


_OF_A_TYPE_THAT_NO_SECRET_HAS: Final = object()


def hide(value: object) -> Any:
    """A secret argument, from the first line that has it on: also frames whose checks it fails have a traceback."""
    match value:
        case None | Secret():
            return value
        case str():
            return Secret(value)
        case Mapping():
            return SecretDict(cast("Mapping[str, Any]", value))
        case _:
            return _OF_A_TYPE_THAT_NO_SECRET_HAS
