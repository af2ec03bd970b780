"""Commands that start, repeat and cancel builds."""

import click
from rich.console import Console

from . import lines
from .builds import print_build
from .login import open_session
from .shell import Command, as_json, build, parse_pairs, project

__all__ = ["cancel", "retry", "trigger"]


@click.command(cls=Command, example="trigger gh/acme/web --branch main")
@project
@click.option("--branch", help="The branch to build.  [default: the project's default branch]")
@click.option("--tag", help="The tag to build.")
@click.option("--revision", metavar="SHA", help="The commit to build.")
@click.option("--job", help="The job to run, instead of all workflows.")
@click.option(
    "--param",
    "params",
    multiple=True,
    metavar="KEY=VALUE",
    callback=parse_pairs,
    help="A variable for the build; it may be repeated.",
)
@as_json
@click.pass_obj
async def trigger(
    console: Console,
    project: str,
    *,
    branch: str | None,
    tag: str | None,
    revision: str | None,
    job: str | None,
    params: dict[str, str],
    as_json: bool,
) -> None:
    """Start the workflows of a project, or one of its jobs.

    With --job or --param one build is started and printed as `builds` prints it. Otherwise CircleCI does not say which
    builds it has started, and its confirmation is printed.
    """
    async with open_session(needs_token=True) as ci:
        if job is None and not params:
            result = await ci.trigger_pipeline(project, branch=branch, tag=tag, revision=revision)
            click.echo(lines.encode_json(result) if as_json else lines.to_one_line(result.body or "accepted"))
        else:
            started = await ci.trigger_build(
                project, branch=branch, tag=tag, revision=revision, job=job, build_parameters=params or None
            )
            print_build(console, started, as_json=as_json)


@click.command(cls=Command, example="retry gh/acme/web 7")
@build
@click.option("--ssh", is_flag=True, help="Let yourself in by SSH.")
@as_json
@click.pass_obj
async def retry(console: Console, project: str, build_num: int, *, ssh: bool, as_json: bool) -> None:
    """Run a build again.

    The build is named by PROJECT and BUILD, or by its URL. The new build is printed as `builds` prints it.
    """
    async with open_session(needs_token=True) as ci:
        again = ci.retry_build_with_ssh if ssh else ci.retry_build
        print_build(console, await again(project, build_num), as_json=as_json)


@click.command(cls=Command, example="cancel gh/acme/web 7 --yes", question="Cancel build {build_num} of {project}?")
@build
@as_json
@click.pass_obj
async def cancel(console: Console, project: str, build_num: int, *, as_json: bool) -> None:
    """Cancel a build.

    The build is named by PROJECT and BUILD, or by its URL. It is printed as it is then; one that has finished stays as
    it is.
    """
    async with open_session(needs_token=True) as ci:
        print_build(console, await ci.cancel_build(project, build_num), as_json=as_json)
