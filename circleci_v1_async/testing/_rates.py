"""Limits of the rate of requests: a token bucket, and a window of fixed length."""

import math
from collections.abc import Callable
from typing import Protocol

import attrs

from circleci_v1_async.testing._faults import make_error_reply
from circleci_v1_async.testing._wire import Reply

Clock = Callable[[], float]


class Gauge(Protocol):
    """Tells which requests are within a rate."""

    def take(self) -> bool:
        """Tell whether a request that comes now is within the rate, and count it if so."""
        ...


@attrs.define
class TokenBucket:
    """Lets a burst of `size` requests pass, and then `size` in every `per` seconds, evenly."""

    size: int
    per: float
    clock: Clock
    _level: float = math.inf
    _filled_at: float = 0.0

    def take(self) -> bool:
        """Take a token out of the bucket, if there is one."""
        now = self.clock()
        self._level = min(self.size, self._level + (now - self._filled_at) * self.size / self.per)
        self._filled_at = now
        if self._level < 1:
            return False
        self._level -= 1
        return True


@attrs.define
class FixedWindow:
    """Lets `size` requests pass in a window of `per` seconds, which begins with a request."""

    size: int
    per: float
    clock: Clock
    _left: int = 0
    _ends_at: float = -math.inf

    def take(self) -> bool:
        """Take one of the requests of the window, if one is left."""
        now = self.clock()
        if now >= self._ends_at:
            self._left, self._ends_at = self.size, now + self.per
        self._left -= 1
        return self._left >= 0


@attrs.define
class RateLimit:
    """A limit that the fake keeps, and a count of what it did.

    Attributes:
        served: The number of requests to the API that were within the limit.
        refused: The number of requests that were answered with 429.
    """

    _gauge: Gauge = attrs.field(repr=False)
    _retry_after: float | str | None
    served: int = attrs.field(default=0, init=False)
    refused: int = attrs.field(default=0, init=False)

    def refuse(self) -> Reply | None:
        """Count a request, and return its refusal if it is beyond the limit."""
        if self._gauge.take():
            self.served += 1
            return None
        self.refused += 1
        return make_error_reply(429, retry_after=self._retry_after)
