"""Time and chance, as one value that tests replace."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import attrs

__all__ = ["Clock"]


@attrs.frozen
class Clock:
    """Functions for time, waiting and chance.

    Args:
        monotonic: Seconds that only go up.
        now: Seconds since 1970, for dates that the service sends.
        sleep: Waits so many seconds.
        random: A number from 0 to 1.
    """

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random
