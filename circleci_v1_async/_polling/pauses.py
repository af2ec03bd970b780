"""Pauses between two polls."""

import logging
from typing import Final

from circleci_v1_async._calls.caller import Caller
from circleci_v1_async.errors import CircleCIError, StatusError, status_or_class

__all__ = ["choose_pause", "pause_after_error"]

_log = logging.getLogger("circleci_v1_async")

_GROWTH: Final = 1.5
_SLOWEST: Final = 6.0


def choose_pause(interval: float, quiet: int, chance: float, asked: float = 0.0) -> float:
    """Return the seconds until the next poll, more the longer nothing changes, with jitter.

    Args:
        interval: Seconds to begin with.
        quiet: Number of polls in a row that brought nothing.
        chance: A random number from 0 to 1.
        asked: Seconds to wait at the least.
    """
    # A power of a larger number may be no float.
    return max(interval * min(_GROWTH ** min(quiet, 10), _SLOWEST) * (0.75 + chance / 2), asked)


def pause_after_error(caller: Caller, name: str, interval: float, quiet: int, error: CircleCIError) -> float:
    """Log an error that may pass, and return the seconds until the next poll.

    The `Retry-After` of the service is granted up to `max_retry_after`: one bogus reply must not silence a watch for
    good.
    """
    asked = (error.retry_after if isinstance(error, StatusError) else None) or 0.0
    granted = min(asked, caller.options.retry.max_retry_after)
    delay = choose_pause(interval, quiet, caller.clock.random(), granted)
    cut = f", not in the {asked:.0f} s that the service asks for" if asked > delay else ""
    _log.warning("%s: %s; polling again in %.1f s%s", name, status_or_class(error), delay, cut)
    return delay
