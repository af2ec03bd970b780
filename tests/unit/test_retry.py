import time
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from circleci_v1_async import (
    BodyTooLargeError,
    CircleCIError,
    DecodeError,
    InvalidInputError,
    RateLimitError,
    RedirectError,
    Request,
    RequestTimeoutError,
    RetryPolicy,
    StatusError,
    TransportError,
)
from circleci_v1_async._calls.reply import error_class
from circleci_v1_async.retry import RetryBudget, maybe_sent, parse_reset, parse_retry_after

GET, HEAD, POST, PUT, DELETE = (Request(method, "/x") for method in ("GET", "HEAD", "POST", "PUT", "DELETE"))


def status(code: int, retry_after: float | None = None) -> StatusError:
    return error_class(code)(code, "", GET, {}, None, 1, retry_after)


BROKEN = TransportError("The connection broke")
NOT_SENT = TransportError("The connection could not be made", maybe_sent=False)
TIMED_OUT = RequestTimeoutError("No reply", phase="read")
NOT_CONNECTED = RequestTimeoutError("No connection", maybe_sent=False, phase="connect")
BAD_CERTIFICATE = TransportError("TLS", maybe_sent=False, transient=False)
CUT_OFF = DecodeError("The JSON ends early", truncated=True)
ONCE_MORE_IF: list[tuple[CircleCIError, set[Request[Any]]]] = [
    (BROKEN, {"GET", "HEAD", "PUT", "DELETE"}),
    (TIMED_OUT, {"GET", "HEAD", "PUT", "DELETE"}),
    (NOT_SENT, {"GET", "HEAD", "PUT", "DELETE", "POST"}),
    (NOT_CONNECTED, {"GET", "HEAD", "PUT", "DELETE", "POST"}),
    (BAD_CERTIFICATE, set()),
    (RedirectError("Refused"), set()),
    (BodyTooLargeError("Too large"), set()),
    (CUT_OFF, {"GET", "HEAD", "PUT", "DELETE"}),
    (DecodeError("Not JSON"), set()),
    (status(408), {"GET", "HEAD"}),
    (status(429), {"GET", "HEAD", "PUT", "DELETE", "POST"}),
    (status(500), {"GET", "HEAD"}),
    *((status(code), {"GET", "HEAD", "PUT", "DELETE"}) for code in (502, 503, 504)),
    *((status(code), set()) for code in (302, 400, 401, 403, 404, 409, 410, 422, 501, 505)),
]


@pytest.mark.fault(4, 5, 6, 13, 14, 15, 16, 17, 18, 23)
@pytest.mark.parametrize("request_", [GET, HEAD, POST, PUT, DELETE], ids=str)
@pytest.mark.parametrize(
    ("error", "methods"), ONCE_MORE_IF, ids=lambda value: type(value).__name__ + str(getattr(value, "status", ""))
)
def test_a_request_is_sent_again_only_if_that_does_no_more_than_sending_it_once(
    request_: Request[Any], error: CircleCIError, methods: set[str]
) -> None:
    delay = RetryPolicy().delay(request_, error, 1, 0.5)
    assert (delay is not None) == (request_.method in methods)


@pytest.mark.parametrize("error", [BROKEN, TIMED_OUT, CUT_OFF, DecodeError("Not JSON"), status(500), status(404)])
def test_the_service_may_have_acted_on_a_request_that_it_may_have_received(error: CircleCIError) -> None:
    assert maybe_sent(error)


@pytest.mark.parametrize("error", [NOT_SENT, NOT_CONNECTED, BAD_CERTIFICATE, status(429)])
def test_the_service_has_not_acted_on_a_request_that_it_did_not_receive_or_limited(error: CircleCIError) -> None:
    assert not maybe_sent(error)


def test_a_request_may_say_itself_whether_it_is_idempotent() -> None:
    assert RetryPolicy().delay(Request("POST", "/x", idempotent=True), BROKEN, 1, 1) is not None
    assert RetryPolicy().delay(Request("GET", "/x", idempotent=False), BROKEN, 1, 1) is None
    assert RetryPolicy().delay(Request("GET", "/x", idempotent=False), status(500), 1, 1) is None


