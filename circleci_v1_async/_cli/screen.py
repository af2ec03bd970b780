"""Output on a terminal. Text from the service is cleaned, and never parsed as markup."""

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
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

from .lines import list_build_fields, to_one_line

__all__ = ["STYLES", "DownloadBars", "WatchBoard", "make_builds_table", "open_download_bars", "open_watch_board"]

STYLES: Final = {
    "success": "green",
    "failed": "red",
    "timedout": "magenta",
    "infrastructure_fail": "yellow",
    "running": "cyan",
    "queued": "blue",
}


def make_builds_table(
    title: str, builds: Iterable[Build], *, with_header: bool = True, with_project: bool = False
) -> Table:
    """Make a table of builds. Two tables have their columns at the same places."""
    table = Table(
        box=SIMPLE_HEAD,
        show_edge=False,
        show_header=with_header,
        pad_edge=False,
        header_style="dim",
        expand=True,
    )
    # Fixed widths and ratios keep the columns in place from table to table.
    if with_project:
        table.add_column("Project", ratio=3, no_wrap=True)
    table.add_column("Build", justify="right", min_width=5, no_wrap=True)
    table.add_column("Outcome", min_width=9, no_wrap=True)
    table.add_column("Branch", ratio=2, no_wrap=True)
    table.add_column(title, ratio=5, no_wrap=True)
    table.add_column("Took", justify="right", min_width=7, no_wrap=True)
    for build in builds:
        number, *rest = list_build_fields(build)
        outcome, *texts = (Text(to_one_line(text)) for text in rest)
        outcome.style = STYLES.get(outcome.plain, "")
        project = [Text(to_one_line(f"{build.project or ''}"))] if with_project else []
        table.add_row(*project, number, outcome, *texts)
    return table


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

    def _table(self, builds: Iterable[Build], *, with_header: bool = True) -> Table:
        return make_builds_table("Subject", builds, with_header=with_header, with_project=self._with_project)


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
