"""Comparisons: the same work, done by several candidates in turn, in several rounds.

Each candidate has a process of its own, in which it first does the work once uncounted, so that no figure includes
imports, garbage or cold caches. The first one changes from round to round, and ratios are taken within a round, so that
a machine that slows down slows all of them down.

pyperf and pytest-benchmark do not fit: they time one piece of code after the other by the clock, and know neither
rounds nor the CPU time of one process while a server keeps another busy.
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

# Takes the base URL of the server, and gives the figure: seconds or bytes.
Candidate = Callable[[str], float]
Work = Callable[[str], Coroutine[Any, Any, None] | None]


def cpu_seconds(work: Work, base_url: str) -> float:
    """Return the seconds of CPU that the work costs this process."""
    return _timed(process_time, work, base_url)


def wall_seconds(work: Work, base_url: str) -> float:
    """Return the seconds that the work takes."""
    return _timed(perf_counter, work, base_url)


def _timed(clock: Callable[[], float], work: Work, base_url: str) -> float:
    started = clock()
    if (coroutine := work(base_url)) is not None:
        asyncio.run(coroutine)
    return clock() - started


@attrs.frozen(kw_only=True)
class Comparison:
    """The same work, done by several candidates.

    Attributes:
        title: Says what the work is.
        unit: Of the figures shown.
        factor: Turns seconds or bytes into the unit.
        candidates: By name; ours first.
        server: Serves them, in another process.
        server_program: The program that the server needs, if any.
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
        """The name of ours."""
        return next(iter(self.candidates))

    @property
    def missing_server(self) -> bool:
        """Whether the program of the server is not installed."""
        return self.server_program is not None and which(self.server_program) is None

    @property
    def missing(self) -> dict[str, str]:
        """The candidates whose program is not installed, with the program."""
        return {name: program for name, program in self.programs.items() if which(program) is None}


@attrs.frozen
class Spread:
    """Figures of several rounds: the median, and those between which half of them lie."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, figures: list[float]) -> Self:
        low, _, high = quantiles(figures, n=4, method="inclusive") if len(figures) > 1 else figures * 3
        return cls(low, median(figures), high)

    @classmethod
    def of_ratios(cls, ours: Iterable[float], theirs: Iterable[float]) -> Self:
        """Return the spread of ratios, each taken within a round."""
        return cls.of([mine / other for mine, other in zip(ours, theirs, strict=True)])

    def times(self, factor: float) -> Self:
        return type(self)(self.low * factor, self.middle * factor, self.high * factor)

    def __str__(self) -> str:
        return f"{self.low:.2f} to {self.high:.2f}"


@attrs.frozen
class Target:
    """A ratio to reach: the figure of ours, divided by that of another candidate.

    Attributes:
        against: The other candidate.
        at_most: The highest ratio that is accepted.
        aim: The ratio to strive for; `None` when that is the same.
        why: The reason, if known, why a ratio is higher than accepted.
    """

    against: str
    at_most: float
    aim: float | None = None
    why: str = ""


@attrs.frozen
class Row:
    """A row of the table of results: a target and the ratio that was measured.

    Attributes:
        work: Says what was done.
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
    """Everything that a benchmark has to show.

    Attributes:
        report: Its figures; `None` if it could not run.
        rows: The ratios that have a target.
        left_out: Comparisons that were not made, and why.
    """

    report: Report | None
    rows: list[Row] = attrs.field(factory=list[Row])
    left_out: list[str] = attrs.field(factory=list[str])

    @property
    def misses(self) -> list[str]:
        """The targets that were missed."""
        return [*(row.miss for row in self.rows if row.is_missed), *(self.report.misses if self.report else ())]

    def __str__(self) -> str:
        left_out = [f"Left out: {reason}." for reason in self.left_out]
        return "\n\n".join([*([str(self.report)] if self.report else []), *left_out])


@attrs.frozen
class Result:
    """The figures of a comparison.

    Attributes:
        comparison: The work.
        figures: By candidate, one for each round.
    """

    comparison: Comparison
    figures: dict[str, list[float]]

    def ratio(self, against: str) -> Spread:
        """Return the ratio of ours to another candidate's."""
        return Spread.of_ratios(self.figures[self.comparison.ours], self.figures[against])

    def rows(self, targets: Iterable[Target]) -> list[Row]:
        """Hold the ratios against targets; those against a candidate that did not take part are left out."""
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
        """The number of rounds."""
        return len(self.figures[self.comparison.ours])


def compare(comparison: Comparison, rounds: int, *, rehearse: bool = True) -> Result:
    """Let the installed candidates do the work in turn, after a first round that does not count."""
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
