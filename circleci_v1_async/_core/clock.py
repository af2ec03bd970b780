"""Time and randomness, in one object that tests can replace."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import attrs

__all__ = ["Clock"]


@attrs.frozen(eq=False, repr=False)
class Clock:
    """Functions for time, waiting and randomness.

    Args:
        monotonic: Function that returns a time in seconds, which never decreases.
        now: Function that returns the seconds since 1970, for dates that the service sends.
        sleep: Async function that waits for the given number of seconds.
        random: Function that returns a random number from 0 to 1.
    """

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random
