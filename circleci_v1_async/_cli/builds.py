"""Builds: a list of them, what happens to them, and how one ends."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import click
from rich.console import Console

from circleci_v1_async import Build, BuildEvent, BuildFilter, CircleCISession, Outcome

from . import lines, screen
from .shell import UNSUCCESSFUL, Command, as_json, build_num, project

__all__ = ["builds", "wait", "watch"]

_branch = click.option("--branch", help="Only builds of this branch.")


@click.command(cls=Command)
@project
@_branch
@click.option("--filter", type=click.Choice([str(value) for value in BuildFilter]), help="Only builds that are so.")
@click.option("--limit", type=click.IntRange(1), default=30, show_default=True, help="How many builds at most.")
@as_json
@click.pass_obj
async def builds(
    console: Console, project: str, *, branch: str | None, filter: str | None, limit: int, as_json: bool
) -> None:
    """List a project's builds, newest first.

    PROJECT is such as gh/acme/web, or a URL. Elsewhere than on a terminal each build is a line of fields with tabs in
    between: number, outcome, branch, subject, how long it took.
    """
    async with CircleCISession.from_env() as ci:
        walk = ci.iter_project_builds(project, branch=branch, filter=filter, limit=limit)
        if console.is_terminal and not as_json:
            console.print(screen.builds_table("Subject", await walk.collect()))
        else:
            async with walk:
                async for build in walk:
                    _print(console, build, as_json=as_json)


@click.command(cls=Command)
@click.argument("project", required=False)
@_branch
@click.option("--interval", type=float, default=15.0, show_default=True, help="Seconds from look to look, on average.")
@as_json
@click.pass_obj
async def watch(console: Console, project: str | None, *, branch: str | None, interval: float, as_json: bool) -> None:
    """Say what happens to builds, until interrupted.

    The builds are those of PROJECT, or of all projects that you follow. Elsewhere than on a terminal each that is new,
    has changed or has finished is a line of fields with tabs in between: new, changed or finished; the project; and
    what `builds` prints.
    """
    if project is None and branch is not None:
        raise click.UsageError("--branch is one of a PROJECT.")
    async with CircleCISession.from_env() as ci:
        if project is None:
            watched = ci.watch_recent_builds(interval=interval)
        else:
            watched = ci.watch_project_builds(project, branch=branch, interval=interval)
        with _shown(console, with_project=project is None, as_json=as_json) as show:
            async for event in watched:
                show(event)


@click.command(cls=Command)
@project
@build_num
@click.option("--timeout", "within", type=float, help="Seconds to wait at most.  [default: as long as it takes]")
@click.option(
    "--interval", type=float, default=5.0, show_default=True, help="Seconds from look to look, to begin with."
)
@as_json
@click.pass_context
async def wait(
    ctx: click.Context, project: str, build_num: int, *, within: float | None, interval: float, as_json: bool
) -> None:
    """Wait until a build has finished.

    Each change is a line, as `builds` prints it. The exit code is 0 if the build is a success, 8 if it is not, and 9
    when the time is up.
    """

    def show(build: Build) -> None:
        _print(ctx.obj, build, as_json=as_json)

    async with CircleCISession.from_env() as ci:
        build = await ci.wait_for_build(project, build_num, timeout=within, interval=interval, on_update=show)
    if build.outcome != Outcome.SUCCESS:
        ctx.exit(UNSUCCESSFUL)


def _print(console: Console, build: Build, *, as_json: bool) -> None:
    if as_json:
        click.echo(lines.as_json(build))
    elif console.is_terminal:
        console.print(screen.builds_table("Subject", [build], with_header=False))
    else:
        click.echo(lines.fields(build))


def _shown(
    console: Console, *, with_project: bool, as_json: bool
) -> AbstractContextManager[Callable[[BuildEvent], None]]:
    """What shows events: a live table on a terminal, a line for each elsewhere."""
    if as_json:
        return nullcontext(lambda event: click.echo(lines.as_json(event)))
    if console.is_interactive:
        return screen.watch_board(console, with_project=with_project)
    return nullcontext(lambda event: click.echo(lines.fields(event.build, event.kind, f"{event.build.project or ''}")))
