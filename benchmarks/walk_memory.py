"""Memory growth of a long walk that reads and drops up to a million builds."""

import asyncio
import multiprocessing
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from time import perf_counter
from typing import Final, TypeVar

from circleci_v1_async import CircleCISession

from .download import status
from .report import Report
from .server import serving, slug

# Kind, count and prefetch.
_CASES: Final = (
    ("tiny", 10_000, 1),
    ("tiny", 100_000, 1),
    ("tiny", 1_000_000, 1),
    ("recorded", 10_000, 1),
    ("recorded", 100_000, 1),
    ("recorded", 100_000, 4),
)
# Maximum number of bytes per build, in addition to a set with the same number of integers.
_TARGET_BYTES: Final = 30
# Minimum target for shorter lists, where the pages themselves take most of the memory.
_LEAST_TARGET_MB: Final = 18.0

T = TypeVar("T")


def run() -> Report:
    """Walk in a new process for each figure: bytes allocated by Python, and bytes of the process."""
    rows: list[tuple[object, ...]] = []
    misses: list[str] = []
    with serving() as base_url:
        for kind, count, prefetch in _CASES:
            case = (base_url, slug(kind, count), count, prefetch)
            end, peak = _in_fresh_process(_allocated, case)
            at_most = max(_in_fresh_process(_set_peak, count) + _TARGET_BYTES * count / 1e6, _LEAST_TARGET_MB)
            resident, seconds, requests = _in_fresh_process(_resident, case)
            rows.append(
                (
                    *(kind, f"{count:,}", prefetch, f"{end:.1f}", f"{peak:.1f}", f"{at_most:.1f}"),
                    *(f"{resident:.1f}", f"{seconds:.1f}", f"{requests:,}"),
                )
            )
            if peak > at_most:
                misses.append(
                    f"{count:,} {kind} builds, prefetch={prefetch}: {peak:.1f} MB, expected at most {at_most:.1f}"
                )
    title = (
        "Builds that are dropped as they are read: MB above the start. The peak that Python allocates is at most that "
        f"of `set(range(count))` and {_TARGET_BYTES} bytes a build, or {_LEAST_TARGET_MB:g}"
    )
    columns = ("builds", "count", "prefetch", "at the end", "peak", "at most", "resident peak", "seconds", "requests")
    return Report(title, columns, rows, misses)


Case = tuple[str, str, int, int]


def _in_fresh_process(measure: Callable[[Case], T], case: Case) -> T:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measure, case).result()


def _allocated(case: Case) -> tuple[float, float]:
    """Return the growth of Python's allocated memory in MB: at the end of the loop, and at its peak."""
    grown: tuple[float, float] = (0.0, 0.0)

    def at_the_end() -> None:
        nonlocal grown
        end, peak = tracemalloc.get_traced_memory()
        grown = (end / 1e6, peak / 1e6)

    tracemalloc.start()
    asyncio.run(_walk(case, at_the_end))
    return grown


def _set_peak(count: int) -> float:
    """Return the peak memory, in MB, of a set with this number of integers."""
    tracemalloc.start()
    numbers = set(range(count))
    _, peak = tracemalloc.get_traced_memory()
    if len(numbers) != count:
        raise RuntimeError(f"{len(numbers)} numbers, expected {count}")
    return peak / 1e6


def _resident(case: Case) -> tuple[float, float, int]:
    """Return the peak growth of the process's resident memory in MB; seconds; requests."""
    start = status("VmRSS")
    began = perf_counter()
    requests = asyncio.run(_walk(case))
    return (status("VmHWM") - start) / 1e6, perf_counter() - began, requests


async def _walk(case: Case, at_the_end: Callable[[], None] = lambda: None) -> int:
    base_url, project, count, prefetch = case
    seen = 0
    async with CircleCISession("a-token", base_url=base_url) as ci:
        walk = ci.iter_project_builds(project, prefetch=prefetch)
        async for _ in walk:
            seen += 1
            if seen == count:
                at_the_end()
    if seen != count:
        raise RuntimeError(f"{seen} builds, expected {count}")
    return walk.requests
