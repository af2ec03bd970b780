"""A request and its reply become a value or an error, without I/O.

Everything that a reply says is redacted here, before any of it is cut or kept: a server may echo what it was sent.
Characters that do not print are escaped, so that no server can forge the lines of a log.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar, cast

import attrs
import msgspec
from multidict import CIMultiDict

from circleci_v1_async._calls.redact import escape, redact, redact_header
from circleci_v1_async._core.json_text import HTML
from circleci_v1_async._core.secret import Secret
from circleci_v1_async.converter import CircleCIConverter
from circleci_v1_async.errors import DecodeError, StatusError, error_class
from circleci_v1_async.models import BuildDetail, PipelineResult
from circleci_v1_async.request import Reply, Request, Response
from circleci_v1_async.retry import parse_retry_after

__all__ = ["explain_status", "locate_decode_error", "read_reply"]

T = TypeVar("T")

_SHOWN_OF_TITLE: Final = 200
_SHOWN_OF_MESSAGE: Final = 500
# Bytes of a body that errors are made of: far more than is shown.
_LOOKED_AT: Final = 2**16
_TITLE: Final = re.compile(r"<title(?:\s[^<>]*)?>([^<]*)</title", re.IGNORECASE)
_SUCCESS: Final = range(200, 300)
_NOT_FOUND: Final = 404


def read_reply(
    request: Request[T],
    response: Reply,
    converter: CircleCIConverter,
    *,
    token: Secret[str] | None,
    maybe_sent: bool,
    now: float,
) -> T:
    """Return the value of a reply.

    Args:
        request: The request that it answers.
        response: The reply.
        converter: Decodes its body.
        token: Redacted in errors, as are the secrets in the body of the request.
        maybe_sent: Whether the service may have acted on it before.
        now: Seconds since 1970, for a `Retry-After` that names a date.

    Raises:
        StatusError: The service refused.
        DecodeError: The body is not what `request.returns` names. `Response` is the reply itself.
    """
    is_deleted_before = maybe_sent and response.status == _NOT_FOUND and request.method == "DELETE"
    if response.status >= _SUCCESS.stop and not is_deleted_before:
        raise explain_status(request, response, token=token, now=now)
    if request.returns is None:
        return cast("T", None)
    if request.returns is Response:
        return cast("T", _to_response(request, response, token))
    value: T
    try:
        if is_deleted_before:
            # The confirmation of what an earlier attempt deleted is lost, and this reply says something else.
            value = converter.decode(b"{}", request.returns)
        else:
            value = converter.decode(response.body, request.returns)
    except DecodeError as error:
        raise locate_decode_error(error, request, response, token) from None
    if isinstance(value, BuildDetail) and _is_another_build(request, value):
        reason = f"The reply is about build {value.build_num}"
        mismatch = DecodeError(reason, "$.build_num", len(response.body), mismatched=True)
        raise locate_decode_error(mismatch, request, response, token)
    if isinstance(value, PipelineResult) and value.status not in _SUCCESS:
        within = attrs.evolve(response, status=value.status, body=(value.body or "").encode())
        raise explain_status(request, within, token=token, now=now)
    return value


def _is_another_build(request: Request[Any], build: BuildDetail) -> bool:
    """Return whether a build is not the one that was asked for. A retry makes another one."""
    return request.method == "GET" and request.path_values.get("build_num", build.build_num) != build.build_num


def _to_response(request: Request[Any], reply: Reply, token: Secret[str] | None) -> Response:
    reply = _with_clean_headers(reply, partial(redact, request=request, token=token))
    return Response(reply.status, reply.safe_headers, reply.request_id, reply.body)


def explain_status(request: Request[Any], response: Reply, *, token: Secret[str] | None, now: float) -> StatusError:
    """Return the error that a reply with an error status is."""
    clean = partial(redact, request=request, token=token)
    response = _with_clean_headers(response, clean)
    return error_class(response.status)(
        response.status,
        _message(response.body, clean),
        request.without_body(),
        response.safe_headers,
        response.request_id,
        retry_after=parse_retry_after(response.headers, now),
    )


def locate_decode_error(
    error: DecodeError, request: Request[Any], response: Reply, token: Secret[str] | None
) -> DecodeError:
    """Return the error with the request and the reply that it is about."""
    clean = partial(redact, request=request, token=token)
    reason = error.reason
    if reason == HTML and (title := _title(_beginning(response.body, clean), clean)):
        reason = f"{HTML}: {title}"
    return DecodeError(
        escape(clean(reason)),
        escape(clean(error.path)),
        error.size,
        response.status,
        request.without_body(),
        redact_header(response.headers, "Content-Type", clean),
        error.truncated,
        error.mismatched,
    )


def _with_clean_headers(response: Reply, clean: Callable[[str], str]) -> Reply:
    headers = CIMultiDict((clean(name), clean(value)) for name, value in response.headers.items())
    return attrs.evolve(response, headers=headers)


def _beginning(body: bytes, clean: Callable[..., str]) -> str:
    """Return a body as text, and of a large one the beginning, which is redacted."""
    text = body[:_LOOKED_AT].decode(errors="replace")
    return text if len(body) <= _LOOKED_AT else clean(text, is_cut=True)


def _message(body: bytes, clean: Callable[..., str]) -> str:
    """Return what an error reply says, at most 500 characters.

    The `message` of a JSON object, unwrapped when it is itself such an object (GitHub's errors come through that
    way); text as it is; the title of an HTML page. Nothing of any other JSON, which may hold secrets.
    """
    text = _beginning(body, clean).lstrip("\ufeff").strip()
    message = _message_within(text) if len(body) <= _LOOKED_AT else None
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


def _title(page: str, clean: Callable[[str], str]) -> str:
    """Return the title of an HTML page, at most 200 characters; empty when it has none."""
    import html  # noqa: PLC0415 - errors alone need it, and it takes a millisecond

    # Before and after: a secret may have been cut at its `<`, or have come as `&lt;`.
    found = _TITLE.search(clean(page))
    title = "" if found is None else clean(html.unescape(found[1]))
    return escape(" ".join(title.split()))[:_SHOWN_OF_TITLE]
