"""Commands that fetch the files of builds: artifacts and logs."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import get_args

import click

from circleci_v1_async import Artifact, Download, DownloadStatus, OnExists, PathConflictError

from . import lines, screen
from .login import open_session
from .shell import INCOMPLETE, Command, as_json, build, print_note

__all__ = ["artifacts", "logs"]


@click.command(cls=Command, example="artifacts gh/acme/web 7 -o reports --match '*.xml'")
@build
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="The folder to write to.")
@click.option("--list", "is_listed", is_flag=True, help="List the artifacts, and download nothing.")
@as_json
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
    output: Path | None,
    is_listed: bool,
    as_json: bool,
    match: str | None,
    on_exists: OnExists,
    concurrency: int,
) -> None:
    """Download or list the artifacts of a build.

    The build is named by PROJECT and BUILD, or by its URL. Each file appears under its name only when it is complete.
    If some files fail, the others are fetched anyway, each failure is printed as a line, and the exit code is 7. Unless
    the output is a terminal, the path of each fetched file is printed as a line.
    """
    if (output is None) != is_listed or (as_json and not is_listed):
        raise click.UsageError("Give --output DIR to download, or --list, which --json needs.")
    async with open_session() as ci:
        found = await ci.list_build_artifacts(project, build_num)
        matching = [artifact for artifact in found if match is None or fnmatchcase(artifact.path, match)]
        if found and not matching:
            raise click.ClickException(f"None of the {len(found)} artifacts of build {build_num} matches {match!r}.")
        if not found:
            print_note(f"Build {build_num} has no artifacts.")
        elif output is None:
            _list(matching, as_json=as_json)
        else:
            downloads: list[Download] = []
            with screen.open_download_bars(ctx.obj) as bars:
                async with ci.download_artifacts(
                    matching,
                    output,
                    concurrency=concurrency,
                    on_exists=on_exists,
                    on_error="yield",
                    progress=bars,
                ) as coming:
                    async for download in coming:
                        downloads.append(download)
                        if download.error is None and not ctx.obj.is_interactive:
                            click.echo(lines.replace_controls(f"{download.path}"))
            _report(ctx, downloads)


def _list(artifacts: list[Artifact], *, as_json: bool) -> None:
    for artifact in artifacts:
        click.echo(lines.encode_json(artifact) if as_json else lines.to_one_line(artifact.path))


def _report(ctx: click.Context, downloads: list[Download]) -> None:
    failed = [download for download in downloads if download.status == DownloadStatus.FAILED]
    for download in failed:
        print_note(f"Error: {download.artifact.path}: {download.error}")
    if any(isinstance(download.error, PathConflictError) for download in failed):
        print_note(
            "--on-exists skip leaves files that are there already alone, and --on-exists overwrite replaces them."
        )
    print_note(lines.summarize_downloads(downloads))
    if failed:
        ctx.exit(INCOMPLETE)


@click.command(cls=Command, example="logs gh/acme/web 7 --failed --tail 20")
@build
@click.option("--failed", is_flag=True, help="Only steps that failed, timed out or were cancelled.")
@click.option("--step", metavar="NAME", help="Only steps of this name.")
@click.option("--tail", type=click.IntRange(1), metavar="N", help="Only the last N lines of each step.")
@click.option("--raw", is_flag=True, help="The output as it was written, escape sequences included.")
@click.option("--follow", is_flag=True, help="Go on until the build has finished.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write to a file.")
async def logs(
    project: str,
    build_num: int,
    *,
    failed: bool,
    step: str | None,
    tail: int | None,
    raw: bool,
    follow: bool,
    output: Path | None,
) -> None:
    """Print the output of a build's steps, each under a heading.

    The build is named by PROJECT and BUILD, or by its URL. The output is printed as a terminal would show it. With
    --follow each line is printed when it has ended, without headings. With --output the file gets its name when it is
    whole.
    """
    if sum([follow, tail is not None, output is not None]) > 1 or (follow and raw):
        raise click.UsageError("Of --follow, --output and --tail only one can be used, and --raw not with --follow.")
    async with open_session() as ci:
        if follow:
            async for line in ci.iter_build_log(project, build_num, failed_only=failed, step=step, follow=True):
                click.echo(lines.replace_controls(line.text))
            return
        if output is not None:
            await ci.save_build_log(project, build_num, output, failed_only=failed, step=step, strip_ansi=not raw)
            return
        log = await ci.get_build_log(project, build_num, failed_only=failed, step=step, tail=tail, strip_ansi=not raw)
    if log:
        click.echo(log if raw else lines.replace_controls(log), nl=False, color=True)
    else:
        steps = "steps that failed" if failed else "steps"
        print_note(f"Build {build_num} has no {steps}, or CircleCI has forgotten them.")
