"""A request and its reply become a value or an error, without I/O.

Whatever a reply says is redacted here, before anything of it is cut: a server may echo the token that it was sent.
"""

from collections.abc import Generator
from http import HTTPStatus
from typing import Any, Final, TypeVar, cast

import attrs
import msgspec

from ._codec import HTML, Decoder
from .errors import DecodeError, StatusError, status_error
from .models import PipelineResult
from .request import Request, Response
from .retry import parse_retry_after

__all__ = ["explain_status", "locate_decode_error", "read_reply", "redact"]

T = TypeVar("T")

_REDACTED: Final = "***"
_SHOWN_OF_HTML: Final = 200
_SHOWN_OF_MESSAGE: Final = 500
# Bytes of a body that errors are made of: far more than is shown, so that redaction still comes before the cut.
_LOOKED_AT: Final = 2**16
_SUCCESS: Final = range(200, 300)
# Bytes of a body whose decoding holds up the loop for long enough to matter.
_LARGE: Final = 2**20
# Items beyond the limit that was asked for: a service may have its own idea of a page.
_MARGIN: Final = 1000


def read_reply(
    request: Request[T],
    response: Response,
    decoder: Decoder,
    *,
    token: str | None,
    attempts: int,
    maybe_done: bool,
    now: float,
) -> Generator[None, None, T]:
    """Return the value of a reply. A large one is decoded in slices, with a yield after each.

    Args:
        request: The request that it answers.
        response: The reply.
        decoder: Decodes its body.
        token: Redacted in errors.
        attempts: How many times the request was sent.
        maybe_done: Whether the service may have acted on it before.
        now: Seconds since 1970, for a `Retry-After` that names a date.

    Raises:
        StatusError: The service refused.
        DecodeError: The body is not what `request.returns` names.
    """
    is_deleted_before = maybe_done and response.status == HTTPStatus.NOT_FOUND and request.method == "DELETE"
    if response.status >= HTTPStatus.MULTIPLE_CHOICES and not is_deleted_before:
        raise explain_status(request, response, token=token, attempts=attempts, now=now)
    if request.returns is None:
        return cast("T", None)
    try:
        if len(response.body) <= _LARGE:
            value = decoder.decode(response.body, request.returns)
        else:
            # Most programs receive nothing as large.
            from ._slices import decode_in_slices  # noqa: PLC0415

            value = yield from decode_in_slices(response.body, request.returns, decoder, _max_items(request))
    except DecodeError as error:
        raise locate_decode_error(error, request, response, token) from None
    if isinstance(value, PipelineResult) and value.status not in _SUCCESS:
        within = attrs.evolve(response, status=value.status, body=(value.body or "").encode())
        raise explain_status(request, within, token=token, attempts=attempts, now=now)
    return cast("T", value)


def _max_items(request: Request[Any]) -> int | None:
    """Return how many items a list may have that was asked for with a limit; `None` when there was none."""
    limit = request.query.get("limit")
    return limit + _MARGIN if isinstance(limit, int) else None


def explain_status(
    request: Request[Any], response: Response, *, token: str | None, attempts: int, now: float
) -> StatusError:
    """Return the error that a reply with an error status is."""
    return status_error(response.status)(
        response.status,
        _message(response.body, token),
        request.without_body(),
        response.shown_headers,
        response.request_id,
        attempts,
        parse_retry_after(response.headers, now),
    )


def locate_decode_error(
    error: DecodeError, request: Request[Any], response: Response, token: str | None
) -> DecodeError:
    """Return the error with the request and the reply that it is about."""
    reason = redact(error.reason, token)
    if error.reason == HTML:
        reason = f"{HTML}: {_excerpt(redact(response.body[:_LOOKED_AT].decode(errors='replace'), token))}"
    content_type = response.headers.get("Content-Type")
    return DecodeError(
        reason, error.path, error.size, response.status, request.without_body(), content_type, error.truncated
    )


def redact(text: str, token: str | None) -> str:
    """Return the text without the token."""
    return text if token is None else text.replace(token, _REDACTED)


def _message(body: bytes, token: str | None) -> str:
    """Return what an error reply says, at most 500 characters.

    The `message` of a JSON object, unwrapped when it is itself such an object (GitHub's errors come through that
    way); text as it is; the beginning of an HTML page. Nothing of any other JSON, which may hold secrets.
    """
    text = body[:_LOOKED_AT].decode(errors="replace").lstrip("\ufeff").strip()
    message = _message_within(text) if len(body) <= _LOOKED_AT else None
    if message is None:
        if text.startswith("<"):
            return _excerpt(redact(text, token))
        return "" if text[:1] in {"{", "[", '"'} else redact(text, token)[:_SHOWN_OF_MESSAGE]
    while (inner := _message_within(message)) is not None:
        message = inner
    return redact(message, token)[:_SHOWN_OF_MESSAGE]


def _message_within(text: str) -> str | None:
    if not text.startswith("{"):
        return None
    try:
        value = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None
    message = value.get("message")
    return message if isinstance(message, str) else None


def _excerpt(html: str) -> str:
    return " ".join(html.lstrip("\ufeff \t\r\n")[:_SHOWN_OF_HTML].split())
