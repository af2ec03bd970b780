"""RESULTS.md and the plot in it: what the last whole run has shown."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from .contest import Claim, Outcome, Spread
from .report import Report, environment, table

_HERE: Final = Path(__file__).parent
_PLOT: Final = "results.svg"
_HEAD: Final = """\
# What it costs to use this instead of something else

Written by `python -m benchmarks` (`pip install -e '.[bench]'`), on {environment}.

Each figure is what `circleci_v1_async` takes, divided by what the other takes for the same work: below 1, ours takes
less. Medians of {rounds} rounds in which the contenders take turns, with the middle half of the rounds as spread. Costs
are CPU time of the client's process, the kernel's share included; where the work is waiting, and for files, it is wall
time. The servers are local, in processes of their own. Our walks are the exactly-once walks with their default overlap,
all checks on: they ask for 42 pages where counting on offsets takes 40.
"""


def write(outcomes: Mapping[str, Outcome], claims: Iterable[Claim], reports: Mapping[str, Report]) -> None:
    """Write both files.

    Args:
        outcomes: By the name of the contest.
        claims: About these contests.
        reports: What else was measured, by name.
    """
    shown = [(claim, outcomes[claim.contest]) for claim in claims if claim.contest in outcomes]
    _plot(shown, _HERE / _PLOT)
    rounds = min(outcome.rounds for outcome in outcomes.values())
    parts = [
        _HEAD.format(environment=environment().replace("\n", ", "), rounds=rounds),
        ratios(shown),
        *(
            f"{outcome.contest.title}: {claim.why or 'not known why.'}"
            for claim, outcome in shown
            if claim.missed(outcome.ratio(claim.against))
        ),
        f"![The same as a plot: a bar for each ratio, its spread, and what it must not exceed]({_PLOT})",
        "# The figures behind it",
        *(f"## {name}\n\n{outcome.report}" for name, outcome in outcomes.items()),
        "# What is no comparison",
        *(f"## {name}\n\n{report}" for name, report in reports.items()),
    ]
    (_HERE / "RESULTS.md").write_text("\n\n".join(part.strip() for part in parts) + "\n")


def ratios(shown: Iterable[tuple[Claim, Outcome]]) -> str:
    """The table of ratios."""
    rows: list[tuple[object, ...]] = []
    for claim, outcome in shown:
        ratio = outcome.ratio(claim.against)
        aim = "-" if claim.aim is None else f"{claim.aim:.2f}"
        rows.append(
            (
                outcome.contest.title,
                claim.against,
                f"{claim.at_most:.2f}",
                aim,
                f"{ratio.middle:.2f}",
                ratio,
                _verdict(claim, ratio),
            )
        )
    return table(("work", "against", "at most", "aim", "measured", "spread", ""), rows)


def _verdict(claim: Claim, ratio: Spread) -> str:
    if claim.missed(ratio):
        return "**missed**"
    return "aim reached" if claim.aim is not None and ratio.middle <= claim.aim else "held"


def _plot(shown: list[tuple[Claim, Outcome]], path: Path) -> None:
    # Not for the processes of the contenders, which import this module, too.
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    # Text stays text, and the same figures give the same file.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "", "font.family": "sans-serif"})
    labels = [f"{outcome.contest.title}\nagainst {claim.against}".replace("`", "") for claim, outcome in shown]
    spreads = [outcome.ratio(claim.against) for claim, outcome in shown]
    middles = [spread.middle for spread in spreads]
    errors = [
        [spread.middle - spread.low for spread in spreads],
        [spread.high - spread.middle for spread in spreads],
    ]
    places = range(len(shown))
    figure = Figure(figsize=(10, 0.6 * len(shown) + 0.8), layout="constrained")
    axes = figure.subplots()
    axes.barh(places, middles, xerr=errors, height=0.6, color="#4c78a8", ecolor="#222222", capsize=2)
    axes.plot([claim.at_most for claim, _ in shown], places, "|", color="#e45756", ms=18, mew=2.5, label="at most")
    aims = [(claim.aim, place) for (claim, _), place in zip(shown, places, strict=True) if claim.aim is not None]
    axes.plot(*zip(*aims, strict=True), "|", color="#54a24b", ms=18, mew=2.5, label="aim")
    axes.set_yticks(places, labels, fontsize=8)
    axes.invert_yaxis()
    axes.axvline(1, color="#888888", lw=0.8, ls=":")
    axes.set_xlabel("circleci_v1_async divided by the other: shorter is better")
    axes.legend(loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
