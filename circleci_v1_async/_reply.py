"""A request and its reply become a value or an error, without I/O.

Everything that a reply says is redacted here, before anything of it is cut: a server may echo the token that it was
sent. Characters that do not print are escaped, so that no server can forge the lines of a log.
"""

import html
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, TypeVar, cast

import attrs
import msgspec

from ._codec import HTML, Decoder
from .errors import DecodeError, StatusError, status_error
from .models import BuildDetail, PipelineResult
from .request import Request, Response
from .retry import parse_retry_after

__all__ = ["explain_status", "locate_decode_error", "read_reply", "redact", "redact_header"]

T = TypeVar("T")

_REDACTED: Final = "***"
_SHOWN_OF_TITLE: Final = 200
_SHOWN_OF_MESSAGE: Final = 500
_TITLE: Final = re.compile(r"<title(?:\s[^<>]*)?>([^<]*)</title", re.IGNORECASE)
# Characters in which a page has its title, if it has one.
_HEAD: Final = 2**16
_SUCCESS: Final = range(200, 300)


def read_reply(
    request: Request[T],
    response: Response,
    decoder: Decoder,
    *,
    token: str | None,
    maybe_done: bool,
    now: float,
) -> T:
    """Return the value that a reply holds.

    Args:
        request: The request that it answers.
        response: The reply.
        decoder: Decodes its body.
        token: Redacted in errors.
        maybe_done: Whether the service may have acted on it before.
        now: Seconds since 1970, for a `Retry-After` that names a date.

    Raises:
        StatusError: The service refused.
        DecodeError: The body is not what `request.returns` names.
    """
    is_deleted_before = maybe_done and response.status == HTTPStatus.NOT_FOUND and request.method == "DELETE"
    if response.status >= HTTPStatus.MULTIPLE_CHOICES and not is_deleted_before:
        raise explain_status(request, response, token=token, now=now)
    if request.returns is None:
        return cast("T", None)
    try:
        # The confirmation of what an earlier attempt deleted is lost, and this reply says something else.
        value = decoder.decode(b"{}" if is_deleted_before else response.body, request.returns)
    except DecodeError as error:
        raise locate_decode_error(error, request, response, token) from None
    if isinstance(value, BuildDetail) and _is_another_build(request, value):
        reason = f"The reply is about build {value.build_num}"
        mismatch = DecodeError(reason, "$.build_num", len(response.body), mismatched=True)
        raise locate_decode_error(mismatch, request, response, token)
    if isinstance(value, PipelineResult) and value.status not in _SUCCESS:
        within = attrs.evolve(response, status=value.status, body=(value.body or "").encode())
        raise explain_status(request, within, token=token, now=now)
    return cast("T", value)


def _is_another_build(request: Request[Any], build: BuildDetail) -> bool:
    """Return whether a build is not the one that was asked for. A retry makes another one."""
    return request.method == "GET" and request.path_values.get("build_num", build.build_num) != build.build_num


def explain_status(request: Request[Any], response: Response, *, token: str | None, now: float) -> StatusError:
    """Return the error that a reply with an error status is."""
    return status_error(response.status)(
        response.status,
        _message(response.body, token),
        request.without_body(),
        response.shown_headers,
        response.request_id,
        retry_after=parse_retry_after(response.headers, now),
    )


def locate_decode_error(
    error: DecodeError, request: Request[Any], response: Response, token: str | None
) -> DecodeError:
    """Return the error with the request and the reply that it is about."""
    reason, path = error.reason, error.path
    if reason == HTML and (title := _title(response.body.decode(errors="replace"), token)):
        reason = f"{HTML}: {title}"
    return DecodeError(
        _escape(redact(reason, token)),
        _escape(redact(path, token)),
        error.size,
        response.status,
        request.without_body(),
        redact_header(response.headers, "Content-Type", token),
        error.truncated,
        error.mismatched,
    )


def redact_header(headers: Mapping[str, str], name: str, token: str | None) -> str | None:
    """Return a header as a text may show it; `None` when there is none."""
    value = headers.get(name)
    return None if value is None else _escape(redact(value, token))


def redact(text: str, token: str | None) -> str:
    """Return the text without the token."""
    return text if token is None else text.replace(token, _REDACTED)


def _escape(text: str) -> str:
    """Return the text with escapes for what moves a cursor, ends a line or is not seen."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _message(body: bytes, token: str | None) -> str:
    """Return what an error reply says, at most 500 characters.

    The `message` of a JSON object, unwrapped when it is itself such an object (GitHub's errors come through that
    way); text as it is; the title of an HTML page. Nothing of any other JSON, which may hold secrets.
    """
    text = body.decode(errors="replace").lstrip("\ufeff").strip()
    message = _message_within(text)
    if message is None:
        if text.startswith("<"):
            return _title(text, token)
        message = "" if text[:1] in {"{", "[", '"'} else text
    while (inner := _message_within(message)) is not None:
        message = inner
    return _escape(redact(message, token))[:_SHOWN_OF_MESSAGE]


def _message_within(text: str) -> str | None:
    if not text.startswith("{"):
        return None
    try:
        value = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None
    message = value.get("message")
    return message if isinstance(message, str) else None


def _title(page: str, token: str | None) -> str:
    """Return the title of an HTML page, at most 200 characters; empty when it has none."""
    # Before and after: a token may have been cut at its `<`, or have come as `&lt;`.
    found = _TITLE.search(redact(page[:_HEAD], token))
    title = "" if found is None else redact(html.unescape(found[1]), token)
    return _escape(" ".join(title.split()))[:_SHOWN_OF_TITLE]
