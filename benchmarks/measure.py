"""The one way to measure: candidates do the same work in turn, in rounds.

- Each candidate has its own process, so no candidate's garbage, caches or imports slow down another candidate. Every
  few rounds, all processes are replaced: where its memory lies can make a process faster or slower for its whole life.
- The first round of a process does not count. It imports modules and fills caches.
- A different candidate starts each round, and ratios are calculated within a round. If the machine slows down, the
  round slows down for all candidates, and the ratio stays the same.
- The figure is CPU time of the client's process, including the kernel's share. The server has its own process, so its
  time does not count, and neither does waiting. Only where waiting is the subject, the figure is wall time.
- The result is the median of the rounds, with the middle half as the spread. One slow round changes neither.

pyperf and pytest-benchmark are not suitable. They time one piece of code after the other by the clock. They support
neither rounds nor the CPU time of one process while a server keeps another process busy.
"""

import asyncio
import multiprocessing
import subprocess
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from shutil import which
from statistics import median, quantiles
from time import perf_counter, process_time
from typing import Any, Final, NamedTuple, Self

import attrs

OURS: Final = "circleci_v1_async"
_PROCESSES: Final = 3
_ROUNDS_PER_PROCESS: Final = 3
ROUNDS: Final = _PROCESSES * _ROUNDS_PER_PROCESS
_SPAWN: Final = multiprocessing.get_context("spawn")

# Takes the base URL of the server, and returns the figure: seconds or bytes.
Candidate = Callable[[str], float]
Work = Callable[[str], Coroutine[Any, Any, None] | None]


def cpu_seconds(work: Work, base_url: str) -> float:
    """Return the number of CPU seconds that the work costs this process."""
    return _timed(process_time, work, base_url)


def wall_seconds(work: Work, base_url: str) -> float:
    """Return the number of seconds that the work takes."""
    return _timed(perf_counter, work, base_url)


def _timed(clock: Callable[[], float], work: Work, base_url: str) -> float:
    started = clock()
    if (coroutine := work(base_url)) is not None:
        asyncio.run(coroutine)
    return clock() - started


def cpu_seconds_per_call(count: int, call: Callable[[], object]) -> float:
    """Return the number of CPU seconds of one of `count` calls, after one call that does not count."""
    call()
    started = process_time()
    for _ in range(count):
        call()
    return (process_time() - started) / count


async def cpu_seconds_per_await(count: int, call: Callable[[], Awaitable[object]]) -> float:
    """Do the same for calls that are awaited."""
    await call()
    started = process_time()
    for _ in range(count):
        await call()
    return (process_time() - started) / count


def figure_printed_by(*command: str, given: bytes = b"") -> float:
    """Run a program that prints a figure, and return the figure. `given` is its standard input."""
    return float(subprocess.run(command, input=given, stdout=subprocess.PIPE, check=True).stdout)  # noqa: S603 - our own


class Unit(NamedTuple):
    """A unit of the figures, and the factor from seconds or bytes to it."""

    name: str
    factor: float


CPU_MS: Final = Unit("ms of CPU", 1e3)
SECONDS: Final = Unit("s", 1)
MEGABYTES: Final = Unit("MB", 1e-6)


@attrs.frozen
class Target:
    """The highest accepted ratio: our candidate's figure, divided by another candidate's figure.

    Attributes:
        against: The other candidate.
        at_most: The highest accepted ratio.
        aim: A lower ratio that the project aims for; `None` for no such ratio.
        why: The reason, in few words, if the target is known to be missed.
    """

    against: str
    at_most: float
    aim: float | None = None
    why: str = "the reason is not known"

    def __str__(self) -> str:
        return f"{self.at_most:.2f}" if self.aim is None else f"{self.at_most:.2f} (aim {self.aim:.2f})"


