"""What every exchange of a session passes, one after the other or several at once."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

import attrs

from ._clock import Clock

__all__ = ["Gate"]

T = TypeVar("T")


@attrs.define(eq=False)
class Gate:
    """Bounds the exchanges in flight, and holds all of them back while the service asks for it.

    Args:
        concurrency: How many may be in flight.
        limiter: Entered once for each exchange, such as a rate limiter that other sessions share.
        clock: What waiting depends on.
    """

    concurrency: int
    limiter: AbstractAsyncContextManager[object] | None
    clock: Clock
    _slots: asyncio.Semaphore = attrs.field(init=False)
    _held_until: float = attrs.field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.concurrency)

    def hold(self, seconds: float) -> None:
        """Let nothing pass for so long."""
        self._held_until = max(self._held_until, self.clock.monotonic() + seconds)

    async def passed(self, exchange: Callable[[], Awaitable[T]]) -> T:
        """Wait until an exchange may begin, and count it as in flight until it ends."""
        async with self._slots:
            await self._opened()
            if self.limiter is None:
                return await exchange()
            async with self.limiter:
                # It may have taken a while.
                await self._opened()
                return await exchange()

    async def _opened(self) -> None:
        while (wait := self._held_until - self.clock.monotonic()) > 0:
            await self.clock.sleep(wait)
