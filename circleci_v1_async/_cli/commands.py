"""Arguments in, exit code out. A command is a thin coroutine function; what it may raise becomes one line here."""

import asyncio
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

import click
from rich.console import Console

from circleci_v1_async import (
    AuthenticationError,
    CircleCIError,
    CircleCISession,
    DecodeError,
    GoneError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    TransportError,
    __version__,
)

from . import screen
from .demo import read_fake, read_project

__all__ = ["cli"]

_EXIT_CODES: Final[dict[type[BaseException], int]] = {
    CircleCIError: 1,
    InvalidInputError: 2,
    AuthenticationError: 3,
    PermissionDeniedError: 3,
    NotFoundError: 4,
    GoneError: 4,
    TransportError: 5,
    RateLimitError: 5,
    ServerError: 5,
    DecodeError: 6,
}
_EPILOG: Final = """\b
Exit codes:
  0    done
  1    any other failure
  2    an argument is wrong, or no token is set where one is needed
  3    the token is not valid, or may not do this
  4    it does not exist, or the token may not see it
  5    no answer, or the service is failing or asks to wait: try again later
  6    the answer cannot be used
  130  interrupted
"""
_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells count


@contextmanager
def _failures(ctx: click.Context) -> Generator[None, None, None]:
    try:
        yield
    except click.UsageError as error:
        path = (error.ctx or ctx).command_path
        _fail(ctx, f"{error.format_message()} Try '{path} --help'.", error.exit_code)
    except CircleCIError as error:
        _fail(ctx, str(error), next(_EXIT_CODES[kind] for kind in type(error).__mro__ if kind in _EXIT_CODES))
    except KeyboardInterrupt:
        ctx.exit(_INTERRUPTED)


def _fail(ctx: click.Context, message: str, exit_code: int) -> NoReturn:
    click.echo(f"Error: {screen.one_line(message)}", err=True)
    ctx.exit(exit_code)


class _Command(click.Command):
    """A command whose function is a coroutine function."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command in an event loop of its own."""
        return asyncio.run(super().invoke(ctx))


class _Group(click.Group):
    """A group of such commands, which fail in one line."""

    command_class = _Command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the arguments of the group itself."""
        with _failures(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Take the arguments of a command, and run it."""
        with _failures(ctx):
            return super().invoke(ctx)


@click.group(
    cls=_Group, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EPILOG
)
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """CircleCI's API v1.1 from the shell.

    The token is CIRCLE_TOKEN, else CIRCLECI_TOKEN, else CIRCLECI_CLI_TOKEN; CIRCLE_API_URL is for CircleCI Server.
    """
    # FORCE_COLOR makes rich take any output for a terminal. Colours in a CI's log are fine, a moving picture is not.
    ctx.obj = ctx.obj or Console(highlight=False, force_interactive=None if sys.stdout.isatty() else False)
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@cli.command()
@click.argument("project", required=False)
@click.option("--builds", type=click.IntRange(1), help="Builds in the fake's history.  [default: 3000]")
@click.option("--limit", type=click.IntRange(1), help="Builds to read.  [default: the fake's all, a project's 1000]")
@click.option("--prefetch", type=click.IntRange(0), default=1, show_default=True, help="Pages to fetch ahead.")
@click.pass_obj
async def demo(console: Console, project: str | None, builds: int | None, limit: int | None, prefetch: int) -> None:
    """Watch a build history being streamed.

    Without PROJECT, a fake CircleCI on loopback serves it, while builds arrive, finish and disappear; no account or
    network is needed. With PROJECT, such as gh/acme/web, it is the real one.
    """
    if project is not None and builds is not None:
        raise click.UsageError("--builds is the size of the fake, which takes no part when there is a PROJECT.")
    with screen.progress(console) as show:
        if project is None:
            pace = screen.SECONDS if console.is_interactive else 0.0
            report = await read_fake(show, builds=builds or 3000, limit=limit, prefetch=prefetch, seconds=pace)
        else:
            async with CircleCISession.from_env() as ci:
                report = await read_project(show, ci, project, limit=limit or 1000, prefetch=prefetch)
    console.print(screen.summary(report))
    if not report.is_exact:
        raise click.exceptions.Exit(1)
