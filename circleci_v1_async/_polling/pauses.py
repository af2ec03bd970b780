"""Pauses between two polls of a watch or a followed log, and the effect of errors on any pause."""

import logging
from typing import Final

from circleci_v1_async._calls.attempts import status_or_class
from circleci_v1_async._calls.caller import Caller
from circleci_v1_async.errors import CircleCIError, StatusError

_log = logging.getLogger("circleci_v1_async")

_GROWTH: Final = 1.5
_SLOWEST: Final = 6.0


def choose_pause(interval: float, failures: int, chance: float) -> float:
    """Return the number of seconds until the next poll: on average `interval`, but more after failures."""
    # Limit the exponent: a larger power could overflow.
    return interval * min(_GROWTH ** min(failures, 10), _SLOWEST) * (0.75 + chance / 2)


def pause_after_error(caller: Caller, name: str, interval: float, failures: int, error: CircleCIError) -> float:
    """Log a transient error, and return the number of seconds until the next poll."""
    pause = choose_pause(interval, failures, caller.clock.random())
    pause = max(pause, find_asked_pause(caller, error))
    log_pause(name, error, pause)
    return pause


def find_asked_pause(caller: Caller, error: CircleCIError) -> float:
    """Return the number of seconds that the service requested to wait; 0 if absent.

    The result is at most `max_retry_after`: one bogus reply must not silence a watch permanently.
    """
    return min(_read_retry_after(error), caller.options.retry.max_retry_after)


def log_pause(name: str, error: CircleCIError, pause: float) -> None:
    """Log a transient error of a poll, with the number of seconds until the next poll."""
    asked = _read_retry_after(error)
    cut = f" (the service asked for {asked:.0f} s)" if asked > pause else ""
    _log.warning("%s: %s; polling again in %.1f s%s", name, status_or_class(error), pause, cut)


def _read_retry_after(error: CircleCIError) -> float:
    return (error.retry_after if isinstance(error, StatusError) else None) or 0.0
