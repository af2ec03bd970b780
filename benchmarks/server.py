"""A server that costs next to nothing, in a process of its own: lists of builds, cut from bytes made beforehand.

The address says what a list is like: `/project/github/acme/full-3804-50` holds 3,804 full builds and sends each page
50 milliseconds late, and so do its single builds, `/project/github/acme/full-3804-50/17`. `bitbucket` builds are full
ones with an empty `committer_date`, `shallow` ones have the fields that `shallow=true` leaves, `tiny` ones three. The
payloads are those of `FakeCircleCI`, with other numbers, and with their keys in CircleCI's own order. Whatever else is
asked for is not there.
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
from typing import Any, Final

import aiohttp

from circleci_v1_async.testing import FakeCircleCI

_ROOT: Final = Path(__file__).parents[1]
_TARGET: Final = re.compile(
    rb"GET /api/v1\.1/project/github/acme/([a-z]+)-(\d+)-(\d+)(?:/(\d+))?(?:\?(\S*))? HTTP/1\.1\r\n"
)
_LIMIT: Final = re.compile(rb"(?:^|&)limit=(\d+)")
_OFFSET: Final = re.compile(rb"(?:^|&)offset=(\d+)")
_MAX_LIMIT: Final = 100
_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=utf-8\r\nServer: nginx\r\n"
    b"X-Circleci-Request-Id: 6f1d2a90-0000-4000-8000-000000000000\r\nContent-Length: %d\r\n\r\n"
)
_NOT_FOUND: Final = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
_NUMBER: Final = re.compile(rb'"build_num":(\d+)')
_DETAIL: Final = b"detail"
# What brings a single build to 12 kB.
_STEPS: Final = (
    *("Spin up environment", "Preparing environment variables", "Checkout code", "Restore the cache of packages"),
    *("Install the dependencies", "Check the style", "Run the unit tests", "Run the browser tests"),
    *("Store the test results", "Upload artifacts"),
)
# The service sends the keys of every object in one and the same order, which is that of a hash.
_KEYS: Final = """
    compare previous_successful_build build_parameters oss all_commit_details_truncated committer_date steps body
    usage_queued_at context_ids fail_reason retry_of reponame ssh_users build_url truncated index parallel failed branch
    is_user login avatar_url username author_date why user vcs_revision workflows owners vcs_tag pull_requests build_num
    infrastructure_fail committer_email has_artifacts previous name bash_command status commit committer_login
    committer_name pull_request_urls retries subject vcs_type id timedout continue dont_build lifecycle
    no_dependency_cache fleet end_time type allocation_id output_url stop_time ssh_disabled build_time_millis picard
    circle_yml messages is_first_green_build job_name job_id workflow_id workspace_id upstream_job_ids
    upstream_concurrency_map workflow_name start_time background exit_code insignificant canceler all_commit_details
    platform outcome vcs_url commit_url author_login author_name node queued_at canceled step run_time_millis has_output
    author_email
""".split()  # noqa: SIM905 - ninety lines otherwise
_PLACES: Final = {key: place for place, key in enumerate(_KEYS)}

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
        asked = _TARGET.match(request)
        templates = asked and self._templates.get(_DETAIL if asked[4] else asked[1])
        if not asked or not templates:
            self._transport.write(_NOT_FOUND)
            return
        query = asked[5] or b""
        body = (
            _build(templates, int(asked[4]))
            if asked[4]
            else _page(templates, int(asked[2]), limit=_number(_LIMIT, query, 30), offset=_number(_OFFSET, query, 0))
        )
        send = partial(self._transport.writelines, (_HEAD % len(body), body))
        if delay_ms := int(asked[3]):
            asyncio.get_running_loop().call_later(delay_ms / 1000, send)
        else:
            send()


def _number(pattern: re.Pattern[bytes], query: bytes, default: int) -> int:
    found = pattern.search(query)
    return int(found[1]) if found else default


def _page(templates: list[Template], count: int, *, limit: int, offset: int) -> bytes:
    """The newest build, at the head of the list, has the number `count`, and the last one 1."""
    numbers = range(count - offset, max(0, count - offset - min(limit, _MAX_LIMIT)), -1)
    return b"[%b]" % b",".join(_build(templates, number) for number in numbers)


def _build(templates: list[Template], number: int) -> bytes:
    head, tail = templates[number % len(templates)]
    return b"%b%d%b" % (head, number, tail)


async def _make_templates() -> dict[bytes, list[Template]]:
    """What a service with a bit of everything sends, taken apart."""
    async with FakeCircleCI() as fake, aiohttp.ClientSession() as client:

        async def get(target: str) -> Any:
            headers = {"Circle-Token": fake.token, "Accept": "application/json"}
            async with client.get(f"{fake.base_url}/project/{target}", headers=headers) as reply:
                return await reply.json()

        for vcs_type in ("github", "bitbucket"):
            fake.add_project(f"{vcs_type}/acme/web-storefront")
            for number in range(_MAX_LIMIT):
                fake.add_build(
                    f"{vcs_type}/acme/web-storefront",
                    status=("success", "failed", "success", "fixed", "canceled", "timedout", "running")[number % 7],
                    branch=("main", "feature/faster-checkout", "renovate/all-minor", "fix-cart-total")[number % 4],
                    subject=f"Keep the cart when the storefront is reloaded, part {number} of many (#4{number:03})",
                    job=("build", "unit-tests", "browser-tests", "deploy-preview")[number % 4],
                    # Real ones are longer than what a fake makes up.
                    body="The cart was kept in memory only.\n\nIt is now stored, and read again when a page is "
                    "loaded. " * 2,
                )
        detailed = fake.add_build("github/acme/web-storefront")["build_num"]
        for step in _STEPS:
            fake.add_step("github/acme/web-storefront", detailed, step, output=f"{step}\r\n")
        listed = f"acme/web-storefront?limit={_MAX_LIMIT}"
        builds: dict[bytes, list[Any]] = {
            b"full": await get(f"github/{listed}&offset=1"),
            b"bitbucket": await get(f"bitbucket/{listed}"),
            b"shallow": await get(f"github/{listed}&offset=1&shallow=true"),
            b"tiny": [{"vcs_url": "https://github.com/acme/web-storefront", "build_num": 1, "status": "success"}],
            _DETAIL: [await get(f"github/acme/web-storefront/{detailed}")],
        }
    return {kind: [_template(_compact(_in_order(build))) for build in each] for kind, each in builds.items()}


def _in_order(value: Any) -> Any:
    """With the keys of all objects as CircleCI sends them; what it is not known to send comes last."""
    if isinstance(value, list):
        return [_in_order(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _in_order(value[key]) for key in sorted(value, key=lambda key: _PLACES.get(key, len(_PLACES)))}


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
