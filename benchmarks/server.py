"""A fast server in a separate process, with lists of builds that are cut from prepared bytes.

The URL describes the list. `/project/github/acme/full-3804-50` contains 3,804 full builds, and each page is sent after
50 milliseconds. The single builds, such as `/project/github/acme/full-3804-50/17`, have the same delay. The kinds are:

- `recorded`: with the same keys, nesting, nulls and string lengths as lists that were recorded from the service;
- `shuffled`: the same, with the keys of every object in random order;
- `nested`: the same, each with a message, a pull request and two earlier builds;
- `full`: with every field that the fake supports, long strings and few nested objects;
- `bitbucket`: full builds with an empty `committer_date`;
- `shallow`: with the fields that `shallow=true` includes;
- `tiny`: with three fields.

All other requests get a 404.
"""

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from .pages import DETAIL, Template, make_templates, page, single

_ROOT: Final = Path(__file__).parents[1]
_TARGET: Final = re.compile(
    rb"GET /api/v1\.1/project/github/acme/([a-z]+)-(\d+)-(\d+)(?:/(\d+))?(?:\?(\S*))? HTTP/1\.1\r\n"
)
_LIMIT: Final = re.compile(rb"(?:^|&)limit=(\d+)")
_OFFSET: Final = re.compile(rb"(?:^|&)offset=(\d+)")
_DEFAULT_LIMIT: Final = 30
_MAX_LIMIT: Final = 100
_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=utf-8\r\nServer: nginx\r\n"
    b"X-Circleci-Request-Id: 6f1d2a90-0000-4000-8000-000000000000\r\nContent-Length: %d\r\n\r\n"
)
_NOT_FOUND: Final = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def slug(kind: str, count: int, *, delay_ms: int = 0) -> str:
    """Return the slug of the project with a list of `count` builds of a kind."""
    return f"github/acme/{kind}-{count}-{delay_ms}"


@contextmanager
def serving(module: str = "benchmarks.server") -> Iterator[str]:
    """Yield the base URL of a server in another process. The server stops at the end of the block."""
    command = (sys.executable, "-m", module)
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

    def __init__(self, templates: Mapping[bytes, list[Template]]) -> None:
        self._templates = templates
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
        templates = target and self._templates.get(DETAIL if target[4] else target[1])
        if not target or not templates:
            self._transport.write(_NOT_FOUND)
            return
        if target[4]:
            body = single(templates, int(target[4]))
        else:
            query = target[5] or b""
            limit = min(_number(_LIMIT, query, _DEFAULT_LIMIT), _MAX_LIMIT)
            body = page(templates, int(target[2]), limit=limit, offset=_number(_OFFSET, query, 0))
        send = partial(self._transport.writelines, (_HEAD % len(body), body))
        if delay_ms := int(target[3]):
            asyncio.get_running_loop().call_later(delay_ms / 1000, send)
        else:
            send()


def _number(pattern: re.Pattern[bytes], query: bytes, default: int) -> int:
    found = pattern.search(query)
    return int(found[1]) if found else default


async def _serve() -> None:
    """Serve until standard input ends. It ends together with the process that started this one."""
    loop = asyncio.get_running_loop()
    templates = await make_templates()
    server = await loop.create_server(partial(_Connection, templates), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}/api/v1.1", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve())
