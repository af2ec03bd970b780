"""A server in a separate process that limits the rate of each project.

The URL contains the limit. `/project/github/acme/bucket-20-1/7` accepts 20 calls per second from a bucket of 20 tokens,
and sends `Retry-After: 1` with a rejection. `window-5-0` accepts five calls in each second of the clock, and sends no
`Retry-After`. A suffix after a further hyphen creates a separate project with its own limit. Lists of builds have
`BUILDS` builds.
"""

import asyncio
import json
import re
import sys
from collections import defaultdict
from functools import partial
from typing import Final

import attrs

__all__ = ["BUILDS", "slug"]

BUILDS: Final = 20_000
_TARGET: Final = re.compile(
    rb"GET /api/v1\.1/project/github/acme/((bucket|window)-(\d+)-(\d+)[\w-]*)(?:/(\d+))?"
    rb"(?:\?limit=(\d+)&offset=(\d+)\S*)? HTTP/1\.1\r\n"
)
_OK: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
_REFUSED: Final = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n%b\r\n"
_NOT_FOUND: Final = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def slug(kind: str, rate: int, retry_after: int | None, name: str) -> str:
    """Return the slug of a rate-limited project.

    Args:
        kind: `bucket` or `window`.
        rate: Number of calls per second.
        retry_after: The `Retry-After` header of a rejection, in seconds; `None` for no header.
        name: Suffix that makes the project a separate one.
    """
    return f"github/acme/{kind}-{rate}-{retry_after or 0}-{name}"


@attrs.define
class _Limit:
    """State of one project's limit."""

    left: float = 0.0
    at: float = -1.0

    def takes(self, kind: bytes, rate: int, now: float) -> bool:
        if kind == b"window":
            self.left = self.left if int(now) == int(self.at) else rate
        else:
            self.left = min(float(rate), self.left + (now - self.at) * rate) if self.at >= 0 else rate
        self.at = now
        taken = self.left >= 1
        self.left -= taken
        return taken


class _Connection(asyncio.Protocol):
    def __init__(self, limits: defaultdict[bytes, _Limit]) -> None:
        self._limits = limits
        self._received = b""
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._received.endswith(b"\r\n\r\n"):
            request, self._received = self._received, b""
            self._transport.write(self._answer(request))

    def _answer(self, request: bytes) -> bytes:
        if (target := _TARGET.match(request)) is None:
            return _NOT_FOUND
        name, kind, rate, retry_after, number, limit, offset = target.groups()
        if not self._limits[name].takes(kind, int(rate), asyncio.get_running_loop().time()):
            return _REFUSED % (b"Retry-After: %b\r\n" % retry_after if int(retry_after) else b"")
        numbers = range(BUILDS - int(offset or 0), max(BUILDS - int(offset or 0) - int(limit or 30), 0), -1)
        builds = [{"build_num": each, "vcs_url": "https://github.com/acme/web"} for each in numbers]
        body = json.dumps({"build_num": int(number)} if number else builds).encode()
        return _OK % (len(body), body)


async def _serve() -> None:
    """Serve until standard input ends. It ends together with the process that started this one."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(partial(_Connection, defaultdict(_Limit)), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}/api/v1.1", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve())
