"""Memory of a long walk: the growth while 100,000 builds are read and dropped."""

import asyncio
import multiprocessing
import re
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from circleci_v1_async import CircleCISession

from .report import Report
from .server import serving, slug

# Kind, count and prefetch.
_CASES: Final = (
    ("tiny", 10_000, 1),
    ("tiny", 100_000, 1),
    ("recorded", 10_000, 1),
    ("recorded", 100_000, 1),
    ("recorded", 100_000, 4),
)
_TARGET_MB: Final = 18.0
_STATUS: Final = Path("/proc/self/status")

T = TypeVar("T")


def run() -> Report:
    """Walk in a fresh process for each figure: bytes allocated by Python, and bytes of the process."""
    rows: list[tuple[object, ...]] = []
    misses: list[str] = []
    with serving() as base_url:
        for kind, count, prefetch in _CASES:
            case = (base_url, slug(kind, count), count, prefetch)
            end, peak = _in_fresh_process(_allocated, case)
            resident = f"{_in_fresh_process(_resident, case):.1f}" if _STATUS.exists() else "-"
            rows.append((kind, f"{count:,}", prefetch, f"{end:.1f}", f"{peak:.1f}", resident))
            if peak > _TARGET_MB:
                misses.append(
                    f"{count:,} {kind} builds, prefetch={prefetch}: {peak:.1f} MB, expected at most {_TARGET_MB:g}"
                )
    title = (
        "Builds that are dropped as they are read: MB above the start. The peak that Python allocates is at most "
        f"{_TARGET_MB:g}; the memory that the process occupies is shown beside it"
    )
    return Report(title, ("builds", "count", "prefetch", "at the end", "peak", "resident peak"), rows, misses)


Case = tuple[str, str, int, int]


def _in_fresh_process(measure: Callable[[Case], T], case: Case) -> T:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measure, case).result()


def _allocated(case: Case) -> tuple[float, float]:
    """Return the growth in MB of what Python has allocated: at the end of the loop, and at its peak."""
    grown: tuple[float, float] = (0.0, 0.0)

    def at_the_end() -> None:
        nonlocal grown
        end, peak = tracemalloc.get_traced_memory()
        grown = (end / 1e6, peak / 1e6)

    tracemalloc.start()
    asyncio.run(_walk(case, at_the_end))
    return grown


def _resident(case: Case) -> float:
    """Return the growth in MB of the memory that the process occupies, at its peak."""
    start = _status("VmRSS")
    asyncio.run(_walk(case))
    return (_status("VmHWM") - start) / 1e6


async def _walk(case: Case, at_the_end: Callable[[], None] = lambda: None) -> None:
    base_url, project, count, prefetch = case
    seen = 0
    async with CircleCISession("a-token", base_url=base_url) as ci:
        async for _ in ci.iter_project_builds(project, prefetch=prefetch):
            seen += 1
            if seen == count:
                at_the_end()
    if seen != count:
        raise RuntimeError(f"{seen} builds, expected {count}")


def _status(name: str) -> int:
    """Return a figure of the kernel's, in bytes."""
    found = re.search(rf"^{name}:\s+(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError(f"{_STATUS} has no {name}")
    return int(found[1]) * 1024
