"""Commands about the token's owner and the followed projects."""

import click

from circleci_v1_async import Project, User

from .command import Command
from .json_lines import JsonLines, json_options
from .login import open_session
from .messages import print_note
from .text import to_one_line


@click.command(cls=Command, example="whoami")
@json_options(User)
async def whoami(*, as_json: JsonLines | None) -> None:
    """Show the owner of the token.

    The token must be a personal token.
    """
    async with open_session(needs_token=True) as ci:
        user = await ci.get_current_user()
    name = f" ({user.name})" if user.name else ""
    click.echo(to_one_line(f"{user.login or 'unknown'}{name}") if as_json is None else as_json.encode(user))


@click.command(cls=Command, example="projects --json")
@json_options(Project)
async def projects(*, as_json: JsonLines | None) -> None:
    """List the projects that you follow.

    You can pass these names to the other commands.
    """
    async with open_session(needs_token=True) as ci:
        found = await ci.list_projects(shallow=True)
    for project in found:
        click.echo(to_one_line(f"{project.slug or project.vcs_url}") if as_json is None else as_json.encode(project))
    if not found:
        print_note("You follow no projects.")
