"""Commands that fetch the files of builds: artifacts and logs."""

from pathlib import Path
from typing import get_args

import click

from circleci_v1_async import Download, DownloadStatus, OnExists

from . import lines, screen
from .login import open_session
from .shell import INCOMPLETE, Command, build_num, project

__all__ = ["artifacts", "logs"]


@click.command(cls=Command)
@project
@build_num
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="DIR", required=True, help="The folder to write to."
)
@click.option("--match", metavar="GLOB", help="Only files whose path matches; * matches slashes too.")
@click.option(
    "--on-exists",
    type=click.Choice(get_args(OnExists)),
    default="error",
    show_default=True,
    help="What to do if a file exists already.",
)
@click.option(
    "--concurrency", type=click.IntRange(1), default=8, show_default=True, help="Number of files to fetch at once."
)
@click.pass_context
async def artifacts(
    ctx: click.Context,
    project: str,
    build_num: int,
    *,
    output: Path,
    match: str | None,
    on_exists: OnExists,
    concurrency: int,
) -> None:
    """Fetch the artifacts of a build.

    Each file appears under its name only when it is complete. If some files fail, the others are fetched anyway, each
    failure is printed as a line, and the exit code is 7. Unless the output is a terminal, the path of each fetched file
    is printed as a line.
    """
    downloads: list[Download] = []
    async with open_session() as ci:
        found = await ci.list_build_artifacts(project, build_num)
        with screen.open_download_bars(ctx.obj) as bars:
            async with ci.download_artifacts(
                found,
                output,
                match=match,
                concurrency=concurrency,
                on_exists=on_exists,
                on_error="yield",
                progress=bars,
            ) as coming:
                async for download in coming:
                    downloads.append(download)
                    if download.error is None and not ctx.obj.is_interactive:
                        click.echo(f"{download.path}")
    failed = [download for download in downloads if download.status == DownloadStatus.FAILED]
    for download in failed:
        click.echo(lines.to_one_line(f"Error: {download.artifact.path}: {download.error}"), err=True)
    click.echo(lines.summarize_downloads(downloads), err=True)
    if failed:
        ctx.exit(INCOMPLETE)


@click.command(cls=Command)
@project
@build_num
@click.option("--failed", is_flag=True, help="Only steps that failed, timed out or were cancelled.")
@click.option("--tail", type=click.IntRange(1), metavar="N", help="Only the last N lines of each step.")
@click.option("--ansi", is_flag=True, help="Keep escape sequences, such as colours, for the terminal.")
async def logs(project: str, build_num: int, *, failed: bool, tail: int | None, ansi: bool) -> None:
    """Print the output of a build's steps, each under a heading."""
    async with open_session() as ci:
        log = await ci.get_build_log(project, build_num, failed_only=failed, tail=tail, strip_ansi=not ansi)
    if log:
        click.echo(log if ansi else lines.replace_controls(log), nl=False, color=True)
    else:
        steps = "steps that failed" if failed else "steps"
        click.echo(f"Build {build_num} has no {steps}, or CircleCI has forgotten them.", err=True)
