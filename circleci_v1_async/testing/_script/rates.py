"""Limits of the request rate: a token bucket, and a window of fixed length."""

import math
import time
from collections.abc import Callable
from typing import Final, Protocol

import attrs

from circleci_v1_async.testing._script.faults import make_error_reply
from circleci_v1_async.testing._server.wire import ReceivedRequest, Reply
from circleci_v1_async.testing._state.arguments import check_headers

_MOST: Final = 2**53
Clock = Callable[[], float]


class Gauge(Protocol):
    """Decides which requests are within a rate."""

    def take(self) -> bool:
        """Return whether a new request is within the rate, and count the request if so."""
        ...


@attrs.define
class TokenBucket:
    """Accepts a burst of `size` requests, and then `size` requests per `per` seconds, evenly spaced."""

    size: int
    per: float
    clock: Clock
    _level: float = math.inf
    _filled_at: float = 0.0

    def take(self) -> bool:
        """Take a token out of the bucket, if the bucket is not empty."""
        now = self.clock()
        self._level = min(self.size, self._level + (now - self._filled_at) * self.size / self.per)
        self._filled_at = now
        if self._level < 1:
            return False
        self._level -= 1
        return True


@attrs.define
class FixedWindow:
    """Accepts `size` requests in a window of `per` seconds, which starts with a request."""

    size: int
    per: float
    clock: Clock
    _left: int = 0
    _ends_at: float = -math.inf

    def take(self) -> bool:
        """Use up one request of the window, if one is left."""
        now = self.clock()
        if now >= self._ends_at:
            self._left, self._ends_at = self.size, now + self.per
        self._left -= 1
        return self._left >= 0


@attrs.define
class RateLimit:
    """A rate limit of the fake, and its counts.

    Attributes:
        served: Number of requests to the API within the limit.
        refused: Number of requests answered with 429.
    """

    __module__ = "circleci_v1_async.testing"

    _gauge: Gauge = attrs.field(repr=False)
    _retry_after: float | str | None
    served: int = attrs.field(default=0, init=False)
    refused: int = attrs.field(default=0, init=False)

    def refuse(self) -> Reply | None:
        """Count a request. If it exceeds the limit, return its rejection."""
        if self._gauge.take():
            self.served += 1
            return None
        self.refused += 1
        return make_error_reply(429, retry_after=self._retry_after)


class Rates:
    """The method that limits the rate of requests to the API."""

    _rate_limit: RateLimit | None = None

    def limit_rate(
        self,
        requests: int | None,
        *,
        per: float = 1.0,
        retry_after: float | str | None = None,
        fixed_window: bool = False,
        clock: Clock = time.monotonic,
    ) -> RateLimit:
        """Limit the rate of API requests. Requests above the limit get a 429, and are not executed.

        By default, the limit is a token bucket: `requests` requests can arrive at the same time, followed by one in
        every `per / requests` seconds. Rejected requests and requests for files do not count.

        Args:
            requests: Number of requests in a period; None removes the limit.
            per: Length of a period, in seconds.
            retry_after: The `Retry-After` header of rejections: a number of seconds, or a date as a string; None for no
                header.
            fixed_window: Whether to count in periods that do not overlap. Each period starts with a request, so up to
                `2 * requests` requests can arrive at the end of one period and the start of the next.
            clock: Returns the time in seconds.

        Returns:
            A record with the numbers of served and rejected requests.

        Raises:
            ValueError: The rate is negative, or the period is not positive.
        """
        if not (0 <= (requests or 0) <= _MOST and 0 < per <= _MOST):
            raise ValueError(f"expected 0 or more requests in a positive number of seconds, got {requests} in {per}")
        if retry_after is not None:
            check_headers({"Retry-After": f"{retry_after}"})
        gauge = (FixedWindow if fixed_window else TokenBucket)(requests or 0, per, clock)
        limit = RateLimit(gauge, retry_after)
        self._rate_limit = None if requests is None else limit
        return limit

    def _refuse_by_rate(self, request: ReceivedRequest) -> Reply | None:
        return self._rate_limit.refuse() if self._rate_limit and request.site in {"api", "v2"} else None
