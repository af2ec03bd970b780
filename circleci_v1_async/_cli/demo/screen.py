"""The demo's output on a terminal: the progress, and the summary at the end."""

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

from circleci_v1_async._cli import lines
from circleci_v1_async._cli.lines import format_count
from circleci_v1_async._cli.tables import STYLES, BuildsTable
from circleci_v1_async._cli.text import replace_controls, to_one_line

from .report import Failure, Report

_STEP: Final = 500
_WIDTH: Final = 100  # longer lines are hard to read


@contextmanager
def open_progress(console: Console) -> Generator[Callable[[Report], None], None, None]:
    """Open a display of a growing report: a live picture on a terminal, otherwise occasional lines."""
    if console.is_interactive:
        # Each update refreshes the display, so no thread is needed.
        with Live(console=console, auto_refresh=False, transient=True) as live:
            yield lambda report: live.update(render_progress(report), refresh=True)
    else:
        yield _make_line_printer(console)


def _make_line_printer(console: Console) -> Callable[[Report], None]:
    printed = 0

    def show(report: Report) -> None:
        nonlocal printed
        if report.builds // _STEP > printed:
            printed = report.builds // _STEP
            console.print(_render_counts(report))

    return show


def render_progress(report: Report) -> RenderableType:
    """Render the report of an unfinished walk."""
    parts: list[RenderableType] = [
        Text("Read last", "dim"),
        BuildsTable(report.latest, with_age=False),
        "",
        _render_outcomes(report),
        "",
        _render_counts(report),
        *_render_changes(report),
    ]
    return Constrain(Panel(Group(*parts), title=_render_title(report), title_align="left", border_style="dim"), _WIDTH)


def render_summary(report: Report) -> RenderableType:
    """Render the report of a finished walk."""
    parts: list[RenderableType] = [_render_title(report), ""]
    if report.builds:
        parts += [_render_outcomes(report), ""]
    if report.slowest:
        parts += [Text("Slowest builds", "dim"), BuildsTable(report.slowest, with_age=False), ""]
    if report.failure is not None:
        parts += [*_render_failure(report.failure), ""]
    return Constrain(Group(*parts, _render_counts(report), *_render_changes(report), _render_claim(report)), _WIDTH)


def _render_failure(failure: Failure) -> Iterator[RenderableType]:
    yield Text(f"Latest failure: the log and the artifacts of build {failure.build.build_num}", "dim")
    yield Text(indent(replace_controls(failure.log), "  "), no_wrap=True, overflow="ellipsis")
    files = Table.grid("", "", padding=(0, 2))
    files.columns[1].justify = "right"
    for download in sorted(failure.downloads, key=attrgetter("path")):
        files.add_row(Text(to_one_line(download.artifact.path)), decimal(download.size or 0))
    yield Padding(files, (0, 0, 0, 2), expand=False)
    yield Text(f"{lines.summarize_downloads(failure.downloads)}, in a temporary folder")


def _render_title(report: Report) -> Text:
    return Text.assemble((report.project, "bold"), f" from {report.host}")


def _render_outcomes(report: Report) -> Table:
    table = Table.grid("", "", "", padding=(0, 2), expand=True)
    table.columns[1].justify = "right"
    table.columns[2].ratio = 1
    for outcome, count in report.outcomes.most_common():
        style = STYLES.get(outcome, "")
        bar = ProgressBar(total=report.builds, completed=count, complete_style=style, finished_style=style)
        table.add_row(Text(to_one_line(outcome), style=style), f"{count}", bar)
    return table


def _render_counts(report: Report) -> Text:
    return Text(
        f"{format_count(report.builds, 'build')}, {format_count(report.requests, 'request')}, {report.seconds:.1f} s"
    )


def _render_changes(report: Report) -> Iterator[Text]:
    if (team := report.team) is not None:
        yield Text(
            f"During the walk, {team.arrived} arrived, {team.finished} finished and {team.removed} disappeared", "dim"
        )


def _render_claim(report: Report) -> Text:
    lost = "" if report.lost is None else f"{report.lost} lost, "
    claim = f"{format_count(report.builds, 'build')}, {lost}{report.repeated} repeated"
    return Text(claim, "bold green" if report.is_exact else "bold red")
