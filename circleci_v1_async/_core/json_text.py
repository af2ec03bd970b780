"""JSON as text: encoding of request bodies, and checks of replies without a parser."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final, cast

from .errors import InvalidInputError
from .secret import Secret

BOM: Final = b"\xef\xbb\xbf"
HTML: Final = "HTML instead of JSON"
# An escape sequence. The second alternative is a lone surrogate: half of a pair without the other half.
_ESCAPE: Final = (
    rb"(?s)\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
# Maximum number of bytes in a body with an unlimited number of objects or lists. Decoded to models, `[{},{},…]` takes
# up to 170 times its size in memory, and `[[],[],…]` 20 times. Counting takes a third of a millisecond per megabyte.
_SMALL: Final = {b"{": 2**20, b"[": 2**23}
# Larger bodies may have `_FREE` of each, plus one per `_BYTES_EACH` bytes. Recorded replies have one per 145 bytes.
_FREE, _BYTES_EACH = 20_000, 64
# The next bracket outside of strings, and everything before it. Possessive, so that no byte is matched twice.
_TO_BRACKET: Final = rb'(?s)[^"\%b]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"\%b]*+)*+\%b'


def encode(body: Any) -> bytes:
    """Return the body of a request as JSON, or raise `InvalidInputError`."""
    try:
        # msgspec would write NaN as null, and a set as a list.
        text = json.dumps(body, allow_nan=False, ensure_ascii=False, separators=(",", ":"), default=to_json_value)
        return text.encode()
    except (TypeError, ValueError, RecursionError):
        raise InvalidInputError(
            "body: expected values that JSON can hold: strings, numbers, booleans, null, lists, dicts with string keys"
        ) from None


def to_json_value(value: object) -> object:
    """Convert a secret to its value, a mapping to a dict, and a subclass of `str` to a plain `str`."""
    if isinstance(value, Secret):
        return cast("Secret[object]", value).reveal()
    if isinstance(value, Mapping):
        return dict(cast("Mapping[object, object]", value))
    if isinstance(value, str):
        return str(value)
    raise TypeError


def is_too_dense(body: bytes) -> bool:
    """Return whether the decoded values of a large body would take many times its size in memory."""
    allowed = _FREE + len(body) // _BYTES_EACH
    for bracket, small in _SMALL.items():
        # The count includes brackets in strings, such as the color codes in a step's output. If it is too high, count
        # only the brackets outside of strings.
        if len(body) > small and body.count(bracket) > allowed and _count_is_above(allowed, bracket, body):
            return True
    return False


def _count_is_above(allowed: int, bracket: bytes, body: bytes) -> bool:
    to_bracket, end = re.compile(_TO_BRACKET % ((bracket,) * 3)), 0
    for _ in range(allowed + 1):
        if (found := to_bracket.match(body, end)) is None:
            return False
        end = found.end()
    return True


def replace_lone_surrogates(body: bytes) -> bytes:
    """Replace escapes of lone surrogates in JSON with U+FFFD: Python cannot encode lone surrogates."""
    return re.sub(_ESCAPE, lambda match: rb"\ufffd" if match[1] else match[0], body)


def explain_malformed(error: Exception, body: bytes) -> str:
    """Return the reason why a parser rejected a body as JSON."""
    if isinstance(error, UnicodeDecodeError):
        return f"Invalid UTF-8 (byte {error.start})"
    if isinstance(error, RecursionError):
        return "Nested too deeply"
    text = body.removeprefix(BOM).lstrip()
    return "The body is empty" if not text else HTML if text.startswith(b"<") else str(error)
