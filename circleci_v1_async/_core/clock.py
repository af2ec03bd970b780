"""Time and randomness, in one object that tests can replace."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import attrs


@attrs.frozen(eq=False, repr=False)
class Clock:
    """Functions for time that never decreases, time since 1970, waiting, and chances from 0 to 1."""

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random
