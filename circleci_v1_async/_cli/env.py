"""Commands about the environment variables of a project."""

import sys
from typing import Any

import click

from circleci_v1_async._core.secret import wrap_secret

from . import lines
from .login import open_session
from .shell import Command, as_json, print_note, project

__all__ = ["env"]


@click.group()
def env() -> None:
    """List, set and delete the environment variables of a project."""


@env.command("list", cls=Command, example="env list gh/acme/web")
@project
@as_json
async def list_variables(project: str, *, as_json: bool) -> None:
    """List the environment variables of a project.

    CircleCI masks their values: only their ends are shown.
    """
    async with open_session(needs_token=True) as ci:
        found = await ci.list_env_vars(project)
    for variable in found:
        text = lines.encode_json(variable) if as_json else lines.to_one_line(variable.name)
        click.echo(text)
    if not found:
        print_note("The project has no environment variables.")


def _read_value(_ctx: click.Context, _param: click.Parameter, _value: None) -> Any:
    if sys.stdin.isatty():
        return wrap_secret(click.prompt("Value", hide_input=True, err=True))
    return wrap_secret(sys.stdin.read().rstrip("\r\n"))


@env.command("set", cls=Command, example="env set gh/acme/web DEPLOY_KEY < key.txt")
@project
@click.argument("name")
@click.option("--value", hidden=True, is_eager=False, callback=_read_value)
async def set_variable(project: str, name: str, *, value: Any) -> None:
    """Set an environment variable of a project.

    The value is read from standard input, or asked for on a terminal, so that no list of processes shows it. A variable
    of that name is replaced.
    """
    async with open_session(needs_token=True) as ci:
        await ci.add_env_var(project, name, value)
    print_note(f"{name} is set.")


@env.command(
    "delete", cls=Command, example="env delete gh/acme/web OLD_KEY --yes", question="Delete {name} of {project}?"
)
@project
@click.argument("name")
async def delete_variable(project: str, name: str) -> None:
    """Delete an environment variable of a project."""
    async with open_session(needs_token=True) as ci:
        await ci.delete_env_var(project, name)
    print_note(f"{name} is deleted.")
