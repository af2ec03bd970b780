"""How much does a walk cost? Our walk, against loops by offset with other clients.

Our walk yields each build exactly once, with its default overlap: it sends 42 requests, and counting offsets sends 40.
"""

from collections.abc import Iterable
from functools import partial
from typing import Final

from circleci_v1_async import Build, CircleCISession

from .clients import CATTRS, CLIENTS, JSON, ORJSON, PYCIRCLECI, make_pycircleci
from .measure import OURS, SECONDS, Candidate, Comparison, Target, cpu_seconds, wall_seconds
from .server import PAGE, slug

_BUILDS: Final = 3_994
_DELAY_MS: Final = 50
_LATE: Final = slug("recorded", _BUILDS, delay_ms=_DELAY_MS)
_LENGTHS: Final = (1_000_000, 100_000, 10_000, 1_000)


async def _walk(project: str, count: int, base_url: str, *, prefetch: int = 1, times: int = 1) -> None:
    """Walk a list with our client, several times over one connection."""
    async with CircleCISession("a-token", base_url=base_url) as ci:
        for _ in range(times):
            seen = 0
            async for _build in ci.iter_project_builds(project, prefetch=prefetch):
                seen += 1
            _check(seen, count)


async def _walk_by_offset(client: str, project: str, count: int, base_url: str) -> None:
    """Walk like most users: increase the offset until a page is short."""
    seen = 0
    async with CLIENTS[client](base_url) as get:
        while True:
            page = await get(f"/project/{project}?limit={PAGE}&offset={seen}", list[Build])
            for _ in page:
                seen += 1
            if len(page) < PAGE:
                break
    _check(seen, count)


def _walk_with_pycircleci(project: str, count: int, base_url: str) -> None:
    """Walk by offset with pycircleci."""
    api, (_, username, reponame) = make_pycircleci(base_url), project.split("/")
    seen = 0
    while True:
        page = api.get_project_build_summary(username, reponame, limit=PAGE, offset=seen)
        for _ in page:
            seen += 1
        if len(page) < PAGE:
            break
    _check(seen, count)


def _check(seen: int, count: int) -> None:
    if seen != count:
        raise RuntimeError(f"{seen} builds, expected {count}")


def _compare_cpu(kind: str, title: str, *targets: Target, clients: Iterable[str] = (JSON, ORJSON)) -> Comparison:
    project = slug(kind, _BUILDS)
    return Comparison(
        title=title,
        candidates={
            OURS: partial(cpu_seconds, partial(_walk, project, _BUILDS)),
            **{name: partial(cpu_seconds, partial(_walk_by_offset, name, project, _BUILDS)) for name in clients},
            PYCIRCLECI: partial(cpu_seconds, partial(_walk_with_pycircleci, project, _BUILDS)),
        },
        targets=targets,
    )


def _compare_time(prefetch: int, at_most: float) -> Comparison:
    return Comparison(
        title=f"Walk {_BUILDS:,} builds, {_DELAY_MS} ms a page, `prefetch={prefetch}`",
        unit=SECONDS,
        candidates={
            OURS: partial(wall_seconds, partial(_walk, _LATE, _BUILDS, prefetch=prefetch)),
            PYCIRCLECI: partial(wall_seconds, partial(_walk_with_pycircleci, _LATE, _BUILDS)),
        },
        targets=(Target(PYCIRCLECI, at_most, why="most of the time is the delays of pages that follow each other"),),
    )


def _compare_lengths() -> Comparison:
    """Compare walks of the same total number of builds, in lists of different lengths."""
    longest, *shorter = _LENGTHS

    def walk(count: int) -> Candidate:
        return partial(cpu_seconds, partial(_walk, slug("tiny", count), count, times=longest // count))

    return Comparison(
        title=f"Walk a list of {longest:,} tiny builds",
        candidates={f"{count:,} builds": walk(count) for count in _LENGTHS},
        targets=tuple(Target(f"{count:,} builds", 1.10) for count in shorter),
    )


COMPARISONS: Final[dict[str, Comparison]] = {
    "recorded": _compare_cpu(
        "recorded",
        f"Walk {_BUILDS:,} builds, {PAGE} a page",
        Target(JSON, 0.65),
        Target(ORJSON, 0.95, why="a walk asks for 42 pages, with its overlap, where offsets take 40"),
        Target(PYCIRCLECI, 0.45),
        Target(CATTRS, 0.12, why="half of this package's time is the kernel's, for the exchange"),
        clients=CLIENTS,
    ),
    "shuffled": _compare_cpu("shuffled", f"Walk {_BUILDS:,} builds, keys in random order", Target(ORJSON, 1.20)),
    "bitbucket": _compare_cpu(
        "bitbucket", f'Walk {_BUILDS:,} Bitbucket builds (`committer_date: ""`)', Target(JSON, 0.75)
    ),
    "shallow": _compare_cpu(
        "shallow",
        f"Walk {_BUILDS:,} shallow builds",
        Target(ORJSON, 1.20, why="a call's fixed cost weighs most on small replies"),
    ),
    "latency": _compare_time(4, 0.26),
    "latency-8": _compare_time(8, 0.18),
    "growth": _compare_lengths(),
}
