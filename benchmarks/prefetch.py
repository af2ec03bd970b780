"""Speedup by prefetched pages: 40 pages from a server that replies with a delay."""

import asyncio
from statistics import median
from time import perf_counter
from typing import Final

from circleci_v1_async import CircleCISession

from .report import Report
from .server import serving, slug

_PREFETCH: Final = (0, 1, 2, 4, 8, 16)
_DELAYS_MS: Final = (20, 50, 200)
_ROUNDS: Final = 5
_PAGES: Final = 40
# With pages of 100 builds and an overlap of 5, the 40th page is the first that is not full.
_BUILDS: Final = 100 + 95 * 39 - 1
_TARGET_DELAY_MS, _TARGET_PREFETCH, _TARGET = 50, 4, 3.0


def run() -> Report:
    """Time walks with each prefetch in turn, round by round, and compare within a round."""
    rows: list[tuple[object, ...]] = []
    misses: list[str] = []
    with serving() as base_url:
        for delay_ms in _DELAYS_MS:
            rounds = asyncio.run(_measure(base_url, delay_ms))
            for prefetch in _PREFETCH:
                seconds = [times[prefetch][0] for times in rounds]
                ratios = [times[0][0] / times[prefetch][0] for times in rounds]
                requests = max(times[prefetch][1] for times in rounds)
                faster = median(ratios)
                spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
                rows.append((delay_ms, prefetch, f"{median(seconds):.2f}", f"{faster:.2f}", spread, requests))
                if (delay_ms, prefetch) == (_TARGET_DELAY_MS, _TARGET_PREFETCH) and faster < _TARGET:
                    misses.append(
                        f"prefetch={prefetch} is {faster:.2f} times faster than prefetch=0, expected {_TARGET}"
                    )
    title = (
        f"{_PAGES} pages of 100 builds like recorded ones: wall time, medians of {_ROUNDS} rounds; at "
        f"{_TARGET_DELAY_MS} ms a page at least {_TARGET} times faster with prefetch={_TARGET_PREFETCH}"
    )
    columns = ("ms a page", "prefetch", "seconds", "times faster", "spread", "most requests")
    return Report(title, columns, rows, misses)


async def _measure(base_url: str, delay_ms: int) -> list[dict[int, tuple[float, int]]]:
    await _walk(base_url, delay_ms, 0)
    # Each round starts with a different candidate, so that the order varies.
    turns = [_PREFETCH[turn % len(_PREFETCH) :] + _PREFETCH[: turn % len(_PREFETCH)] for turn in range(_ROUNDS)]
    return [{prefetch: await _walk(base_url, delay_ms, prefetch) for prefetch in turn} for turn in turns]


async def _walk(base_url: str, delay_ms: int, prefetch: int) -> tuple[float, int]:
    """Return the number of seconds, including the connection, and the number of requests."""
    started = perf_counter()
    async with CircleCISession("a-token", base_url=base_url) as ci:
        walk = ci.iter_project_builds(slug("recorded", _BUILDS, delay_ms=delay_ms), prefetch=prefetch)
        count = 0
        async for _ in walk:
            count += 1
    seconds = perf_counter() - started
    if count != _BUILDS or walk.requests < _PAGES:
        raise RuntimeError(f"{count} builds in {walk.requests} requests, expected {_BUILDS} in {_PAGES}")
    return seconds, walk.requests
