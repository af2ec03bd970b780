"""Speed-up by pages that are requested ahead: 40 pages from a server that takes 50 ms for each."""

import asyncio
from statistics import median
from time import perf_counter
from typing import Final

from circleci_v1_async import CircleCISession

from .report import Report
from .server import serving, slug

_PREFETCH: Final = (0, 1, 2, 4, 8)
_ROUNDS: Final = 7
_PAGES: Final = 40
# With pages of 100 that overlap by 5, the 40th is the first that is not full.
_BUILDS: Final = 100 + 95 * 39 - 1
_DELAY_MS: Final = 50
_TARGET_PREFETCH, _TARGET = 4, 3.0


def run() -> Report:
    """Time walks with each prefetch in turn, round by round, and compare within a round."""
    with serving() as base_url:
        rounds = asyncio.run(_measure(base_url))
    rows: list[tuple[object, ...]] = []
    misses: list[str] = []
    for prefetch in _PREFETCH:
        seconds = [times[prefetch][0] for times in rounds]
        ratios = [times[0][0] / times[prefetch][0] for times in rounds]
        requests = max(times[prefetch][1] for times in rounds)
        faster = median(ratios)
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        rows.append((prefetch, f"{median(seconds):.2f}", f"{faster:.2f}", spread, requests))
        if prefetch == _TARGET_PREFETCH and faster < _TARGET:
            misses.append(f"prefetch={prefetch} is {faster:.2f} times faster than prefetch=0, expected {_TARGET}")
    title = (
        f"{_PAGES} pages of 100 builds like recorded ones, {_DELAY_MS} ms each: wall time, medians of {_ROUNDS} "
        f"rounds; at least {_TARGET} times faster with prefetch={_TARGET_PREFETCH}"
    )
    return Report(title, ("prefetch", "seconds", "times faster", "spread", "most requests"), rows, misses)


async def _measure(base_url: str) -> list[dict[int, tuple[float, int]]]:
    await _walk(base_url, 0)
    # Every round begins with another one, so that none always follows the same one.
    turns = [_PREFETCH[turn % len(_PREFETCH) :] + _PREFETCH[: turn % len(_PREFETCH)] for turn in range(_ROUNDS)]
    return [{prefetch: await _walk(base_url, prefetch) for prefetch in turn} for turn in turns]


async def _walk(base_url: str, prefetch: int) -> tuple[float, int]:
    """Return seconds, connecting included, and requests."""
    started = perf_counter()
    async with CircleCISession("a-token", base_url=base_url) as ci:
        walk = ci.iter_project_builds(slug("recorded", _BUILDS, delay_ms=_DELAY_MS), prefetch=prefetch)
        count = 0
        async for _ in walk:
            count += 1
    seconds = perf_counter() - started
    if count != _BUILDS or walk.requests < _PAGES:
        raise RuntimeError(f"{count} builds in {walk.requests} requests, expected {_BUILDS} in {_PAGES}")
    return seconds, walk.requests
