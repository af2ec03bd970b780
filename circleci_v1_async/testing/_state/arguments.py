"""Checks of the arguments that tests pass to build and script the fake.

Invalid arguments are rejected before they change anything, so that they do not make a later reply fail.
"""

import math
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Final

_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 9000
# RFC 9110, sections 5.1 and 5.5: a token; and a value without characters that would end the line.
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LINE_END: Final = re.compile(r"[\r\n\0]")


def check_seconds(name: str, value: float) -> float:
    """Return a number of seconds.

    Raises:
        ValueError: The number is negative, or not finite.
    """
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name}: expected a number of seconds, 0 or more, got {value!r}")
    return value


def check_time(name: str, value: datetime) -> None:
    """Check a time that other times are computed from.

    Raises:
        ValueError: The time is too early or too late.
    """
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise ValueError(f"{name}: expected a time from {_FIRST_YEAR} to {_LAST_YEAR}, got {value}")


def check_number(name: str, value: float, least: float, most: float) -> None:
    """Check a number.

    Raises:
        ValueError: The number is out of its range.
    """
    if not least <= value <= most:
        raise ValueError(f"{name}: expected a number from {least} to {most}, got {value!r}")


def check_choice(name: str, value: str, known: Collection[str]) -> None:
    """Check a value that must be one of a few.

    Raises:
        ValueError: The value is unknown.
    """
    if value not in known:
        raise ValueError(f"{name}: expected one of {', '.join(known)}, got {value!r}{_suggest(value, known)}")


def check_fields(names: Iterable[str], known: Collection[str]) -> None:
    """Check the names of fields.

    Raises:
        ValueError: A name is unknown.
    """
    for name in names:
        if name not in known:
            raise ValueError(f"{name}: unknown field{_suggest(name, known)}; pass other fields as fields={{…}}")


def check_headers(headers: Mapping[str, object]) -> None:
    """Check headers.

    Raises:
        ValueError: A name or a value cannot be sent.
    """
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not isinstance(value, str) or _LINE_END.search(value):
            raise ValueError(f"headers: expected names and values of one line each, got {name!r}: {value!r}")


def _suggest(name: str, known: Collection[str]) -> str:
    return "".join(f" (did you mean {match!r}?)" for match in get_close_matches(name, known, n=1))