@pytest.mark.fault(60)
@pytest.mark.parametrize(
    ("attempt", "longest"), [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 8.0), (6, 8.0), (9_999, 8.0)]
)
def test_the_wait_is_a_random_part_of_a_span_that_doubles_up_to_the_cap(attempt: int, longest: float) -> None:
    policy = RetryPolicy(attempts=10_000)
    assert policy.delay(GET, BROKEN, attempt, 1.0) == longest
    assert policy.delay(GET, BROKEN, attempt, 0.25) == longest / 4
    assert policy.delay(GET, BROKEN, attempt, 0.0) == 0.0


@pytest.mark.parametrize("attempts", [1, 2, 3])
def test_a_request_is_sent_so_often_in_all(attempts: int) -> None:
    policy = RetryPolicy(attempts=attempts)
    assert policy.delay(GET, BROKEN, attempts, 0.0) is None
    assert attempts == 1 or policy.delay(GET, BROKEN, attempts - 1, 0.0) == 0.0


@pytest.mark.fault(10)
def test_retry_after_is_waited_for_as_it_is_up_to_its_limit() -> None:
    assert RetryPolicy().delay(GET, status(429, 120.0), 1, 0.0) == 120.0
    assert RetryPolicy().delay(GET, status(503, 7.0), 1, 0.0) == 7.0
    assert RetryPolicy().delay(GET, status(429, 120.1), 1, 0.0) is None
    assert RetryPolicy(max_retry_after=1).delay(GET, status(429, 2.0), 1, 0.0) is None
    assert RetryPolicy().delay(GET, status(503, 120.0), 1, 0.0) == 120.0
    assert RetryPolicy().delay(GET, status(503, 120.1), 1, 0.0) is None


def test_other_errors_are_not_retried() -> None:
    assert RetryPolicy().delay(GET, CircleCIError(), 1, 0.0) is None


@pytest.mark.parametrize("option", ["base", "cap", "max_retry_after"])
@pytest.mark.parametrize("value", [-1, "1", None, True, float("nan")])
def test_a_policy_refuses_what_is_no_number_of_seconds(option: str, value: object) -> None:
    with pytest.raises(InvalidInputError, match=f"RetryPolicy.{option}: expected a number of seconds from 0"):
        RetryPolicy(**{option: value})


@pytest.mark.parametrize("attempts", [0, -1, 1.5, "3", True])
def test_a_policy_refuses_attempts_below_one(attempts: object) -> None:
    with pytest.raises(InvalidInputError, match=r"RetryPolicy\.attempts: expected an integer from 1"):
        RetryPolicy(attempts=attempts)


def test_a_policy_is_a_value() -> None:
    assert RetryPolicy() == RetryPolicy(attempts=3, base=0.5, cap=8.0, max_retry_after=120.0)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        RetryPolicy().attempts = 4


NOW = 1_795_000_000.0  # Wed, 18 Nov 2026 11:06:40 GMT


