"""How much does a single operation cost, for small and large replies, and for errors?"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from operator import methodcaller
from typing import Any, Final

from circleci_v1_async import BuildDetail, CircleCISession, NotFoundError, Project, Request

from .clients import CLIENTS, ORJSON, PYCIRCLECI, make_pycircleci
from .measure import (
    OURS,
    SECONDS,
    Candidate,
    Comparison,
    Target,
    cpu_seconds_per_await,
    cpu_seconds_per_call,
    figure_printed_by,
    wall_seconds,
)
from .pages import ARTIFACTS, TESTS
from .server import slug

_WHY_SMALL: Final = "a call's fixed cost weighs most on small replies"
_SMALL_CALLS: Final = 500
_LARGE_CALLS: Final = 8
_WEB: Final = "github/acme/web"
_DETAILS: Final = slug("detail", 1)
_BEYOND: Final = "0.15 ms"
_BEYOND_SECONDS: Final = 0.15e-3
_CONCURRENT_CALLS: Final = 500
_CONCURRENCY: Final = 16
_DELAY_MS: Final = 50
_NO_OVERHEAD: Final = "no overhead"
_STALL: Final = "10 ms"
_STALL_SECONDS: Final = 10e-3
# The first reply that does not fit its type, after replies that did.
_FIRST_MISFIT: Final = """
import logging, time
from circleci_v1_async import Build, loads

logging.getLogger("circleci_v1_async").setLevel(logging.ERROR)
loads(b'[{"build_num":1}]', list[Build])
started = time.process_time()
loads(b'[{"build_num":1,"branch":5}]', list[Build])
print(time.process_time() - started)
"""

Call = Callable[[CircleCISession], Awaitable[object]]


def _call(call: Call, count: int, base_url: str) -> float:
    """Return the number of CPU seconds of a call with our client."""

    async def run() -> float:
        async with CircleCISession("a-token", base_url=base_url) as ci:
            return await cpu_seconds_per_await(count, partial(call, ci))

    return asyncio.run(run())


def _call_with(client: str, path: str, returns: Any, count: int, base_url: str) -> float:
    """Return the number of CPU seconds of a call with another client."""

    async def run() -> float:
        async with CLIENTS[client](base_url) as get:
            return await cpu_seconds_per_await(count, partial(get, path, returns))

    return asyncio.run(run())


def _get_build_with_pycircleci(count: int, base_url: str) -> float:
    api, (_, username, reponame) = make_pycircleci(base_url), _DETAILS.split("/")
    return cpu_seconds_per_call(count, partial(api.get_build_info, username, reponame, 1))


async def _get_missing(ci: CircleCISession) -> None:
    with suppress(NotFoundError):
        await ci.send(Request("GET", "/missing"))


def _call_beyond_success(call: Call, base_url: str) -> float:
    """Return the CPU seconds that a call costs in addition to a small reply that is decoded."""
    success: Call = methodcaller("send", Request("GET", "/small"))
    return _call(call, _SMALL_CALLS, base_url) - _call(success, _SMALL_CALLS, base_url)


async def _get_builds_concurrently(base_url: str) -> None:
    project = slug("detail", _CONCURRENT_CALLS, delay_ms=_DELAY_MS)
    async with (
        CircleCISession("a-token", base_url=base_url, concurrency=_CONCURRENCY) as ci,
        asyncio.TaskGroup() as group,
    ):
        for number in range(1, _CONCURRENT_CALLS + 1):
            group.create_task(ci.get_build(project, number))


def _stall_at_first_misfit(_base_url: str) -> float:
    return figure_printed_by(sys.executable, "-c", _FIRST_MISFIT)


def _compare(
    title: str,
    call: Call,
    path: str,
    target: Target,
    *,
    returns: Any = None,
    clients: Iterable[str] = (ORJSON,),
    count: int = _LARGE_CALLS,
    more: dict[str, Candidate] | None = None,
) -> Comparison:
    return Comparison(
        title=title,
        candidates={
            OURS: partial(_call, call, count),
            **{name: partial(_call_with, name, path, returns, count) for name in clients},
            **(more or {}),
        },
        targets=(target,),
    )


def _compare_beyond(name: str, call: Call) -> Comparison:
    return Comparison(
        title=f"A {name}, in addition to a success",
        candidates={OURS: partial(_call_beyond_success, call), _BEYOND: _BEYOND_SECONDS},
        targets=(Target(_BEYOND, 1.0),),
    )


COMPARISONS: Final[dict[str, Comparison]] = {
    "get": _compare(
        "One `get_build` of 12 kB",
        methodcaller("get_build", _DETAILS, 1),
        f"/project/{_DETAILS}/1",
        Target(ORJSON, 1.20, aim=1.15, why=_WHY_SMALL),
        returns=BuildDetail,
        clients=CLIENTS,
        count=_SMALL_CALLS,
        more={PYCIRCLECI: partial(_get_build_with_pycircleci, _SMALL_CALLS)},
    ),
    "me": _compare(
        "One `get_current_user` (`/me`)",
        methodcaller("get_current_user"),
        "/me",
        Target(ORJSON, 1.20, aim=1.15, why=_WHY_SMALL),
        count=_SMALL_CALLS,
    ),
    "projects": _compare("`list_projects` of 1.0 MB", methodcaller("list_projects"), "/projects", Target(ORJSON, 1.10)),
    "projects-2": _compare(
        "`list_projects` of 2.0 MB",
        methodcaller("send", Request("GET", "/projects-2", returns=list[Project])),
        "/projects-2",
        Target(ORJSON, 1.10),
    ),
    "artifacts": _compare(
        f"`list_build_artifacts` of {ARTIFACTS:,} artifacts",
        methodcaller("list_build_artifacts", _WEB, 1),
        f"/project/{_WEB}/1/artifacts",
        Target(ORJSON, 1.20, why="Python returns the memory of the decoded list to the system after each call"),
    ),
    "tests": _compare(
        f"`list_build_tests` of {TESTS:,} tests",
        methodcaller("list_build_tests", _WEB, 1),
        f"/project/{_WEB}/1/tests",
        Target(ORJSON, 1.30),
    ),
    "beyond-404": _compare_beyond("404", _get_missing),
    "beyond-send_raw": _compare_beyond("`send_raw`", methodcaller("send_raw", Request("GET", "/small"))),
    "misfit": Comparison(
        title="The first value that does not fit",
        candidates={OURS: _stall_at_first_misfit, _STALL: _STALL_SECONDS},
        targets=(Target(_STALL, 1.0),),
    ),
    "concurrency": Comparison(
        title=f"{_CONCURRENT_CALLS} `get_build`, {_CONCURRENCY} at once, at {_DELAY_MS} ms a reply",
        unit=SECONDS,
        candidates={
            OURS: partial(wall_seconds, _get_builds_concurrently),
            _NO_OVERHEAD: _CONCURRENT_CALLS / _CONCURRENCY * _DELAY_MS / 1e3,
        },
        targets=(Target(_NO_OVERHEAD, 1.08, why="a call takes time besides the delay, 32 times in a row"),),
    ),
}
