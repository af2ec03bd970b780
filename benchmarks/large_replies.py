"""Large replies: their memory, and for how long they block the event loop."""

import asyncio
import json
import multiprocessing
import zlib
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from time import perf_counter, process_time
from typing import Any, Final

from circleci_v1_async import Action, Build, CircleCIError, CircleCISession, Request

from .report import Report

_SIZE: Final = 60_000_000
_MEGABYTE: Final = 2**20
_MOST_MB: Final = 100.0
_LONGEST_MS: Final = 50.0
_STATM: Final = Path("/proc/self/statm")
_PAGE_SIZE: Final = 4096
_PROJECT: Final = "gh/acme/web"
_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
)

Call = Callable[[CircleCISession, str], Awaitable[object]]
Figures = tuple[float, float, float, float, str]

_NAMED_TEST: Final = {"name": "test_upload_resumes", "classname": "tests.test_upload", "result": "success"}
_ARTIFACT: Final = {"path": "coverage/index.html", "node_index": 0, "url": "https://output.circle-artifacts.com/a/b"}


async def _read_log(ci: CircleCISession, base_url: str) -> object:
    action = Action(step=0, index=0, output_url=f"{base_url}/log")
    return [None async for piece in ci.iter_output(_PROJECT, 1, action) if not piece.message]


# The repeated item, the text before and after the items, the total number of bytes, and the call.
_CASES: Final[dict[str, tuple[bytes, bytes, bytes, int, Call]]] = {
    "60 MB of builds, limit=30": (b'{"build_num":1}', b"[", b"]", _SIZE, lambda ci, _: ci.list_recent_builds()),
    "60 MB of builds, no limit": (
        b'{"build_num":1}',
        b"[",
        b"]",
        _SIZE,
        lambda ci, _: ci.send(Request("GET", "/x", returns=list[Build])),
    ),
    "60 MB of wrong builds": (
        b'{"build_num":1,"branch":5}',
        b"[",
        b"]",
        _SIZE,
        lambda ci, _: ci.send(Request("GET", "/x", returns=list[Build])),
    ),
    "60 MB of projects": (b"{}", b"[", b"]", _SIZE, lambda ci, _: ci.list_projects()),
    "60 MB of tests": (b"{}", b'{"tests":[', b"]}", _SIZE, lambda ci, _: ci.list_build_tests(_PROJECT, 1)),
    "60 MB of steps": (b"{}", b'{"build_num":1,"steps":[', b"]}", _SIZE, lambda ci, _: ci.get_build(_PROJECT, 1)),
    "60 MB of JSON as it is": (b"{}", b"[", b"]", _SIZE, lambda ci, _: ci.send(Request("GET", "/x"))),
    "6 MB of a log's pieces": (b'{"message":"x"}', b"[", b"]", _SIZE // 10, _read_log),
    "8 MB of tests, as they are": (
        json.dumps(_NAMED_TEST).encode(),
        b'{"tests":[',
        b"]}",
        8 * _MEGABYTE,
        lambda ci, _: ci.list_build_tests(_PROJECT, 1),
    ),
    "8 MB of artifacts, as they are": (
        json.dumps(_ARTIFACT).encode(),
        b"[",
        b"]",
        8 * _MEGABYTE,
        lambda ci, _: ci.list_build_artifacts(_PROJECT, 1),
    ),
}


def run() -> Report:
    """Make each call in a new process, together with a task that measures when the event loop runs it."""
    rows: list[tuple[object, ...]] = []
    misses: list[str] = []
    for name in _CASES:
        with (
            _serving(_pack(name)) as base_url,
            ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool,
        ):
            seconds, grown, longest, longest_cpu, outcome = pool.submit(_measure, name, base_url).result()
        rows.append((name, f"{seconds:.2f}", f"{grown:.0f}", f"{longest:.0f}", f"{longest_cpu:.0f}", outcome))
        if grown > _MOST_MB or longest_cpu > _LONGEST_MS:
            misses.append(f"{name}: {grown:.0f} MB and {longest_cpu:.0f} ms, expected {_MOST_MB:g} and {_LONGEST_MS:g}")
    title = (
        "Replies of tiny objects, compressed, and of real ones: the memory of the process above the start (at most "
        f"{_MOST_MB:g} MB), and the longest time between two turns of another task (of CPU, at most {_LONGEST_MS:g} ms)"
    )
    return Report(title, ("reply", "s", "MB", "longest, ms", "its CPU, ms", "outcome"), rows, misses)


def _pack(name: str) -> bytes:
    """Return the compressed body of a case."""
    item, before, after, size, _ = _CASES[name]
    packer = zlib.compressobj(9, wbits=31)
    block = (item + b",") * (_MEGABYTE // len(item))
    packed = [packer.compress(before), *(packer.compress(block) for _ in range(size // len(block)))]
    return b"".join([*packed, packer.compress(item + after), packer.flush()])


@contextmanager
def _serving(body: bytes) -> Iterator[str]:
    """Answer every request with the same reply, from a thread."""
    loop = asyncio.new_event_loop()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.writelines((_HEAD % len(body), body))
                await writer.drain()

    server = loop.run_until_complete(asyncio.start_server(answer, "127.0.0.1", 0))
    thread = Thread(target=loop.run_forever)
    thread.start()
    host, port = server.sockets[0].getsockname()
    try:
        yield f"http://{host}:{port}/api/v1.1"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()


def _measure(name: str, base_url: str) -> Figures:
    return asyncio.run(_call(_CASES[name][-1], base_url))


async def _call(call: Call, base_url: str) -> Figures:
    longest = longest_cpu = most = 0.0

    async def note() -> None:
        nonlocal longest, longest_cpu, most
        last, last_cpu = perf_counter(), process_time()
        while True:
            await asyncio.sleep(0)
            now, now_cpu = perf_counter(), process_time()
            longest, longest_cpu = max(longest, now - last), max(longest_cpu, now_cpu - last_cpu)
            last, last_cpu = now, now_cpu
            most = max(most, _resident())

    async with CircleCISession(base_url=base_url) as ci:
        task = asyncio.create_task(note())
        await asyncio.sleep(0.1)
        start, longest, longest_cpu, most = _resident(), 0.0, 0.0, 0.0
        started = perf_counter()
        outcome: Any = "done"
        try:
            await call(ci, base_url)
        except CircleCIError as error:
            outcome = str(error).partition("used: ")[2].partition(" (")[0]
        seconds = perf_counter() - started
        await asyncio.sleep(0.01)
        task.cancel()
    return seconds, (most - start) / 1e6, longest * 1e3, longest_cpu * 1e3, outcome


def _resident() -> float:
    return int(_STATM.read_text().split()[1]) * _PAGE_SIZE if _STATM.exists() else 0.0
