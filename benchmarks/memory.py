"""How much memory do builds and files occupy, and do kept builds slow down garbage collections?"""

import asyncio
import gc
import json
import sys
import tracemalloc
from collections.abc import Callable
from functools import partial
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any, Final

from circleci_v1_async import Build, CircleCISession, loads

from . import download
from .files import LARGE
from .measure import CPU_MS, MEGABYTES, OURS, Comparison, Target, Unit, figure_printed_by
from .nginx import nginx
from .server import PAGE, fetch, slug

_KEPT: Final = 10_000
_WALKED: Final = 100_000
_COLLECTIONS: Final = 5
_DICTS: Final = "dicts of json.loads"
_KEYS: Final = "a set of their keys"
_LIMIT: Final = "40 MB"
_LIMIT_BYTES: Final = 40e6

Decode = Callable[[bytes], Any]
_DECODERS: Final[dict[str, Decode]] = {OURS: partial(loads, type=list[Build]), _DICTS: json.loads}


def _allocated(decode: Decode, base_url: str) -> float:
    """Return the number of bytes that Python allocates for builds that are kept."""
    bodies = _fetch_pages(base_url)
    decode(bodies[0])
    tracemalloc.start()
    kept = list(map(decode, bodies))
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    _check(sum(map(len, kept)), _KEPT)
    return size


def _collection_seconds(decode: Decode, base_url: str) -> float:
    """Return the number of seconds that kept builds add to a full garbage collection."""
    bodies = _fetch_pages(base_url)
    decode(bodies[0])
    before = _collect()
    kept = list(map(decode, bodies))
    after = _collect()
    _check(sum(map(len, kept)), _KEPT)
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


def _fetch_pages(base_url: str) -> list[bytes]:
    path = f"/project/{slug('recorded', _KEPT)}?limit={PAGE}"
    return [fetch(base_url, f"{path}&offset={offset}") for offset in range(0, _KEPT, PAGE)]


def _allocated_by_walk(base_url: str) -> float:
    """Return the growth of Python's allocations, in bytes, during a walk that drops its builds."""

    async def walk(count: int) -> int:
        seen = size = 0
        async with CircleCISession("a-token", base_url=base_url) as ci:
            async for _ in ci.iter_project_builds(slug("tiny", count)):
                seen += 1
                if seen == count:
                    size, _ = tracemalloc.get_traced_memory()
        _check(seen, count)
        return size

    asyncio.run(walk(PAGE))
    tracemalloc.start()
    size = asyncio.run(walk(_WALKED))
    tracemalloc.stop()
    return size


def _allocated_by_keys(_base_url: str) -> float:
    """Return the size of a set of keys, in bytes."""
    tracemalloc.start()
    url = "https://github.com/acme/web-storefront"
    keys = {(url, number) for number in range(1_000, 1_000 + _WALKED)}
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    _check(len(keys), _WALKED)
    return size


def _growth_by_files(base_url: str) -> float:
    """Return the growth of a program's memory, in bytes, while it downloads files."""
    with TemporaryDirectory() as folder:
        return figure_printed_by(sys.executable, "-m", download.__name__, base_url, folder, *LARGE.names)


def _check(seen: int, count: int) -> None:
    if seen != count:
        raise RuntimeError(f"{seen} builds, expected {count}")


def _compare_kept(title: str, unit: Unit, measure: Callable[[Decode, str], float], target: Target) -> Comparison:
    return Comparison(
        title=title,
        unit=unit,
        candidates={name: partial(measure, decode) for name, decode in _DECODERS.items()},
        targets=(target,),
    )


COMPARISONS: Final[dict[str, Comparison]] = {
    "kept": _compare_kept(
        f"Memory of {_KEPT:,} builds kept",
        MEGABYTES,
        _allocated,
        Target(_DICTS, 0.57, why="60% of it is strings, which are equally large in dicts"),
    ),
    "collection": _compare_kept(
        f"Full garbage collection with {_KEPT:,} builds kept, less one without",
        CPU_MS,
        _collection_seconds,
        Target(_DICTS, 0.15),
    ),
    "keys": Comparison(
        title=f"Memory that a walk of {_WALKED:,} builds ends with, none of them kept",
        unit=MEGABYTES,
        candidates={OURS: _allocated_by_walk, _KEYS: _allocated_by_keys},
        targets=(Target(_KEYS, 1.10),),
    ),
    "file-memory": Comparison(
        title=f"Memory that a process comes to occupy for {LARGE}",
        unit=MEGABYTES,
        candidates={OURS: _growth_by_files, _LIMIT: _LIMIT_BYTES},
        targets=(Target(_LIMIT, 1.0),),
        server=partial(nginx, LARGE),
        programs={"": "nginx"},
    ),
}
