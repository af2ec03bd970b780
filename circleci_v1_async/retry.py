"""Decisions whether and when to resend a request, without I/O."""

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final

import attrs

from ._core.arguments import check_integer, check_seconds
from .errors import CircleCIError, RateLimitError, StatusError, TransportError
from .request import Request

__all__ = ["Retry", "RetryPolicy"]

_SECONDS: Final = re.compile(r"[0-9]{1,9}")
_RESET: Final = re.compile(r"[0-9]{1,10}")
# Larger values of a reset are times since 1970.
_YEAR: Final = 366 * 86_400
_READ_STATUSES: Final = frozenset({408, 500, 502, 503, 504})
# The gateway answered: whether the service has seen the request is open.
_GATEWAY_STATUSES: Final = frozenset({502, 503, 504})


def _not_negative(_policy: Any, attribute: "attrs.Attribute[Any]", value: object) -> None:
    check_seconds(f"RetryPolicy.{attribute.name}", value, from_zero=True)


def _at_least_once(_policy: Any, _attribute: "attrs.Attribute[Any]", value: object) -> None:
    check_integer("RetryPolicy.attempts", value, 1)


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """Number of attempts at a request, and the waits between them.

    Only a request that does no more when it is sent twice is resent: GET and HEAD after 408, 429, 500, 502, 503, 504
    and broken exchanges; DELETE, PUT and idempotent POST after 429, 502, 503, 504 and broken exchanges. Any other POST
    is resent after 429, and when it is certain that nothing was sent. Idempotent POSTs are `cancel_build`,
    `follow_project`, `unfollow_project`, `enable_project`, and a `Request` with `idempotent=True`. A rejected
    certificate is never a reason to retry.

    The wait is a random part of `base`, twice `base` and so on up to `cap`, so that many clients do not come back at
    once; or what the service asks for in `Retry-After`, unless that is longer than `max_retry_after`.

    A 429 that is waited for is none of the attempts. The session is held back for as long as the service asks; if it
    does not say, for one second, then two, four and so on while it goes on refusing.

    Args:
        attempts: How often in all, from 1, which is no retries, also after a 429.
        base: Seconds that the first wait has at the most.
        cap: Seconds that any such wait has at the most.
        max_retry_after: Seconds that the service may ask to wait, and that one call waits in all because of 429s that
            it got itself. If there is more to wait, the error is raised at once.

    Raises:
        InvalidInputError: An argument is out of its range.
    """

    attempts: int = attrs.field(default=3, validator=_at_least_once)
    base: float = attrs.field(default=0.5, validator=_not_negative)
    cap: float = attrs.field(default=8.0, validator=_not_negative)
    max_retry_after: float = attrs.field(default=120.0, validator=_not_negative)

    def delay(self, request: Request[Any], error: CircleCIError, attempt: int, chance: float) -> float | None:
        """Return the seconds to wait before the request is resent; `None` when it is not.

        After a 429, the session decides how long it waits: only whether there is a wait counts.

        Args:
            request: What was sent.
            error: What came of it.
            attempt: How often it was sent, from 1, not counting what ended with a 429.
            chance: A random number from 0 to 1.
        """
        wait = error.retry_after if isinstance(error, StatusError) else None
        if isinstance(error, RateLimitError):
            # The session may wait for longer, because of other calls.
            wait = 1.0 if wait is None else wait
            return wait if self.attempts > 1 and wait <= self.max_retry_after else None
        if attempt >= self.attempts or not _may_be_sent_again(request, error):
            return None
        if wait is None:
            # 2 ** attempt is no float after a thousand attempts.
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
            # A reply that broke off is one of these.
            return error.transient and request.idempotent


@attrs.frozen
class Retry:
    """A request that is about to be sent again.

    Attributes:
        request: The request, without its body.
        attempt: How often it was sent so far.
        error: What came of it the last time.
        delay: Seconds that it waits, and then for its turn.
    """

    request: Request[Any]
    attempt: int
    error: CircleCIError
    delay: float


def maybe_sent(error: CircleCIError) -> bool:
    """Whether the service may have acted on a request that ended so."""
    return error.maybe_sent if isinstance(error, TransportError) else not isinstance(error, RateLimitError)


def parse_retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds that a reply asks to wait; `None` when it does not say, or not clearly.

    A date is measured against the reply's own `Date`, because the clocks of the service and of this machine differ.

    Args:
        headers: Headers of the reply.
        now: Seconds since 1970, for a reply without a `Date`.
    """
    value = _only(headers, "retry-after")
    # float() and int() would take a lot for a number that is none: 1e400, 1_000, digits of other scripts.
    if _SECONDS.fullmatch(value):
        return float(value)
    return _until(_parse_date(value), headers, now)


def parse_reset(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds until the limit of a 429 is reset; `None` when it does not say.

    `RateLimit-Reset` and `X-RateLimit-Reset` hold seconds, or a time in seconds since 1970.

    Args:
        headers: Headers of the reply.
        now: Seconds since 1970, for a reply without a `Date`.
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
    """Return the value of a header that comes once; empty when it does not."""
    values = [value for key, value in headers.items() if key.lower() == name]
    return values[0].strip() if len(values) == 1 else ""


def _until(moment: float | None, headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds from the reply to a moment; `None` when that is past."""
    if moment is None:
        return None
    date = _parse_date(_only(headers, "date"))
    wait = moment - (now if date is None else date)
    return wait if wait >= 0 else None


def _parse_date(value: str) -> float | None:
    """Return a date of HTTP in seconds since 1970; `None` when it is not one."""
    try:
        date = parsedate_to_datetime(value)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


@attrs.define
class RetryBudget:
    """Budget of a session for retries, so that they do not make an outage worse.

    A retry costs; a success gives back what its retries cost, or a little if it had none. Once it is spent, errors are
    raised without a retry.
    """

    capacity: int = 100
    cost: int = 5
    _left: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._left = self.capacity

    def spend(self) -> bool:
        """Pay for a retry; `False` when there is not enough left."""
        if self._left < self.cost:
            return False
        self._left -= self.cost
        return True

    def succeeded(self, attempt: int) -> None:
        """Take back what a success on that attempt had cost."""
        if self._left < self.capacity:
            self._left = min(self.capacity, self._left + max(1, self.cost * (attempt - 1)))
