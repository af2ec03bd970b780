"""Contests: the same work done by several contenders, in turn, in as many rounds as it takes to trust the outcome.

Each contender has a process of its own, in which it first does the work once for nothing, so that nobody pays for
another's imports, garbage or cold caches. Who begins changes from round to round, and ratios are taken within a round,
so that a machine that slows down slows all of them down.

Not pyperf, and not pytest-benchmark: they time one piece of code after the other by the clock, and know neither rounds
nor the CPU time of one process while a server keeps another busy.
"""

import asyncio
import multiprocessing
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from statistics import median, quantiles
from time import perf_counter, process_time
from typing import Any, Self

import attrs

from .report import Report
from .server import serving

# Takes the base URL of the server, and gives the figure: seconds or bytes.
Contender = Callable[[str], float]
Work = Callable[[str], Coroutine[Any, Any, None] | None]


def cpu(work: Work, base_url: str) -> float:
    """The seconds of CPU that the work costs this process."""
    return _timed(process_time, work, base_url)


def wall(work: Work, base_url: str) -> float:
    """The seconds that the work takes."""
    return _timed(perf_counter, work, base_url)


def _timed(clock: Callable[[], float], work: Work, base_url: str) -> float:
    started = clock()
    if (coroutine := work(base_url)) is not None:
        asyncio.run(coroutine)
    return clock() - started


@attrs.frozen(kw_only=True)
class Contest:
    """The same work, done by several.

    Attributes:
        title: What the work is.
        unit: Of the figures shown.
        factor: What seconds or bytes are multiplied by to be shown.
        contenders: By name; ours first.
        server: What serves them, in another process.
        needs: Programs without which it cannot be held.
    """

    title: str
    unit: str
    factor: float
    contenders: Mapping[str, Contender]
    server: Callable[[], AbstractContextManager[str]] = serving
    needs: tuple[str, ...] = ()

    @property
    def ours(self) -> str:
        """The name of ours."""
        return next(iter(self.contenders))


@attrs.frozen
class Spread:
    """Figures of several rounds: the one in the middle, and those between which half of them lie."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, figures: list[float]) -> Self:
        low, _, high = quantiles(figures, n=4, method="inclusive") if len(figures) > 1 else figures * 3
        return cls(low, median(figures), high)

    def times(self, factor: float) -> Self:
        return type(self)(self.low * factor, self.middle * factor, self.high * factor)

    def __str__(self) -> str:
        return f"{self.low:.2f} to {self.high:.2f}"


@attrs.frozen
class Claim:
    """What a contest is to show: the figure of ours, divided by that of somebody else.

    Attributes:
        contest: The name of the contest.
        against: The other contender.
        at_most: What the ratio must not exceed.
        aim: What it had better not exceed; `None` when that is the same.
        why: What is known of why it does, in case that it does exceed it.
    """

    contest: str
    against: str
    at_most: float
    aim: float | None = None
    why: str = ""

    def missed(self, ratio: Spread) -> str:
        """What to say when the ratio exceeds what it must not; nothing otherwise."""
        if ratio.middle <= self.at_most:
            return ""
        return f"{self.contest}, against {self.against}: {ratio.middle:.2f}, expected at most {self.at_most:.2f}"


@attrs.frozen
class Outcome:
    """What came of a contest.

    Attributes:
        contest: What was done.
        figures: By contender, one for each round.
    """

    contest: Contest
    figures: dict[str, list[float]]

    def ratio(self, against: str) -> Spread:
        """Of ours to somebody else's."""
        pairs = zip(self.figures[self.contest.ours], self.figures[against], strict=True)
        return Spread.of([ours / theirs for ours, theirs in pairs])

    @property
    def report(self) -> Report:
        """All contenders' figures."""
        rows: list[tuple[object, ...]] = []
        for name, figures in self.figures.items():
            spread = Spread.of(figures).times(self.contest.factor)
            rows.append((name, f"{spread.middle:.2f}", spread, f"{self.ratio(name).middle:.2f}"))
        title = f"{self.contest.title}: {self.contest.unit}, medians and middle halves of {self.rounds} rounds"
        return Report(title, ("", self.contest.unit, "spread", f"{self.contest.ours} / it"), rows, [])

    @property
    def rounds(self) -> int:
        """How often the work was done."""
        return len(self.figures[self.contest.ours])


def hold(contest: Contest, rounds: int, *, rehearse: bool = True) -> Outcome:
    """Let the contenders do the work in turn, so many times, after a first time that does not count."""
    names = list(contest.contenders)
    figures: dict[str, list[float]] = {name: [] for name in names}
    with contest.server() as base_url, ExitStack() as stack:
        spawn = multiprocessing.get_context("spawn")
        processes = {name: stack.enter_context(ProcessPoolExecutor(1, spawn)) for name in names}
        for number in range(-1 if rehearse else 0, rounds):
            first = number % len(names)
            for name in names[first:] + names[:first]:
                figure = processes[name].submit(contest.contenders[name], base_url).result()
                if number >= 0:
                    figures[name].append(figure)
    return Outcome(contest, figures)
