"""The retry loop, as an iterator over the attempts at one request."""

import logging
from collections.abc import Callable
from typing import Any, Final, Self

import attrs
from yarl import URL

from circleci_v1_async._core.clock import Clock
from circleci_v1_async._core.secret import Secret
from circleci_v1_async._transport.transport import Transport
from circleci_v1_async._transport.urls import without_query
from circleci_v1_async.errors import (
    AuthenticationError,
    CircleCIError,
    DecodeError,
    RateLimitError,
    StatusError,
    in_short,
    name_request,
)
from circleci_v1_async.request import Request
from circleci_v1_async.retry import Retry, RetryBudget, RetryPolicy, may_have_been_done

from .gate import Gate

__all__ = ["Attempts"]

_log = logging.getLogger("circleci_v1_async")

_FAILURES: Final = 500


@attrs.define(eq=False)
class Attempts:
    """The attempts at a request, each of which is a block.

    To be used so:

        async for attempt in attempts:
            with attempt:
                return await exchange()

    An error is told which request it is about, and leaves the block when that is not to be sent again. Otherwise the
    loop goes on after the wait that the policy asks for.

    Attributes:
        number: The number of the attempt, from 1.
        maybe_done: Whether the service may have acted on an earlier one.
        holds: What the gate said when it let the exchange begin; -1 if it did not, or knows the outcome.
        started: When that was.
        token: What the exchange was made with.
    """

    _request: Request[Any]
    _url: URL
    _policy: RetryPolicy
    _budget: RetryBudget
    _transport: Transport
    _gate: Gate
    _clock: Clock
    _on_retry: Callable[[Retry], None] | None
    number: int = attrs.field(default=0, init=False)
    maybe_done: bool = attrs.field(default=False, init=False)
    holds: int = attrs.field(default=-1, init=False)
    started: float = attrs.field(default=0.0, init=False)
    token: Secret[str] | None = attrs.field(default=None, init=False)
    # Attempts that neither the policy nor the budget counts: they ended with a 429, or with a token that was renewed.
    _free: int = attrs.field(default=0, init=False)
    # Seconds that it was held back because of its own 429s.
    _held: float = attrs.field(default=0.0, init=False)
    _delay: float | None = attrs.field(default=None, init=False)
    # The token that the service has refused, once it has.
    _refused: Secret[str] | None = attrs.field(default=None, init=False)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Self:
        if self._delay is not None:
            with self._transport.call():
                await self._clock.sleep(self._delay)
        credential = self._transport.credential
        if credential.value is self._refused:
            await credential.renew(self._refused)
        self.number += 1
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> bool:
        if _was_taken(error):
            self._gate.took(self.holds)
        if isinstance(error, CircleCIError):
            name_request(error, self._request, without_query(self._url), self.number)
        match error:
            case None:
                self._budget.succeeded(self.number - self._free)
                return False
            case RateLimitError():
                return self._will_wait(error)
            case AuthenticationError():
                return self._will_renew(error)
            case CircleCIError():
                return self._will_retry(error)
            case _:
                return False

    def _will_wait(self, error: RateLimitError) -> bool:
        policy = self._policy
        wait = self._gate.refused(self.holds, self.started, error.retry_after, policy.max_retry_after)
        self._held += wait
        if policy.attempts == 1 or self._held > policy.max_retry_after:
            return False
        self._free += 1
        # The gate is what waits.
        self._delay = None
        self._tell(error, wait)
        return True

    def _will_renew(self, error: AuthenticationError) -> bool:
        if self._refused is not None or self._transport.credential.source is None:
            return False
        self._refused = self.token
        self._free += 1
        self._delay = None
        self._tell(error, 0.0)
        return True

    def _will_retry(self, error: CircleCIError) -> bool:
        if isinstance(error, DecodeError) and error.mismatched:
            # The reply to another request: each connection may be one reply ahead.
            self._transport.distrust_connections()
        delay = self._policy.delay(self._request, error, self.number - self._free, self._clock.random())
        if delay is None or not self._budget.spend():
            return False
        self.maybe_done |= may_have_been_done(error)
        self._delay = delay
        self._tell(error, delay)
        return True

    def _tell(self, error: CircleCIError, delay: float) -> None:
        request = self._request
        _log.warning("%s %s: %s; trying again in %.1f s", request.method, request.location, in_short(error), delay)
        if self._on_retry is None:
            return
        try:
            self._on_retry(Retry(request.without_body(), self.number, error, delay))
        except Exception as failure:  # noqa: BLE001 - metrics are no reason to fail
            # Without this frame, which knows the request.
            traceback = failure.__traceback__ and failure.__traceback__.tb_next
            _log.error("on_retry raised an error", exc_info=failure.with_traceback(traceback))


def _was_taken(error: BaseException | None) -> bool:
    """Return whether the service took the request, as its limits count.

    The status alone does not tell: a reply may refuse in its body.
    """
    if isinstance(error, StatusError):
        return error.status < _FAILURES and not isinstance(error, RateLimitError)
    return error is None or isinstance(error, DecodeError)
