"""The one server: a fast server in a process of its own, which answers from prepared bytes.

`/project/github/acme/recorded-3994-50` is a list of 3,994 builds of the kind `recorded`, and each of its pages is sent
after 50 milliseconds. `/project/github/acme/recorded-3994-50/17` is a single build, with the same delay. `pages.py`
has the kinds of builds, and the replies for all other paths. Every other request gets a 404.
"""

import asyncio
import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl
from urllib.request import urlopen

from .pages import Replies, make_replies

PAGE: Final = 100
_ROOT: Final = Path(__file__).parents[1]
_TARGET: Final = re.compile(
    rb"GET /api/v1\.1(/project/github/acme/([a-z]+)-(\d+)-(\d+)(?:/(\d+))?|[^ ?]+)(?:\?(\S*))? HTTP/1\.1\r\n"
)
_NOT_FOUND: Final = b'{"message":"Project not found"}'
# Real replies have about twenty headers.
_HEAD: Final = (
    b"HTTP/1.1 %b\r\nContent-Type: application/json;charset=utf-8\r\nContent-Length: %d\r\n"
    b"X-Circleci-Request-Id: 6f1d2a90-0000-4000-8000-000000000000\r\n"
    + b"".join(b"X-Header-%d: a value as long as a usual one\r\n" % number for number in range(17))
    + b"\r\n"
)


def slug(kind: str, count: int, *, delay_ms: int = 0) -> str:
    """Return the slug of the project with a list of `count` builds of a kind."""
    return f"github/acme/{kind}-{count}-{delay_ms}"


def fetch(base_url: str, path: str) -> bytes:
    """Return the body of a reply, for work that begins with the body."""
    with urlopen(f"{base_url}{path}") as reply:  # noqa: S310 - our own server
        body: bytes = reply.read()
    return body


@contextmanager
def serving() -> Generator[str]:
    """Yield the base URL of a server in another process. The server stops at the end of the block."""
    command = (sys.executable, "-m", __name__)
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        assert process.stdin is not None  # noqa: S101
        assert process.stdout is not None  # noqa: S101
        if not (base_url := process.stdout.readline().strip()):
            raise RuntimeError("the server of the benchmarks did not start")
        try:
            yield base_url
        finally:
            process.stdin.close()


class _Connection(asyncio.Protocol):
    """One connection, with requests without a body, one after the other."""

    def __init__(self, replies: Replies) -> None:
        self._replies = replies
        self._received = b""
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._received.endswith(b"\r\n\r\n"):
            request, self._received = self._received, b""
            self._answer(request)

    def _answer(self, request: bytes) -> None:
        target = _TARGET.match(request)
        body = target and self._find(target)
        status, body = (b"200 OK", body) if body else (b"404 Not Found", _NOT_FOUND)
        send = partial(self._transport.writelines, (_HEAD % (status, len(body)), body))
        if target and (delay_ms := int(target[4] or 0)):
            asyncio.get_running_loop().call_later(delay_ms / 1000, send)
        else:
            send()

    def _find(self, target: re.Match[bytes]) -> bytes | None:
        path, kind, count, _, build_num, query = target.groups(default=b"")
        if kind not in self._replies.kinds:
            return self._replies.fixed.get(path)
        if build_num:
            return self._replies.single(kind, int(build_num))
        numbers = dict(parse_qsl(query))
        limit, offset = int(numbers.get(b"limit", 30)), int(numbers.get(b"offset", 0))
        return self._replies.page(kind, int(count), limit=min(limit, PAGE), offset=offset)


async def _serve() -> None:
    """Serve until standard input ends. It ends together with the process that started this one."""
    loop = asyncio.get_running_loop()
    replies = make_replies()
    server = await loop.create_server(partial(_Connection, replies), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}/api/v1.1", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve())
