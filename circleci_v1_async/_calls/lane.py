"""Hold and pace of one origin after a 429: decisions without I/O."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Final

import attrs

from circleci_v1_async._transport.urls import Origin

from .pace import Pace

_log = logging.getLogger("circleci_v1_async")

# A 429 with a `Retry-After` of less than a second may be random: some services reject one request in fifty. Accept such
# a short wait at most three times, and one more time for every ten successes. Otherwise, back off as without it.
_MOST_SPARED: Final = 3
_SUCCESSES_FOR_ONE: Final = 10
# Number of seconds to remember an origin's pace after its last hold, unless an exchange still waits for the pace.
_REMEMBERED: Final = 600.0


class HeldTooLongError(Exception):
    """An origin is held for longer than the call can wait: for `seconds` more."""

    def __init__(self, origin: Origin, asked_at: float, seconds: float) -> None:
        scheme, host, port = origin
        default = {"http": 80, "https": 443}.get(scheme)
        address = f"{scheme}://{host}" + ("" if port in {None, default} else f":{port}")
        moment = datetime.fromtimestamp(asked_at, UTC)
        super().__init__(f"{address} answered 429 at {moment:%Y-%m-%d %H:%M:%S} UTC and asked to wait")
        self.seconds = seconds


@attrs.define(eq=False, repr=False)
class Lane:
    """Hold and pace of one origin. All times come from the session's monotonic clock."""

    origin: Origin
    # An exchange holds it from before its wait for the pace until its end, so that few exchanges wait for the pace.
    # When pacing ends, the others follow one by one, as exchanges end, instead of all at the same time.
    window: asyncio.Semaphore
    pace: Pace = attrs.field(factory=Pace, init=False)
    # The next exchange holds it while the origin is limited.
    queue: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)
    # Whether the origin is held or paced. For other origins, this flag is the only thing to check.
    is_limited: bool = attrs.field(default=False, init=False)
    # Number of holds so far. Each admission contains the number at the start of its exchange.
    holds: int = attrs.field(default=0, init=False)
    # Number of holds since the last success with a length chosen by the client, not by the service.
    _failures: int = attrs.field(default=0, init=False)
    # Number of rejections that were treated as random, minus 0.1 for each later success.
    _spare_refusals: float = attrs.field(default=0.0, init=False)
    _held_until: float = attrs.field(default=0.0, init=False)
    # Later than `_held_until` if the service requested more than the maximum length of a hold.
    _asked_until: float = attrs.field(default=0.0, init=False)
    # Time at which the service requested the wait, in seconds since 1970.
    _asked_at: float = attrs.field(default=0.0, init=False)

    def describe(self, now: float) -> str:
        """Return text for reprs about the hold and the pace."""
        hold = self._asked_until - now
        return f"held for {hold:.1f} s, paced at {self.pace}" if hold > 0 else f"paced at {self.pace}"

    def is_forgotten(self, now: float) -> bool:
        """Whether the last hold is so old that its pace is outdated, and no exchange waits for the pace."""
        return now > self._asked_until + _REMEMBERED and not self.queue.locked()

    def is_held(self, now: float) -> bool:
        return now < self._held_until

    def hold(self, now: float, patience: float) -> float:
        """Return the remaining seconds of the hold, from 0. More than `patience` is a `HeldTooLongError`."""
        if not self.is_held(now):
            return 0.0
        wait = self._asked_until - now
        if wait > patience:
            raise HeldTooLongError(self.origin, self._asked_at, wait)
        return wait

    def begin(self, now: float, patience: float) -> None:
        self.pace.begin(now)
        if self._asked_until - now > patience:
            # This exchange is the probe. Continue the hold for all others.
            self._held_until = now + patience

    def accepted(self, holds: int, now: float) -> None:
        """Record that the service accepted an exchange. `holds` is the number of holds when it began."""
        if self._spare_refusals:
            self._spare_refusals = max(self._spare_refusals - 1 / _SUCCESSES_FOR_ONE, 0.0)
        if holds != self.holds:
            # The exchange began before the current hold, so it does not show that the hold is over. If it began just
            # before, add it to the measurement of the pace.
            if holds == self.holds - 1:
                self.pace.succeeded_late()
            return
        self._failures = 0
        self.pace.succeeded(now)
        if self.is_limited:
            if self._held_until > now:
                # The exchange was the probe and was accepted, so the hold is over.
                self._held_until = self._asked_until = now
            self.is_limited = not self.pace.is_open
            if not self.is_limited:
                _log.debug("Calls are no longer paced")

    def refused(
        self, holds: int, started: float, now: float, asked_at: float, retry_after: float | None, max_hold: float
    ) -> float:
        """Hold the origin after a 429, and return the number of seconds to wait.

        `holds` is the number of holds when the exchange began, and `asked_at` the time of the rejection in seconds
        since 1970. `Gate.refused` describes the other arguments.
        """
        if holds == self.holds:
            wait = self._first_wait(retry_after, max_hold)
            self._asked_until, self._asked_at = now + wait, asked_at
            self._held_until = now + min(wait, max_hold)
            # A wait of zero marks a random rejection. A slower pace would not prevent it.
            if wait > 0:
                self.pace.refused(started, now, self._held_until)
            self.holds += 1
            self.is_limited = not self.pace.is_open
            if self.is_limited:
                _log.debug("The service limits the rate: calls are %s", self.describe(now))
        elif retry_after is not None and holds == self.holds - 1:
            # The exchange was in flight when the hold began. Extend the hold if this reply requests a longer wait.
            self._asked_until = max(self._asked_until, now + retry_after)
            self._held_until = max(self._held_until, now + min(retry_after, max_hold))
        return max(self._asked_until - now, 0.0)

    def _first_wait(self, asked: float | None, longest: float) -> float:
        # Wait at least one second, even if `longest` is shorter: the retry loop then raises the error. With a wait of
        # zero, it would resend the request forever.
        longest = max(longest, 1.0)
        if asked is not None and (asked >= 1 or self._spare()):
            return asked
        wait = min(2.0 ** min(self._failures, 64), longest)
        self._failures += 1
        return max(asked or 0.0, wait)

    def _spare(self) -> bool:
        """Treat a rejection as random. Return `False` if too many recent rejections already were."""
        if self._spare_refusals >= _MOST_SPARED:
            return False
        self._spare_refusals += 1
        return True
