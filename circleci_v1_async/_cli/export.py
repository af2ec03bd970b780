"""The command that exports build histories to an SQLite file. It needs the extra `export`."""

import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from circleci_v1_async import ProjectSlug
from circleci_v1_async.export import PARTS, ExportProgress, export_builds

from . import lines
from .command import Command
from .login import open_session
from .messages import print_note
from .targets import check_projects
from .text import to_one_line


def _split(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[str, ...]:
    parts = tuple(filter(None, (part.strip() for part in value.split(","))))
    if unknown := [part for part in parts if part not in PARTS]:
        raise click.BadParameter(f"expected {', '.join(PARTS)}; got {', '.join(unknown)}.")
    return parts


@click.command(cls=Command, example="export gh/acme/web --to history.db --with tests")
@click.argument("projects", metavar="PROJECT...", nargs=-1, required=True, callback=check_projects)
@click.option(
    "--to",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    required=True,
    help="The SQLite file.",
)
@click.option(
    "--with",
    "include",
    metavar="PARTS",
    default="",
    callback=_split,
    help="Comma-separated extras: steps, tests, artifacts. Each costs one request per build.",
)
@click.pass_obj
async def export(console: Console, projects: tuple[str, ...], *, path: Path, include: tuple[str, ...]) -> None:
    """Write the builds of projects to an SQLite file.

    To add new builds later, run the command again. You can interrupt it at any time, and the next run continues.
    """
    async with open_session() as ci:
        with _open_bars(console) as show:
            try:
                summary = await export_builds(ci, projects, path, include=include, progress=show)
            except (ModuleNotFoundError, sqlite3.Error) as error:
                where = "" if isinstance(error, ModuleNotFoundError) else f"{path}: "
                raise click.ClickException(f"{where}{error}") from None
    print_note(f"{lines.format_count(summary.builds, 'build')} written to {path}")


@contextmanager
def _open_bars(console: Console) -> Generator[Callable[[ExportProgress], None], None, None]:
    """Open a bar for each project, shown only on a terminal and erased at the end."""
    bars = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        transient=True,
        disable=not console.is_interactive,
    )
    tasks: dict[ProjectSlug, TaskID] = {}

    def show(event: ExportProgress) -> None:
        if event.project not in tasks:
            tasks[event.project] = bars.add_task(to_one_line(f"{event.project}"))
        bars.update(tasks[event.project], completed=event.builds, total=event.builds + event.left)

    with bars:
        yield show
