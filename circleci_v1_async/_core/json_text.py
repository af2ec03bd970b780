"""JSON as text: bodies of requests, and faults of replies that need no parser to be seen."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final, cast

from .errors import InvalidInputError
from .secret import Secret

__all__ = ["BOM", "HTML", "encode", "explain_malformed", "is_too_dense", "replace_lone_surrogates", "to_json_value"]

BOM: Final = b"\xef\xbb\xbf"
HTML: Final = "HTML instead of JSON"
# An escape sequence. The second alternative is half of a surrogate pair without the other half.
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
# Bytes of a body that may have any number of objects or lists. As models, `[{},{},…]` takes up to 170 times its size,
# and `[[],[],…]` 20 times. Counting takes a third of a millisecond for each megabyte.
_SMALL: Final = {b"{": 2**20, b"[": 2**23}
# Larger bodies may have so many of each, and one more for each so many bytes. Recorded replies have one for 145 bytes.
_FREE, _BYTES_EACH = 20_000, 64
# A bracket outside of strings and all before it. Possessive, so that no byte is looked at twice.
_TO_BRACKET: Final = {
    bracket: re.compile(rb'[^"\%b]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"\%b]*+)*+\%b' % ((bracket,) * 3), re.DOTALL)
    for bracket in _SMALL
}


def encode(body: Any) -> bytes:
    """Return the body of a request as JSON.

    Raises:
        InvalidInputError: JSON has no form for a value.
    """
    try:
        # msgspec would write NaN as null, and a set as a list.
        text = json.dumps(body, allow_nan=False, ensure_ascii=False, separators=(",", ":"), default=to_json_value)
        return text.encode()
    except (TypeError, ValueError, RecursionError):
        raise InvalidInputError(
            "body: expected what JSON can hold: strings, numbers, booleans, null, lists, dicts with string keys"
        ) from None


def to_json_value(value: object) -> object:
    """Return a secret's value, a dict for any mapping, and a plain `str` for a subclass of it.

    Raises:
        TypeError: JSON has no form for the value.
    """
    if isinstance(value, Secret):
        return cast("Secret[object]", value).reveal()
    if isinstance(value, Mapping):
        return dict(cast("Mapping[object, object]", value))
    if isinstance(value, str):
        return str(value)
    raise TypeError


def is_too_dense(body: bytes) -> bool:
    """Return whether the values of a large body would take many times its size in memory."""
    allowed = _FREE + len(body) // _BYTES_EACH
    for bracket, pattern in _TO_BRACKET.items():
        # Strings contain brackets, too: colors in the output of a step begin with one.
        is_dense = len(body) > _SMALL[bracket] and body.count(bracket) > allowed
        found = pattern.match(body) if is_dense else None
        for _ in range(allowed):
            if found is None:
                break
            found = pattern.match(body, found.end())
        if found is not None:
            return True
    return False


def replace_lone_surrogates(body: bytes) -> bytes:
    """Return JSON text with U+FFFD for escapes of lone surrogates, which Python cannot encode."""
    return _ESCAPE.sub(lambda match: rb"\ufffd" if match[1] else match[0], body)


def explain_malformed(error: Exception, body: bytes) -> str:
    """Return the reason why a parser rejected a body as JSON."""
    if isinstance(error, UnicodeDecodeError):
        return f"Invalid UTF-8 (byte {error.start})"
    if isinstance(error, RecursionError):
        return "Nested too deeply"
    text = body.removeprefix(BOM).lstrip()
    return "The body is empty" if not text else HTML if text.startswith(b"<") else str(error)
