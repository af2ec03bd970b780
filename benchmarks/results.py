"""RESULTS.md and its plot: the figures of the last complete run."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from .comparison import Outcome, Row
from .report import environment, table

_HERE: Final = Path(__file__).parent
_PLOT: Final = "results.svg"
_HEAD: Final = """\
# Cost, compared with other clients

Written by `nox -s bench`, on {environment}.

Each ratio is the cost of `circleci_v1_async` divided by that of the other for the same work: below 1, ours costs less.
They are medians of {rounds} rounds in which the candidates take turns, with the middle half of the rounds as spread.
Costs are CPU time of the client's process, the kernel's share included; for files, and where the work is waiting, they
are wall time. The servers are local, in processes of their own. Our walks yield each build exactly once, with their
default overlap: they ask for 42 pages where counting on offsets takes 40.

"Builds like recorded ones" have the keys, nesting, nulls and lengths of texts of lists that were recorded from the
service; their content is invented.
"""


def write(outcomes: Mapping[str, Outcome], rounds: int) -> None:
    """Write RESULTS.md and the plot.

    Args:
        outcomes: The outcomes by the name of the benchmark.
        rounds: Number of rounds of a comparison.
    """
    rows = [row for outcome in outcomes.values() for row in outcome.rows]
    _plot(rows, _HERE / _PLOT)
    parts = [
        _HEAD.format(environment=environment().replace("\n", ", "), rounds=rounds),
        ratios(rows),
        *(
            f"{row.work}, against {row.target.against}: {row.target.why or 'the reason is not known.'}"
            for row in rows
            if row.is_missed
        ),
        *(f"Left out: {reason}." for outcome in outcomes.values() for reason in outcome.left_out),
        f"![The same as a plot: a bar for each ratio, its spread, and the highest that is accepted]({_PLOT})",
        "# All figures",
        *(f"## {name}\n\n{outcome.report}" for name, outcome in outcomes.items() if outcome.report),
    ]
    (_HERE / "RESULTS.md").write_text("\n\n".join(part.strip() for part in parts) + "\n")


def ratios(rows: Iterable[Row]) -> str:
    """Return the table of ratios."""
    cells = [
        (
            row.work,
            row.target.against,
            f"{row.target.at_most:.2f}",
            "-" if row.target.aim is None else f"{row.target.aim:.2f}",
            f"{row.ratio.middle:.2f}",
            row.ratio,
            row.verdict,
        )
        for row in rows
    ]
    return table(("work", "against", "at most", "aim", "measured", "spread", ""), cells)


def _plot(rows: list[Row], path: Path) -> None:
    # Import matplotlib here, because the processes of the candidates also import this module.
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    # Keep text as text, and make the file reproducible.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "", "font.family": "sans-serif"})
    labels = [f"{row.work}\nagainst {row.target.against}".replace("`", "") for row in rows]
    spreads = [row.ratio for row in rows]
    middles = [spread.middle for spread in spreads]
    errors = [
        [spread.middle - spread.low for spread in spreads],
        [spread.high - spread.middle for spread in spreads],
    ]
    places = range(len(rows))
    figure = Figure(figsize=(10, 0.6 * len(rows) + 0.8), layout="constrained")
    axes = figure.subplots()
    axes.barh(places, middles, xerr=errors, height=0.6, color="#4c78a8", ecolor="#222222", capsize=2)
    axes.plot([row.target.at_most for row in rows], places, "|", color="#e45756", ms=18, mew=2.5, label="at most")
    aims = [(row.target.aim, place) for row, place in zip(rows, places, strict=True) if row.target.aim is not None]
    axes.plot(*zip(*aims, strict=True), "|", color="#54a24b", ms=18, mew=2.5, label="aim")
    axes.set_yticks(places, labels, fontsize=8)
    axes.invert_yaxis()
    axes.axvline(1, color="#888888", lw=0.8, ls=":")
    axes.set_xlabel("circleci_v1_async divided by the other: shorter is better")
    axes.legend(loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
