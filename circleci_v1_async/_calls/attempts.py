"""The retry loop: an iterator over the attempts at one request."""

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
    RequestTimeoutError,
    StatusError,
    attach_request,
)
from circleci_v1_async.request import Request
from circleci_v1_async.retry import Retry, RetryBudget, RetryPolicy, maybe_sent

from .gate import Admission, Gate
from .lane import Lane

_log = logging.getLogger("circleci_v1_async")

_FAILURES: Final = 500


@attrs.define(eq=False, repr=False)
class Attempt:
    """One attempt at a request, numbered from 1, as a block around the exchange.

    The block adds the request, the URL and the number of the attempt to a `CircleCIError`, and suppresses the error if
    the request will be resent. Other errors propagate.
    """

    _loop: "RetryLoop"
    number: int
    # Whether the service may have executed an earlier attempt.
    maybe_sent: bool
    lane: Lane
    # `None` before the gate has admitted the exchange, and once the gate knows the outcome.
    admission: Admission | None = attrs.field(default=None, init=False)
    started: float = attrs.field(default=0.0, init=False)
    token: Secret[str] | None = attrs.field(default=None, init=False)

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> bool:
        return self._loop.end(self, error)


@attrs.define(eq=False, repr=False)
class RetryLoop:
    """The attempts at one request: an async iterator of blocks for exchanges.

    After an error that a block suppresses, the loop waits for the delay of the retry policy, then continues.
    """

    _request: Request[Any]
    _url: URL
    # Lane of the URL's origin or, after a redirect to an origin that answered 429, of that origin.
    _lane: Lane
    # Maximum number of seconds for one exchange, and for one call of the token callable.
    _timeout: float
    _policy: RetryPolicy
    _budget: RetryBudget
    _transport: Transport
    _gate: Gate
    _clock: Clock
    _on_retry: Callable[[Retry], object] | None
    _number: int = attrs.field(default=0, init=False)
    _maybe_sent: bool = attrs.field(default=False, init=False)
    # Attempts that the policy and the budget ignore: they ended with a 429, a renewed token, or another build.
    _free: int = attrs.field(default=0, init=False)
    # Seconds that this call was paused after its 429s.
    _held: float = attrs.field(default=0.0, init=False)
    # Seconds before the next attempt; `None` for no delay, or a delay by the gate.
    _delay: float | None = attrs.field(default=None, init=False)
    # Error for the first reply about another build; `None` until then.
    _mismatch: DecodeError | None = attrs.field(default=None, init=False)
    # Token that the service has rejected; `None` until then.
    _rejected: Secret[str] | None = attrs.field(default=None, init=False)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Attempt:
        if self._delay is not None:
            with self._transport.track():
                await self._clock.sleep(self._delay)
            self._delay = None
        credential = self._transport.credential
        if credential.value is self._rejected:
            try:
                await credential.renew(self._rejected, self._timeout)
            except RequestTimeoutError as error:
                # If the callable uses another session, the error already contains that session's request.
                if error.request is None:
                    attach_request(error, self._request, without_query(self._url), self._number)
                raise
        self._number += 1
        return Attempt(self, self._number, self._maybe_sent, self._lane)

    def end(self, attempt: Attempt, error: BaseException | None) -> bool:
        """Record the outcome of an attempt, and return whether the request will be resent."""
        if attempt.admission is not None and _was_taken(error):
            self._gate.accepted(attempt.admission)
        if error is None:
            self._budget.succeeded(attempt.number - self._free)
        if not isinstance(error, CircleCIError):
            return False
        attach_request(error, self._request, without_query(self._url), attempt.number)
        match error:
            case RateLimitError():
                wait = self._hold(attempt, error)
            case AuthenticationError():
                wait = self._renew_token(attempt)
            case DecodeError(mismatched=True):
                wait = self._reconnect(error)
            case _:
                wait = self._delay = self._back_off(attempt, error)
        if wait is not None:
            self._report(attempt, error, wait)
        elif self._mismatch is not None:
            # The mismatched reply caused the resend. Raise its error: the failure of the resend must not hide it.
            raise attach_request(self._mismatch, self._request, without_query(self._url), attempt.number) from None
        return wait is not None

    # Each of these returns the number of seconds until the request is resent; `None` to raise the error instead.
    def _hold(self, attempt: Attempt, error: RateLimitError) -> float | None:
        policy, admission = self._policy, attempt.admission
        if admission is None:
            # The hold is longer than the call can wait.
            return None
        wait = self._gate.refused(admission, attempt.started, error.retry_after, policy.max_retry_after)
        self._lane = admission.lane
        self._held += wait
        if self._held > policy.max_retry_after or self._ask_policy(attempt, error) is None:
            return None
        self._free += 1
        return wait

    def _renew_token(self, attempt: Attempt) -> float | None:
        if self._rejected is not None or self._transport.credential.source is None:
            return None
        self._rejected = attempt.token
        self._free += 1
        return 0.0

    def _reconnect(self, error: DecodeError) -> float | None:
        if self._mismatch is not None:
            return None
        self._mismatch = error
        # The reply belongs to another request, so each connection may be one reply ahead. Reuse none of them.
        self._transport.distrust_connections()
        self._free += 1
        return 0.0

    def _back_off(self, attempt: Attempt, error: CircleCIError) -> float | None:
        delay = self._ask_policy(attempt, error)
        if delay is None or not self._budget.spend():
            return None
        self._maybe_sent |= maybe_sent(error)
        return delay

    def _ask_policy(self, attempt: Attempt, error: CircleCIError) -> float | None:
        return self._policy.delay(self._request, error, attempt.number - self._free, self._clock.random())

    def _report(self, attempt: Attempt, error: CircleCIError, delay: float) -> None:
        request = self._request
        _log.warning(
            "%s %s: %s; trying again in %.1f s", request.method, request.location, status_or_class(error), delay
        )
        if self._on_retry is None:
            return
        try:
            self._on_retry(Retry(request.without_body(), attempt.number, error, delay))
        except Exception as failure:  # noqa: BLE001 - an error of metrics must not fail the call
            # This frame contains the request, so omit it from the traceback.
            traceback = failure.__traceback__ and failure.__traceback__.tb_next
            _log.error("on_retry raised an error", exc_info=failure.with_traceback(traceback))


def status_or_class(error: CircleCIError) -> str:
    """Return an error's status, or its class name, for a log line."""
    return str(error.status) if isinstance(error, StatusError) else type(error).__name__


def _was_taken(error: BaseException | None) -> bool:
    """Return whether the service accepted the request, as counted by its rate limits.

    The status of the reply is not enough: a reply can reject the request in its body.
    """
    if isinstance(error, StatusError):
        return error.status < _FAILURES and not isinstance(error, RateLimitError)
    return error is None or isinstance(error, DecodeError)
