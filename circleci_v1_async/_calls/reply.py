"""A request and its reply become a value or an error, without I/O.

Everything that a reply says is redacted here, before any of it is cut or kept: a server may echo what it was sent.
Characters that do not print are escaped, so that no server can forge the lines of a log.
"""

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
from circleci_v1_async.errors import DecodeError, NotFoundError, StatusError, error_class
from circleci_v1_async.models import BuildDetail, PipelineResult
from circleci_v1_async.request import Reply, Request, Response
from circleci_v1_async.retry import parse_reset, parse_retry_after

__all__ = ["explain_status", "locate_decode_error", "read_reply"]

T = TypeVar("T")

_log = logging.getLogger("circleci_v1_async")

_SHOWN_OF_TITLE: Final = 200
_SHOWN_OF_MESSAGE: Final = 500
# Bytes of a body that errors are made of: far more than is shown.
_LOOKED_AT: Final = 2**16
_TITLE: Final = re.compile(r"<title(?:\s[^<>]*)?>([^<]*)</title", re.IGNORECASE)
_SUCCESS: Final = range(200, 300)
_NOT_FOUND: Final = 404
_TOO_MANY: Final = 429
_PROBLEM: Final = "application/problem+json"
_OTHER_BUILD: Final = "build %s was requested, and the reply is about build %s"


def read_reply(
    request: Request[T],
    response: Reply,
    converter: CircleCIConverter,
    *,
    clean: Redactor,
    maybe_sent: bool,
    now: float,
) -> T:
    """Return the value of a reply.

    Args:
        request: The request that it answers.
        response: The reply.
        converter: Decodes its body.
        clean: Redacts what errors quote.
        maybe_sent: Whether the service may have acted on it before.
        now: Seconds since 1970, for a `Retry-After` that names a date.

    Raises:
        StatusError: The service refused.
        DecodeError: The body is not what `request.returns` names. `Response` is the reply itself.
    """
    if response.status >= _SUCCESS.stop:
        error = explain_status(request, response, clean=clean, now=now)
        if maybe_sent and response.status == _NOT_FOUND and request.method == "DELETE":
            return _confirm_deletion(request, error, converter)
        raise error
    if request.returns is None:
        return cast("T", None)
    if request.returns is Response:
        return cast("T", _to_response(response, clean))
    value: T
    try:
        value = converter.decode(response.body, request.returns)
    except DecodeError as error:
        raise locate_decode_error(error, request, response, clean) from None
    if isinstance(value, BuildDetail) and (asked := _asked_for_another(request, value)) is not None:
        if response.is_first:
            # Mocks with canned replies answer so. Connections mix up replies only after they have carried one.
            _log.warning("%s %s: %s", request.method, request.location, _OTHER_BUILD % (asked, value.build_num))
            return value
        reason = _OTHER_BUILD % (asked, value.build_num)
        mismatch = DecodeError(reason, "$.build_num", len(response.body), mismatched=True)
        raise locate_decode_error(mismatch, request, response, clean)
    if isinstance(value, PipelineResult) and value.status not in _SUCCESS:
        within = attrs.evolve(response, status=value.status, body=(value.body or "").encode())
        raise explain_status(request, within, clean=clean, now=now)
    return value


def _confirm_deletion(request: Request[T], error: StatusError, converter: CircleCIConverter) -> T:
    """Return an empty value for a deletion whose confirmation is lost: an earlier attempt has made it.

    Raises:
        NotFoundError: The value cannot be empty.
    """
    if request.returns is None:
        return cast("T", None)
    with suppress(DecodeError):
        if request.returns is not Response:
            empty: T = converter.decode(b"{}", request.returns)
            return empty
    if isinstance(error, NotFoundError):
        error.maybe_deleted = True
    raise error


def _asked_for_another(request: Request[Any], build: BuildDetail) -> object:
    """Return the number of the requested build; `None` if it is this one. A retry makes another one."""
    asked = request.path_values.get("build_num")
    return asked if request.method == "GET" and str(asked) != str(build.build_num) else None


def _to_response(reply: Reply, clean: Redactor) -> Response:
    reply = _with_clean_headers(reply, clean)
    return Response(reply.status, reply.safe_headers, reply.request_id, reply.body)


def explain_status(request: Request[Any], response: Reply, *, clean: Redactor, now: float) -> StatusError:
    """Return the error that a reply with an error status is."""
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


def locate_decode_error(error: DecodeError, request: Request[Any], response: Reply, clean: Redactor) -> DecodeError:
    """Return the error with the request and the reply that it is about."""
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
    """Return a body as text, and of a large one the beginning, which is redacted."""
    text = body[:_LOOKED_AT].decode(errors="replace")
    return text if len(body) <= _LOOKED_AT else clean(text, is_cut=True)


def _message(response: Reply, clean: Redactor) -> str:
    """Return what an error reply says, at most 500 characters.

    The `message` of a JSON object, unwrapped when it is itself such an object (GitHub's errors come through that
    way); the `title` and `detail` of problem details (RFC 9457); text as it is; the title of an HTML page. Nothing of
    any other JSON, which may hold secrets.
    """
    body = response.body
    text = _beginning(body, clean).lstrip("\ufeff").strip()
    message = _message_within(text) if len(body) <= _LOOKED_AT else None
    if message is None and _PROBLEM in response.headers.get("Content-Type", "").lower():
        message = _problem(text.encode())
    if message is None:
        if text.startswith("<"):
            return _title(text, clean)
        message = "" if text[:1] in {"{", "[", '"'} else text
    while (inner := _message_within(message)) is not None:
        message = inner
    return escape(clean(message))[:_SHOWN_OF_MESSAGE]


def _message_within(text: str) -> str | None:
    if not text.startswith("{"):
        return None
    try:
        value = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None
    message = value.get("message")
    return message if isinstance(message, str) else None


def _problem(body: bytes) -> str | None:
    """Return the title and the detail of problem details, which are JSON; `None` without them."""
    try:
        value = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None
    parts = [part for part in (value.get("title"), value.get("detail")) if isinstance(part, str) and part]
    return ": ".join(parts) or None


def _title(page: str, clean: Redactor) -> str:
    """Return the title of an HTML page, at most 200 characters; empty when it has none."""
    import html  # noqa: PLC0415 - errors alone need it, and it takes a millisecond

    # Before and after: a secret may have been cut at its `<`, or have come as `&lt;`.
    found = _TITLE.search(clean(page))
    title = "" if found is None else clean(html.unescape(found[1]))
    return escape(" ".join(title.split()))[:_SHOWN_OF_TITLE]
