"""Commands about the token's owner and the followed projects."""

import click

from . import lines
from .login import open_session
from .shell import Command, as_json, print_note

__all__ = ["projects", "whoami"]


@click.command(cls=Command, example="whoami")
@as_json
async def whoami(*, as_json: bool) -> None:
    """Show the owner of the token.

    The token must be a personal one.
    """
    async with open_session(needs_token=True) as ci:
        user = await ci.get_current_user()
    name = f" ({user.name})" if user.name else ""
    click.echo(lines.encode_json(user) if as_json else lines.to_one_line(f"{user.login or 'unknown'}{name}"))


@click.command(cls=Command, example="projects --json")
@as_json
async def projects(*, as_json: bool) -> None:
    """List the projects that you follow.

    The other commands accept these names.
    """
    async with open_session(needs_token=True) as ci:
        found = await ci.list_projects(shallow=True)
    for project in found:
        click.echo(lines.encode_json(project) if as_json else lines.to_one_line(f"{project.slug or project.vcs_url}"))
    if not found:
        print_note("You follow no projects.")
