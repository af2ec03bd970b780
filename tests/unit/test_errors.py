"""What is raised: one family, that pickles and explains itself."""

import copy
import pickle
import re
from typing import Any

import pytest
from multidict import CIMultiDict

from circleci_v1_async import Build, BuildDetail, Request, Verdict, errors
from circleci_v1_async._calls.reply import error_class
from circleci_v1_async.errors import (
    AuthenticationError,
    BadRequestError,
    BodyTooLargeError,
    CircleCIError,
    DecodeError,
    DownloadError,
    GoneError,
    InvalidInputError,
    NotFoundError,
    OffsetRefusedError,
    PaginationDriftError,
    PathConflictError,
    PermissionDeniedError,
    RateLimitError,
    RedirectError,
    RequestTimeoutError,
    ServerError,
    SessionClosedError,
    StatusError,
    TransportError,
    TruncatedError,
    UnsafePathError,
    UsageError,
    WaitTimeoutError,
    attach_request,
)

GET = Request("GET", "/project/{project}/{n}", {"project": "gh/a/b", "n": 7}, query={"limit": 1}, returns=list[Build])
POST = Request("POST", "/project/{project}", {"project": "gh/a/b"}, body={"key": "s3cret"}, returns=Build)
HEADERS = CIMultiDict([("Via", "a"), ("via", "b"), ("X-Request-Id", "id-1")])
STATUSES = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    410: GoneError,
    429: RateLimitError,
    500: ServerError,
    501: ServerError,
    502: ServerError,
    503: ServerError,
    504: ServerError,
    599: ServerError,
    300: StatusError,
    304: StatusError,
    402: StatusError,
    405: StatusError,
    408: StatusError,
    409: StatusError,
    418: StatusError,
    422: StatusError,
}


def answered(status: int, message: str = "", attempts: int = 1, request: Request[Any] = GET) -> StatusError:
    return error_class(status)(status, message, request.without_body(), HEADERS, "id-1", attempts)


EXAMPLES = [
    CircleCIError("anything"),
    InvalidInputError("limit: expected an integer from 1 to 100, got 0"),
    SessionClosedError("closed"),
    UsageError("walked once more"),
    TransportError("broken"),
    TransportError("not even begun", maybe_sent=False, transient=False),
    RequestTimeoutError("late"),
    RequestTimeoutError("no connection", maybe_sent=False, phase="connect"),
    RedirectError("elsewhere"),
    RedirectError("elsewhere at once", maybe_sent=False),
    BodyTooLargeError("too large"),
    *(answered(status, "it said", 3) for status in STATUSES),
    RateLimitError(429, "", GET, HEADERS, None, 1, 2.5),
    OffsetRefusedError(BadRequestError(400, "No more builds", GET, HEADERS, "id-1"), 300),
    DecodeError("Invalid UTF-8", "$[3].build_num"),
    DecodeError("Invalid UTF-8", "$", 12, 200, POST.without_body(), "text/html"),
    PaginationDriftError("too fast", 300),
    WaitTimeoutError("not finished"),
    WaitTimeoutError("not finished", Build(build_num=7, status="running")),
    DownloadError("failed", ("a", "b")),
    UnsafePathError("out of the folder"),
    PathConflictError("twice", ("a",)),
    TruncatedError("cut", ("a",)),
]
EACH = pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)


def test_there_is_an_example_of_each_class():
    assert {type(error) for error in EXAMPLES} == {
        value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, CircleCIError)
    }


@EACH
def test_every_error_pickles_and_copies(error: CircleCIError):
    error.add_note("seen in a worker")
    copies = [pickle.loads(pickle.dumps(error, n)) for n in range(2, pickle.HIGHEST_PROTOCOL + 1)]  # noqa: S301 - our own
    for again in (*copies, copy.copy(error)):
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert again.args == error.args
        assert vars(again) == vars(error)


@EACH
def test_every_error_says_something(error: CircleCIError):
    assert str(error)
    assert "s3cret" not in f"{error} {error!r} {vars(error)}"


