"""How the demo looks: while it reads, and when it has."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from operator import attrgetter
from textwrap import indent
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.constrain import Constrain
from rich.filesize import decimal
from rich.live import Live
from rich.padding import Padding
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from . import lines
from .history import Failure, Report
from .lines import counted, one_line, without_controls
from .screen import STYLES, builds_table

__all__ = ["frame", "progress", "summary"]

_STEP: Final = 500
_WIDTH: Final = 100  # lines of a very wide terminal are hard to follow


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
        builds_table("Latest builds", report.latest),
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
        parts += [builds_table("Slowest builds", report.slowest), ""]
    if report.failure is not None:
        parts += [*_failure(report.failure), ""]
    return Constrain(Group(*parts, _counts(report), *_meanwhile(report), _claim(report)), _WIDTH)


def _failure(failure: Failure) -> Iterator[RenderableType]:
    yield Text(f"Latest failure: the log and the artifacts of build {failure.build.build_num}", "dim")
    yield Text(indent(without_controls(failure.log), "  "), no_wrap=True, overflow="ellipsis")
    files = Table.grid("", "", padding=(0, 2))
    files.columns[1].justify = "right"
    for download in sorted(failure.downloads, key=attrgetter("path")):
        files.add_row(Text(one_line(download.artifact.path or "")), decimal(download.size or 0))
    yield Padding(files, (0, 0, 0, 2), expand=False)
    yield Text(f"{lines.summary(failure.downloads)}, whole, in a temporary folder")


def _title(report: Report) -> Text:
    return Text.assemble((report.project, "bold"), f" from {report.host}")


def _outcomes(report: Report) -> Table:
    table = Table.grid("", "", "", padding=(0, 2), expand=True)
    table.columns[1].justify = "right"
    table.columns[2].ratio = 1
    for outcome, count in report.outcomes.most_common():
        style = STYLES.get(outcome, "")
        bar = ProgressBar(total=report.builds, completed=count, complete_style=style, finished_style=style)
        table.add_row(Text(one_line(outcome), style=style), f"{count}", bar)
    return table


def _counts(report: Report) -> Text:
    return Text(f"{counted(report.builds, 'build')}, {counted(report.requests, 'request')}, {report.seconds:.1f} s")


def _meanwhile(report: Report) -> Iterator[Text]:
    if (team := report.team) is not None:
        yield Text(f"meanwhile {team.arrived} arrived, {team.finished} finished, {team.removed} disappeared", "dim")


def _claim(report: Report) -> Text:
    lost = "" if report.lost is None else f"{report.lost} lost, "
    claim = f"{counted(report.builds, 'build')}, {lost}{report.repeated} repeated"
    return Text(claim, "bold green" if report.is_exact else "bold red")
