"""A server that costs next to nothing, in a process of its own: lists of builds, cut from bytes made beforehand.

The address says what a list is like: `/project/github/acme/full-3804-50` holds 3,804 full builds and sends each page
50 milliseconds late. `shallow` builds have the fields that `shallow=true` leaves, `tiny` ones three. The payloads are
those of `FakeCircleCI`, with other numbers. Whatever else is asked for is not there.
"""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import aiohttp

from circleci_v1_async.testing import FakeCircleCI

_ROOT: Final = Path(__file__).parents[1]
_LIST: Final = re.compile(rb"GET /api/v1\.1/project/github/acme/([a-z]+)-(\d+)-(\d+)\?(\S*) HTTP/1\.1\r\n")
_LIMIT: Final = re.compile(rb"(?:^|&)limit=(\d+)")
_OFFSET: Final = re.compile(rb"(?:^|&)offset=(\d+)")
_MAX_LIMIT: Final = 100
_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=utf-8\r\nServer: nginx\r\n"
    b"X-Circleci-Request-Id: 6f1d2a90-0000-4000-8000-000000000000\r\nContent-Length: %d\r\n\r\n"
)
_NOT_FOUND: Final = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
_NUMBER: Final = re.compile(rb'"build_num":(\d+)')

# A build but for its number, which goes in between.
Template = tuple[bytes, bytes]


def slug(kind: str, count: int, *, delay_ms: int = 0) -> str:
    """The project whose list has `count` builds of the kind `full`, `shallow` or `tiny`."""
    return f"github/acme/{kind}-{count}-{delay_ms}"


@contextmanager
def serving() -> Iterator[str]:
    """The base URL of a server in another process, which ends with the block, or with this process."""
    command = (sys.executable, "-m", "benchmarks.server")
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - this very file
        assert process.stdin is not None  # noqa: S101
        assert process.stdout is not None  # noqa: S101
        if not (base_url := process.stdout.readline().strip()):
            raise RuntimeError("the server of the benchmarks did not start")
        try:
            yield base_url
        finally:
            process.stdin.close()


class _Connection(asyncio.Protocol):
    """One connection: requests without a body, one after the other."""

    def __init__(self, templates: dict[bytes, list[Template]]) -> None:
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
        asked = _LIST.match(request)
        templates = asked and self._templates.get(asked[1])
        if not asked or not templates:
            self._transport.write(_NOT_FOUND)
            return
        page = _page(
            templates, int(asked[2]), limit=_number(_LIMIT, asked[4], 30), offset=_number(_OFFSET, asked[4], 0)
        )
        send = partial(self._transport.writelines, (_HEAD % len(page), page))
        if delay_ms := int(asked[3]):
            asyncio.get_running_loop().call_later(delay_ms / 1000, send)
        else:
            send()


def _number(pattern: re.Pattern[bytes], query: bytes, default: int) -> int:
    found = pattern.search(query)
    return int(found[1]) if found else default


def _page(templates: list[Template], count: int, *, limit: int, offset: int) -> bytes:
    """The newest build, at the head of the list, has the number `count`, and the last one 1."""
    items: list[bytes] = []
    for number in range(count - offset, max(0, count - offset - min(limit, _MAX_LIMIT)), -1):
        head, tail = templates[number % len(templates)]
        items.append(b"%b%d%b" % (head, number, tail))
    return b"[%b]" % b",".join(items)


async def _make_templates() -> dict[bytes, list[Template]]:
    """What a service with a bit of everything lists, taken apart."""
    async with FakeCircleCI() as fake, aiohttp.ClientSession() as client:
        fake.add_project("github/acme/web-storefront")
        for number in range(_MAX_LIMIT):
            fake.add_build(
                "github/acme/web-storefront",
                status=("success", "failed", "success", "fixed", "canceled", "timedout", "running")[number % 7],
                branch=("main", "feature/faster-checkout", "renovate/all-minor", "fix-cart-total")[number % 4],
                subject=f"Keep the cart when the storefront is reloaded, part {number} of many (#4{number:03})",
                job=("build", "unit-tests", "browser-tests", "deploy-preview")[number % 4],
                # Real ones are longer than what a fake makes up.
                body="The cart was kept in memory only.\n\nIt is now stored, and read again when a page is loaded. "
                * 2,
            )
        pages: dict[bytes, list[bytes]] = {}
        for kind, query in ((b"full", ""), (b"shallow", "&shallow=true")):
            url = f"{fake.base_url}/project/github/acme/web-storefront?limit={_MAX_LIMIT}{query}"
            async with client.get(url, headers={"Circle-Token": fake.token, "Accept": "application/json"}) as reply:
                pages[kind] = [_compact(build) for build in await reply.json()]
        tiny = {"vcs_url": "https://github.com/acme/web-storefront", "build_num": 1, "status": "success"}
        pages[b"tiny"] = [_compact(tiny)]
        return {kind: list(map(_template, builds)) for kind, builds in pages.items()}


def _compact(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _template(build: bytes) -> Template:
    # Other builds, such as the one before on the branch, may be named by their numbers, too.
    number = json.loads(build)["build_num"]
    own = next(found for found in _NUMBER.finditer(build) if int(found[1]) == number)
    return build[: own.start(1)], build[own.end(1) :]


async def _serve() -> None:
    """Serve until standard input ends, which it does with the process that started this one."""
    loop = asyncio.get_running_loop()
    templates = await _make_templates()
    server = await loop.create_server(partial(_Connection, templates), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}/api/v1.1", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve())
