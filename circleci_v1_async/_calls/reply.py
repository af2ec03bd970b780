"""Convert a request and its reply to a value or an error, without I/O.

All strings from a reply are redacted here, before they are cut or kept: a server may echo the request.
Non-printable characters are escaped, so that a server cannot forge log lines.
"""

import html
import logging
import re
from contextlib import suppress
from typing import Any, Final, TypeVar, cast

import attrs
import msgspec
from multidict import CIMultiDict

from circleci_v1_async._calls.redact import Redactor, escape
from circleci_v1_async._core.json_text import HTML
from circleci_v1_async.converter import CircleCIConverter
from circleci_v1_async.errors import (
    AuthenticationError,
    BadRequestError,
    DecodeError,
    GoneError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    StatusError,
)
from circleci_v1_async.models import BuildDetail, PipelineResult
from circleci_v1_async.request import Reply, Request, Response
from circleci_v1_async.retry import parse_reset, parse_retry_after

T = TypeVar("T")

_log = logging.getLogger("circleci_v1_async")

_SHOWN_OF_TITLE: Final = 200
_SHOWN_OF_MESSAGE: Final = 500
# Maximum number of bytes of a body that errors are built from: far more than they show.
_LOOKED_AT: Final = 2**16
_TITLE: Final = re.compile(r"<title(?:\s[^<>]*)?>([^<]*)</title", re.IGNORECASE)
_SUCCESS: Final = range(200, 300)
_ERRORS: Final[dict[int, type[StatusError]]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    410: GoneError,
    429: RateLimitError,
}
_NOT_FOUND: Final = 404
_TOO_MANY: Final = 429
_PROBLEM: Final = "application/problem+json"


def read_reply(
    request: Request[T],
    response: Reply,
    converter: CircleCIConverter,
    *,
    clean: Redactor,
    maybe_sent: bool,
    now: float,
) -> T:
    """Return the value of a reply, or the reply itself if the request's `returns` is `Response`.

    With `maybe_sent`, the service may have executed an earlier attempt. `now` is the time in seconds since 1970,
    for a `Retry-After` that contains a date. An error status is a `StatusError`. A body of another type, or about
    another build, is a `DecodeError`.
    """
    if response.status >= _SUCCESS.stop:
        error = explain_status(request, response, clean=clean, now=now)
        if maybe_sent and response.status == _NOT_FOUND and request.method == "DELETE":
            return _confirm_deletion(request, error, converter)
        raise error
    if request.returns is None:
        return cast("T", None)
    if request.returns is Response:
        reply = _with_clean_headers(response, clean)
        return cast("T", Response(reply.status, reply.safe_headers, reply.request_id, reply.body))
    value: T
    try:
        value = converter.decode(response.body, request.returns)
    except DecodeError as error:
        raise locate_decode_error(error, request, response, clean) from None
    if isinstance(value, BuildDetail) and (asked := _asked_for_another(request, value)) is not None:
        reason = f"build {asked} was requested, and the reply is about build {value.build_num}"
        if response.is_first:
            # The reply may come from a mock with canned replies. A connection can only mix up replies after its first.
            _log.warning("%s %s: %s", request.method, request.location, reason)
            return value
        mismatch = DecodeError(reason, "$.build_num", len(response.body), mismatched=True)
        raise locate_decode_error(mismatch, request, response, clean)
    if isinstance(value, PipelineResult) and value.status not in _SUCCESS:
        within = attrs.evolve(response, status=value.status, body=(value.body or "").encode())
        raise explain_status(request, within, clean=clean, now=now)
    return value


def _confirm_deletion(request: Request[T], error: StatusError, converter: CircleCIConverter) -> T:
    """Return an empty value if an earlier attempt deleted the object, but its confirmation was lost.

    If the type of the value does not allow an empty value, raise the error.
    """
    if request.returns is None:
        return cast("T", None)
    with suppress(DecodeError):
        if request.returns is not Response:
            empty: T = converter.decode(b"{}", request.returns)
            return empty
    cast("NotFoundError", error).maybe_deleted = True
    raise error


