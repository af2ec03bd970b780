"""Progress bars of downloads on a terminal."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

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
from rich.table import Column

from circleci_v1_async import DownloadEvent, DownloadFinished, DownloadProgress, DownloadStarted

from .text import to_one_line


class DownloadBars:
    """Progress bars: one for each unfinished download, and one for all. Call it with an event to show it."""

    def __init__(self) -> None:
        name = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        self._files = Progress(
            TextColumn("{task.description}", markup=False, table_column=name),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            expand=True,
        )
        # The last line needs room for the `^C` that a terminal prints. A full line would wrap and not be erased.
        self._all = Progress(MofNCompleteColumn(), TextColumn("files"), BarColumn())
        self._all.add_task("", total=None)
        self._tasks: dict[Path, TaskID] = {}
        self.picture: Final = Group(self._files, self._all)

    def __call__(self, event: DownloadEvent) -> None:
        """Update the bars."""
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
