"""Single operations compared with aiohttp and `orjson.loads`: lists, small replies, errors, hooks.

It also measures the first reply with a wrong value. The replies are recorded replies from `CIRCLECI_RECORDINGS`,
repeated to the required length. Without recordings, similar replies are generated.
"""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from time import process_time
from typing import Any, Final

import aiohttp
import attrs
import orjson

from circleci_v1_async import (
    Artifact,
    Build,
    CircleCIConverter,
    CircleCISession,
    NotFoundError,
    Project,
    Request,
    TestMetadata,
    User,
    loads,
    make_converter,
)

from .comparison import Candidate, Comparison, Target
from .pages import make_templates, page
from .server import serving

OURS: Final = "circleci_v1_async"
ORJSON: Final = "aiohttp, orjson.loads"
_BEYOND: Final = "0.15 ms"
_MISFIT: Final = "10 ms"
_CALLS: Final = 400
_PAGES: Final = 20
_MEGABYTE: Final = 1_000_000
_HEADERS: Final = [(f"X-Header-{number}", "a value of some length, as headers have it") for number in range(20)]
_HEAD: Final = "HTTP/1.1 {} Whatever\r\nContent-Type: application/json;charset=utf-8\r\nContent-Length: {}\r\n{}\r\n"

# For each name of a reply: its description, the type to decode it into, the calls for one figure, and the target.
_REPLIES: Final[dict[str, tuple[str, Any, int, Target]]] = {
    "projects": ("`list_projects` of 1.0 MB", list[Project], 10, Target(ORJSON, 1.10)),
    "projects-2": ("`list_projects` of 2.0 MB", list[Project], 6, Target(ORJSON, 1.10)),
    "artifacts": ("5,000 artifacts", list[Artifact], 10, Target(ORJSON, 1.20)),
    "tests": ("10,000 tests", list[TestMetadata], 6, Target(ORJSON, 1.30)),
    "me": ("`/me`", User, 400, Target(ORJSON, 1.20, 1.15)),
}


@attrs.frozen
class _Sent:
    """The server's reply for one path."""

    status: int
    body: bytes

    @property
    def reply(self) -> bytes:
        headers = "".join(f"{name}: {value}\r\n" for name, value in _HEADERS)
        return _HEAD.format(self.status, len(self.body), headers).encode() + self.body


