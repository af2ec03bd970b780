"""The base of all commands: common arguments, and errors as one line and an exit code."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

import click

from circleci_v1_async import (
    AuthenticationError,
    CircleCIError,
    DecodeError,
    DownloadError,
    GoneError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    TransportError,
    TruncatedError,
    WaitTimeoutError,
)

from .lines import to_one_line

__all__ = ["EXIT_CODES_HELP", "INCOMPLETE", "UNSUCCESSFUL", "Command", "Group", "as_json", "build_num", "project"]

INCOMPLETE: Final = 7
UNSUCCESSFUL: Final = 8
_INTERRUPTED: Final = 130  # 128 + SIGINT, as in shells
_EXIT_CODES: Final[dict[type[BaseException], int]] = {
    CircleCIError: 1,
    InvalidInputError: 2,
    AuthenticationError: 3,
    PermissionDeniedError: 3,
    NotFoundError: 4,
    GoneError: 4,
    TransportError: 5,
    TruncatedError: 5,
    RateLimitError: 5,
    ServerError: 5,
    DecodeError: 6,
    DownloadError: INCOMPLETE,
    WaitTimeoutError: 9,
}
EXIT_CODES_HELP: Final = f"""\b
Exit codes:
  0    done
  1    any other failure, or the output was closed
  2    an argument is invalid, or a required token is not set
  3    the token is invalid, or lacks a permission
  4    not found, or hidden from this token
  5    no answer, a server error or a rate limit: try again later
  6    the answer cannot be decoded
  {INCOMPLETE}    artifacts: some could not be fetched
  {UNSUCCESSFUL}    wait: the build has finished without success
  9    wait: the build has not finished in time
  130  interrupted
"""

project = click.argument("project")
build_num = click.argument("build_num", metavar="BUILD", type=click.IntRange(1))
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON: one object a line, without secrets.")


@contextmanager
def _report_failures(ctx: click.Context) -> Generator[None, None, None]:
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
    click.echo(f"Error: {to_one_line(message)}", err=True)
    ctx.exit(exit_code)


class Command(click.Command):
    """A command that runs a coroutine function."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command in a new event loop."""
        return asyncio.run(super().invoke(ctx))


class Group(click.Group):
    """A group of commands whose errors are printed as one line."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments of the group itself."""
        with _report_failures(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Parse the arguments of a command, and run it."""
        with _report_failures(ctx):
            return super().invoke(ctx)
