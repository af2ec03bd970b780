"""Output on a terminal. Text from the service is cleaned, and never parsed as markup."""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs
from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TransferSpeedColumn,
)
from rich.table import Column, Table
from rich.text import Text

from circleci_v1_async import Build, BuildEvent, DownloadEvent, DownloadFinished, DownloadProgress, DownloadStarted

from .lines import format_age, format_duration, get_outcome, to_one_line

__all__ = ["STYLES", "BuildsTable", "DownloadBars", "WatchBoard", "open_download_bars", "open_watch_board"]

STYLES: Final = {
    "success": "green",
    "failed": "red",
    "timedout": "magenta",
    "infrastructure_fail": "yellow",
    "running": "cyan",
    "queued": "blue",
}
_GAP: Final = 3  # between two columns


@attrs.frozen
class _Column:
    """A column of a table of builds.

    Attributes:
        heading: Its heading.
        width: The least characters that it needs.
        ratio: Its share of the room that is left; `None` for none.
        priority: Columns of the highest numbers are left out first where the room is short.
        format: Formats a build's cell.
    """

    heading: str
    width: int
    ratio: int | None
    priority: int
    format: Callable[[Build], str]


_COLUMNS: Final = (
    _Column("Project", 12, 3, 2, lambda build: f"{build.project or ''}"),
    _Column("Build", 5, None, 0, lambda build: f"{build.build_num}"),
    _Column("Outcome", 9, None, 1, get_outcome),
    _Column("Job", 8, 2, 3, lambda build: build.job or ""),
    _Column("Branch", 8, 2, 6, lambda build: build.branch or ""),
    _Column("Subject", 12, 5, 5, lambda build: build.subject or ""),
    _Column("Age", 4, None, 4, format_age),
    _Column("Took", 7, None, 7, lambda build: format_duration(build.duration)),
)
_RIGHT: Final = {"Build", "Age", "Took"}


def _choose_columns(headings: Iterable[str], width: int) -> list[_Column]:
    """Return the columns that fit into a width, in the order of the table."""
    wanted = set(headings)
    chosen: list[_Column] = []
    for column in sorted(_COLUMNS, key=lambda column: column.priority):
        if column.heading in wanted:
            if sum(_GAP + other.width for other in chosen) + column.width > width:
                break
            chosen.append(column)
    return [column for column in _COLUMNS if column in chosen]


def _to_tuple(builds: Iterable[Build]) -> tuple[Build, ...]:
    return tuple(builds)


@attrs.frozen
class BuildsTable:
    """A table of builds, with as many columns as have room. All tables have them at the same places.

    Args:
        builds: The builds.
        with_header: Whether to show the headings.
        with_project: Whether to show a column with the project.
        with_age: Whether to show a column with the time since each build was created.
    """

    builds: tuple[Build, ...] = attrs.field(converter=_to_tuple)
    with_header: bool = True
    with_project: bool = False
    with_age: bool = True

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        hidden = {"Project": not self.with_project, "Age": not self.with_age}
        headings = (column.heading for column in _COLUMNS if not hidden.get(column.heading))
        columns = _choose_columns(headings, options.max_width)
        table = Table(
            box=SIMPLE_HEAD,
            show_edge=False,
            show_header=self.with_header,
            pad_edge=False,
            header_style="dim",
            expand=True,
        )
        for column in columns:
            table.add_column(
                column.heading,
                justify="right" if column.heading in _RIGHT else "left",
                # Fixed widths and ratios keep the columns in place from table to table.
                min_width=None if column.ratio else column.width,
                ratio=column.ratio,
                no_wrap=True,
            )
        for build in self.builds:
            table.add_row(*(_render_cell(column, build) for column in columns))
        yield table


def _render_cell(column: _Column, build: Build) -> Text:
    text = to_one_line(column.format(build))
    return Text(text, STYLES.get(text, "") if column.heading == "Outcome" else "")


class WatchBoard:
    """A live table of the builds under way, above which finished builds scroll away.

    Call it with an event to show the event.

    Args:
        live: The live display.
        with_project: Whether to show a column with the project.
    """

    def __init__(self, live: Live, *, with_project: bool) -> None:
        self._live = live
        self._with_project = with_project
        self._under_way: dict[tuple[str | None, int], Build] = {}
        self._update()

    def begin(self, builds: Iterable[Build]) -> None:
        """Show the builds that are under way already, newest first, of those listed."""
        under_way = [build for build in builds if not build.is_finished]
        self._under_way |= {build.key: build for build in reversed(under_way)}
        self._update()

    def __call__(self, event: BuildEvent) -> None:
        build = event.build
        if event.kind == "finished":
            self._under_way.pop(build.key, None)
            self._live.console.print(self._table([build], with_header=False))
        else:
            self._under_way[build.key] = build
        self._update()

    def _update(self) -> None:
        table = self._table(self._under_way.values())
        hint = Text(f"{len(self._under_way)} under way. Ctrl-C ends.", "dim")
        self._live.update(Group("", table, hint), refresh=True)

    def _table(self, builds: Iterable[Build], *, with_header: bool = True) -> BuildsTable:
        return BuildsTable(builds, with_header=with_header, with_project=self._with_project)


@contextmanager
def open_watch_board(console: Console, *, with_project: bool) -> Generator[WatchBoard, None, None]:
    """Open a board on a terminal."""
    # Each update refreshes the display, so that no thread is needed.
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield WatchBoard(live, with_project=with_project)


class DownloadBars:
    """Progress bars, one for each file under way and one for all. Call it with an event to show it."""

    def __init__(self) -> None:
        name = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        self._files = Progress(
            TextColumn("{task.description}", markup=False, table_column=name),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            expand=True,
        )
        # The last line has room for the `^C` that a terminal prints; a full one would wrap and not be erased.
        self._all = Progress(MofNCompleteColumn(), TextColumn("files"), BarColumn())
        self._all.add_task("", total=None)
        self._tasks: dict[Path, TaskID] = {}
        self.picture: Final = Group(self._files, self._all)

    def __call__(self, event: DownloadEvent) -> None:
        """Move the bars."""
        match event:
            case DownloadStarted(artifact, path, size, received, _):
                self._end(path)  # the download may start again
                self._tasks[path] = self._files.add_task(to_one_line(artifact.path), total=size, completed=received)
            case DownloadProgress(_, path, received, _):
                self._files.update(self._tasks[path], completed=received)
            case DownloadFinished(download, _):  # pragma: no branch - there are no others
                self._end(download.path)
        self._all.update(TaskID(0), total=event.totals.files, completed=event.totals.finished)

    def _end(self, path: Path) -> None:
        task = self._tasks.pop(path, None)
        if task is not None:
            self._files.remove_task(task)


@contextmanager
def open_download_bars(console: Console) -> Generator[DownloadBars, None, None]:
    """Open progress bars, shown only on a terminal and erased at the end."""
    bars = DownloadBars()
    if console.is_interactive:
        with Live(bars.picture, console=console, transient=True, refresh_per_second=10):
            yield bars
    else:
        yield bars