def _asked_for_another(request: Request[Any], build: BuildDetail) -> object:
    """Return the number of the requested build if the reply is about another build; otherwise `None`.

    Only a GET is checked: a request that reruns a build returns a new build.
    """
    asked = request.path_values.get("build_num")
    return asked if request.method == "GET" and str(asked) != str(build.build_num) else None


def explain_status(request: Request[Any], response: Reply, *, clean: Redactor, now: float) -> StatusError:
    response = _with_clean_headers(response, clean)
    retry_after = parse_retry_after(response.headers, now)
    if retry_after is None and response.status == _TOO_MANY:
        retry_after = parse_reset(response.headers, now)
    return error_class(response.status)(
        response.status,
        _message(response, clean),
        request.without_body(),
        response.safe_headers,
        response.request_id,
        retry_after=retry_after,
    )


def error_class(status: int) -> type[StatusError]:
    return ServerError if status >= 500 else _ERRORS.get(status, StatusError)  # noqa: PLR2004 - 5xx


def locate_decode_error(error: DecodeError, request: Request[Any], response: Reply, clean: Redactor) -> DecodeError:
    """Return the error with details of its request and reply."""
    reason = error.reason
    if reason == HTML and (title := _title(_beginning(response.body, clean), clean)):
        reason = f"{HTML}: {title}"
    return DecodeError(
        escape(clean(reason)),
        escape(clean(error.path)),
        error.size,
        response.status,
        request.without_body(),
        clean.header(response.headers, "Content-Type"),
        error.truncated,
        error.mismatched,
    )


def _with_clean_headers(response: Reply, clean: Redactor) -> Reply:
    headers = CIMultiDict((clean(name), clean(value)) for name, value in response.headers.items())
    return attrs.evolve(response, headers=headers)


def _beginning(body: bytes, clean: Redactor) -> str:
    """Return a body as text. A large body is cut to its beginning and redacted."""
    text = body[:_LOOKED_AT].decode(errors="replace")
    return text if len(body) <= _LOOKED_AT else clean(text, is_cut=True)


def _message(response: Reply, clean: Redactor) -> str:
    """Return the message of an error reply, at most 500 characters.

    The message is the `message` of a JSON object, unwrapped if it is itself such an object (GitHub's errors arrive that
    way); the `title` and `detail` of problem details (RFC 9457); plain text; or the title of an HTML page. For any
    other JSON, which may contain secrets, the message is empty.
    """
    text = _beginning(response.body, clean).lstrip("\ufeff").strip()
    message = _message_within(text)
    if message is None and _PROBLEM in response.headers.get("Content-Type", "").lower():
        message = _problem(text)
    if message is None:
        if text.startswith("<"):
            return _title(text, clean)
        message = "" if text[:1] in {"{", "[", '"'} else text
    while (inner := _message_within(message)) is not None:
        message = inner
    return escape(clean(message))[:_SHOWN_OF_MESSAGE]


def _message_within(text: str) -> str | None:
    message = _parse_object(text).get("message")
    return message if isinstance(message, str) else None


def _problem(text: str) -> str | None:
    """Return the title and the detail of problem details in JSON; `None` if absent."""
    value = _parse_object(text)
    parts = [part for part in (value.get("title"), value.get("detail")) if isinstance(part, str) and part]
    return ": ".join(parts) or None


def _parse_object(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return {}


def _title(page: str, clean: Redactor) -> str:
    """Return the title of an HTML page, at most 200 characters; empty if absent."""
    # Redact before and after unescaping: a `<` in a secret may end the title, or be written as `&lt;`.
    found = _TITLE.search(clean(page))
    title = "" if found is None else clean(html.unescape(found[1]))
    return escape(" ".join(title.split()))[:_SHOWN_OF_TITLE]