def drawn_tree() -> dict[str, tuple[str, str | None]]:
    """Class -> (parent, second base), as the module's docstring draws them."""
    drawn: dict[str, tuple[str, str | None]] = {}
    above: list[str] = []
    for line in errors.__doc__.splitlines():
        if (match := re.match(r"([│├└─ ]*)([A-Z]\w+Error)\b(?: \((\w+Error)\))?", line)) is not None:
            depth = len(match[1]) // 4
            drawn[match[2]] = (above[depth - 1] if depth else "Exception", match[3])
            above[depth:] = [match[2]]
    return drawn


def test_the_tree_in_the_docstring_is_the_real_one():
    real = {
        name: (value.__bases__[0].__name__, value.__bases__[1].__name__ if value.__bases__[1:] else None)
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, CircleCIError)
    }
    assert drawn_tree() == real


def test_the_statuses_in_the_docstring_are_the_real_ones():
    drawn = re.findall(r"(\w+Error) +(\d)(\d\d|xx)$", errors.__doc__, re.MULTILINE)
    assert len(drawn) == 7
    for name, first, rest in drawn:
        assert error_class(int(first + rest.replace("xx", "00"))).__name__ == name


@pytest.mark.parametrize(("status", "kind"), STATUSES.items())
def test_each_status_has_its_class(status: int, kind: type[StatusError]):
    assert error_class(status) is kind


@pytest.mark.parametrize(
    ("kind", "base"),
    [
        (InvalidInputError, ValueError),
        (SessionClosedError, RuntimeError),
        (UsageError, RuntimeError),
        (RequestTimeoutError, TimeoutError),
        (WaitTimeoutError, TimeoutError),
    ],
)
def test_errors_are_also_what_python_calls_them(kind: type[Exception], base: type[Exception]):
    with pytest.raises(base):
        raise kind("late")


@pytest.mark.parametrize(
    "error", [RequestTimeoutError("late", maybe_sent=False, phase="pool"), WaitTimeoutError("late")]
)
def test_a_timeout_has_no_error_number_of_the_operating_system(error: OSError):
    assert (error.errno, error.strerror, error.filename) == (None, None, None)
    assert str(error) == "late"


@pytest.mark.parametrize(
    ("error", "maybe_sent", "transient"),
    [
        (TransportError("x"), True, True),
        (TransportError("x", maybe_sent=False), False, True),
        (TransportError("x", transient=False), True, False),
        (RequestTimeoutError("x"), True, True),
        (RequestTimeoutError("x", maybe_sent=False, phase="connect"), False, True),
        (RedirectError("x"), True, False),
        (RedirectError("x", maybe_sent=False), False, False),
        (BodyTooLargeError("x"), True, False),
    ],
)
def test_transport_errors_say_what_may_have_happened(error: TransportError, maybe_sent, transient):
    assert (error.maybe_sent, error.transient, error.message) == (maybe_sent, transient, "x")


def test_a_timeout_says_what_it_waited_for():
    assert RequestTimeoutError("x").phase == "read"
    assert RequestTimeoutError("x", phase="pool").phase == "pool"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (answered(400, "Bad tag"), "GET /project/github/a/b/7?limit=1 answered 400: Bad tag"),
        (answered(400), "GET /project/github/a/b/7?limit=1 answered 400"),
        (answered(500, "Oops.", 3), "GET /project/github/a/b/7?limit=1 answered 500: Oops. (after 3 attempts)"),
        (answered(418, request=POST), "POST /project/github/a/b answered 418"),
        (RateLimitError(429, "", POST, {}, None, 1), "POST /project/github/a/b answered 429"),
        (
            RateLimitError(429, "Slow down", POST, {}, None, 2, 2.5),
            "POST /project/github/a/b answered 429: Slow down (after 2 attempts). The service asks to wait 2.5 s.",
        ),
    ],
)
def test_a_status_error_says_what_was_asked_and_what_was_answered(error: StatusError, text: str):
    assert str(error) == text


