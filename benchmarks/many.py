"""Very many concurrent calls and downloads, in a process that may open 1,024 files."""

import asyncio
import multiprocessing
import os
import resource
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final

import attrs

from circleci_v1_async import Artifact, CircleCISession
from circleci_v1_async.testing import FakeCircleCI

from .download import status
from .report import Report
from .server import serving, slug

_DESCRIPTORS: Final = 1_024
_CALLS: Final = 5_000
_CONCURRENCY: Final = 16
_DELAY_MS: Final = 20
_BUILDS: Final = 1_000
_ARTIFACTS: Final = 10
_OPEN: Final = Path("/proc/self/fd")
_EVERY: Final = 0.02  # seconds from one sample to the next


def run() -> Report:
    """Measure calls and downloads, each in a new process."""
    with serving() as base_url:
        calls = _in_fresh_process(_measure_calls, base_url)
    downloads = _in_fresh_process(_measure_downloads, "")
    rows: list[tuple[object, ...]] = []
    for work, figures in ((f"{_CALLS:,} get_build", calls), (f"{_BUILDS:,} x {_ARTIFACTS} artifacts", downloads)):
        ideal = f"{figures.seconds / figures.ideal:.2f}" if figures.ideal else "-"
        disorder = "-" if figures.disorder is None else figures.disorder
        rows.append(
            (
                work,
                f"{figures.seconds:.2f}",
                ideal,
                disorder,
                figures.connections,
                figures.descriptors,
                figures.megabytes,
            )
        )
    misses: list[str] = []
    if (calls.disorder or 0) > _CONCURRENCY:
        misses.append(f"a call was served {calls.disorder} places from its turn, expected at most {_CONCURRENCY}")
    if calls.connections > _CONCURRENCY:
        misses.append(f"{calls.connections} connections, expected at most {_CONCURRENCY}")
    title = (
        f"All begun at once by a process that may open {_DESCRIPTORS:,} files, {_CONCURRENCY} under way at a time; "
        f"calls take {_DELAY_MS} ms each. The order in which calls are answered differs from that in which they were "
        f"made by at most {_CONCURRENCY} places"
    )
    columns = ("work", "seconds", "of the ideal", "places", "connections", "most files open", "MB grown")
    return Report(title, columns, rows, misses)


@attrs.frozen
class Figures:
    """Figures of one case.

    Attributes:
        seconds: Wall time in seconds.
        ideal: Wall time in seconds without any overhead; `None` if unknown.
        disorder: Maximum number of places between a call's turn and its answer's turn.
        connections: Maximum number of open connections.
        descriptors: Maximum number of open files, including connections.
        megabytes: Growth of the process's memory in MB.
    """

    seconds: float
    ideal: float | None
    disorder: int | None
    connections: int
    descriptors: int
    megabytes: str


def _in_fresh_process(measure: Callable[[str], Figures], base_url: str) -> Figures:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measure, base_url).result()


def _measure_calls(base_url: str) -> Figures:
    return asyncio.run(_calls(base_url))


async def _calls(base_url: str) -> Figures:
    _limit_descriptors()
    answered: list[int] = []
    project = slug("full", _CALLS, delay_ms=_DELAY_MS)
    async with CircleCISession("a-token", base_url=base_url, concurrency=_CONCURRENCY) as ci:

        async def get(number: int) -> None:
            await ci.get_build(project, number)
            answered.append(number)

        async def get_all() -> None:
            async with asyncio.TaskGroup() as group:
                for number in range(1, _CALLS + 1):
                    group.create_task(get(number))

        seconds, connections, descriptors, grown = await _sampled(get_all)
    disorder = max(abs(number - place) for place, number in enumerate(answered, 1))
    return Figures(seconds, _CALLS / _CONCURRENCY * _DELAY_MS / 1e3, disorder, connections, descriptors, grown)


def _measure_downloads(_base_url: str) -> Figures:
    return asyncio.run(_downloads())


async def _downloads() -> Figures:
    # The fake runs in this process, so the figures include the fake.
    _limit_descriptors()
    async with FakeCircleCI() as fake:
        fake.add_project("gh/acme/web")
        for number in range(1, _BUILDS + 1):
            fake.add_build("gh/acme/web")
            for artifact in range(_ARTIFACTS):
                fake.add_artifact("gh/acme/web", number, f"{artifact}.xml", b"<testsuite/>" * 100)
        async with CircleCISession(fake.token, base_url=fake.base_url, durable=False) as ci:
            with TemporaryDirectory() as folder:

                async def save(number: int) -> None:
                    artifacts: list[Artifact] = await ci.list_build_artifacts("gh/acme/web", number)
                    await ci.download_artifacts(artifacts, Path(folder, str(number))).collect()

                async def save_all() -> None:
                    async with asyncio.TaskGroup() as group:
                        for number in range(1, _BUILDS + 1):
                            group.create_task(save(number))

                seconds, connections, descriptors, grown = await _sampled(save_all)
                saved = sum(1 for _ in Path(folder).rglob("*.xml"))  # noqa: ASYNC240 - nothing else runs by now
    if saved != _BUILDS * _ARTIFACTS:
        raise RuntimeError(f"{saved} files, expected {_BUILDS * _ARTIFACTS}")
    return Figures(seconds, None, None, connections, descriptors, grown)


def _limit_descriptors() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_DESCRIPTORS, hard))


async def _sampled(work: Callable[[], Awaitable[None]]) -> tuple[float, int, int, str]:
    """Return seconds, the maximum numbers of open connections and files, and the memory growth in MB."""
    before, connections, descriptors = _count_open(), 0, 0
    start = peak = status("VmRSS")

    async def sample() -> None:
        nonlocal connections, descriptors, peak
        while True:
            sockets, files = _count_open()
            connections = max(connections, sockets - before[0])
            descriptors = max(descriptors, files)
            peak = max(peak, status("VmRSS"))
            await asyncio.sleep(_EVERY)

    sampling = asyncio.create_task(sample())
    began = perf_counter()
    await work()
    seconds = perf_counter() - began
    sampling.cancel()
    return seconds, connections, descriptors, f"{(peak - start) / 1e6:.1f}"


def _count_open() -> tuple[int, int]:
    """Return the numbers of open sockets, and of open files including sockets; 0 if unknown."""
    if not _OPEN.exists():
        return 0, 0
    targets: list[str] = []
    for name in os.listdir(_OPEN):  # noqa: PTH208 - fast
        try:
            targets.append(os.readlink(_OPEN / name))  # noqa: PTH115 - as above
        except OSError:
            continue
    return sum(target.startswith("socket:") for target in targets), len(targets)
