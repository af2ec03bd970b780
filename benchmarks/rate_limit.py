"""Calls to a service with a rate limit: no call may be lost, and the time is measured."""

import asyncio
import logging
from itertools import count, product
from time import perf_counter
from typing import Final, NamedTuple

from circleci_v1_async import CircleCISession, Retry

from .limits import BUILDS, slug
from .report import Report
from .server import serving

_CALLS: Final = 300
_CONCURRENCY: Final = 16
_RATES: Final = (5, 10, 20)
_QUICK: Final = (20,)
_KINDS: Final = {"bucket": "token bucket", "window": "fixed window"}
# Maximum time, as a multiple of the minimum: a burst of one second, and then calls at the limit's rate.
_LONGEST: Final = 1.2
_MOST_REQUESTS: Final = {5: 1.7, 10: 1.3, 20: 1.3}
_PREFETCH: Final = 32


class _Run(NamedTuple):
    lost: int
    seconds: float
    requests: int


def run(*, quick: bool = False) -> Report:
    """Make the calls of all limits concurrently, each with its own project."""
    # Each resend logs a warning.
    logging.getLogger("circleci_v1_async").setLevel(logging.ERROR)
    cases = list(product(_KINDS, _QUICK if quick else _RATES, (1, None)))
    with serving("benchmarks.limits") as base_url:
        runs, walked = asyncio.run(_measure(base_url, cases))
    rows: list[tuple[object, ...]] = []
    misses: list[str] = []
    for (kind, rate, retry_after), done in zip(cases, runs, strict=True):
        ratio, each = done.seconds / ((_CALLS - rate) / rate), done.requests / _CALLS
        says = retry_after or "-"
        rows.append((_KINDS[kind], rate, says, done.lost, f"{done.seconds:.1f}", f"{ratio:.2f}", f"{each:.2f}"))
        name = f"{_KINDS[kind]} of {rate} a second, Retry-After {says}"
        if done.lost:
            misses.append(f"{name}: {done.lost} calls lost, expected none")
        if ratio > _LONGEST:
            misses.append(f"{name}: {ratio:.2f} of the least time, expected {_LONGEST} at the most")
        if each > _MOST_REQUESTS[rate]:
            misses.append(f"{name}: {each:.2f} requests a call, expected {_MOST_REQUESTS[rate]} at the most")
    if walked != BUILDS:
        misses.append(f"a walk with prefetch={_PREFETCH} at {_RATES[-1]} a second: {walked} of {BUILDS} builds")
    title = (
        f"{_CALLS} `get_build`, {_CONCURRENCY} at once, of a service that takes a burst of one second and then its "
        f"rate: none lost, at most {_LONGEST} of the least time, and {_MOST_REQUESTS[10]} requests a call "
        f"({_MOST_REQUESTS[5]} at 5 a second). A walk with `prefetch={_PREFETCH}` at {_RATES[-1]} a second had "
        f"{walked:,} of {BUILDS:,} builds"
    )
    head = ("limit", "a second", "Retry-After", "lost", "seconds", "of the least", "requests a call")
    return Report(title, head, rows, misses)


async def _measure(base_url: str, cases: list[tuple[str, int, int | None]]) -> tuple[list[_Run], int]:
    runs = asyncio.gather(*(_get_builds(base_url, slug(*case, "calls")) for case in cases))
    walked = await _walk(base_url)
    return await runs, walked


async def _get_builds(base_url: str, project: str) -> _Run:
    retries = count()

    def count_retry(_retry: Retry) -> None:
        next(retries)

    started = perf_counter()
    async with CircleCISession(base_url=base_url, concurrency=_CONCURRENCY, on_retry=count_retry) as ci:
        calls = (ci.get_build(project, number) for number in range(1, _CALLS + 1))
        results = await asyncio.gather(*calls, return_exceptions=True)
    seconds = perf_counter() - started
    return _Run(sum(isinstance(result, BaseException) for result in results), seconds, _CALLS + next(retries))


async def _walk(base_url: str) -> int:
    async with CircleCISession(base_url=base_url) as ci:
        walk = ci.iter_project_builds(slug("bucket", _RATES[-1], 1, "walk"), prefetch=_PREFETCH)
        return len([build async for build in walk])