@attrs.frozen(kw_only=True)
class Comparison:
    """The same work for several candidates.

    Attributes:
        title: Description of the work.
        unit: Unit of the figures.
        candidates: The candidates by name; ours is the first. A number is a known figure that is not measured.
        targets: The ratios to reach.
        server: A server that only this work uses; by default, the work uses the shared server.
        programs: Programs that candidates need, by the candidate's name; `""` for the server.
    """

    title: str
    unit: Unit = CPU_MS
    candidates: Mapping[str, Candidate | float]
    targets: tuple[Target, ...]
    server: Callable[[], AbstractContextManager[str]] | None = None
    programs: Mapping[str, str] = attrs.field(factory=dict[str, str])

    def __attrs_post_init__(self) -> None:
        if unknown := {target.against for target in self.targets} - self.candidates.keys():
            raise ValueError(f"{self.title}: expected targets against candidates, got {', '.join(unknown)}")

    @property
    def missing(self) -> dict[str, str]:
        """The candidates that need a program that is not installed, with the name of the program."""
        return {name: program for name, program in self.programs.items() if which(program) is None}


@attrs.frozen
class Spread:
    """The median of several rounds' figures, and the limits of the middle half of the figures."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, figures: Iterable[float]) -> Self:
        numbers = list(figures)
        low, _, high = quantiles(numbers, n=4, method="inclusive") if len(numbers) > 1 else numbers * 3
        return cls(low, median(numbers), high)

    def __str__(self) -> str:
        return f"{self.low:.2f} to {self.high:.2f}"


@attrs.frozen
class Row:
    """A row of the table of results: a target, and the measured ratio."""

    work: str
    target: Target
    ratio: Spread

    @property
    def is_missed(self) -> bool:
        return self.ratio.middle > self.target.at_most

    @property
    def verdict(self) -> str:
        return f"**missed**: {self.target.why}" if self.is_missed else "held"


@attrs.frozen
class Result:
    """The figures of a comparison: one for each round, by candidate."""

    comparison: Comparison
    figures: dict[str, list[float]]

    def spread(self, candidate: str) -> Spread:
        """Return the spread of a candidate's figures, in the comparison's unit."""
        return Spread.of(figure * self.comparison.unit.factor for figure in self.figures[candidate])

    @property
    def rows(self) -> list[Row]:
        """The ratios that have a target. Each ratio is calculated within a round."""
        ours = next(iter(self.figures.values()))
        return [
            Row(
                self.comparison.title,
                target,
                Spread.of(mine / other for mine, other in zip(ours, self.figures[target.against], strict=True)),
            )
            for target in self.comparison.targets
            if target.against in self.figures
        ]


def compare(comparison: Comparison, base_url: str, *, quick: bool = False) -> Result:
    """Run the work of all candidates in turn. With `quick`, there is a single round, which counts."""
    candidates = {name: each for name, each in comparison.candidates.items() if name not in comparison.missing}
    figures: dict[str, list[float]] = {name: [] for name in candidates}
    with ExitStack() as stack:
        if comparison.server is not None:
            base_url = stack.enter_context(comparison.server())
        for _ in range(1 if quick else _PROCESSES):
            for turn in _run_rounds(candidates, base_url, range(1) if quick else range(-1, _ROUNDS_PER_PROCESS)):
                for name, figure in turn.items():
                    figures[name].append(figure)
    return Result(comparison, figures)


def _run_rounds(
    candidates: Mapping[str, Candidate | float], base_url: str, rounds: range
) -> Iterator[dict[str, float]]:
    """Yield the figures of each round in new processes, except for rounds with a negative number."""
    names = list(candidates)
    with ExitStack() as stack:
        processes = {name: stack.enter_context(ProcessPoolExecutor(1, _SPAWN)) for name in names}
        for number in rounds:
            figures: dict[str, float] = {}
            for name in names[number % len(names) :] + names[: number % len(names)]:
                each = candidates[name]
                figures[name] = processes[name].submit(each, base_url).result() if callable(each) else each
            if number >= 0:
                yield figures
