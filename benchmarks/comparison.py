"""Comparisons: several candidates do the same work in turn, in several rounds.

Each candidate has its own process. It first does the work once without counting, so that no figure includes imports,
garbage or cold caches. The first candidate changes from round to round. Ratios are calculated within a round, so that a
machine that slows down affects all candidates equally.

pyperf and pytest-benchmark are not suitable. They time one piece of code after the other by the clock. They support
neither rounds nor the CPU time of one process while a server keeps another process busy.
"""

import asyncio
import multiprocessing
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from shutil import which
from statistics import median, quantiles
from time import perf_counter, process_time
from typing import Any, Self

import attrs

from .report import Report
from .server import serving

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


@attrs.frozen(kw_only=True)
class Comparison:
    """The same work for several candidates.

    Attributes:
        title: Description of the work.
        unit: Unit of the displayed figures.
        factor: Factor from seconds or bytes to the unit.
        candidates: The candidates by name. Our client is the first.
        server: The server for the candidates, which runs in another process.
        server_program: The program that the server needs; `None` without one.
        programs: The programs that candidates need, by the name of the candidate.
    """

    title: str
    unit: str
    factor: float
    candidates: Mapping[str, Candidate]
    server: Callable[[], AbstractContextManager[str]] = serving
    server_program: str | None = None
    programs: Mapping[str, str] = attrs.field(factory=dict[str, str])

    @property
    def ours(self) -> str:
        """The name of our candidate."""
        return next(iter(self.candidates))

    @property
    def missing_server(self) -> bool:
        """Whether the server needs a program that is not installed."""
        return self.server_program is not None and which(self.server_program) is None

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
    def of(cls, figures: list[float]) -> Self:
        low, _, high = quantiles(figures, n=4, method="inclusive") if len(figures) > 1 else figures * 3
        return cls(low, median(figures), high)

    @classmethod
    def of_ratios(cls, ours: Iterable[float], theirs: Iterable[float]) -> Self:
        """Return the spread of ratios. Each ratio is calculated within a round."""
        return cls.of([mine / other for mine, other in zip(ours, theirs, strict=True)])

    def times(self, factor: float) -> Self:
        return type(self)(self.low * factor, self.middle * factor, self.high * factor)

    def __str__(self) -> str:
        return f"{self.low:.2f} to {self.high:.2f}"


@attrs.frozen
class Target:
    """A ratio to reach: our candidate's figure, divided by another candidate's figure.

    Attributes:
        against: The other candidate.
        at_most: Maximum ratio that is accepted.
        aim: The ratio to aim for; `None` if it is the same as `at_most`.
        why: The reason, if known, why a ratio is higher than accepted.
    """

    against: str
    at_most: float
    aim: float | None = None
    why: str = ""


@attrs.frozen
class Row:
    """A row of the table of results: a target and the measured ratio.

    Attributes:
        work: Description of the work.
        target: The ratio to reach.
        ratio: The ratio of each round.
    """

    work: str
    target: Target
    ratio: Spread

    @property
    def is_missed(self) -> bool:
        return self.ratio.middle > self.target.at_most

    @property
    def verdict(self) -> str:
        if self.is_missed:
            return "**missed**"
        return "aim reached" if self.target.aim is not None and self.ratio.middle <= self.target.aim else "held"

    @property
    def miss(self) -> str:
        return (
            f"{self.work}, against {self.target.against}: {self.ratio.middle:.2f}, "
            f"expected at most {self.target.at_most:.2f}"
        )


@attrs.frozen
class Outcome:
    """All results of a benchmark.

    Attributes:
        report: The figures; `None` if the benchmark could not run.
        rows: The ratios that have a target.
        left_out: Comparisons that were not made, with the reasons.
    """

    report: Report | None
    rows: list[Row] = attrs.field(factory=list[Row])
    left_out: list[str] = attrs.field(factory=list[str])

    @property
    def misses(self) -> list[str]:
        """The missed targets."""
        return [*(row.miss for row in self.rows if row.is_missed), *(self.report.misses if self.report else ())]

    def __str__(self) -> str:
        left_out = [f"Left out: {reason}." for reason in self.left_out]
        return "\n\n".join([*([str(self.report)] if self.report else []), *left_out])


@attrs.frozen
class Result:
    """The figures of a comparison.

    Attributes:
        comparison: The work.
        figures: Figures by candidate, one for each round.
    """

    comparison: Comparison
    figures: dict[str, list[float]]

    def ratio(self, against: str) -> Spread:
        """Return the ratio between our candidate and another candidate."""
        return Spread.of_ratios(self.figures[self.comparison.ours], self.figures[against])

    def rows(self, targets: Iterable[Target]) -> list[Row]:
        """Compare the ratios with targets. Targets against a candidate that did not take part are left out."""
        return [
            Row(self.comparison.title, target, self.ratio(target.against))
            for target in targets
            if target.against in self.figures
        ]

    @property
    def report(self) -> Report:
        """All candidates' figures."""
        rows: list[tuple[object, ...]] = []
        for name, figures in self.figures.items():
            spread = Spread.of(figures).times(self.comparison.factor)
            rows.append((name, f"{spread.middle:.2f}", spread, f"{self.ratio(name).middle:.2f}"))
        title = f"{self.comparison.title}: {self.comparison.unit}, medians and middle halves of {self.rounds} rounds"
        return Report(title, ("", self.comparison.unit, "spread", f"{self.comparison.ours} / it"), rows, [])

    @property
    def rounds(self) -> int:
        """Number of rounds."""
        return len(self.figures[self.comparison.ours])


def compare(comparison: Comparison, rounds: int, *, rehearse: bool = True) -> Result:
    """Run the work of the installed candidates in turn, after a first round that does not count."""
    names = [name for name in comparison.candidates if name not in comparison.missing]
    figures: dict[str, list[float]] = {name: [] for name in names}
    with comparison.server() as base_url, ExitStack() as stack:
        spawn = multiprocessing.get_context("spawn")
        processes = {name: stack.enter_context(ProcessPoolExecutor(1, spawn)) for name in names}
        for number in range(-1 if rehearse else 0, rounds):
            first = number % len(names)
            for name in names[first:] + names[:first]:
                figure = processes[name].submit(comparison.candidates[name], base_url).result()
                if number >= 0:
                    figures[name].append(figure)
    return Result(comparison, figures)
