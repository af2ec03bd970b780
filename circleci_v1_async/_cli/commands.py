"""The command `circleci-v1` with its subcommands."""

import sys

import click
from rich.console import Console

from circleci_v1_async import __version__

from .account import projects, whoami
from .builds import builds, wait, watch
from .demo import demo
from .export import export
from .files import artifacts, logs
from .shell import EXIT_CODES_HELP, Group

__all__ = ["cli"]


@click.group(
    cls=Group,
    commands=[artifacts, builds, demo, export, logs, projects, wait, watch, whoami],
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_CODES_HELP,
)
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Use CircleCI's API v1.1 from the shell.

    The token is read from CIRCLE_TOKEN, CIRCLECI_TOKEN, CIRCLECI_CLI_TOKEN or CIRCLE_CLI_TOKEN, else from the
    settings of CircleCI's own command, ~/.circleci/cli.yml, for the host that they name. Set CIRCLE_HOST or
    CIRCLE_API_URL to use CircleCI Server.
    """
    # FORCE_COLOR makes rich treat any output as a terminal: colours suit the log of a CI job, live displays do not.
    ctx.obj = ctx.obj or Console(highlight=False, force_interactive=None if sys.stdout.isatty() else False)
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
