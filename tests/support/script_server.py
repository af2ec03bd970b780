"""A server that says exactly what a test wants said, byte for byte, on a real loopback socket."""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple, Self

Action = Callable[["Received", asyncio.StreamWriter], Awaitable[None]]


class Received(NamedTuple):
    """A request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


def reply(
    status: int = 200, body: Any = b"", headers: Iterable[tuple[str, str]] = (), *, length: int | None = None
) -> bytes:
    """A whole reply. A body that is no bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = "application/octet-stream" if isinstance(body, bytes) else "application/json;charset=utf-8"
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in headers)]
    if not any(name.lower() == "content-type" for name, _ in headers):
        lines.append(f"Content-Type: {kind}")
    lines.append(f"Content-Length: {len(content) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content


def error(status: int, message: str = "No.", headers: Iterable[tuple[str, str]] = ()) -> bytes:
    return reply(status, {"message": message}, headers)


async def reset(_received: Received, writer: asyncio.StreamWriter) -> None:
    """End the connection with a RST."""
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def hang_up(_received: Received, writer: asyncio.StreamWriter) -> None:
    """End the connection with a FIN."""
    writer.close()


async def hang(_received: Received, _writer: asyncio.StreamWriter) -> None:
    """Say nothing until the client or the server closes."""
    await asyncio.Event().wait()


def then(first: bytes, action: Action) -> Action:
    """Say something, then do something."""

    async def act(received: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        await writer.drain()
        await action(received, writer)

    return act


class ScriptServer:
    """Answers each request with the next of its script, and the last of it for ever.

    `script` holds bytes to send, or coroutine functions that get the request and the writer.
    """

    def __init__(self, *script: bytes | Action, tls: ssl.SSLContext | None = None) -> None:
        self.tls = tls
        self.script: list[bytes | Action] = list(script)
        self.requests: list[Received] = []
        self.connections = 0
        self.received = asyncio.Condition()
        self._handlers: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)

    @property
    def port(self) -> int:
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def origin(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self.origin}/api/v1.1"

    async def has_received(self, count: int) -> None:
        """Wait until so many requests have come."""
        async with self.received:
            await self.received.wait_for(lambda: len(self.requests) >= count)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        self.connections += 1
        try:
            while (received := await _receive(reader)) is not None:
                action = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                async with self.received:
                    self.requests.append(received)
                    self.received.notify_all()
                if isinstance(action, bytes):
                    writer.write(action)
                    await writer.drain()
                else:
                    await action(received, writer)
                if writer.is_closing():
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._handlers.discard(task)
            writer.close()


async def _receive(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    request_line, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, _ = request_line.split(" ")
    headers = {name: value for name, _, value in (line.partition(": ") for line in lines)}
    return Received(method, target, headers, await reader.readexactly(int(headers.get("Content-Length", 0))))
