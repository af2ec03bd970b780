"""Waiting for a build, and for the next poll."""

import asyncio
import logging
from collections.abc import Callable
from inspect import isawaitable
from typing import Final, TypeVar

from ._arguments import seconds
from ._calls import Calls
from .errors import CircleCIError, StatusError, WaitTimeoutError, in_short
from .models import Build
from .request import Request

__all__ = ["choose_pause", "pause_after_error", "wait_until_finished"]

B = TypeVar("B", bound=Build)

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


def pause_after_error(calls: Calls, name: str, interval: float, quiet: int, error: CircleCIError) -> float:
    """Log an error that may pass, and return the seconds until the next poll.

    The `Retry-After` of the service is granted up to `max_retry_after`: one bogus reply must not silence a watch for
    good.
    """
    asked = (error.retry_after if isinstance(error, StatusError) else None) or 0.0
    granted = min(asked, calls.options.retry.max_retry_after)
    delay = choose_pause(interval, quiet, calls.clock.random(), granted)
    cut = f", not in the {asked:.0f} s that the service asks for" if asked > delay else ""
    _log.warning("%s: %s; polling again in %.1f s%s", name, in_short(error), delay, cut)
    return delay


async def wait_until_finished(
    calls: Calls,
    request: Request[B],
    *,
    name: str,
    within: float | None,
    interval: float,
    on_update: Callable[[B], object] | None,
) -> B:
    """Poll a build until it has finished.

    Args:
        calls: Makes the requests.
        request: Asks for the build.
        name: The build's name in errors and logs.
        within: Seconds that all of it may take; `None` for as long as it takes.
        interval: Seconds from one poll to the next, on average, to begin with.
        on_update: Called with the build when it is first seen, when it has another status, lifecycle or outcome, and
            when it has finished. May be a coroutine function.

    Raises:
        WaitTimeoutError: It did not finish in time.
        CircleCIError: It cannot be polled, for a reason that will not pass.
        InvalidInputError: An argument is out of its range.
    """
    interval = seconds("interval", interval)
    limit = asyncio.timeout(within if within is None else seconds("timeout", within))
    last: B | None = None
    failure: CircleCIError | None = None
    quiet = 0
    try:
        async with limit:
            while True:
                try:
                    build = await calls.send(request)
                except CircleCIError as error:
                    if not error.transient:
                        raise
                    failure = error
                    quiet += 1
                    delay = pause_after_error(calls, name, interval, quiet, error)
                else:
                    failure = None
                    is_news = last is None or build.is_finished or _read_state(build) != _read_state(last)
                    last = build
                    quiet = 0 if is_news else quiet + 1
                    if is_news and on_update is not None and isawaitable(told := on_update(build)):
                        await told
                    if build.is_finished:
                        return build
                    delay = choose_pause(interval, quiet, calls.clock.random())
                await calls.clock.sleep(delay)
    except TimeoutError:
        if not limit.expired():
            raise
    seen = "never seen" if last is None else f"last seen {last.status or 'without a status'}"
    raise WaitTimeoutError(f"{name} did not finish within {within:g} s; it was {seen}", last) from failure


def _read_state(build: Build) -> tuple[str | None, ...]:
    return build.status, build.lifecycle, build.outcome
