"""Requests of walks over unchanging lists: a formula gives the maximum number."""

import asyncio
from itertools import product
from math import ceil
from typing import Final

from circleci_v1_async import CircleCISession

from .report import Report
from .server import serving, slug

_COUNTS: Final = (0, 1, 30, 99, 100, 101, 194, 195, 1_000, 3_804, 10_000)
# Number of builds in a page, and number of builds that it shares with the previous page.
_PAGES: Final = ((100, 5), (100, 1), (30, 5), (2, 1))
_PREFETCH: Final = (0, 1, 4)
# Longer walks are left out: pages of two builds are only used for short lists.
_MOST_REQUESTS: Final = 500


def run() -> Report:
    """Walk lists of many lengths and count requests."""
    with serving() as base_url:
        rows, misses = asyncio.run(_measure(base_url))
    title = (
        "Requests for a list that stays the same: at most 1 + max(0, ceil((N - k + 1) / (k - overlap))) up to "
        "prefetch=1, and as many more as are prefetched from 2 on"
    )
    columns = ("N", "k", "overlap", "formula", *(f"prefetch={prefetch}" for prefetch in _PREFETCH))
    return Report(title, columns, rows, misses)


async def _measure(base_url: str) -> tuple[list[tuple[object, ...]], list[str]]:
    rows: list[tuple[object, ...]] = []
    misses: list[str] = []
    async with CircleCISession("a-token", base_url=base_url) as ci:
        for (k, overlap), count in product(_PAGES, _COUNTS):
            formula = 1 + max(0, ceil((count - k + 1) / (k - overlap)))
            if formula > _MOST_REQUESTS:
                continue
            costs: list[int] = []
            for prefetch in _PREFETCH:
                walk = ci.iter_project_builds(
                    slug("tiny", count), page_size=k, overlap=overlap, prefetch=prefetch, shallow=True
                )
                numbers = [build.build_num async for build in walk]
                costs.append(walk.requests)
                if numbers != list(range(count, 0, -1)):
                    raise RuntimeError(f"{len(numbers)} builds, expected {count}")
                allowed = formula + (prefetch if prefetch > 1 else 0)
                if walk.requests > allowed:
                    misses.append(
                        f"N={count}, k={k}, overlap={overlap}, prefetch={prefetch}: {walk.requests} requests, "
                        f"expected at most {allowed}"
                    )
            rows.append((f"{count:,}", k, overlap, formula, *costs))
    return rows, misses
