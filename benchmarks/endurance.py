"""Endurance: a watch over very many events, and very many calls over a bad network.

Memory must stay constant.
"""

import asyncio
import gc
import logging
import os
import re
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncGenerator
from pathlib import Path
from time import perf_counter
from typing import Final

import attrs

from circleci_v1_async import BuildEvent, CircleCISession, WatchCursor
from circleci_v1_async.testing import FakeCircleCI

from .report import Report

_EVENTS: Final = 50_000
_SAMPLES: Final = 10
_AT_A_TIME: Final = 20  # builds that start, and builds that end, between two requests
_KEPT: Final = 400  # builds that the service keeps
_RESTART_EVERY: Final = 1_000  # events
_FAULT_EVERY: Final = 100  # requests
_INTERVAL: Final = 0.001  # seconds
_MOST_KB: Final = 300
_CALLS: Final = 200_000
_WEB: Final = "gh/acme/web"
_ROOT: Final = Path(__file__).parents[1]
_SOAK: Final = re.compile(r"^soak: (.+)$", re.MULTILINE)


def run() -> Report:
    """Run a watch, and make calls like the tests, but more of them."""
    misses: list[str] = []
    watched, kilobytes = asyncio.run(_watch())
    if (grown := kilobytes[-1] - kilobytes[1]) > _MOST_KB:
        misses.append(f"the watch grew by {grown} kB, expected at most {_MOST_KB}")
    rows: list[tuple[object, ...]] = [
        (
            f"a watch over {_EVENTS:,} events",
            f"{watched}; kB after each tenth: {' '.join(map(str, kilobytes))}",
        )
    ]
    soak = _soak()
    rows.append((f"{_CALLS:,} calls over a bad network", soak or "failed"))
    if not soak:
        misses.append(f"{_CALLS:,} calls over a bad network: the test failed")
    return Report("Endurance", ("work", "figures"), rows, misses)


@attrs.define
class _Project:
    """A project that starts and ends builds at each request, and forgets old builds."""

    fake: FakeCircleCI
    newest: int = 0
    requests: int = 0

    def go_on(self, _request: object) -> None:
        self.requests += 1
        for _ in range(_AT_A_TIME):
            self.newest = self.fake.add_build(_WEB, status="running")["build_num"]
            if self.newest > 2 * _AT_A_TIME:
                self.fake.finish_build(_WEB, self.newest - _AT_A_TIME)
            if self.newest > _KEPT + 1:
                self.fake.remove_build(_WEB, self.newest - _KEPT)
        if self.requests % _FAULT_EVERY == 0:
            self.fake.fail_next(503)
        self.fake.clear_requests()


async def _watch() -> tuple[str, list[int]]:
    """Return a summary, and Python's allocated memory in kB after each tenth, without the fake's memory."""
    kilobytes: list[int] = []
    # The watch logs each fault, and each time that it waits for builds to end.
    logging.getLogger("circleci_v1_async").setLevel(logging.ERROR)
    tracemalloc.start()
    events = starts = 0
    cursor: WatchCursor | None = None
    started = perf_counter()
    async with FakeCircleCI() as fake:
        fake.add_project(_WEB)
        fake.before_reply(_Project(fake).go_on)
        while events < _EVENTS:
            starts += 1
            async for event in _watch_for_a_while(fake, cursor):
                events += 1
                cursor = event.cursor
                if events % (_EVENTS // _SAMPLES) == 0:
                    kilobytes.append(_allocated())
    tracemalloc.stop()
    return f"{events:,} events, {starts} starts, {perf_counter() - started:.0f} s", kilobytes


def _allocated() -> int:
    gc.collect()
    snapshot = tracemalloc.take_snapshot()
    ours = snapshot.filter_traces(
        [tracemalloc.Filter(inclusive=False, filename_pattern=each) for each in ("*/testing/*", "*/attr/*", "<attrs *")]
    )
    return sum(trace.size for trace in ours.traces) // 1000


async def _watch_for_a_while(fake: FakeCircleCI, cursor: WatchCursor | None) -> AsyncGenerator[BuildEvent, None]:
    """Yield events until it is time to restart the watch."""
    async with CircleCISession(fake.token, base_url=fake.base_url) as ci:
        watch = ci.watch_project_builds(_WEB, cursor=cursor, interval=_INTERVAL)
        count = 0
        async for event in watch:
            yield event
            count += 1
            if count == _RESTART_EVERY:
                return


def _soak() -> str | None:
    command = (sys.executable, "-m", "pytest", "-q", "tests/loopback/test_soak.py")
    environment = {**os.environ, "SOAK_CALLS": str(_CALLS)}
    done = subprocess.run(command, cwd=_ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    found = _SOAK.search(done.stdout)
    return found[1] if found and done.returncode == 0 else None
