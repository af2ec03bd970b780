"""Rules for resending requests: whether to resend, and how long to wait. No I/O."""

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final

import attrs

from ._core.arguments import as_validator, check_integer, check_seconds
from .errors import CircleCIError, RateLimitError, StatusError, TransportError
from .request import Request

__all__ = ["Retry", "RetryPolicy"]

_SECONDS: Final = re.compile(r"[0-9]{1,9}")
_RESET: Final = re.compile(r"[0-9]{1,10}")
# A larger value in a reset header is a time in seconds since 1970.
_YEAR: Final = 366 * 86_400
_READ_STATUSES: Final = frozenset({408, 500, 502, 503, 504})
# The gateway answered, so the service may or may not have received the request.
_GATEWAY_STATUSES: Final = frozenset({502, 503, 504})


_from_zero = as_validator(check_seconds, prefix="RetryPolicy.", from_zero=True)


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """Number of attempts at a request, and the delays between attempts.

    Only requests that are safe to repeat are resent: GET and HEAD after 408, 429, 500, 502, 503, 504 and broken
    exchanges; DELETE, PUT and idempotent POST after 429, 502, 503, 504 and broken exchanges. Any other POST is resent
    after 429, and if it is certain that nothing was sent. The idempotent POSTs are `cancel_build`, `follow_project`,
    `unfollow_project`, `enable_project`, and a `Request` with `idempotent=True`. A request is never resent after a
    rejected certificate.

    The delay is random, so that many clients do not resend at the same time. The longest possible delay is `base`
    seconds before the second attempt, and doubles with each attempt up to `cap`. If the service sends a `Retry-After`
    of at most `max_retry_after`, that is the delay. If its `Retry-After` is longer, the error is raised.

    A 429 does not count as an attempt. It pauses the session for as long as the service asks. If the service does not
    specify a time, the pause is one second, then two, then four and so on, until the service accepts requests again.

    Args:
        attempts: Maximum number of attempts, from 1. 1 turns off retries, even after a 429.
        base: Maximum delay before the second attempt, in seconds.
        cap: Maximum of all random delays, in seconds.
        max_retry_after: Maximum number of seconds that the service can ask to wait, and that one call waits in total
            for the 429s that it receives itself. If more would be needed, the error is raised immediately.

    Raises:
        InvalidInputError: An argument is out of range.
    """

    attempts: int = attrs.field(default=3, validator=as_validator(check_integer, 1, prefix="RetryPolicy."))
    base: float = attrs.field(default=0.5, validator=_from_zero)
    cap: float = attrs.field(default=8.0, validator=_from_zero)
    max_retry_after: float = attrs.field(default=120.0, validator=_from_zero)

    def delay(self, request: Request[Any], error: CircleCIError, attempt: int, chance: float) -> float | None:
        """Return the number of seconds to wait before the request is resent; `None` if it is not resent.

        After a 429, the session determines the actual pause, so the only relevant fact is whether the result is `None`.

        Args:
            request: The request that was sent.
            error: The error of the last attempt.
            attempt: Number of attempts so far, from 1, without the attempts that ended with a 429.
            chance: A random number from 0 to 1.
        """
        wait = error.retry_after if isinstance(error, StatusError) else None
        if isinstance(error, RateLimitError):
            # The session can pause for longer, because of other calls.
            wait = 1.0 if wait is None else wait
            return wait if self.attempts > 1 and wait <= self.max_retry_after else None
        if attempt >= self.attempts or not _may_be_sent_again(request, error):
            return None
        if wait is None:
            # Limit the exponent: after a thousand attempts, 2 ** attempt is too large for a float.
            return chance * min(self.cap, self.base * 2.0 ** min(attempt - 1, 64))
        return wait if wait <= self.max_retry_after else None


def _may_be_sent_again(request: Request[Any], error: CircleCIError) -> bool:
    match error:
        case StatusError():
            is_read = request.method in {"GET", "HEAD"}
            return request.idempotent and error.status in (_READ_STATUSES if is_read else _GATEWAY_STATUSES)
        case TransportError(maybe_sent=False):
            return error.transient
        case _:
            # This includes replies that broke off.
            return error.transient and request.idempotent


@attrs.frozen
class Retry:
    """A request that is about to be resent.

    Attributes:
        request: The request, without its body.
        attempt: Number of times that the request was sent so far.
        error: The error of the last attempt.
        delay: Number of seconds to wait before the request waits for its turn and is resent.
    """

    request: Request[Any]
    attempt: int
    error: CircleCIError
    delay: float


def maybe_sent(error: CircleCIError) -> bool:
    """Return whether the service may have acted on a request that ended with this error."""
    return error.maybe_sent if isinstance(error, TransportError) else not isinstance(error, RateLimitError)


def parse_retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the number of seconds in a `Retry-After` header; `None` if absent or unclear.

    If the header contains a date, the reply's `Date` is subtracted from it, because the clocks of the service and of
    this machine can differ. If the reply has no `Date`, the current time `now`, in seconds since 1970, is subtracted.
    """
    value = _only(headers, "retry-after")
    # float() and int() would also accept 1e400, 1_000 and digits of other scripts.
    if _SECONDS.fullmatch(value):
        return float(value)
    return _until(_parse_date(value), headers, now)


def parse_reset(headers: Mapping[str, str], now: float) -> float | None:
    """Return the number of seconds until the rate limit of a 429 is reset; `None` if absent or unclear.

    `RateLimit-Reset` and `X-RateLimit-Reset` contain a number of seconds, or a time in seconds since 1970.
    """
    for name in ("ratelimit-reset", "x-ratelimit-reset"):
        value = _only(headers, name)
        if not _RESET.fullmatch(value):
            continue
        seconds = float(value)
        wait = seconds if seconds <= _YEAR else _until(seconds, headers, now)
        if wait is not None:
            return wait
    return None


def _only(headers: Mapping[str, str], name: str) -> str:
    """Return the value of a header; empty if the header is absent or repeated."""
    values = [value for key, value in headers.items() if key.lower() == name]
    return values[0].strip() if len(values) == 1 else ""


def _until(moment: float | None, headers: Mapping[str, str], now: float) -> float | None:
    """Return the number of seconds from the reply to a time; `None` if the time is absent or past."""
    if moment is None:
        return None
    date = _parse_date(_only(headers, "date"))
    wait = moment - (now if date is None else date)
    return wait if wait >= 0 else None


def _parse_date(value: str) -> float | None:
    """Return an HTTP date in seconds since 1970; `None` if it is not a valid date."""
    try:
        date = parsedate_to_datetime(value)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


@attrs.define
class RetryBudget:
    """A session's budget for retries, so that retries do not make an outage worse.

    Each retry spends a part of the budget. Each success returns the cost of the retries before it, or a small amount
    if it needed no retry. Once the budget is spent, errors are raised without a retry.
    """

    capacity: int = 100
    cost: int = 5
    _left: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._left = self.capacity

    def spend(self) -> bool:
        """Spend the cost of a retry. Return `False` if the rest of the budget is too small."""
        if self._left < self.cost:
            return False
        self._left -= self.cost
        return True

    def succeeded(self, attempt: int) -> None:
        """Return the cost of the retries to the budget, after a success on this attempt."""
        self._left = min(self.capacity, self._left + max(1, self.cost * (attempt - 1)))
