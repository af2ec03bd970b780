"""The announced ends of operations, and how users hear of them while there is time."""

import asyncio
import logging
import os
import warnings
from datetime import date
from functools import cache, lru_cache
from inspect import currentframe
from typing import Final

import attrs

__all__ = ["CircleCISunsetWarning", "Sunset", "log_once", "warn_once"]

_log = logging.getLogger("circleci_v1_async")

# Frames that are no user's.
_INSIDE: Final = tuple(f"{os.path.dirname(path)}{os.sep}" for path in (__file__, asyncio.__file__))  # noqa: PTH120 - text
# Paths without placeholders are labels without number.
_LOGGED_AT_MOST: Final = 256


class CircleCISunsetWarning(FutureWarning):
    """CircleCI removes an operation on a day that it has announced.

    It is issued before the request is sent, once per operation and process. A filter that makes it an error makes it
    one for every call, and nothing is sent.
    """


@attrs.frozen
class Sunset:
    """The announced end of an operation.

    Attributes:
        on: The day from which on it answers 410.
        replacement: What does the same from then on.
    """

    on: date
    replacement: str


# What raises is not remembered: a filter that makes it an error is asked again at the next call.
@cache
def warn_once(operation: str, sunset: Sunset) -> None:
    """Warn of the end of an operation, once per process.

    Raises:
        CircleCISunsetWarning: A filter says so.
    """
    warnings.warn(
        f"CircleCI removes {operation} on {sunset.on}, from when on it answers 410. Use {sunset.replacement} instead",
        CircleCISunsetWarning,
        stacklevel=_level_of_the_user(),
    )


def _level_of_the_user() -> int:
    """Where the call was awaited; of a call that was made a task, where the loop is run: its own line is past."""
    frame = currentframe()
    level = 0
    while frame is not None and frame.f_code.co_filename.startswith(_INSIDE):
        frame, level = frame.f_back, level + 1
    return level


@lru_cache(maxsize=_LOGGED_AT_MOST)
def log_once(operation: str, when: str) -> None:
    """Log the end of an operation that nobody knew of: what a reply's `Sunset` header says, once per process."""
    _log.warning("%s: CircleCI announces its end for %r (said once)", operation, when)