@pytest.mark.fault(7, 8, 9)
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2", 2.0),
        (" 2 ", 2.0),
        ("0", 0.0),
        ("007", 7.0),
        ("86400", 86400.0),
        ("Wed, 18 Nov 2026 11:06:40 GMT", 0.0),
        ("Wed, 18 Nov 2026 11:07:10 GMT", 30.0),
        ("Wed, 18 Nov 2026 11:07:10 -0000", 30.0),
        ("Wednesday, 18-Nov-26 11:07:10 GMT", 30.0),
        ("Wed, 18 Nov 2026 11:06:39 GMT", None),
        ("Wed, 18 Nov 100000 11:06:41 GMT", None),
        ("Wed, 99 Nov 2026 11:06:41 GMT", None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("nan", None),
        ("inf", None),
        ("1e400", None),
        ("٣", None),
        ("1_000", None),
        ("1234567890", None),
        ("soon", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_nothing_else(value: str, seconds: float | None) -> None:
    assert parse_retry_after(CIMultiDict({"retry-after": value}), NOW) == seconds


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose own time is not UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.fault(8)
@pytest.mark.usefixtures("in_tokyo")
@pytest.mark.parametrize("date", ["11:07:40 GMT", "11:07:40 -0000", "12:07:40 +0100", "11:07:40"])
def test_a_date_in_retry_after_has_a_time_zone_or_is_utc(date: str) -> None:
    assert parse_retry_after({"Retry-After": f"Wed, 18 Nov 2026 {date}"}, NOW) == 60.0


@pytest.mark.fault(8, 108)
@pytest.mark.parametrize("name", ["Date", "date"])
def test_a_date_counts_from_the_date_of_the_reply_if_it_has_one(name: str) -> None:
    sent = {name: "Wed, 18 Nov 2026 11:07:30 GMT"}
    assert parse_retry_after({"Retry-After": "Wed, 18 Nov 2026 11:07:40 GMT", **sent}, NOW) == 10.0
    assert parse_retry_after({"Retry-After": "Wed, 18 Nov 2026 11:07:20 GMT", **sent}, NOW) is None
    assert parse_retry_after({"Retry-After": "Wed, 18 Nov 2026 11:07:40 GMT", name: "today"}, NOW) == 60.0
    assert parse_reset({"RateLimit-Reset": str(int(NOW) + 60), **sent}, NOW) == 10.0


@pytest.mark.fault(9)
def test_two_retry_afters_are_none() -> None:
    assert parse_retry_after(CIMultiDict([("Retry-After", "1"), ("Retry-After", "2")]), NOW) is None
    assert parse_retry_after({}, NOW) is None


@pytest.mark.fault(9)
@given(st.text())
def test_no_retry_after_is_an_error_of_ours(value: str) -> None:
    seconds = parse_retry_after({"Retry-After": value}, NOW)
    assert seconds is None or seconds >= 0


@pytest.mark.fault(12)
def test_a_budget_allows_twenty_retries_and_no_more() -> None:
    budget = RetryBudget()
    assert [budget.spend() for _ in range(22)] == [True] * 20 + [False] * 2


@pytest.mark.fault(12)
def test_a_success_gives_back_what_its_retries_cost() -> None:
    budget = RetryBudget()
    while budget.spend():
        pass
    budget.succeeded(attempt=3)
    assert [budget.spend() for _ in range(3)] == [True, True, False]


def test_a_success_without_retries_gives_back_a_little_and_never_more_than_there_was() -> None:
    budget = RetryBudget(capacity=10)
    budget.spend()
    budget.spend()
    for _ in range(4):
        budget.succeeded(attempt=1)
    assert not budget.spend()
    for _ in range(100):
        budget.succeeded(attempt=1)
    assert [budget.spend() for _ in range(3)] == [True, True, False]


def test_only_a_429_has_a_time_to_wait_by_itself() -> None:
    assert isinstance(status(429, 3.0), RateLimitError)
    assert "asks to wait 3 s" in str(status(429, 3.0))
    assert "asks" not in str(status(429))


@pytest.mark.fault(108)
@given(st.text(), st.text())
def test_no_reset_is_an_error_of_ours(value: str, date: str) -> None:
    seconds = parse_reset({"X-RateLimit-Reset": value, "Date": date}, NOW)
    assert seconds is None or seconds >= 0


@pytest.mark.fault(108)
def test_of_two_resets_the_standard_one_counts_and_a_useless_one_does_not() -> None:
    assert parse_reset({"X-RateLimit-Reset": "3", "RateLimit-Reset": "7"}, NOW) == 7.0
    assert parse_reset({"X-RateLimit-Reset": "3", "RateLimit-Reset": "1"}, NOW) == 1.0
    assert parse_reset({"X-RateLimit-Reset": "3", "RateLimit-Reset": "900000000"}, NOW) == 3.0
    assert parse_reset(CIMultiDict([("RateLimit-Reset", "1"), ("RateLimit-Reset", "2")]), NOW) is None
    assert parse_reset({"X-RateLimit-Reset": "3", "RateLimit-Reset": "soon"}, NOW) == 3.0
    assert parse_reset({}, NOW) is None


@pytest.mark.fault(108)
def test_a_reset_is_a_number_of_seconds_up_to_a_year_and_a_time_beyond() -> None:
    year = 366 * 24 * 3600
    assert parse_reset({"RateLimit-Reset": str(year)}, NOW) == year
    assert parse_reset({"RateLimit-Reset": str(int(NOW) + 60)}, int(NOW)) == 60
    assert parse_reset({"RateLimit-Reset": str(int(NOW) - 60)}, int(NOW)) is None


def test_a_policy_can_refuse_to_wait_for_a_429() -> None:
    assert RetryPolicy(attempts=1).delay(GET, status(429, 1.0), 1, 0.0) is None
    assert RetryPolicy(attempts=2).delay(GET, status(429, 1.0), 1, 0.0) == 1.0
    assert RetryPolicy().delay(GET, status(429), 1, 0.0) == 1.0
