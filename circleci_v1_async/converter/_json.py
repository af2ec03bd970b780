"""JSON text that is malformed, too dense, or has the service's own faults."""

import re
from collections.abc import Callable
from typing import Any, Final, cast

import msgspec

from circleci_v1_async.errors import DecodeError
from circleci_v1_async.models import Build

__all__ = ["BOM", "HTML", "check_density", "explain_malformed", "parse", "replace_blank_dates"]

BOM: Final = b"\xef\xbb\xbf"
HTML: Final = "HTML instead of JSON"
_TRUNCATED: Final = "Input data was truncated"  # by msgspec
# Of Bitbucket's builds. Quotes are escaped within strings, so that each of these is a key with its value.
_BLANK_DATES: Final = (b'"committer_date":""', b'"committer_date": ""')
_NULL_DATE: Final = b'"committer_date":null'
# An escape sequence. The second alternative is half of a surrogate pair without the other half.
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
# Bytes of a body that may have any number of objects and lists: `[{},{},…]` takes up to 170 times its size as models.
_SMALL: Final = 2**20
# Larger bodies may have so many of each, and one more for each so many bytes. Recorded replies have one for 145 bytes.
_FREE: Final = 20_000
_BYTES_EACH: Final = 64
# A bracket outside of strings and all before it. Possessive, so that no byte is looked at twice.
_TO_BRACKET: Final = {
    bracket: re.compile(rb'[^"\%b]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"\%b]*+)*+\%b' % ((bracket,) * 3), re.DOTALL)
    for bracket in (b"{", b"[")
}


def check_density(body: bytes) -> None:
    """Reject a large body whose values would take many times its size in memory.

    Raises:
        DecodeError: It has too many objects or lists.
    """
    allowed = _FREE + len(body) // _BYTES_EACH
    for bracket, pattern in _TO_BRACKET.items() if len(body) > _SMALL else ():
        # Strings contain brackets, too: colors in the output of a step begin with one.
        if body.count(bracket) > allowed and _has_more(body, pattern, allowed):
            raise DecodeError(f"More than {allowed} objects or lists", "$", len(body))


def _has_more(body: bytes, pattern: "re.Pattern[bytes]", allowed: int) -> bool:
    end = 0
    for _ in range(allowed + 1):
        if (found := pattern.match(body, end)) is None:
            return False
        end = found.end()
    return True


def replace_blank_dates(body: bytes, decode: Callable[[bytes], Any]) -> Any:
    """Decode a build or a list of builds with null for blank dates.

    Returns:
        `None` if these dates are not the only misfits, or may be parameters of a build, whose names users choose.
    """
    replaced = body
    for blank in _BLANK_DATES:
        replaced = replaced.replace(blank, _NULL_DATE)
    if replaced == body:
        return None
    try:
        value = decode(replaced)
    except msgspec.ValidationError:
        return None
    builds = cast("list[object]", value if isinstance(value, list) else [value])
    is_safe = all(
        isinstance(build, Build) and "committer_date" not in f"{build.build_parameters}{build.canceler}"
        for build in builds
    )
    return value if is_safe else None


def parse(text: bytes) -> Any:
    """Return the JSON values of a text, with U+FFFD for lone surrogates, which Python cannot encode.

    Raises:
        msgspec.DecodeError: It is not JSON.
    """
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return msgspec.json.decode(_ESCAPE.sub(lambda match: rb"\ufffd" if match[1] else match[0], text))


def explain_malformed(error: Exception, text: bytes, size: int) -> DecodeError:
    """Return the error for a body of that size whose text is not JSON."""
    if isinstance(error, UnicodeDecodeError):
        return DecodeError(f"Invalid UTF-8 (byte {error.start})", "$", size)
    if isinstance(error, RecursionError):
        return DecodeError("Nested too deeply", "$", size)
    text = text.lstrip()
    reason = "The body is empty" if not text else HTML if text.startswith(b"<") else str(error)
    return DecodeError(reason, "$", size, truncated=reason == _TRUNCATED)
