"""The retry loop, as an iterator over the attempts at one request."""

import logging
from types import TracebackType
from typing import Any, Self

import attrs
from yarl import URL

from ._clock import Clock
from ._gate import Gate
from ._transport import Transport
from ._urls import without_query
from .errors import CircleCIError, DecodeError, RateLimitError, in_short, name_request
from .request import Request
from .retry import RetryBudget, RetryPolicy, may_have_been_done

__all__ = ["Attempts"]

_log = logging.getLogger("circleci_v1_async")


@attrs.define(eq=False)
class Attempts:
    """The attempts at a request, each of which is a block.

    To be used so:

        async for attempt in attempts:
            with attempt:
                return await exchange()

    An error leaves the block when the request is not to be sent again, and then names it. Otherwise the loop goes on
    after the wait that the policy asks for.

    Attributes:
        request: The request.
        url: Where it is sent.
        number: The number of the attempt, from 1.
        maybe_done: Whether the service may have acted on an earlier one.
    """

    request: Request[Any]
    url: URL
    _policy: RetryPolicy
    _budget: RetryBudget
    _transport: Transport
    _gate: Gate
    _clock: Clock
    number: int = attrs.field(default=0, init=False)
    maybe_done: bool = attrs.field(default=False, init=False)
    _delay: float = attrs.field(default=0.0, init=False)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Self:
        if self.number:
            with self._transport.call():
                await self._clock.sleep(self._delay)
        self.number += 1
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> bool:
        if error is None:
            self._budget.succeeded(self.number)
        if not isinstance(error, CircleCIError):
            return False
        if self._will_retry(error):
            return True
        name_request(error, self.request, without_query(self.url), self.number)
        return False

    def _will_retry(self, error: CircleCIError) -> bool:
        delay = self._policy.delay(self.request, error, self.number, self._clock.random())
        if isinstance(error, RateLimitError):
            # Any other call would be refused for as long.
            pause = error.retry_after if delay is None else delay
            if pause is not None and pause <= self._policy.max_retry_after:
                self._gate.hold(pause)
        if isinstance(error, DecodeError) and error.mismatched:
            # The reply to another request: each connection may be one reply ahead.
            self._transport.distrust_connections()
        if delay is None or not self._budget.spend():
            return False
        request = self.request
        _log.warning("%s %s: %s; trying again in %.1f s", request.method, request.location, in_short(error), delay)
        self._delay = delay
        self.maybe_done |= may_have_been_done(error)
        return True
