"""Commands that start, rerun and cancel builds."""

from typing import Final

import click
from rich.console import Console

from circleci_v1_async import Build, BuildDetail, PipelineResult

from .builds import print_build
from .command import Command, Question
from .json_lines import JsonLines, json_options
from .login import open_session
from .pairs import parse_pairs
from .patience import Patience, patience_options
from .targets import Target, one_build, project
from .text import to_one_line
from .wait import exit_by_verdict, open_display, wait_for_builds

_CREATED_WITHIN: Final = 30.0  # seconds


@click.command(cls=Command, example="trigger gh/acme/web --branch main")
@project
@click.option("-b", "--branch", metavar="NAME", help="The branch to build.  [default: the project's default branch]")
@click.option("--tag", metavar="NAME", help="The tag to build.")
@click.option("--revision", metavar="SHA", help="The commit to build.")
@click.option("-j", "--job", metavar="NAME", help="The job to run, instead of all workflows.")
@click.option(
    "--param",
    "params",
    multiple=True,
    metavar="KEY=VALUE",
    callback=parse_pairs,
    help="A variable for the build. Can be repeated.",
)
@click.option("--wait", "waits", is_flag=True, help="Wait for the builds, like `wait`. Needs --job or --revision.")
@patience_options
@json_options(BuildDetail, PipelineResult)
@click.pass_context
async def trigger(
    ctx: click.Context,
    target: Target,
    *,
    branch: str | None,
    tag: str | None,
    revision: str | None,
    job: str | None,
    params: dict[str, str],
    waits: bool,
    patience: Patience,
    as_json: JsonLines | None,
) -> None:
    """Start the workflows of a project, or one of its jobs.

    With --job or --param, one build is started and printed in the format of `builds`. Otherwise, CircleCI starts all
    workflows, but does not return their builds, so the command prints CircleCI's confirmation. In this case, --wait
    needs --revision, and waits for all builds of that commit.
    """
    is_one_build = job is not None or bool(params)
    _check(patience, revision, waits=waits, is_one_build=is_one_build)
    async with open_session(needs_token=True) as ci:
        if is_one_build:
            started = await ci.trigger_build(
                target.project, branch=branch, tag=tag, revision=revision, job=job, build_parameters=params or None
            )
            if not waits:
                print_build(ctx.obj, started, as_json)
                return
            with open_display(ctx.obj, as_json) as show:
                verdict = await wait_for_builds(
                    ci, target, (started.build_num,), patience, show, appear=_CREATED_WITHIN
                )
        else:
            result = await ci.trigger_pipeline(target.project, branch=branch, tag=tag, revision=revision)
            if not waits or revision is None:
                click.echo(to_one_line(result.body or "accepted") if as_json is None else as_json.encode(result))
                return
            with open_display(ctx.obj, as_json) as show:
                verdict = await ci.wait_for_commit(
                    target.project, revision, branch=branch, on_update=show, **patience.wait_options
                )
    exit_by_verdict(ctx, verdict)


def _check(patience: Patience, revision: str | None, *, waits: bool, is_one_build: bool) -> None:
    if not waits:
        if patience != Patience():
            raise click.UsageError("--timeout, --interval, --jobs, --settle and --fail-fast need --wait.")
    elif is_one_build:
        if patience.jobs or patience.settle is not None:
            raise click.UsageError(
                "--jobs and --settle cannot be used with --job or --param: only one build is started."
            )
    elif revision is None:
        raise click.UsageError(
            "--wait needs --job or --revision, because CircleCI does not return the builds of started workflows."
        )


@click.command(
    cls=Command,
    example="retry gh/acme/web 7",
    question=Question("Run build {build} of {project}, again?", "Not run again.", is_always_asked=False),
)
@one_build
@click.option("--ssh", is_flag=True, help="Give yourself SSH access to the new build.")
@json_options(Build)
@click.pass_obj
async def retry(console: Console, target: Target, *, ssh: bool, as_json: JsonLines | None) -> None:
    """Run a build again.

    The new build is printed in the format of `builds`. If the project comes from a git checkout, the command asks you
    to confirm.
    """
    async with open_session(needs_token=True) as ci:
        again = ci.retry_build_with_ssh if ssh else ci.retry_build
        print_build(console, await again(target.project, target.builds[0]), as_json)


@click.command(
    cls=Command,
    example="cancel gh/acme/web 7 --yes",
    question=Question("Cancel build {build} of {project}?", "Not canceled."),
)
@one_build
@json_options(Build)
@click.pass_obj
async def cancel(console: Console, target: Target, *, as_json: JsonLines | None) -> None:
    """Cancel a build.

    The build is printed afterwards. A finished build is not changed.
    """
    async with open_session(needs_token=True) as ci:
        print_build(console, await ci.cancel_build(target.project, target.builds[0]), as_json)
