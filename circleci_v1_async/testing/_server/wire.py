"""Requests and replies as values, and the sockets that carry them."""

import asyncio
import json
import re
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, Literal, Protocol, TypeAlias

import attrs
from aiohttp import web
from yarl import URL

API_PREFIX: Final = "/api/v1.1"
V2_PREFIX: Final = "/api/v2"
PIECE_SIZE: Final = 64 * 2**10
_KEYWORDS: Final = frozenset({"status", "outcome", "lifecycle", "vcs_type", "why"})
# Format of the times that the service sets. The service treats times of commits as strings.
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z")
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
# Long enough for a reply that is being sent. Do not wait for delayed replies.
_SHUTDOWN_SECONDS: Final = 0.1
SiteName: TypeAlias = Literal["api", "v2", "artifacts", "storage"]
Payload: TypeAlias = dict[str, Any]
JSON: TypeAlias = dict[str, "JSON"] | list["JSON"] | str | float | bool | None


class Body(Protocol):
    """Bytes that the server can send piece by piece."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> bytes: ...


@attrs.frozen
class ReceivedRequest:
    """A request as the fake received it.

    Attributes:
        site: The part of the service that receives the request: the API v1.1, the API v2, artifacts at the URLs in
            lists, or storage.
        method: The method, in capitals.
        path: The path as received, percent-encoded, without the query.
        query_string: The query as received, without the question mark.
        segments: The segments of the path, decoded separately: an encoded slash stays within its segment.
        query: The decoded pairs of the query, in order.
        headers: The headers, with case-insensitive names.
        body: The body.
        operation: The operation that the request calls, such as `list_project_builds`; None for an unknown route.
    """

    __module__ = "circleci_v1_async.testing"

    site: SiteName
    method: str
    path: str
    query_string: str
    segments: tuple[str, ...]
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    operation: str | None

    @property
    def json(self) -> Any:
        """The body as JSON; None for an empty body.

        Raises:
            ValueError: The body is not JSON.
        """
        return json.loads(self.body) if self.body else None

    def matches(self, method: str | None, path: str | None) -> bool:
        """Return whether the request has this `method`, and its path begins with `path`. None matches any.

        `path` is percent-encoded as in the request, without `/api/v1.1`.
        """
        return method in {None, self.method} and self.path.removeprefix(API_PREFIX).startswith(path or "")


@attrs.frozen
class Reply:
    """The server's answer to a request.

    Attributes:
        status: The HTTP status.
        body: The body.
        headers: Additional headers. Every answer also has the common headers.
    """

    status: int = 200
    body: Body = attrs.field(default=b"", repr=False)
    headers: Mapping[str, str] = attrs.Factory(dict[str, str])

    @classmethod
    def json_error(cls, status: int, text: str) -> "Reply":
        """Make an error of the API, with a message in JSON."""
        return cls(status, encode_json({"message": text}), {"Content-Type": "application/json;charset=utf-8"})

    @classmethod
    def html_page(cls, status: int, title: str, *, text: str = "") -> "Reply":
        """Make an HTML page. Errors that do not come from the API itself have this form."""
        page = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1>{text}</body></html>\n"
        return cls(status, page.encode(), {"Content-Type": "text/html;charset=utf-8"})

    @classmethod
    def xml_error(cls, status: int, code: str, message: str) -> "Reply":
        """Make an error in the form of S3."""
        error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n{error}'
        return cls(status, body.encode(), {"Content-Type": "application/xml"})


OK: Final[Payload] = {"message": "ok"}


@attrs.frozen
class Drop:
    """A connection reset before the reply. `executed` is whether the request is executed."""

    executed: bool = False


@attrs.frozen
class Delivery:
    """How to send a reply.

    Attributes:
        is_cut: Whether the body is cut off.
        cut: Number of bytes before the cut; None for half of the body.
        is_chunked: Whether the body is sent in chunks, without a `Content-Length`.
        piece: Number of bytes to send at a time.
        pause: Number of seconds between two pieces.
    """

    is_cut: bool = False
    cut: int | None = None
    is_chunked: bool = False
    piece: int = PIECE_SIZE
    pause: float = 0.0

    def count_bytes(self, size: int) -> int:
        """Return the number of bytes to send of a body of `size` bytes."""
        if not self.is_cut:
            return size
        return size // 2 if self.cut is None else min(self.cut, size)


def format_time(moment: datetime) -> str:
    """Format a time like the service: UTC, with milliseconds and `Z`."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def format_commit_time(moment: datetime) -> str:
    """Format a commit's time, which has no milliseconds."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def sort_keys(payload: Payload, order: Iterable[str]) -> Payload:
    """Return a payload with its keys in an order, followed by keys that are not in the order."""
    return {key: payload[key] for key in order if key in payload} | payload


def encode_json(value: object) -> bytes:
    """Encode a value as JSON without blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def encode_for_accept(body: bytes, accept: str) -> tuple[bytes, str]:
    """Encode a compact JSON body like the service for this `Accept` header.

    Returns:
        The body and its content type. For `application/json`, the body is unchanged. For an empty header, it is EDN,
        Clojure's notation. For any other header, it is indented JSON, with the content type of plain text.
    """
    if "application/json" in accept:
        return body, "application/json;charset=utf-8"
    value: JSON = json.loads(body)
    if accept:
        text = json.dumps(value, ensure_ascii=False, indent=2, separators=(",", " : "))
        return text.encode(), "text/plain;charset=utf-8"
    return _encode_edn(value).encode(), "application/edn;charset=utf-8"


