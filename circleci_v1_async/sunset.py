"""Announced removals (sunsets) of operations, and the warnings about them."""

import asyncio
import logging
import os
import warnings
from datetime import date
from functools import cache, lru_cache
from inspect import currentframe
from typing import Final

import attrs

__all__ = ["CircleCISunsetWarning", "Sunset"]

_log = logging.getLogger("circleci_v1_async")

# Folders of this package and of asyncio. `_find_user_level` skips stack frames inside them.
_INSIDE: Final = tuple(f"{os.path.dirname(path)}{os.sep}" for path in (__file__, asyncio.__file__))  # noqa: PTH120 - text
# Limit the memory, because users' requests can have any number of different paths.
_LOGGED_AT_MOST: Final = 256


class CircleCISunsetWarning(FutureWarning):
    """Warning that CircleCI will remove an operation on an announced date.

    The warning is issued before the request is sent, once per operation and process. If a warning filter turns it into
    an error, every call of the operation raises the error, and nothing is sent.
    """


@attrs.frozen
class Sunset:
    """The announced removal of an operation.

    Attributes:
        on: Date of the removal. From this day on, the API answers 410.
        replacement: The operation to use instead.
        example: Python source of a call that uses the replacement; `None` if absent.
    """

    on: date
    replacement: str
    example: str | None = None


# `cache` does not store calls that raise. If a filter turns the warning into an error, every call therefore raises it.
@cache
def warn_once(operation: str, sunset: Sunset) -> None:
    """Issue a warning about the removal of an operation, once per process."""
    warnings.warn(
        f"CircleCI removes {operation} on {sunset.on}. After that, it answers 410. Use {sunset.replacement} instead",
        CircleCISunsetWarning,
        stacklevel=_find_user_level(),
    )


def _find_user_level() -> int:
    """Return the stack level of the user's `await`, or of the line that runs the loop if in a task."""
    frame = currentframe()
    level = 0
    while frame is not None and frame.f_code.co_filename.startswith(_INSIDE):
        frame, level = frame.f_back, level + 1
    return level


@lru_cache(maxsize=_LOGGED_AT_MOST)
def log_once(operation: str, when: str) -> None:
    """Log the removal of an operation from a reply's `Sunset` header, once per process and date."""
    _log.warning("%s: CircleCI has announced the removal of this operation for %r (logged once)", operation, when)
