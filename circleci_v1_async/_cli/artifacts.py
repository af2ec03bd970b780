"""The command that lists and downloads artifacts."""

import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import get_args

import click

from circleci_v1_async import Artifact, CircleCISession, Download, DownloadStatus, OnExists

from . import lines
from .bars import open_download_bars
from .command import INCOMPLETE, Command
from .json_lines import JsonLines, json_options
from .login import open_session
from .messages import print_error, print_note
from .newest import Newest, choose_build, newest_options
from .targets import Target, build
from .text import replace_controls, to_one_line


@click.command(cls=Command, example="artifacts gh/acme/web --branch main --job docs -o site")
@build
@newest_options
@click.option(
    "--latest", is_flag=True, help="Use the build that CircleCI selects: the build that ended last, of any job."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="The folder to write to.")
@click.option("--list", "is_listed", is_flag=True, help="List the artifacts without downloading them.")
@json_options(Artifact)
@click.option("--match", metavar="GLOB", help="Only artifacts with a matching path. * also matches slashes.")
@click.option(
    "--on-exists",
    type=click.Choice(get_args(OnExists)),
    default="error",
    show_default=True,
    help="Whether to report an error for existing files, skip them, or overwrite them.",
)
@click.option(
    "--resume", is_flag=True, help="Keep partly downloaded files after a failure, and continue them in the next run."
)
@click.option(
    "--concurrency",
    type=click.IntRange(1),
    metavar="N",
    default=8,
    show_default=True,
    help="Number of files to download at the same time.",
)
@click.pass_context
async def artifacts(
    ctx: click.Context,
    target: Target,
    *,
    newest: Newest,
    latest: bool,
    output: Path | None,
    is_listed: bool,
    as_json: JsonLines | None,
    match: str | None,
    on_exists: OnExists,
    resume: bool,
    concurrency: int,
) -> None:
    """Download or list the artifacts of a build.

    A file gets its final name only when it is complete. If a download fails, the command prints the error, continues
    with the other files, and exits with 7. If the output is not a terminal, the command prints the path of each
    downloaded file.
    """
    if (output is None) != is_listed or (as_json is not None and not is_listed):
        raise click.UsageError("Use --output DIR to download, or --list to list. --json requires --list.")
    if latest and (target.builds or newest.job or newest.workflow):
        raise click.UsageError("--latest cannot be used with BUILD, --job or --workflow.")
    async with open_session() as ci:
        if latest:
            owner = "The latest build"
            found = await _list_latest(ci, target, newest)
        else:
            number = await choose_build(ci, target, newest)
            owner = f"Build {number}"
            found = await ci.list_build_artifacts(target.project, number)
        matching = [artifact for artifact in found if match is None or fnmatchcase(artifact.path, match)]
        if found and not matching:
            count = lines.format_count(len(found), "artifact")
            raise click.ClickException(f"{owner} has {count}, but none matches {match!r}.")
        if not found:
            print_note(f"{owner} has no artifacts.")
        elif output is None:
            for artifact in matching:
                click.echo(to_one_line(artifact.path) if as_json is None else as_json.encode(artifact))
        else:
            downloads: list[Download] = []
            with open_download_bars(ctx.obj) as bars:
                coming = ci.download_artifacts(
                    matching,
                    output,
                    concurrency=concurrency,
                    on_exists=on_exists,
                    resume=resume,
                    on_error="yield",
                    progress=bars,
                )
                async with coming:
                    async for download in coming:
                        downloads.append(download)
                        if download.error is None and not ctx.obj.is_interactive:
                            click.echo(replace_controls(f"{download.path}"))
            _report(ctx, downloads)


async def _list_latest(ci: CircleCISession, target: Target, newest: Newest) -> list[Artifact]:
    branch = newest.branch or target.branch
    found = await ci.list_latest_artifacts(target.project, branch=branch, filter=newest.status)
    if branch != newest.branch:
        print_note(f"The latest build on branch '{branch}'")
    return found


def _report(ctx: click.Context, downloads: list[Download]) -> None:
    failed = [download for download in downloads if download.status == DownloadStatus.FAILED]
    for download in failed:
        # Some errors begin with the file's path on disk, which already contains the artifact's path. Others end with
        # options of the library. Remove both: the options of the command are named below.
        reason = re.sub(r"; (?:on_exists|place)=.*", "", f"{download.error}".removeprefix(f"{download.path}: "))
        print_error(f"{download.artifact.path}: {reason}")
    if any("; on_exists=" in f"{download.error}" for download in failed):
        print_note("Use --on-exists skip to keep existing files, or --on-exists overwrite to replace them.")
    print_note(lines.summarize_downloads(downloads))
    if failed:
        ctx.exit(INCOMPLETE)
