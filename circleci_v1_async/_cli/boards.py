"""Live tables of builds on a terminal."""

from collections.abc import Generator, Iterable
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from circleci_v1_async import Build, BuildEvent

from .tables import BuildsTable


class WaitBoard:
    """A live table of the builds that a command waits for. It stays after they have finished.

    Call it with a build to show the build.

    Args:
        live: The live display.
    """

    def __init__(self, live: Live) -> None:
        self._live = live
        self._builds: dict[int, Build] = {}

    def __call__(self, build: Build) -> None:
        self._builds[build.build_num] = build
        builds = [self._builds[number] for number in sorted(self._builds)]
        self._live.update(BuildsTable(builds), refresh=True)


@contextmanager
def open_wait_board(console: Console) -> Generator[WaitBoard, None, None]:
    """Open a board on a terminal."""
    with Live(console=console, auto_refresh=False) as live:
        yield WaitBoard(live)


class WatchBoard:
    """A live table of the unfinished builds. Finished builds scroll away above it.

    Call it with an event to show the event.

    Args:
        live: The live display.
        with_project: Whether to show a column with the project.
    """

    def __init__(self, live: Live, *, with_project: bool) -> None:
        self._live = live
        self._with_project = with_project
        self._under_way: dict[tuple[str | None, int], Build] = {}
        self._has_finished = False
        self._update()

    def begin(self, builds: Iterable[Build]) -> None:
        """Show the unfinished builds of a list, newest first."""
        under_way = [build for build in builds if not build.is_finished]
        self._under_way |= {build.key: build for build in reversed(under_way)}
        self._update()

    def __call__(self, event: BuildEvent) -> None:
        build = event.build
        if event.kind == "finished":
            self._under_way.pop(build.key, None)
            self._live.console.print(self._table([build], with_header=not self._has_finished))
            self._has_finished = True
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
    # Each update refreshes the display, so no thread is needed.
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield WatchBoard(live, with_project=with_project)
