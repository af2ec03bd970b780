"""Commands that list builds and watch them."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from itertools import count
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from circleci_v1_async import Build, BuildEvent, BuildFilter, BuildWatch, CircleCISession, CursorFile

from . import boards, lines
from .command import Command
from .json_lines import JsonLines, json_options
from .login import open_session
from .messages import print_note
from .newest import Newest, branch_option, status_option
from .seconds import SECONDS
from .tables import BuildsTable
from .targets import Target, check_project, project

_MOST: Final = 100  # builds in a page


@click.command(cls=Command, example="builds gh/acme/web --status failed --limit 10")
@project
@branch_option
@status_option
@click.option(
    "-L",
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    default=30,
    show_default=True,
    help="Maximum number of builds.",
)
@json_options(Build)
@click.pass_obj
async def builds(
    console: Console,
    target: Target,
    *,
    branch: str | None,
    status: BuildFilter | None,
    limit: int,
    as_json: JsonLines | None,
) -> None:
    """List a project's builds, newest first.

    On a terminal, the builds are printed as a table. Otherwise, each build is one line with tabs between its fields:
    number, outcome, branch, subject, duration, job.
    """
    async with open_session() as ci:
        walk = ci.iter_project_builds(target.project, branch=branch, filter=status, limit=limit)
        if console.is_terminal and as_json is None:
            found = await walk.collect()
            number = len(found)
            if found:
                console.print(BuildsTable(found))
        else:
            number = 0
            async with walk:
                async for build in walk:
                    number += 1
                    print_build(console, build, as_json)
    if not number:
        print_note(f"No {Newest(branch=branch, status=status).describe('builds', 'found')}.")


@click.command(cls=Command, example="watch gh/acme/web --branch main")
@click.argument("project", required=False, callback=check_project)
@branch_option
@click.option(
    "--interval", type=SECONDS, default=15.0, show_default="15", help="Average number of seconds between two polls."
)
@click.option("-L", "--limit", type=click.IntRange(1), metavar="N", help="End after this many events.")
@click.option(
    "--cursor",
    "cursor_path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Resume from the position in FILE, and update FILE after each event.",
)
@json_options(Build, more=("kind",))
@click.pass_obj
async def watch(
    console: Console,
    project: str | None,
    *,
    branch: str | None,
    interval: float,
    limit: int | None,
    cursor_path: Path | None,
    as_json: JsonLines | None,
) -> None:
    """Show builds that start, change or finish, until interrupted.

    PROJECT is a slug such as gh/acme/web, or a URL. Without PROJECT, the command watches all projects that you follow.
    On a terminal, a live table shows the builds, starting with the unfinished builds. Otherwise, each event is one line
    with tabs between its fields: the event (new, changed or finished), the project, and the fields of `builds`.
    """
    if project is None and branch is not None:
        raise click.UsageError("--branch needs a PROJECT.")
    file = None if cursor_path is None else CursorFile(cursor_path)
    async with open_session(needs_token=project is None) as ci:
        cursor = None if file is None else await file.load()
        if project is None:
            watched = ci.watch_recent_builds(interval=interval, cursor=cursor)
        else:
            watched = ci.watch_project_builds(project, branch=branch, interval=interval, cursor=cursor)
        if file is not None:
            await file.save(await watched.start())
        with _open_display(console, as_json, with_project=project is None) as show:
            if isinstance(show, boards.WatchBoard):
                await watched.start()
                show.begin(await _list_latest(ci, project, branch))
            await _follow(watched, show, file, limit)


async def _follow(
    watched: BuildWatch, show: Callable[[BuildEvent], object], file: CursorFile | None, limit: int | None
) -> None:
    numbers = count(1)
    async with watched:
        async for event in watched:
            show(event)
            if file is not None:
                await file.save(event.cursor)
            if next(numbers) == limit:
                break


async def _list_latest(ci: CircleCISession, project: str | None, branch: str | None) -> list[Build]:
    if project is None:
        return await ci.list_recent_builds(limit=_MOST)
    return await ci.list_project_builds(project, branch=branch, limit=_MOST)


def print_build(console: Console, build: Build, as_json: JsonLines | None) -> None:
    """Print a build as JSON, as a table on a terminal, or as a line."""
    if as_json is not None:
        click.echo(as_json.encode(build))
    elif console.is_terminal:
        console.print(BuildsTable([build]))
    else:
        click.echo(lines.format_build(build))


def _open_display(
    console: Console, as_json: JsonLines | None, *, with_project: bool
) -> AbstractContextManager[Callable[[BuildEvent], object]]:
    if as_json is not None:
        return nullcontext(lambda event: click.echo(as_json.encode(event)))
    if console.is_interactive:
        return boards.open_watch_board(console, with_project=with_project)
    return nullcontext(
        lambda event: click.echo(lines.format_build(event.build, event.kind, f"{event.build.project or ''}"))
    )
