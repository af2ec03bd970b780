"""Checks of the arguments with which tests build and script the fake."""

import math


def check_seconds(name: str, value: float) -> float:
    """Return a number of seconds.

    Raises:
        ValueError: It is negative, or not finite.
    """
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name}: expected a number of seconds, 0 or more, got {value!r}")
    return value
