"""The command that prints logs."""

from pathlib import Path

import attrs
import click

from circleci_v1_async import CircleCISession, InvalidInputError

from .command import Command
from .login import open_session
from .messages import print_note
from .newest import Newest, choose_build, newest_options, prefer_failed
from .targets import Target, build
from .text import replace_controls


@attrs.frozen
class _Choice:
    """Options that select the lines to print.

    Attributes:
        failed: Whether to print failed steps only.
        step: Name of the step to print; `None` for all steps.
        tail: Number of lines to print of each step; `None` for all lines.
        raw: Whether to keep escape sequences.
    """

    failed: bool
    step: str | None
    tail: int | None
    raw: bool


@click.command(cls=Command, example="logs gh/acme/web 7 --failed --tail 20")
@build
@newest_options
@click.option(
    "--failed",
    is_flag=True,
    help="Only steps that failed, timed out or were canceled. Without BUILD, use the newest failed build.",
)
@click.option("--step", metavar="NAME", help="Only steps with this name.")
@click.option("--tail", type=click.IntRange(1), metavar="N", help="Only the last N lines of each step.")
@click.option("--raw", is_flag=True, help="Print the unchanged output, including escape sequences.")
@click.option("--follow", is_flag=True, help="Keep printing until the build has finished.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write to a file.")
async def logs(
    target: Target,
    *,
    newest: Newest,
    failed: bool,
    step: str | None,
    tail: int | None,
    raw: bool,
    follow: bool,
    output: Path | None,
) -> None:
    """Print the output of a build's steps, each under a heading.

    The output looks as it would on a terminal. With --follow, the command prints each line when it is complete, without
    headings. With --output, the file gets its final name when it is complete.
    """
    if sum([follow, tail is not None, output is not None]) > 1 or (follow and raw):
        raise click.UsageError("Use only one of --follow, --output and --tail. --raw cannot be used with --follow.")
    if failed and not target.builds:
        newest = prefer_failed(newest)
    async with open_session() as ci:
        number = await choose_build(ci, target, newest)
        try:
            await _print(ci, target, number, _Choice(failed, step, tail, raw), follow=follow, output=output)
        except InvalidInputError as error:
            if not f"{error}".startswith("step: "):
                raise
            # Only the service knows the names of the steps, so the option cannot be checked earlier.
            raise click.ClickException(f"{error}") from None


async def _print(
    ci: CircleCISession, target: Target, number: int, choice: _Choice, *, follow: bool, output: Path | None
) -> None:
    failed, step, raw = choice.failed, choice.step, choice.raw
    if follow:
        async for line in ci.iter_build_log(target.project, number, failed_only=failed, step=step, follow=True):
            click.echo(replace_controls(line.text))
        return
    if output is not None:
        await ci.save_build_log(target.project, number, output, failed_only=failed, step=step, strip_ansi=not raw)
        return
    log = await ci.get_build_log(
        target.project, number, failed_only=failed, step=step, tail=choice.tail, strip_ansi=not raw
    )
    if log:
        click.echo(log if raw else replace_controls(log), nl=False, color=True)
    else:
        steps = "steps that failed" if failed else "steps"
        print_note(f"Build {number} has no {steps}, or CircleCI has deleted them.")
