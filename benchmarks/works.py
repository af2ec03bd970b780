"""What the contenders do: ours with a session, the others as one writes it without us."""

import asyncio
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any, Final

import aiohttp
import pycircleci.api

from circleci_v1_async import Build, BuildDetail, CircleCISession, loads

from .clients import CLIENTS
from .server import slug

PAGE: Final = 100


async def walk(project: str, count: int, prefetch: int, base_url: str) -> None:
    async with CircleCISession("a-token", base_url=base_url) as ci:
        await _walk(ci, project, count, prefetch)


async def walk_again(project: str, count: int, times: int, base_url: str) -> None:
    """Walk the same list several times over one connection."""
    async with CircleCISession("a-token", base_url=base_url) as ci:
        for _ in range(times):
            await _walk(ci, project, count)


async def walk_by_offset(client: str, project: str, count: int, base_url: str) -> None:
    """What most people write: count on offsets, until a page is short."""
    seen = 0
    async with CLIENTS[client](base_url) as get:
        while True:
            page = await get(f"/project/{project}?limit={PAGE}&offset={seen}", list[Build])
            for _ in page:
                seen += 1
            if len(page) < PAGE:
                break
    _check(seen, count)


def walk_with_pycircleci(project: str, count: int, base_url: str) -> None:
    api, names = _pycircleci(project, base_url)
    seen = 0
    while True:
        page = api.get_project_build_summary(*names, limit=PAGE, offset=seen)
        for _ in page:
            seen += 1
        if len(page) < PAGE:
            break
    _check(seen, count)


async def get_builds(project: str, count: int, base_url: str) -> None:
    """One after the other."""
    async with CircleCISession("a-token", base_url=base_url) as ci:
        for number in range(1, count + 1):
            await ci.get_build(project, number)


async def get_builds_at_once(project: str, count: int, concurrency: int, base_url: str) -> None:
    """As many at once as the session lets pass."""
    async with (
        CircleCISession("a-token", base_url=base_url, concurrency=concurrency) as ci,
        asyncio.TaskGroup() as group,
    ):
        for number in range(1, count + 1):
            group.create_task(ci.get_build(project, number))


async def get_builds_with(client: str, project: str, count: int, base_url: str) -> None:
    async with CLIENTS[client](base_url) as get:
        for number in range(1, count + 1):
            await get(f"/project/{project}/{number}", BuildDetail)


def get_builds_with_pycircleci(project: str, count: int, base_url: str) -> None:
    api, names = _pycircleci(project, base_url)
    for number in range(1, count + 1):
        api.get_build_info(*names, number)


def ideal(seconds: float, _base_url: str) -> float:
    """The figure of somebody who is nowhere held up."""
    return seconds


def kept_models(count: int, base_url: str) -> float:
    return _kept(lambda body: loads(body, list[Build]), count, base_url)


def kept_dicts(count: int, base_url: str) -> float:
    return _kept(json.loads, count, base_url)


def walked(count: int, base_url: str) -> float:
    """The bytes that Python has allocated more at the end of a walk, of which nothing is kept, than at its start."""
    return asyncio.run(_walked(count, base_url))


def known_keys(count: int, _base_url: str) -> float:
    """The bytes of a set of keys."""
    tracemalloc.start()
    try:
        url = "https://github.com/acme/web-storefront"
        keys = {(url, number) for number in range(1_000, 1_000 + count)}
        size, _ = tracemalloc.get_traced_memory()
        _check(len(keys), count)
        return size
    finally:
        tracemalloc.stop()


def import_seconds(module: str, _base_url: str) -> float:
    """The seconds of CPU that an import costs a new interpreter which finds everything compiled."""
    code = f"from time import process_time as t; started = t(); import {module}; print(t() - started)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with TemporaryDirectory() as compiled:
        command = (sys.executable, "-X", f"pycache_prefix={compiled}", "-c", code)
        run = partial(subprocess.run, command, env=environment, check=True, capture_output=True, text=True)
        run()
        return float(run().stdout)


async def _walk(ci: CircleCISession, project: str, count: int, prefetch: int = 1) -> None:
    seen = 0
    async for _ in ci.iter_project_builds(project, prefetch=prefetch):
        seen += 1
    _check(seen, count)


async def _walked(count: int, base_url: str) -> float:
    seen, size = 0, 0
    async with CircleCISession("a-token", base_url=base_url) as ci:
        await _walk(ci, slug("tiny", PAGE), PAGE)
        tracemalloc.start()
        try:
            async for _ in ci.iter_project_builds(slug("tiny", count)):
                seen += 1
                if seen == count:
                    size, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    _check(seen, count)
    return size


def _kept(decode: Callable[[bytes], Any], count: int, base_url: str) -> float:
    """The bytes that Python allocates for builds."""
    bodies = asyncio.run(_bodies(count, base_url))
    decode(bodies[0])
    tracemalloc.start()
    try:
        kept = list(map(decode, bodies))
        size, _ = tracemalloc.get_traced_memory()
        _check(sum(map(len, kept)), count)
        return size
    finally:
        tracemalloc.stop()


async def _bodies(count: int, base_url: str) -> list[bytes]:
    async with aiohttp.ClientSession() as session:
        bodies: list[bytes] = []
        for offset in range(0, count, PAGE):
            url = f"{base_url}/project/{slug('full', count)}?limit={PAGE}&offset={offset}"
            async with session.get(url, raise_for_status=True) as reply:
                bodies.append(await reply.read())
    return bodies


def _pycircleci(project: str, base_url: str) -> tuple[pycircleci.api.Api, tuple[str, str]]:
    _, username, reponame = project.split("/")
    # It adds the version itself.
    return pycircleci.api.Api("a-token", base_url.removesuffix("/v1.1")), (username, reponame)


def _check(seen: int, count: int) -> None:
    if seen != count:
        raise RuntimeError(f"{seen} builds, expected {count}")
