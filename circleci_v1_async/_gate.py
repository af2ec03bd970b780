"""Concurrency limit, rate limiter and 429 pause of a session."""

import asyncio
from contextlib import AbstractAsyncContextManager
from types import TracebackType

import attrs

from ._clock import Clock

__all__ = ["Gate"]


@attrs.define(eq=False)
class Gate:
    """Bounds the exchanges in flight, and holds all of them back while the service asks for it.

    `async with gate:` waits until an exchange may begin, and counts it as in flight until the block ends. Any number
    of tasks may be inside at once.

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

    async def __aenter__(self) -> None:
        await self._slots.acquire()
        try:
            await self._wait()
            if self.limiter is not None:
                await self._enter(self.limiter)
        except BaseException:
            self._slots.release()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if self.limiter is not None:
                await self.limiter.__aexit__(kind, error, traceback)
        finally:
            self._slots.release()

    async def _enter(self, limiter: AbstractAsyncContextManager[object]) -> None:
        await limiter.__aenter__()
        try:
            # Entering may have taken a while.
            await self._wait()
        except BaseException as error:
            await limiter.__aexit__(type(error), error, error.__traceback__)
            raise

    async def _wait(self) -> None:
        while (wait := self._held_until - self.clock.monotonic()) > 0:
            await self.clock.sleep(wait)
