"""Requests and replies, and the sockets that they pass through."""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final, Literal, Protocol, TypeAlias

import attrs
from aiohttp import web
from yarl import URL

API_PREFIX: Final = "/api/v1.1"


SiteName: TypeAlias = Literal["api", "artifacts", "storage"]
PIECE_SIZE: Final = 64 * 2**10


class Body(Protocol):
    """Bytes that can be sent piece by piece."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> bytes: ...


@attrs.frozen
class ReceivedRequest:
    """A request as it came off the socket.

    Attributes:
        site: What it came to: the API, the addresses of artifacts beside it, or what is stored elsewhere.
        method: The method, in capitals.
        path: The path with its percent-encoding, byte for byte, without the query.
        query_string: The query, byte for byte, without the question mark.
        segments: The path's segments, each decoded by itself: an encoded slash stays within its segment.
        query: The query's pairs, decoded, in order.
        headers: The headers, found whatever their case.
        body: The body's bytes.
        operation: What the service calls for, such as `list_project_builds`; None for an unknown route.
    """

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
        """The body as JSON; None for an empty one.

        Raises:
            ValueError: The body is not JSON.
        """
        return json.loads(self.body) if self.body else None

    def matches(self, method: str | None, path: str | None) -> bool:
        """Whether this is a request by `method` (None: any) to a path that begins with `path` (None: any).

        The path is given without `/api/v1.1` and with the percent-encoding of the request.
        """
        return method in {None, self.method} and self.path.removeprefix(API_PREFIX).startswith(path or "")


@attrs.frozen
class Reply:
    """What the server answers.

    Attributes:
        status: The status.
        body: The body, as it goes out.
        headers: Headers, in addition to those of every answer.
    """

    status: int = 200
    body: Body = attrs.field(default=b"", repr=False)
    headers: Mapping[str, str] = attrs.Factory(dict[str, str])

    @classmethod
    def json_error(cls, status: int, text: str) -> "Reply":
        """The service's own form of an error."""
        return cls(status, encode_json({"message": text}), {"Content-Type": "application/json;charset=utf-8"})

    @classmethod
    def html_page(cls, status: int, title: str, *, text: str = "") -> "Reply":
        """A page for people, which errors from outside the API are."""
        page = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1>{text}</body></html>\n"
        return cls(status, page.encode(), {"Content-Type": "text/html;charset=utf-8"})

    @classmethod
    def xml_error(cls, status: int, code: str, message: str) -> "Reply":
        """An error as S3 words it."""
        error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n{error}'
        return cls(status, body.encode(), {"Content-Type": "application/xml"})


@attrs.frozen
class Drop:
    """The connection is reset before a byte of the reply; `executed` says whether the request took effect."""

    executed: bool = False


@attrs.frozen
class Delivery:
    """How the true reply goes out.

    Attributes:
        is_cut: Whether it breaks off in its body.
        cut: After how many bytes of the body; None for half of it.
        is_chunked: Whether it goes without a `Content-Length`.
        piece: How many bytes of the body go out at a time.
        pause: Seconds between two pieces.
    """

    is_cut: bool = False
    cut: int | None = None
    is_chunked: bool = False
    piece: int = PIECE_SIZE
    pause: float = 0.0

    def count_bytes(self, size: int) -> int:
        """How many bytes go out of a body of `size` bytes."""
        if not self.is_cut:
            return size
        return size // 2 if self.cut is None else min(self.cut, size)


JSON: TypeAlias = dict[str, "JSON"] | list["JSON"] | str | float | bool | None

_KEYWORDS: Final = frozenset({"status", "outcome", "lifecycle", "vcs_type", "why"})


def encode_json(value: object) -> bytes:
    """JSON without a byte to spare."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def encode_for_accept(body: bytes, accept: str) -> tuple[bytes, str]:
    """Put a compact JSON body into the form that `accept` gets from the service.

    Returns:
        The body and its content type: JSON as it is for `application/json`, indented JSON that calls itself plain
        text for anything else, and EDN, Clojure's notation, for nothing at all.
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
            return "{" + ", ".join(f":{key} {_encode_edn_member(key, member)}" for key, member in value.items()) + "}"
        case list():
            return "[" + " ".join(map(_encode_edn, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _encode_edn_member(key: str, value: JSON) -> str:
    return f":{value}" if key in _KEYWORDS and isinstance(value, str) else _encode_edn(value)


_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


async def send(
    request: web.BaseRequest, reply: Reply, headers: Mapping[str, str], delivery: Delivery | None
) -> web.StreamResponse:
    """Send a reply, at once or as `delivery` says; its own headers win over those of every answer."""
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
    # A client may well hang up in the middle.
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
    """Reset the connection, so that the client meets an error where it expects a status.

    Returns:
        A response that the server's machinery tries in vain to send.
    """
    if request.transport is not None:  # pragma: no branch - None only if the client hung up first
        # Without this the system would end the connection in good order.
        linger = socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE
        request.transport.get_extra_info("socket").setsockopt(*linger)
        request.transport.abort()
    return web.Response()


# Long enough for a reply on its way out; a client that waits for a delayed one is not worth waiting for.
_SHUTDOWN_SECONDS: Final = 0.1


class Listener:
    """A port that is opened and closed at will, and stays the same once it is known.

    Args:
        handler: Answers what arrives.
        host: Where to listen.
        port: The port; 0 for any that is free.
        name: What addresses call the host.
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
        """Whether it listens."""
        return self._runner is not None

    @property
    def origin(self) -> str:
        """Its address, such as `http://127.0.0.1:41234`.

        Raises:
            RuntimeError: It has not been opened, and so has no port yet.
        """
        if not self._port:
            raise RuntimeError("this fake has no address before it is started")
        return str(URL.build(scheme="http", host=self._name, port=self._port))

    async def open(self) -> None:
        """Listen.

        Raises:
            OSError: The port is taken.
        """
        self._runner = web.ServerRunner(web.Server(self._handler, access_log=None), shutdown_timeout=_SHUTDOWN_SECONDS)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        self._port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening and close every connection, idle or not."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
