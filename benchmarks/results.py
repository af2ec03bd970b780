"""The results of a complete run: RESULTS.md, results.svg, results.csv, and quotes in the docs."""

import csv
import os
import platform
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from .measure import ROUNDS, Result, Row

_HERE: Final = Path(__file__).parent
_PAGE: Final = _HERE / "RESULTS.md"
_PLOT: Final = _HERE / "results.svg"
_FIGURES: Final = _HERE / "results.csv"
_QUOTES: Final = _HERE.parent / "docs" / "about" / "comparison.md"
_PACKAGES: Final = ("aiohttp", "attrs", "cattrs", "msgspec", "orjson", "pydantic", "httpx2", "pycircleci")
_LEAST: Final = 0.01  # the lowest ratio of the plot
# A row of the docs that quotes a figure: | work: detail | against: detail | 0.25 |
_QUOTE: Final = re.compile(r"^\| ([^:|\n]+)(.*?) \| ([^:|\n]+)(.*?) \| \d+\.\d\d \|$", re.MULTILINE)
_HEAD: Final = f"""\
# Cost, compared with other clients

Written by `nox -s bench` on {{environment}}.

A share is the cost of `circleci_v1_async` divided by the cost of the other client for the same work, or by a limit.
Below 1, `circleci_v1_async` is cheaper. The candidates take turns in {ROUNDS} rounds. Each share is the median of
these rounds, and the spread is their middle half. Costs are CPU time of the client's process. Downloads, and work that
waits for replies, are measured in wall time. The replies are {{replies}}.
"""


def describe_environment() -> str:
    """Describe the machine and the packages of the measurement."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"{datetime.now(UTC):%Y-%m-%d} · {platform.system()} {platform.machine()}, {cores} cores{load} · "
        f"{platform.python_implementation()} {platform.python_version()}, {packages}"
    )


def write(results: Mapping[str, Result], left_out: str) -> None:
    """Write RESULTS.md, its plot and all figures, and update the figures that the docs quote."""
    rows = [row for result in results.values() for row in result.rows]
    recorded = "CIRCLECI_RECORDINGS" in os.environ
    head = _HEAD.format(
        environment=describe_environment(),
        replies="recorded replies, repeated to the required length" if recorded else "generated like recorded replies",
    )
    figures = f"[{_FIGURES.name}]({_FIGURES.name}) has the figures of all candidates."
    plot = f"![The same as a plot: each share, its spread, and its target]({_PLOT.name})"
    parts = (head, make_table(results.values()), left_out, figures, plot)
    _PAGE.write_text("\n\n".join(part.strip() for part in parts if part) + "\n")
    _write_figures(results)
    _draw(rows)
    shares = {(row.work, row.target.against): f"{row.ratio.middle:.2f}" for row in rows}
    _QUOTES.write_text(update_quotes(_QUOTES.read_text(), shares))


def update_quotes(page: str, shares: Mapping[tuple[str, str], str]) -> str:
    """Return a page of the docs with the measured shares. Rows about other work stay unchanged."""

    def update(found: re.Match[str]) -> str:
        work, detail, against, more = found.groups()
        share = shares.get((work, against))
        return f"| {work}{detail} | {against}{more} | {share} |" if share else found[0]

    return _QUOTE.sub(update, page)


def make_table(results: Iterable[Result]) -> str:
    """Return the table of shares and targets in Markdown."""
    lines = ["| work | against | share | spread | target | outcome |", "| --- | --- | ---: | ---: | ---: | --- |"]
    lines += [
        f"| {row.work} | {row.target.against} | {row.ratio.middle:.2f} | {row.ratio} | {row.target} | {row.verdict} |"
        for result in results
        for row in result.rows
    ]
    return "\n".join(lines)


def make_figures(result: Result) -> str:
    """Return the figures of all candidates as text."""
    spreads = {name: result.spread(name) for name in result.figures}
    unit = result.comparison.unit.name
    return "\n".join(f"  {spread.middle:9.3f} {unit} ({spread}) {name}" for name, spread in spreads.items())


def _write_figures(results: Mapping[str, Result]) -> None:
    with _FIGURES.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("benchmark", "work", "candidate", "median", "low", "high", "unit"))
        for name, result in results.items():
            for candidate in result.figures:
                spread = result.spread(candidate)
                numbers = (f"{number:.4g}" for number in (spread.middle, spread.low, spread.high))
                comparison = result.comparison
                writer.writerow((name, comparison.title, candidate, *numbers, comparison.unit.name))


def _draw(rows: list[Row]) -> None:
    # Import matplotlib here: single benchmarks do not need it.
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    # Keep text as text, and make the file reproducible.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "", "font.family": "sans-serif"})
    labels = [f"{row.work}, against {row.target.against}".replace("`", "") for row in rows]
    places = range(len(rows))
    figure: Any = Figure(figsize=(11, 0.28 * len(rows) + 1), layout="constrained")
    axes = figure.subplots()
    axes.set_xscale("log")
    axes.hlines(
        places,
        [max(row.ratio.low, _LEAST) for row in rows],
        [max(row.ratio.high, _LEAST) for row in rows],
        color="#4c78a8",
        lw=2,
    )
    axes.plot([max(row.ratio.middle, _LEAST) for row in rows], places, "o", color="#4c78a8", ms=5, label="share")
    axes.plot([row.target.at_most for row in rows], places, "|", color="#e45756", ms=12, mew=2, label="target")
    axes.set_yticks(places, labels, fontsize=8)
    axes.margins(y=0.01)
    axes.invert_yaxis()
    axes.axvline(1, color="#888888", lw=0.8, ls=":")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("cost of circleci_v1_async divided by the cost of the other client: left is better")
    axes.legend(loc="lower left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(_PLOT, metadata={"Date": None})
