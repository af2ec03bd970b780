"""The work to compare: with a session of our client, and with typical code for the other clients."""

import asyncio
import tracemalloc
from typing import Final

import pycircleci.api

from circleci_v1_async import Build, BuildDetail, CircleCISession

from .clients import CLIENTS
from .server import slug

PAGE: Final = 100


async def walk(project: str, count: int, prefetch: int, base_url: str) -> None:
    """Walk a list with our client, each build exactly once."""
    async with CircleCISession("a-token", base_url=base_url) as ci:
        await _walk(ci, project, count, prefetch)


async def walk_repeatedly(project: str, count: int, times: int, base_url: str) -> None:
    """Walk the same list several times over one connection."""
    async with CircleCISession("a-token", base_url=base_url) as ci:
        for _ in range(times):
            await _walk(ci, project, count)


async def walk_by_offset(client: str, project: str, count: int, base_url: str) -> None:
    """Walk like most users: increase the offset until a page is short."""
    seen = 0
    async with CLIENTS[client](base_url) as get:
        while True:
            page = await get(f"/project/{project}?limit={PAGE}&offset={seen}", list[Build])
            for _ in page:
                seen += 1
            if len(page) < PAGE:
                break
    check_count(seen, count)


def walk_with_pycircleci(project: str, count: int, base_url: str) -> None:
    """Walk by offset with pycircleci."""
    api, names = _pycircleci(project, base_url)
    seen = 0
    while True:
        page = api.get_project_build_summary(*names, limit=PAGE, offset=seen)
        for _ in page:
            seen += 1
        if len(page) < PAGE:
            break
    check_count(seen, count)


async def get_builds(project: str, count: int, base_url: str) -> None:
    """Get single builds with our client, one after the other."""
    async with CircleCISession("a-token", base_url=base_url) as ci:
        for number in range(1, count + 1):
            await ci.get_build(project, number)


async def get_builds_concurrently(project: str, count: int, concurrency: int, base_url: str) -> None:
    """Get single builds with our client, as concurrently as the session allows."""
    async with (
        CircleCISession("a-token", base_url=base_url, concurrency=concurrency) as ci,
        asyncio.TaskGroup() as group,
    ):
        for number in range(1, count + 1):
            group.create_task(ci.get_build(project, number))


async def get_builds_with(client: str, project: str, count: int, base_url: str) -> None:
    """Get single builds with another client, one after the other."""
    async with CLIENTS[client](base_url) as get:
        for number in range(1, count + 1):
            await get(f"/project/{project}/{number}", BuildDetail)


def get_builds_with_pycircleci(project: str, count: int, base_url: str) -> None:
    """Get single builds with pycircleci, one after the other."""
    api, names = _pycircleci(project, base_url)
    for number in range(1, count + 1):
        api.get_build_info(*names, number)


def constant(figure: float, _base_url: str) -> float:
    """Return a known figure without measuring."""
    return figure


def walk_bytes(count: int, base_url: str) -> float:
    """Return the growth of Python's allocations, in bytes, during a walk that drops its builds."""
    return asyncio.run(_walk_bytes(count, base_url))


def key_set_bytes(count: int, _base_url: str) -> float:
    """Return the size of a set of keys, in bytes."""
    tracemalloc.start()
    try:
        url = "https://github.com/acme/web-storefront"
        keys = {(url, number) for number in range(1_000, 1_000 + count)}
        size, _ = tracemalloc.get_traced_memory()
        check_count(len(keys), count)
        return size
    finally:
        tracemalloc.stop()


def check_count(seen: int, count: int) -> None:
    """Raise an error if the number of builds is wrong."""
    if seen != count:
        raise RuntimeError(f"{seen} builds, expected {count}")


async def _walk(ci: CircleCISession, project: str, count: int, prefetch: int = 1) -> None:
    seen = 0
    async for _ in ci.iter_project_builds(project, prefetch=prefetch):
        seen += 1
    check_count(seen, count)


async def _walk_bytes(count: int, base_url: str) -> float:
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
    check_count(seen, count)
    return size


def _pycircleci(project: str, base_url: str) -> tuple[pycircleci.api.Api, tuple[str, str]]:
    _, username, reponame = project.split("/")
    # pycircleci adds the version to the URL.
    return pycircleci.api.Api("a-token", base_url.removesuffix("/v1.1")), (username, reponame)
