"""The command that waits: for builds, for a commit, or for a workflow run."""

import asyncio
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

import attrs
import click
from rich.console import Console

from circleci_v1_async import Build, BuildDetail, CircleCISession, Verdict

from .boards import open_wait_board
from .builds import print_build
from .command import UNSUCCESSFUL, Command
from .json_lines import JsonLines, json_options
from .login import open_session
from .messages import print_note
from .newest import Newest, choose_build, newest_options
from .patience import Patience, patience_options
from .targets import Target, builds

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@click.command(cls=Command, example="wait gh/acme/web --commit c0ffee7 --timeout 1800")
@builds
@click.option("--commit", metavar="SHA", help="Wait for all builds of this commit.")
@newest_options
@patience_options
@json_options(BuildDetail)
@click.pass_context
async def wait(
    ctx: click.Context,
    target: Target,
    *,
    commit: str | None,
    newest: Newest,
    patience: Patience,
    as_json: JsonLines | None,
) -> None:
    """Wait for builds, or for all builds of a commit or workflow run.

    You can pass several BUILDs, a commit with --commit, or the ID of a workflow run with --workflow. Otherwise, the
    command waits for the newest build. On a terminal, a live table shows the builds. Otherwise, each change is one
    line, in the format of `builds`.

    The exit code is 0 if all builds succeed, 8 if one does not, and 9 after the timeout.
    """
    run_id = newest.workflow if _UUID.fullmatch(newest.workflow or "") else None
    _check(target, commit, run_id, newest, patience)
    async with open_session() as ci:
        with open_display(ctx.obj, as_json) as show:
            if commit is not None:
                verdict = await ci.wait_for_commit(
                    target.project, commit, branch=newest.branch, on_update=show, **patience.wait_options
                )
            elif run_id is not None:
                verdict = await ci.wait_for_workflow(
                    target.project, run_id, branch=newest.branch, on_update=show, **patience.wait_options
                )
            else:
                numbers = target.builds if len(target.builds) > 1 else (await choose_build(ci, target, newest),)
                verdict = await wait_for_builds(ci, target, numbers, patience, show)
    exit_by_verdict(ctx, verdict)


def _check(target: Target, commit: str | None, run_id: str | None, newest: Newest, patience: Patience) -> None:
    if commit is None and run_id is None:
        if patience.jobs or patience.settle is not None:
            raise click.UsageError("--jobs and --settle need --commit or the ID of a workflow run.")
        if target.builds and newest.options:
            raise click.UsageError(f"BUILD cannot be used with {newest.options}.")
        return
    whole = "--commit" if commit is not None else "the ID of a workflow run"
    if target.builds:
        raise click.UsageError(f"BUILD cannot be used with {whole}.")
    others = attrs.evolve(newest, branch=None, workflow=None if commit is None else newest.workflow)
    if others.options:
        raise click.UsageError(f"{whole} cannot be used with {others.options}; --jobs names the jobs that count.")


async def wait_for_builds(
    ci: CircleCISession,
    target: Target,
    numbers: tuple[int, ...],
    patience: Patience,
    show: Callable[[Build], object],
    *,
    appear: float = 0.0,
) -> Verdict:
    """Wait until builds have finished, concurrently.

    Args:
        ci: The session.
        target: The project.
        numbers: The builds' numbers.
        patience: Options about how to wait.
        show: Called with each build after it has changed.
        appear: Number of seconds to wait for the creation of a missing build.
    """
    waits = [
        asyncio.create_task(
            ci.wait_for_build(
                target.project,
                number,
                timeout=patience.timeout,
                interval=patience.interval,
                appear=appear,
                on_update=show,
            )
        )
        for number in numbers
    ]
    finished: list[Build] = []
    try:
        for wait in asyncio.as_completed(waits):
            finished.append(await wait)
            if patience.fail_fast and not finished[-1].is_success:
                break
    finally:
        for task in waits:
            task.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
    failed = tuple(build for build in finished if not build.is_success)
    return Verdict(builds=tuple(finished), is_success=not failed, failed=failed, missing=())


def exit_by_verdict(ctx: click.Context, verdict: Verdict) -> None:
    """End a command with the exit code of a verdict. Jobs that never ran are listed."""
    for job in verdict.missing:
        print_note(f"Job '{job}' did not run.")
    if not verdict.is_success:
        ctx.exit(UNSUCCESSFUL)


def open_display(console: Console, as_json: JsonLines | None) -> AbstractContextManager[Callable[[Build], object]]:
    """Open a display of the awaited builds: a live table on a terminal, otherwise lines or JSON."""
    if as_json is None and console.is_interactive:
        return open_wait_board(console)
    return nullcontext(lambda build: print_build(console, build, as_json))
