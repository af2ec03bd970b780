"""Commands about the environment variables of a project."""

import re
import sys
from typing import Any, Final

import click
from rich.console import Console

from circleci_v1_async import EnvVar, InvalidInputError
from circleci_v1_async._core.arguments import check_variable_name
from circleci_v1_async._core.secret import wrap_secret

from . import lines
from .command import Command, Question
from .group import SuggestingGroup
from .json_lines import JsonLines, json_options
from .login import open_session
from .messages import can_ask, print_note
from .tables import print_table
from .targets import Target, named, project
from .text import to_one_line

_MASK: Final = "xxxx"
_MASKED: Final = re.compile(rf"{_MASK}.{{0,4}}", re.DOTALL)


@click.group(cls=SuggestingGroup)
def env() -> None:
    """List, set and delete the environment variables of a project."""


@env.command("list", cls=Command, example="env list gh/acme/web")
@project
@json_options(EnvVar, more=("value",))
@click.pass_obj
async def list_variables(console: Console, target: Target, *, as_json: JsonLines | None) -> None:
    """List the environment variables of a project.

    CircleCI masks the values, and only shows their last characters. Each variable is one line with its name and its
    masked value.
    """
    async with open_session(needs_token=True) as ci:
        found = await ci.list_env_vars(target.project)
    if as_json is not None:
        for variable in found:
            click.echo(as_json.encode(variable, value=_mask(variable)))
    elif console.is_terminal and found:
        print_table(console, ("Name", "Value"), ((variable.name, _mask(variable)) for variable in found))
    else:
        for variable in found:
            click.echo(lines.join_fields(variable.name, _mask(variable)))
    if not found:
        print_note("The project has no environment variables.")


def _mask(variable: EnvVar) -> str:
    """Return the masked value; only the mask if the service did not mask the value."""
    value = variable.value or ""
    return value if _MASKED.fullmatch(value) else _MASK


class _SetCommand(Command):
    """The command that sets a variable.

    It reads the value after it has found the project, and before the event loop runs. Inside the event loop, Ctrl-C
    would not stop the reading.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Reject invalid names of variables."""
        rest = super().parse_args(ctx, args)
        if ctx.resilient_parsing:
            return rest
        name = ctx.params["target"].name
        if "=" in name:
            # A secret may follow, so do not show the argument.
            raise click.UsageError(
                "NAME=VALUE would show the value to other users. Pass only NAME, and the value on standard input: "
                f"{ctx.command_path} NAME < FILE",
                ctx,
            )
        try:
            check_variable_name("NAME", name)
        except InvalidInputError as error:
            raise click.UsageError(f"{error}", ctx) from None
        return rest

    def prepare(self, ctx: click.Context, target: Target) -> None:
        """Read the value."""
        if can_ask():
            question = to_one_line(f"Value of {target.name} in {target.short_project}")
            value = click.prompt(question, hide_input=True, err=True)
        else:
            value = _read_input(ctx)
        ctx.params["value"] = wrap_secret(value)


def _read_input(ctx: click.Context) -> str:
    # None if the process was started without standard input. Its type does not include None.
    stdin: Any = sys.stdin
    try:
        text: str = "" if stdin is None else stdin.read()
    except UnicodeDecodeError:
        raise click.UsageError("The value on standard input is not text in UTF-8.", ctx) from None
    return text.rstrip("\r\n")


@env.command("set", cls=_SetCommand, example="env set gh/acme/web DEPLOY_KEY < key.txt")
@named
async def set_variable(target: Target, *, value: Any) -> None:
    """Set an environment variable of a project.

    On a terminal, the command prompts for the value. Otherwise, it reads the value from standard input. The value is
    never an argument, because other users could see it in the list of processes. If the variable exists, its value is
    replaced.
    """
    async with open_session(needs_token=True) as ci:
        await ci.add_env_var(target.project, target.name, value)
    print_note(f"{target.name} is set.")


@env.command(
    "delete",
    cls=Command,
    example="env delete gh/acme/web OLD_KEY --yes",
    question=Question("Delete {name} of {project}?", "Not deleted."),
)
@named
async def delete_variable(target: Target) -> None:
    """Delete an environment variable of a project."""
    async with open_session(needs_token=True) as ci:
        await ci.delete_env_var(target.project, target.name)
    print_note(f"{target.name} is deleted.")
