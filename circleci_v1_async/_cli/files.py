"""What builds leave behind: artifacts and logs."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import get_args

import click

from circleci_v1_async import CircleCISession, Download, DownloadStatus
from circleci_v1_async.artifacts import OnExists

from . import lines, screen
from .shell import INCOMPLETE, Command, build_num, project

__all__ = ["artifacts", "logs"]


@click.command(cls=Command)
@project
@build_num
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", required=True, help="Where they go.")
@click.option("--match", metavar="GLOB", help="Only those whose path is such. * also stands for slashes.")
@click.option(
    "--on-exists",
    type=click.Choice(get_args(OnExists)),
    default="error",
    show_default=True,
    help="What to do where a file is there already.",
)
@click.option("--concurrency", type=click.IntRange(1), default=8, show_default=True, help="How many files at once.")
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
    """Fetch the files that a build kept.

    Each appears when it is whole. When one fails, the others are fetched all the same; then each failure is a line, and
    the exit code is 7. Elsewhere than on a terminal each file that is there is a line, its path.
    """
    downloads: list[Download] = []
    async with CircleCISession.from_env() as ci:
        found = await ci.list_build_artifacts(project, build_num)
        total = sum(match is None or fnmatchcase(artifact.path or "", match) for artifact in found)
        with screen.download_bars(ctx.obj, total) as bars:
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
        click.echo(lines.one_line(f"Error: {download.artifact.path}: {download.error}"), err=True)
    click.echo(lines.summary(downloads), err=True)
    if failed:
        ctx.exit(INCOMPLETE)


@click.command(cls=Command)
@project
@build_num
@click.option("--failed", is_flag=True, help="Only steps that failed, ran out of time or were cancelled.")
@click.option("--tail", type=click.IntRange(1), metavar="N", help="Of each step, only the last N lines.")
@click.option("--ansi", is_flag=True, help="With escape sequences, such as colours: your terminal obeys them.")
async def logs(project: str, build_num: int, *, failed: bool, tail: int | None, ansi: bool) -> None:
    """Print what the steps of a build wrote, each under a heading."""
    async with CircleCISession.from_env() as ci:
        log = await ci.get_build_log(project, build_num, failed_only=failed, tail=tail, strip_ansi=not ansi)
    if log:
        click.echo(log if ansi else lines.without_controls(log), nl=False, color=True)
    else:
        steps = "steps that failed" if failed else "steps"
        click.echo(f"Build {build_num} has no {steps}, or CircleCI has forgotten them.", err=True)
