"""Checks of arguments. Each returns the value, or raises an error that describes the expected value."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from inspect import iscoroutinefunction
from numbers import Real
from operator import index
from typing import Any, Final, SupportsIndex, cast

import attrs

from .errors import InvalidInputError
from .secret import Secret

# 40 digits, or 64 where Git uses SHA-256. Git abbreviates to 7 digits or more.
_COMMIT: Final = re.compile(r"[0-9a-f]{7,64}")
# 10 days in seconds: far longer than any wait, and short enough for every timer.
_LONGEST: Final = 864_000
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Names that every shell can read.
_VARIABLE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def as_validator(check: Callable[..., object], *low: int, prefix: str = "", **options: bool) -> Callable[..., None]:
    """Return a validator of attrs that calls one of these checks with the field's name and value."""

    def validate(_object: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        check(prefix + attribute.name, value, *low, **options)

    return validate


def check_integer(name: str, value: object, low: int, high: int | None = None, *, hint: str = "") -> int:
    """Require an integer in a range, of any type but `bool`. `hint` is advice for values above the range."""
    number = as_integer(value)
    if number is not None and low <= number and (high is None or number <= high):
        return number
    expected = f"an integer from {low}" if high is None else f"an integer from {low} to {high}"
    more = f"; {hint}" if hint and number is not None and number >= low else ""
    raise InvalidInputError(f"{name}: expected {expected}, got {value!r}{more}")


def as_integer(value: object) -> int | None:
    """Return an integer of any type, such as NumPy's, as an `int`; `None` for a `bool` or anything else."""
    try:
        return None if isinstance(value, bool) else index(cast("SupportsIndex", value))
    except TypeError:
        return None


def check_size(name: str, value: object) -> int:
    if (number := as_integer(value)) is not None and number > 0:
        return number
    raise InvalidInputError(f"{name}: expected a positive number of bytes, as an integer, got {value!r}")


def check_seconds(name: str, value: object, *, from_zero: bool = False) -> float:
    """Require a number of seconds above 0, or from 0 on, of at most 10 days; booleans are rejected."""
    if not isinstance(value, bool) and isinstance(value, Real):
        # Compare before calling float(), which overflows for a large integer. NumPy's numbers compare like Python's.
        seconds = cast("float", value)
        if 0 < seconds <= _LONGEST or (from_zero and seconds == 0):
            return float(seconds)
        if seconds > _LONGEST:
            raise InvalidInputError(f"{name}: expected at most {_LONGEST:,} seconds (10 days), got {value!r}")
    expected = "a number of seconds from 0" if from_zero else "a positive number of seconds"
    raise InvalidInputError(f"{name}: expected {expected}, got {value!r}")


def check_aware_datetime(name: str, value: object) -> datetime | None:
    if value is None or (isinstance(value, datetime) and value.utcoffset() is not None):
        return value
    raise InvalidInputError(
        f"{name}: expected a datetime with a time zone, such as datetime.now(UTC) - timedelta(days=7), got {value!r}"
    )


def check_text(name: str, value: object) -> str | None:
    return None if value is None else check_required_text(name, value)


def check_branch(name: str, value: object) -> str | None:
    """Require a branch's name, or `None`. The API does not find the builds of a Git reference."""
    branch = check_text(name, value)
    if branch is not None and branch.startswith("refs/"):
        short = branch.removeprefix("refs/heads/")
        instead = f"use {short!r}" if short and short != branch else "which names no branch"
        raise InvalidInputError(f"{name}: expected a branch's name, got the Git reference {branch!r}: {instead}")
    return branch


def check_callback(name: str, value: object, *, is_plain: bool = False) -> None:
    """Require a function to call, or `None`. With `is_plain`, reject coroutine functions."""
    if value is None or (callable(value) and not (is_plain and _is_coroutine_function(value))):
        return
    expected = "a plain callable" if is_plain else "a callable"
    raise InvalidInputError(f"{name}: expected {expected}, got {value!r}")


def _is_coroutine_function(value: Callable[..., object]) -> bool:
    return iscoroutinefunction(value) or iscoroutinefunction(getattr(value, "__call__", None))  # noqa: B004 - its method


def check_required_text(name: str, value: object, *, may_be_empty: bool = False) -> str:
    if isinstance(value, str) and (value or may_be_empty):
        return value
    raise InvalidInputError(f"{name}: expected a {'' if may_be_empty else 'non-empty '}string, got {value!r}")


def check_secret(name: str, value: object, expected: str) -> Secret[str]:
    """Require a hidden string that is not empty. The error does not contain it."""
    if isinstance(value, Secret) and _is_filled(cast("Secret[object]", value).reveal()):
        return cast("Secret[str]", value)
    raise InvalidInputError(f"{name}: expected {expected}, as a string that is not empty")


def check_commit(name: str, value: object) -> str:
    """Require a commit's hash, or its beginning; return it in lower case."""
    if isinstance(value, str) and _COMMIT.fullmatch(value.lower()):
        return value.lower()
    raise InvalidInputError(f"{name}: expected 7 or more hexadecimal digits of a commit's hash, got {value!r}")


def check_uuid(name: str, value: object) -> str:
    """Require a UUID with its hyphens; return it in lower case."""
    if isinstance(value, str) and _UUID.fullmatch(value.lower()):
        return value.lower()
    raise InvalidInputError(f"{name}: expected a UUID such as 8b3f1c9e-52a4-4d0c-9a77-1f0e6b2d4c58, got {value!r}")


def check_variable_name(name: str, value: object) -> str:
    """Require a name that an environment variable can have in every shell."""
    text = check_required_text(name, value)
    if _VARIABLE_NAME.fullmatch(text):
        return text
    # A secret may follow an equals sign.
    before, equals, _ = text.partition("=")
    shown = f"{before}=***" if equals else text
    raise InvalidInputError(f"{name}: expected letters, digits and underscores, not a digit first, got {shown!r}")


def check_names(name: str, value: object) -> tuple[str, ...] | None:
    """Require one or more non-empty strings in a collection, or `None`; return each once."""
    if value is None:
        return None
    if isinstance(value, Collection) and value and not isinstance(value, str | bytes):
        items = tuple(cast("Collection[object]", value))
        if all(isinstance(item, str) and item for item in items):
            return tuple(dict.fromkeys(cast("tuple[str, ...]", items)))
    raise InvalidInputError(f"{name}: expected a list of non-empty strings, at least one, got {value!r}")


def check_one_of(name: str, value: object, values: Iterable[str]) -> str | None:
    known = [str(each) for each in values]
    if value is None or (isinstance(value, str) and value in known):
        return value and str(value)
    raise InvalidInputError(f"{name}: expected {' or '.join(map(repr, known))}, got {value!r}")


def check_hidden_strings(name: str, value: object) -> Secret[dict[str, str]] | None:
    """Require a hidden mapping of strings to strings, or `None`, and copy it. The error omits the values."""
    if value is None:
        return None
    if isinstance(value, Secret):
        hidden = cast("Secret[Mapping[str, str]]", value)
        if _is_of_strings(hidden.reveal()):
            return Secret(dict(hidden.reveal()))
    raise InvalidInputError(f"{name}: expected a mapping of strings to strings")


# Keep the plain values in separate frames, which no longer exist when an error is raised.
def _is_filled(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_of_strings(value: object) -> bool:
    if not isinstance(value, Mapping):
        return False
    return all(isinstance(part, str) for item in cast("Mapping[object, object]", value).items() for part in item)


def check_settings(name: str, value: object) -> dict[str, object]:
    """Require a mapping with names in kebab case: the service ignores all others."""
    if isinstance(value, Mapping) and value:
        value = cast("Mapping[object, object]", value)
        if all(isinstance(key, str) and key and "_" not in key for key in value):
            return dict(cast("Mapping[str, object]", value))
    raise InvalidInputError(
        f"{name}: expected a mapping from names in kebab case, such as 'build-fork-prs', to values; got {value!r}"
    )
