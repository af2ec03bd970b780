"""Hold and pace of one origin after a 429: decisions without I/O."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Final

import attrs

from circleci_v1_async._transport.urls import Origin

from .pace import Pace

__all__ = ["HeldTooLongError", "Lane"]

_log = logging.getLogger("circleci_v1_async")

# A refusal that asks for no wait may be chance: some services refuse one request in fifty. More than so many cannot be,
# unless ten successes came for each.
_MOST_SPARED: Final = 3
_SUCCESSES_FOR_ONE: Final = 10
# Seconds after its last hold for which the pace of an origin is remembered while nothing is sent there.
_REMEMBERED: Final = 600.0


class HeldTooLongError(Exception):
    """An origin is held for longer than the call would wait.

    Attributes:
        seconds: Remaining seconds of the hold.
    """

    def __init__(self, origin: Origin, asked_at: float, seconds: float) -> None:
        scheme, host, port = origin
        default = {"http": 80, "https": 443}.get(scheme)
        address = f"{scheme}://{host}" + ("" if port in {None, default} else f":{port}")
        moment = datetime.fromtimestamp(asked_at, UTC)
        super().__init__(f"{address} answered 429 at {moment:%Y-%m-%d %H:%M:%S} UTC and asked to wait")
        self.seconds = seconds


@attrs.define(eq=False)
class Lane:
    """Hold and pace of one origin. All times are those of the session's monotonic clock.

    Args:
        origin: The origin.
        window: Held by each exchange from before it waits for the pace to its end, so that few wait for the pace. When
            the pace ends, the others then follow one by one, as exchanges end, and not all at the same time.

    Attributes:
        pace: Spaces exchanges after a hold.
        queue: Locked by the exchange that is next, while the origin is limited.
        is_limited: Whether there is a hold or a pace, so that an open lane costs a comparison.
        holds: Number of holds so far. Each exchange knows the number at its beginning.
    """

    origin: Origin
    window: asyncio.Semaphore
    pace: Pace = attrs.field(factory=Pace, init=False)
    queue: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)
    is_limited: bool = attrs.field(default=False, init=False)
    holds: int = attrs.field(default=0, init=False)
    # Holds in a row that ended with a refusal, of those whose length the service left to us.
    _failures: int = attrs.field(default=0, init=False)
    # Refusals that were taken for chance, less what successes since then have made up for.
    _spare_refusals: float = attrs.field(default=0.0, init=False)
    _held_until: float = attrs.field(default=0.0, init=False)
    # Later than that if the service asks for more than a hold may have.
    _asked_until: float = attrs.field(default=0.0, init=False)
    # Seconds since 1970 at which the service asked.
    _asked_at: float = attrs.field(default=0.0, init=False)

    def describe(self, now: float) -> str:
        """Return text about the hold and the pace for reprs, empty without them."""
        if not self.is_limited:
            return ""
        hold = self._asked_until - now
        return f"held for {hold:.1f} s, paced at {self.pace}" if hold > 0 else f"paced at {self.pace}"

    def is_forgotten(self, now: float) -> bool:
        """Whether the last hold is so long ago that the pace after it says nothing any more."""
        return now > self._asked_until + _REMEMBERED and not self.queue.locked()

    def is_held(self, now: float) -> bool:
        """Whether nothing may be sent now."""
        return now < self._held_until

    def hold(self, now: float, patience: float) -> float:
        """Return the remaining seconds of the hold, 0 without one.

        Raises:
            HeldTooLongError: There are more than a call would wait.
        """
        if not self.is_held(now):
            return 0.0
        wait = self._asked_until - now
        if wait > patience:
            raise HeldTooLongError(self.origin, self._asked_at, wait)
        return wait

    def begin(self, now: float, patience: float) -> None:
        """Count an exchange that begins."""
        self.pace.begin(now)
        if self._asked_until - now > patience:
            # This one is the probe. For all others the hold goes on.
            self._held_until = now + patience

    def accepted(self, holds: int, now: float) -> None:
        """Learn that the service took an exchange, which began after so many holds."""
        if self._spare_refusals:
            self._spare_refusals = max(self._spare_refusals - 1 / _SUCCESSES_FOR_ONE, 0.0)
        if holds != self.holds:
            # The exchange began before the hold, and so says nothing about the time after it.
            if holds == self.holds - 1:
                self.pace.succeeded_late()
            return
        self._failures = 0
        self.pace.succeeded(now)
        if self.is_limited:
            if self._held_until > now:
                # This was the probe.
                self._held_until = self._asked_until = now
            self.is_limited = not self.pace.is_open
            if not self.is_limited:
                _log.debug("Calls are no longer paced")

    def refused(
        self, holds: int, started: float, now: float, asked_at: float, retry_after: float | None, max_hold: float
    ) -> float:
        """Hold the origin, because the service has refused an exchange with a 429.

        Args:
            holds: Number of holds when the exchange began.
            started: Time at which it began.
            now: Time at which it was refused.
            asked_at: The same in seconds since 1970.
            retry_after: Seconds that the service asks to wait, if it does.
            max_hold: Seconds that a hold may have. After that, one exchange sees whether the service still refuses.

        Returns:
            Seconds to wait.
        """
        if holds == self.holds:
            wait = self._first_wait(retry_after, max_hold)
            self._asked_until, self._asked_at = now + wait, asked_at
            self._held_until = now + min(wait, max_hold)
            # A service that lets the next one come at once refuses by chance: slower calls would fare no better.
            if wait > 0:
                self.pace.refused(started, now, self._held_until)
            self.holds += 1
            self.is_limited = not self.pace.is_open
            if self.is_limited:
                _log.debug("The service limits the rate: calls are %s", self.describe(now))
        elif retry_after is not None and holds == self.holds - 1:
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
