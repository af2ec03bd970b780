"""Durations that the service sends in milliseconds."""

from datetime import timedelta

__all__ = ["parse_milliseconds"]


def parse_milliseconds(number: int | None) -> timedelta | None:
    """Return a duration; `None` without a number, and for a number that no `timedelta` holds."""
    try:
        return None if number is None else timedelta(milliseconds=number)
    except OverflowError:
        return None
