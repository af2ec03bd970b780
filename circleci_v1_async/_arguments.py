"""Checks of arguments: each gives back the value, or says what was expected instead."""

from collections.abc import Iterable, Mapping
from typing import cast

from .errors import InvalidInputError

__all__ = ["integer", "one_of", "strings", "text"]


def integer(name: str, value: object, low: int, high: int | None = None) -> int:
    """An integer within a range. `True` is none."""
    if isinstance(value, int) and not isinstance(value, bool) and low <= value and (high is None or value <= high):
        return value
    expected = f"an integer from {low}" if high is None else f"an integer from {low} to {high}"
    raise InvalidInputError(f"{name}: expected {expected}, got {value!r}")


def text(name: str, value: object) -> str | None:
    """A string that says something, or `None`."""
    if value is None or (isinstance(value, str) and value):
        return value
    raise InvalidInputError(f"{name}: expected a non-empty string, got {value!r}")


def one_of(name: str, value: object, values: Iterable[str]) -> str | None:
    """One of these strings, or `None`."""
    known = [str(each) for each in values]
    if value is None or (isinstance(value, str) and value in known):
        return value and str(value)
    raise InvalidInputError(f"{name}: expected {' or '.join(map(repr, known))}, got {value!r}")


def strings(name: str, value: object) -> Mapping[str, str] | None:
    """A mapping of strings to strings, or `None`. Its values may be secrets, and are not shown: give it hidden."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        value = cast("Mapping[object, object]", value)
        if all(isinstance(part, str) for item in value.items() for part in item):
            return cast("Mapping[str, str]", value)
    raise InvalidInputError(f"{name}: expected a mapping of strings to strings")
