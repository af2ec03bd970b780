"""Sunset dates of operations, and the warnings about them."""

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

# Frames of this package and of asyncio.
_INSIDE: Final = tuple(f"{os.path.dirname(path)}{os.sep}" for path in (__file__, asyncio.__file__))  # noqa: PTH120 - text
# Bounds the memory: users' own requests may have any number of paths.
_LOGGED_AT_MOST: Final = 256


class CircleCISunsetWarning(FutureWarning):
    """Warning that CircleCI will remove an operation on a day that it has announced.

    It is issued before the request is sent, once per operation and process. With a filter that turns it into an error,
    every call raises it, and nothing is sent.
    """


@attrs.frozen
class Sunset:
    """The announced end of an operation.

    Attributes:
        on: The first day on which it answers 410.
        replacement: The operation to use instead.
        example: A call that sends a request for the replacement, as Python source; `None` if there is none.
    """

    on: date
    replacement: str
    example: str | None = None


# `cache` does not remember a call that raised: with a filter that turns warnings into errors, each call raises.
@cache
def warn_once(operation: str, sunset: Sunset) -> None:
    """Warn of the end of an operation, once per process.

    Raises:
        CircleCISunsetWarning: A filter turns it into an error.
    """
    warnings.warn(
        f"CircleCI removes {operation} on {sunset.on}, from when on it answers 410. Use {sunset.replacement} instead",
        CircleCISunsetWarning,
        stacklevel=_find_user_level(),
    )


def _find_user_level() -> int:
    """Return the stack level of the line that awaited the call; in a task, of the line that runs the loop."""
    frame = currentframe()
    level = 0
    while frame is not None and frame.f_code.co_filename.startswith(_INSIDE):
        frame, level = frame.f_back, level + 1
    return level


@lru_cache(maxsize=_LOGGED_AT_MOST)
def log_once(operation: str, when: str) -> None:
    """Log, once per process, the end of an operation that a reply's `Sunset` header announces."""
    _log.warning("%s: CircleCI announces its end for %r (said once)", operation, when)