class _Connection(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        name = data.split(b" ", 2)[1].rpartition(b"/")[2].decode()
        self._transport.write(_replies()[name].reply)


@cache
def _replies() -> dict[str, _Sent]:
    project, artifact, test, me = (_read(*names) for names in _FILES.values())
    tests = {"tests": _repeated(test["tests"], 10_000)}
    bodies: dict[str, Any] = {
        "projects": _of_size(project, _MEGABYTE),
        "projects-2": _of_size(project, 2 * _MEGABYTE),
        "artifacts": _repeated(artifact, 5_000),
        "tests": tests,
        "me": me,
    }
    sent = {name: _Sent(200, json.dumps(body).encode()) for name, body in bodies.items()}
    return sent | {"missing": _Sent(404, b'{"message":"Project not found"}'), "small": _Sent(200, b'{"message":"OK"}')}


# File names of recorded replies, and similar values for use without recordings.
_FILES: Final[dict[str, tuple[str, Any]]] = {
    "projects": (
        "projects-04.json",
        [
            {
                "vcs_url": "https://github.com/acme/web",
                "username": "acme",
                "reponame": "web",
                "followed": True,
                "branches": {
                    f"feature%2F{number}": {
                        "recent_builds": [
                            {
                                "outcome": "success",
                                "status": "success",
                                "build_num": number,
                                "vcs_revision": "0f" * 20,
                                "pushed_at": "2026-01-05T09:00:00.000Z",
                                "added_at": "2026-01-05T09:00:01.000Z",
                            }
                        ]
                        * 5,
                        "running_builds": [],
                    }
                    for number in range(20)
                },
            }
        ],
    ),
    "artifacts": (
        "latest_artifacts-02.json",
        [
            {
                "path": "coverage/index.html",
                "pretty_path": "coverage/index.html",
                "node_index": 0,
                "url": "https://output.circle-artifacts.com/output/job/6f1d2a90/artifacts/0/coverage/index.html",
            }
        ],
    ),
    "tests": (
        "tests-02.json",
        {
            "tests": [
                {
                    "classname": "tests.test_upload",
                    "file": "tests/test_upload.py",
                    "name": "test_upload_resumes",
                    "result": "success",
                    "run_time": 0.125,
                    "message": None,
                    "source": "pytest",
                }
            ]
        },
    ),
    "me": (
        "me-01.json",
        {
            "login": "dana",
            "name": "Dana",
            "avatar_url": "https://avatars.githubusercontent.com/u/1",
            "admin": False,
            "all_emails": ["dana@acme.example"],
            "selected_email": "dana@acme.example",
            "created_at": "2020-01-05T09:00:00.000Z",
            "projects": {f"https://github.com/acme/{number}": {"emails": "default"} for number in range(20)},
        },
    ),
}


def _read(file: str, other: Any) -> Any:
    folder = os.environ.get("CIRCLECI_RECORDINGS")
    return json.loads((Path(folder) / file).read_bytes()) if folder else other


def _repeated(items: list[Any], count: int) -> list[Any]:
    return (items * (count // len(items) + 1))[:count]


def _of_size(items: list[Any], size: int) -> list[Any]:
    count = max(1, round(size / (len(json.dumps(items)) / len(items))))
    return _repeated(items, count)


async def _cpu_of(calls: int, call: Callable[[], Awaitable[object]]) -> float:
    """Return the number of CPU seconds for one call, after one call that does not count."""
    await call()
    started = process_time()
    for _ in range(calls):
        await call()
    return (process_time() - started) / calls


async def _fetch(name: str, returns: Any, calls: int, base_url: str) -> float:
    async with CircleCISession("a-token", base_url=base_url) as ci:
        if name == "tests":
            return await _cpu_of(calls, lambda: ci.list_build_tests("gh/acme/web", 1))
        return await _cpu_of(calls, lambda: ci.send(Request("GET", f"/{name}", returns=returns)))


async def _fetch_untyped(name: str, calls: int, base_url: str) -> float:
    headers = {"Accept": "application/json", "Circle-Token": "a-token"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def get() -> object:
            async with session.get(f"{base_url}/{name}") as reply:
                return orjson.loads(await reply.read())

        return await _cpu_of(calls, get)


async def _beyond_success(other: str, base_url: str) -> float:
    """Return the additional CPU seconds of a 404 or a raw reply, compared with a decoded success."""
    async with CircleCISession("a-token", base_url=base_url) as ci:

        async def get_missing() -> None:
            with suppress(NotFoundError):
                await ci.send(Request("GET", "/missing"))

        success = await _cpu_of(_CALLS, lambda: ci.send(Request("GET", "/small")))
        more = get_missing if other == "404" else lambda: ci.send_raw(Request("GET", "/small"))
        return await _cpu_of(_CALLS, more) - success


def _run(measure: Callable[[str], Coroutine[Any, Any, float]], base_url: str) -> float:
    return asyncio.run(measure(base_url))


def _decode(decode: Callable[[bytes], object], kind: bytes, _base_url: str) -> float:
    """Return the number of CPU seconds for decoding a page of 100 builds."""
    body = _page(kind)
    decode(body)
    started = process_time()
    for _ in range(_PAGES):
        decode(body)
    return (process_time() - started) / _PAGES


@cache
def _page(kind: bytes) -> bytes:
    templates = asyncio.run(make_templates())
    return page(templates[kind], 100, limit=100, offset=0)


def _decode_with_hook(body: bytes) -> object:
    return _make_hooked().loads(body, list[_Titled])


@attrs.frozen
class _Title:
    """A user's own type. Only a hook can create it."""

    text: str


@attrs.frozen
class _Titled:
    """Fields of a build. One of them needs the hook."""

    build_num: int
    vcs_url: str
    subject: _Title | None = None
    branch: str | None = None
    status: str | None = None


@cache
def _make_hooked() -> CircleCIConverter:
    converter = make_converter()
    converter.register_structure_hook(_Title, lambda value, _: _Title(value))
    return converter


def _first_misfit(_base_url: str) -> float:
    """Return how long, in seconds, the first reply with a wrong value blocks the event loop."""
    logging.getLogger("circleci_v1_async").setLevel(logging.ERROR)
    converter = make_converter()
    converter.loads(b'[{"build_num":1}]', list[Build])
    started = process_time()
    converter.loads(b'[{"build_num":1,"branch":5}]', list[Build])
    return process_time() - started


def _limit(figure: float, _base_url: str) -> float:
    return figure


def _comparison(title: str, ours: Candidate, other: str, theirs: Candidate) -> Comparison:
    return Comparison(
        title=title,
        unit="ms of CPU",
        factor=1e3,
        candidates={OURS: ours, other: theirs},
        server=partial(serving, __name__),
    )


OPERATIONS: Final[dict[str, Comparison]] = {
    **{
        name: _comparison(
            title,
            partial(_run, partial(_fetch, name, returns, calls)),
            ORJSON,
            partial(_run, partial(_fetch_untyped, name, calls)),
        )
        for name, (title, returns, calls, _) in _REPLIES.items()
    },
    **{
        f"beyond-{other}": _comparison(
            f"A {other} beyond a success, with 20 headers",
            partial(_run, partial(_beyond_success, other)),
            _BEYOND,
            partial(_limit, 0.15e-3),
        )
        for other in ("404", "send_raw")
    },
    "decode-bitbucket": _comparison(
        "Decode a Bitbucket page",
        partial(_decode, partial(loads, type=list[Build]), b"bitbucket"),
        "orjson.loads",
        partial(_decode, orjson.loads, b"bitbucket"),
    ),
    "hook": _comparison(
        "Decode a page with a hook on `subject`",
        partial(_decode, _decode_with_hook, b"recorded"),
        "json.loads",
        partial(_decode, json.loads, b"recorded"),
    ),
    "misfit": _comparison("The first misfit", _first_misfit, _MISFIT, partial(_limit, 10e-3)),
}
OPERATION_TARGETS: Final[dict[str, tuple[Target, ...]]] = {
    **{name: (target,) for name, (*_, target) in _REPLIES.items()},
    "beyond-404": (Target(_BEYOND, 1.0),),
    "beyond-send_raw": (Target(_BEYOND, 1.0),),
    "decode-bitbucket": (Target("orjson.loads", 1.05),),
    "hook": (Target("json.loads", 3.0),),
    "misfit": (Target(_MISFIT, 1.0),),
}


async def _serve() -> None:
    """Serve until standard input ends. It ends together with the process that started this one."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Connection, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}/api/v1.1", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve())
