"""Gate of a session: limit on concurrency, limiter, and the hold and pace after a 429."""

import asyncio
import logging
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Final

import attrs

from circleci_v1_async._core.clock import Clock

from .pace import Pace

__all__ = ["Gate", "HeldTooLongError"]

_log = logging.getLogger("circleci_v1_async")

# A refusal that asks for no wait may be chance: some services refuse one request in fifty. More than so many cannot be,
# unless ten successes came for each.
_MOST_SPARED: Final = 3
_SUCCESSES_FOR_ONE: Final = 10


class HeldTooLongError(Exception):
    """The gate is held for longer than the call would wait.

    Attributes:
        seconds: How long still.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@attrs.define(eq=False)
class Gate:
    """Bounds the exchanges in flight, holds them back after a 429, and then spaces them.

    `enter` waits until an exchange may begin, and counts it as in flight until `leave`. Any number of tasks may be
    inside at once.

    Args:
        concurrency: How many may be in flight.
        limiter: Entered once for each exchange, such as a rate limiter that other sessions share.
        clock: What waiting depends on.
    """

    concurrency: int
    limiter: AbstractAsyncContextManager[object] | None
    clock: Clock
    _slots: asyncio.Semaphore = attrs.field(init=False)
    _pace: Pace = attrs.field(factory=Pace, init=False)
    # Spaces those who have a slot, one after the other.
    _queue: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)
    # Whether there is a hold or a pace, so that an open gate costs a comparison.
    _is_limited: bool = attrs.field(default=False, init=False)
    # The holds so far. Each exchange knows how many there were when it began.
    _holds: int = attrs.field(default=0, init=False)
    # Holds in a row that ended with a refusal, of those whose length the service left to us.
    _failures: int = attrs.field(default=0, init=False)
    # Refusals that were taken for chance, less what successes since then have made up for.
    _spare_refusals: float = attrs.field(default=0.0, init=False)
    _held_until: float = attrs.field(default=0.0, init=False)
    # Later than that if the service asks for more than a hold may have.
    _asked_until: float = attrs.field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.concurrency)

    def __str__(self) -> str:
        """Text for reprs: the hold and the pace, empty without them."""
        if not self._is_limited:
            return ""
        hold = self._asked_until - self.clock.monotonic()
        return f"held for {hold:.1f} s, paced at {self._pace}" if hold > 0 else f"paced at {self._pace}"

    async def enter(self, patience: float) -> int:
        """Wait for a turn. Neither a slot nor the limiter is held during a hold.

        Args:
            patience: Seconds that a hold may still take.

        Returns:
            The number of holds so far, to be given to `accepted` or `refused`.

        Raises:
            HeldTooLongError: The service has asked for a longer hold.
        """
        while True:
            if self._is_limited:
                await self._wait_for_opening(patience)
            await self._slots.acquire()
            try:
                if not self._is_limited or await self._wait_for_turn(patience):
                    holds = self._holds
                    if self.limiter is None or await self._enter_limiter(self.limiter):
                        return holds
            except BaseException:
                self._slots.release()
                raise
            self._slots.release()

    async def leave(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the exchange, which `enter` has let begin."""
        try:
            if self.limiter is not None:
                await self.limiter.__aexit__(kind, error, traceback)
        finally:
            self._slots.release()

    def accepted(self, holds: int) -> None:
        """Learn that the service took an exchange, which began after so many holds."""
        if self._spare_refusals:
            self._spare_refusals = max(self._spare_refusals - 1 / _SUCCESSES_FOR_ONE, 0.0)
        if holds != self._holds:
            # It says nothing about the time after the hold.
            if holds == self._holds - 1:
                self._pace.succeeded_late()
            return
        now = self.clock.monotonic()
        self._failures = 0
        self._pace.succeeded(now)
        if self._is_limited:
            if self._held_until > now:
                # This was the probe.
                self._held_until = self._asked_until = now
            self._is_limited = not self._pace.is_open
            if not self._is_limited:
                _log.debug("Calls are no longer paced")

    def refused(self, holds: int, started: float, retry_after: float | None, max_hold: float) -> float:
        """Hold back all exchanges, because the service has refused one with a 429.

        Args:
            holds: How many there were when it began.
            started: When that was.
            retry_after: Seconds that the service asks to wait, if it does.
            max_hold: Seconds that a hold may have. After that, one exchange sees whether the service still refuses.

        Returns:
            Seconds to wait.
        """
        now = self.clock.monotonic()
        if holds == self._holds:
            wait = self._first_wait(retry_after, max_hold)
            self._asked_until = now + wait
            self._held_until = now + min(wait, max_hold)
            # A service that lets the next one come at once refuses by chance: slower calls would fare no better.
            if wait > 0:
                self._pace.refused(started, now, self._held_until)
            self._holds += 1
            self._is_limited = not self._pace.is_open
            if self._is_limited:
                _log.debug("The service limits the rate: calls are %s", self)
        elif retry_after is not None and holds == self._holds - 1:
            # It was in flight when another one was refused.
            self._asked_until = max(self._asked_until, now + retry_after)
            self._held_until = max(self._held_until, now + min(retry_after, max_hold))
        return max(self._asked_until - now, 0.0)

    def _first_wait(self, asked: float | None, longest: float) -> float:
        # Not less than a second also when a hold may not have it: that is raised, where none would be an endless loop.
        longest = max(longest, 1.0)
        if asked is not None and (asked >= 1 or self._spare()):
            return asked
        wait = min(2.0 ** min(self._failures, 64), longest)
        self._failures += 1
        return max(asked or 0.0, wait)

    def _spare(self) -> bool:
        """Take a refusal for chance, unless too many were lately."""
        if self._spare_refusals >= _MOST_SPARED:
            return False
        self._spare_refusals += 1
        return True

    async def _wait_for_opening(self, patience: float) -> None:
        while (now := self.clock.monotonic()) < self._held_until:
            wait = self._asked_until - now
            if wait > patience:
                raise HeldTooLongError(wait)
            await self.clock.sleep(wait)

    async def _wait_for_turn(self, patience: float) -> bool:
        """Wait as the pace has it; `False` when there is a hold first."""
        async with self._queue:
            while (now := self.clock.monotonic()) >= self._held_until:
                if wait := self._pace.wait(now):
                    await self.clock.sleep(wait)
                    continue
                self._pace.begin(now)
                if self._asked_until - now > patience:
                    # This one is the probe. For all others the hold goes on.
                    self._held_until = now + patience
                return True
        return False

    async def _enter_limiter(self, limiter: AbstractAsyncContextManager[object]) -> bool:
        """Enter the limiter; `False`, and out of it again, when a hold began meanwhile."""
        holds = self._holds
        await limiter.__aenter__()
        if holds == self._holds:
            return True
        await limiter.__aexit__(None, None, None)
        return False
