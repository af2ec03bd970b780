"""Commands that list builds, watch them, and wait for one."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from circleci_v1_async import Build, BuildEvent, BuildFilter, CircleCISession, CursorFile

from . import lines, screen
from .login import open_session
from .shell import UNSUCCESSFUL, Command, as_json, build, check_project, print_note, project

__all__ = ["builds", "print_build", "wait", "watch"]

_branch = click.option("--branch", help="Only builds of this branch.")
_MOST: Final = 100  # builds in a page


@click.command(cls=Command, example="builds gh/acme/web --filter failed --limit 10")
@project
@_branch
@click.option(
    "--filter", type=click.Choice([str(value) for value in BuildFilter]), help="Only builds with this result."
)
@click.option("--limit", type=click.IntRange(1), default=30, show_default=True, help="Maximum number of builds.")
@as_json
@click.pass_obj
async def builds(
    console: Console, project: str, *, branch: str | None, filter: str | None, limit: int, as_json: bool
) -> None:
    """List a project's builds, newest first.

    PROJECT is a slug such as gh/acme/web, or a URL. On a terminal the builds are a table, with as many columns as have
    room. Otherwise each build is a line with tabs between its fields: number, outcome, branch, subject, duration, job.
    """
    async with open_session() as ci:
        walk = ci.iter_project_builds(
            project, branch=branch, filter=BuildFilter(filter) if filter else None, limit=limit
        )
        if console.is_terminal and not as_json:
            found = await walk.collect()
            count = len(found)
            if found:
                console.print(screen.BuildsTable(found))
        else:
            count = 0
            async with walk:
                async for build in walk:
                    count += 1
                    print_build(console, build, as_json=as_json)
    if not count:
        print_note("No builds found.")


@click.command(cls=Command, example="watch gh/acme/web --branch main")
@click.argument("project", required=False, callback=check_project)
@_branch
@click.option("--interval", type=float, default=15.0, show_default=True, help="Average polling interval in seconds.")
@click.option(
    "--cursor",
    "cursor_path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Go on where the watch that kept this file ended. The file is written after each event.",
)
@as_json
@click.pass_obj
async def watch(
    console: Console,
    project: str | None,
    *,
    branch: str | None,
    interval: float,
    cursor_path: Path | None,
    as_json: bool,
) -> None:
    """Show builds that start, change or finish, until interrupted.

    The builds are those of PROJECT, or of all projects that you follow. On a terminal they are a live table, which
    begins with the builds under way. Otherwise each event is a line with tabs between its fields: new, changed or
    finished; the project; and the fields that `builds` prints.
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
        with _open_display(console, with_project=project is None, as_json=as_json) as show:
            if isinstance(show, screen.WatchBoard):
                await watched.start()
                show.begin(await _list_latest(ci, project, branch))
            async for event in watched:
                show(event)
                if file is not None:
                    await file.save(event.cursor)


async def _list_latest(ci: CircleCISession, project: str | None, branch: str | None) -> list[Build]:
    if project is None:
        return await ci.list_recent_builds(limit=_MOST)
    return await ci.list_project_builds(project, branch=branch, limit=_MOST)


@click.command(cls=Command, example="wait gh/acme/web 7 --timeout 1800")
@build
@click.option("--timeout", "within", type=float, help="Seconds to wait at most.  [default: no limit]")
@click.option("--interval", type=float, default=5.0, show_default=True, help="Initial polling interval in seconds.")
@as_json
@click.pass_context
async def wait(
    ctx: click.Context, project: str, build_num: int, *, within: float | None, interval: float, as_json: bool
) -> None:
    """Wait until a build has finished.

    The build is named by PROJECT and BUILD, or by its URL. Each change is printed as a line, as by `builds`. The exit
    code is 0 if the build succeeds, 8 if it does not, and 9 after the timeout.
    """

    def show(build: Build) -> None:
        print_build(ctx.obj, build, as_json=as_json)

    async with open_session() as ci:
        build = await ci.wait_for_build(project, build_num, timeout=within, interval=interval, on_update=show)
    if not build.is_success:
        ctx.exit(UNSUCCESSFUL)


def print_build(console: Console, build: Build, *, as_json: bool) -> None:
    """Print a build as JSON, as a row on a terminal, or as a line."""
    if as_json:
        click.echo(lines.encode_json(build))
    elif console.is_terminal:
        console.print(screen.BuildsTable([build], with_header=False))
    else:
        click.echo(lines.format_build(build))


def _open_display(
    console: Console, *, with_project: bool, as_json: bool
) -> AbstractContextManager[Callable[[BuildEvent], None]]:
    """Open a display for events: a live table on a terminal, else a line for each event."""
    if as_json:
        return nullcontext(lambda event: click.echo(lines.encode_json(event)))
    if console.is_interactive:
        return screen.open_watch_board(console, with_project=with_project)
    return nullcontext(
        lambda event: click.echo(lines.format_build(event.build, event.kind, f"{event.build.project or ''}"))
    )