def _encode_edn(value: JSON) -> str:
    match value:
        case None:
            return "nil"
        case dict():
            members = (f":{key.replace('_', '-')} {_encode_edn_member(key, member)}" for key, member in value.items())
            return "{" + ", ".join(members) + "}"
        case list():
            return "[" + " ".join(map(_encode_edn, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _encode_edn_member(key: str, value: JSON) -> str:
    if isinstance(value, str) and key in _KEYWORDS:
        return f":{value}"
    if isinstance(value, str) and _TIME.fullmatch(value):
        return f"#<DateTime {value}>"
    return _encode_edn(value)


async def send(
    request: web.BaseRequest, reply: Reply, headers: Mapping[str, str], delivery: Delivery | None
) -> web.StreamResponse:
    """Send a reply according to `delivery`. The reply's own headers override `headers`."""
    headers = {**headers, **reply.headers}
    if delivery is None and isinstance(reply.body, bytes):
        return web.Response(status=reply.status, body=reply.body, headers=headers)
    return await _stream(request, reply, headers, delivery or Delivery())


async def _stream(
    request: web.BaseRequest, reply: Reply, headers: Mapping[str, str], delivery: Delivery
) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status, headers=headers)
    if delivery.is_chunked:
        response.enable_chunked_encoding()
    else:
        response.content_length = len(reply.body)
    stop = delivery.count_bytes(len(reply.body))
    # The client may disconnect while the body is sent.
    with suppress(ConnectionResetError):
        await response.prepare(request)
        for start in range(0, stop, delivery.piece):
            if start:
                await asyncio.sleep(delivery.pause)
            await response.write(reply.body[start : min(start + delivery.piece, stop)])
    if delivery.is_cut and request.transport is not None:  # pragma: no branch - None only if the client hung up first
        request.transport.close()
    return response


def reset(request: web.BaseRequest) -> web.StreamResponse:
    """Reset the connection, so that the client gets an error instead of a status.

    Returns:
        A response that aiohttp needs and cannot send.
    """
    if request.transport is not None:  # pragma: no branch - None only if the client hung up first
        # Without this option, the operating system would close the connection normally.
        linger = socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE
        request.transport.get_extra_info("socket").setsockopt(*linger)
        request.transport.abort()
    return web.Response()


class Listener:
    """A listening port. It keeps its number after it is closed and opened again.

    Args:
        handler: Answers the requests.
        host: The host to listen on.
        port: The port; 0 for any free port.
        name: The host name in URLs.
    """

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        host: str,
        port: int = 0,
        *,
        name: str,
    ) -> None:
        self._handler = handler
        self._host = host
        self._port = port
        self._name = name
        self._runner: web.ServerRunner | None = None

    @property
    def is_open(self) -> bool:
        """Whether the port is open."""
        return self._runner is not None

    @property
    def origin(self) -> str:
        """The origin, such as `http://127.0.0.1:41234`.

        Raises:
            RuntimeError: The port has not been opened yet.
        """
        if not self._port:
            raise RuntimeError("the fake has no URL before it is started")
        return str(URL.build(scheme="http", host=self._name, port=self._port))

    async def open(self) -> None:
        """Start listening.

        Raises:
            OSError: The port is already in use.
        """
        self._runner = web.ServerRunner(web.Server(self._handler, access_log=None), shutdown_timeout=_SHUTDOWN_SECONDS)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        self._port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening and close every connection, including busy ones."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