def test_a_401_says_what_may_be_wrong_with_the_token():
    assert str(answered(401, "You must log in first.")).endswith(
        "answered 401: You must log in first. The token is missing, invalid or expired; "
        "some operations need a personal token, not a project token."
    )


def test_a_404_says_that_it_may_be_the_token():
    text = str(answered(404, "Not found"))
    assert "answered 404: Not found. CircleCI also answers 404 if" in text
    assert "private project" in text
    assert "invalid or missing token" in text


def test_a_status_error_has_what_a_program_needs():
    error = answered(404, "Not found", 2)
    assert (error.status, error.message, error.request, error.attempts) == (404, "Not found", GET, 2)
    assert (error.request_id, error.headers["x-request-id"]) == ("id-1", "id-1")
    assert RateLimitError(429, "", GET, {}, None, 1).retry_after is None


def test_a_decode_error_after_a_get_says_what_came():
    assert str(DecodeError("Expected `int`", "$[3].build_num", 12, 200, GET, None)) == (
        "GET /project/github/a/b/7?limit=1 answered 200 with a body that cannot be used: "
        "Expected `int` at $[3].build_num (12 bytes, content type not given)"
    )


def test_a_decode_error_after_a_post_says_that_the_service_has_acted():
    text = str(DecodeError("The body is empty", "$", 0, 201, POST.without_body(), "text/html"))
    assert text.endswith("(0 bytes, content type text/html). The service has executed the request")


def test_a_decode_error_of_loads_says_where():
    assert str(DecodeError("Expected `int`", "$.a", 3)) == "Expected `int` at $.a"


def test_a_drift_says_where_to_start_again():
    assert str(PaginationDriftError("Too fast.", 300)) == "Too fast. (resume_offset=300)"


def test_a_wait_keeps_what_was_seen_last():
    assert WaitTimeoutError("late", Build(build_num=7)).last == Build(build_num=7)


def test_a_download_keeps_what_failed():
    assert (str(TruncatedError("cut", ("a",))), TruncatedError("cut", ("a",)).failed) == ("cut", ("a",))


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (TransportError("no route"), True),
        (TransportError("certificate", transient=False), False),
        (RequestTimeoutError("slow"), True),
        (BodyTooLargeError("large"), False),
        (answered(408), True),
        (answered(429), True),
        (answered(500), True),
        (answered(503), True),
        (answered(400), False),
        (answered(401), False),
        (answered(403), False),
        (answered(404), False),
        (answered(410), False),
        (DecodeError("broken off", truncated=True), True),
        (DecodeError("of another shape"), False),
        (PaginationDriftError("too fast", 100), True),
        (SessionClosedError("closed"), False),
        (TruncatedError("broke off"), True),
        (DownloadError("no room"), False),
        (WaitTimeoutError("too slow"), True),
    ],
    ids=str,
)
def test_an_error_may_pass_or_not(error: CircleCIError, transient: bool):  # noqa: FBT001 - a row
    assert error.transient is transient


def test_a_wait_that_timed_out_has_its_build_or_its_verdict():
    build = BuildDetail(build_num=7, status="running")
    verdict = Verdict((), is_success=False, failed=(), missing=())
    assert (WaitTimeoutError("late", build).build, WaitTimeoutError("late", build).verdict) == (build, None)
    assert (WaitTimeoutError("late", verdict).build, WaitTimeoutError("late", verdict).verdict) == (None, verdict)
    assert (WaitTimeoutError("late").build, WaitTimeoutError("late").verdict) == (None, None)


def test_a_call_that_was_not_sent_says_so_and_why():
    reason = "https://a.example answered 429 at 2026-11-24 10:00:00 UTC and asked to wait"
    error = RateLimitError(429, reason, GET, {}, None)
    error.retry_after = 5.0
    assert str(attach_request(error, GET, "https://a.example/x", 0)) == (
        f"GET /project/github/a/b/7?limit=1 (a.example) was not sent: {reason}. The service asks to wait 5 s."
    )
