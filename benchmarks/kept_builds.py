"""Cost of builds that a program keeps: memory, and the time of a full garbage collection."""

import asyncio
import gc
import json
import tracemalloc
from collections.abc import Callable
from statistics import median
from time import process_time
from typing import Any, Final

import aiohttp

from circleci_v1_async import Build, loads

from .server import slug
from .workloads import PAGE, check_count

_COLLECTIONS: Final = 5

Decode = Callable[[bytes], Any]


def decode_models(body: bytes) -> list[Build]:
    """Decode a page into models, like users."""
    return loads(body, list[Build])


def decode_dicts(body: bytes) -> Any:
    """Decode a page into dicts."""
    return json.loads(body)


def memory(decode: Decode, count: int, base_url: str) -> float:
    """Return the number of bytes that Python allocates for the builds."""
    bodies = asyncio.run(_get_pages(count, base_url))
    decode(bodies[0])
    tracemalloc.start()
    try:
        kept = list(map(decode, bodies))
        size, _ = tracemalloc.get_traced_memory()
        check_count(sum(map(len, kept)), count)
        return size
    finally:
        tracemalloc.stop()


def collection_seconds(decode: Decode, count: int, base_url: str) -> float:
    """Return the number of seconds that kept builds add to a full garbage collection."""
    bodies = asyncio.run(_get_pages(count, base_url))
    decode(bodies[0])
    before = _collect()
    kept = list(map(decode, bodies))
    after = _collect()
    check_count(sum(map(len, kept)), count)
    return after - before


def _collect() -> float:
    # The first collection stops tracking objects that cannot be part of a cycle.
    gc.collect()
    seconds: list[float] = []
    for _ in range(_COLLECTIONS):
        started = process_time()
        gc.collect()
        seconds.append(process_time() - started)
    return median(seconds)


async def _get_pages(count: int, base_url: str) -> list[bytes]:
    async with aiohttp.ClientSession() as session:
        bodies: list[bytes] = []
        for offset in range(0, count, PAGE):
            url = f"{base_url}/project/{slug('recorded', count)}?limit={PAGE}&offset={offset}"
            async with session.get(url, raise_for_status=True) as reply:
                bodies.append(await reply.read())
    return bodies
