"""How the commands look. What comes from the service is never taken for markup, nor sent to the terminal as it is."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.constrain import Constrain
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from circleci_v1_async import Build

from .demo import Report, outcome_of

__all__ = ["SECONDS", "frame", "one_line", "progress", "summary"]

SECONDS: Final = 2.5  # with the work that it is, long enough to watch, short enough to wait for
_STEP: Final = 500
_WIDTH: Final = 100  # lines of a very wide terminal are hard to follow
_STYLES: Final = {
    "success": "green",
    "failed": "red",
    "timedout": "magenta",
    "infrastructure_fail": "yellow",
    "running": "cyan",
    "queued": "blue",
}


def one_line(text: str) -> str:
    """`text` on one line and without control characters, which a terminal would obey."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in " ".join(text.split()))


@contextmanager
def progress(console: Console) -> Generator[Callable[[Report], None], None, None]:
    """Something that shows a report again and again: a picture on a terminal, a line now and then elsewhere."""
    if console.is_interactive:
        # Refreshed by whoever shows, so that no thread is needed.
        with Live(console=console, auto_refresh=False, transient=True) as live:
            yield lambda report: live.update(frame(report), refresh=True)
    else:
        yield _line_printer(console)


def _line_printer(console: Console) -> Callable[[Report], None]:
    printed = 0

    def show(report: Report) -> None:
        nonlocal printed
        if report.builds // _STEP > printed:
            printed = report.builds // _STEP
            console.print(_counts(report))

    return show


def frame(report: Report) -> RenderableType:
    """A walk that is under way."""
    parts: list[RenderableType] = [
        _builds("Latest builds", report.latest),
        "",
        _outcomes(report),
        "",
        _counts(report),
        *_meanwhile(report),
    ]
    return Constrain(Panel(Group(*parts), title=_title(report), title_align="left", border_style="dim"), _WIDTH)


def summary(report: Report) -> RenderableType:
    """A walk that has ended."""
    parts: list[RenderableType] = [_title(report), ""]
    if report.builds:
        parts += [_outcomes(report), ""]
    if report.slowest:
        parts += [_builds("Slowest builds", report.slowest), ""]
    return Constrain(Group(*parts, _counts(report), *_meanwhile(report), _claim(report)), _WIDTH)


def _title(report: Report) -> Text:
    return Text.assemble((report.project, "bold"), f" from {report.host}")


def _builds(title: str, builds: Iterable[Build]) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim", expand=True)
    table.add_column("Build", justify="right", no_wrap=True)
    table.add_column("Outcome", no_wrap=True)
    # By shares, so that the columns stay where they are from page to page.
    table.add_column("Branch", ratio=2, no_wrap=True)
    table.add_column(title, ratio=5, no_wrap=True)
    table.add_column("Took", justify="right", min_width=7, no_wrap=True)
    for build in builds:
        outcome = outcome_of(build)
        table.add_row(
            f"{build.build_num}",
            Text(one_line(outcome), style=_STYLES.get(outcome, "")),
            Text(one_line(build.branch or "")),
            Text(one_line(build.subject or "")),
            _duration(build.build_time_millis),
        )
    return table


def _outcomes(report: Report) -> Table:
    table = Table.grid("", "", "", padding=(0, 2), expand=True)
    table.columns[1].justify = "right"
    table.columns[2].ratio = 1
    for outcome, count in report.outcomes.most_common():
        style = _STYLES.get(outcome, "")
        bar = ProgressBar(total=report.builds, completed=count, complete_style=style, finished_style=style)
        table.add_row(Text(one_line(outcome), style=style), f"{count}", bar)
    return table


def _counts(report: Report) -> Text:
    requests = "request" if report.requests == 1 else "requests"
    return Text(f"{_number_of_builds(report)}, {report.requests} {requests}, {report.seconds:.1f} s")


def _meanwhile(report: Report) -> Iterator[Text]:
    if (team := report.team) is not None:
        yield Text(f"meanwhile {team.arrived} arrived, {team.finished} finished, {team.removed} disappeared", "dim")


def _claim(report: Report) -> Text:
    lost = "" if report.lost is None else f"{report.lost} lost, "
    claim = f"{_number_of_builds(report)}, {lost}{report.repeated} repeated"
    return Text(claim, "bold green" if report.is_exact else "bold red")


def _number_of_builds(report: Report) -> str:
    return "1 build" if report.builds == 1 else f"{report.builds} builds"


def _duration(millis: int | None) -> str:
    if millis is None:
        return ""
    minutes, seconds = divmod(round(millis / 1000), 60)
    return f"{minutes}m {seconds:02}s"
