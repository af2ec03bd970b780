"""The base of all commands: common arguments and options, errors, and exit codes."""

import logging
import re
import sys
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final, TextIO, TypeVar

import click
from rich.console import Console

from circleci_v1_async import (
    AuthenticationError,
    CircleCIError,
    CircleCISunsetWarning,
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
from circleci_v1_async.slug import find_build_num

from . import signals
from .lines import to_one_line
from .login import BASE_URL

__all__ = [
    "INCOMPLETE",
    "UNSUCCESSFUL",
    "Command",
    "as_json",
    "build",
    "check_project",
    "parse_pairs",
    "print_note",
    "project",
]

F = TypeVar("F", bound=Callable[..., Any])

INCOMPLETE: Final = 7
UNSUCCESSFUL: Final = 8
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
_LOGGER: Final = "circleci_v1_async"


def check_project(ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and find_build_num(value) is not None:
        raise click.UsageError(f"{value} is one build: expected a project. See 'circleci-v1 view'.", ctx)
    return value


def _parse_build_num(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    named = find_build_num(ctx.params.get("project", ""))
    if value is None:
        if named is None and not ctx.resilient_parsing:
            raise click.UsageError("Missing argument 'BUILD', or the URL of a build in place of PROJECT.", ctx)
        return named
    if re.fullmatch(r"[1-9][0-9]{0,17}", value) is None:
        raise click.BadParameter(f"{value!r} is not a build number, an integer from 1.", ctx, param)
    if named not in {None, int(value)}:
        raise click.UsageError(f"PROJECT is the URL of build {named}, but BUILD is {value}.", ctx)
    return int(value)


project = click.argument("project", callback=check_project)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON: one object a line, without secrets.")


def build(function: F) -> F:
    """Take a build: PROJECT BUILD, or its URL."""
    number = click.argument("build_num", metavar="[BUILD]", required=False, callback=_parse_build_num)
    return click.argument("project")(number(function))


def parse_pairs(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Parse the values of an option that takes KEY=VALUE more than once."""
    pairs = [value.partition("=") for value in values]
    if not all(name and equals for name, equals, _ in pairs):
        # They may be secrets, and are not shown.
        raise click.BadParameter("expected KEY=VALUE.")
    return {name: value for name, _, value in pairs}


def print_note(message: str) -> None:
    """Print a line beside the output, on standard error."""
    click.echo(to_one_line(message), err=True)


def _make_console() -> Console:
    """Make the console of standard output."""
    # FORCE_COLOR makes rich treat any output as a terminal: colours suit the log of a CI job, live displays do not.
    return Console(highlight=False, force_interactive=None if sys.stdout.isatty() else False)


class Command(click.Command):
    """A command that runs a coroutine function, with the options that all have.

    Args:
        args: For `click.Command`, like other options.
        example: Arguments to show in the help.
        question: Asked before anything is done, formatted with the parameters. It adds the option `--yes`.
        options: For `click.Command`.
    """

    def __init__(self, *args: Any, example: str, question: str | None = None, **options: Any) -> None:
        super().__init__(*args, **{**options, "epilog": f"\b\nExample:\n  circleci-v1 {example}"})
        self._question = question
        if question is not None:
            self.params.append(click.Option(["--yes"], is_flag=True, help="Do not ask."))
        self.params += [
            click.Option(
                ["--base-url"],
                metavar="URL",
                expose_value=False,
                callback=_keep_base_url,
                help="The API's address, instead of CIRCLE_API_URL.",
            ),
            click.Option(
                ["-v", "--verbose"],
                is_flag=True,
                expose_value=False,
                callback=_keep_verbosity,
                help="Print requests that are sent again, on standard error.",
            ),
        ]

    def invoke(self, ctx: click.Context) -> Any:
        """Ask if need be, and run the command in a new event loop."""
        ctx.obj = ctx.obj or _make_console()
        if self._question is not None and not ctx.params.pop("yes"):
            _ask(ctx, self._question)
        try:
            with _open_log(is_verbose=ctx.meta[_LOGGER]), _show_sunsets():
                return signals.run(super().invoke(ctx))
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise
        except CircleCIError as error:
            print_note(f"Error: {error}")
            ctx.exit(next(_EXIT_CODES[kind] for kind in type(error).__mro__ if kind in _EXIT_CODES))
        except signals.Signalled as end:
            ctx.exit(end.exit_code)


def _keep_base_url(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    ctx.meta[BASE_URL] = value


def _keep_verbosity(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # noqa: FBT001 - by click
    ctx.meta[_LOGGER] = value


def _ask(ctx: click.Context, question: str) -> None:
    text = question.format(**ctx.params)
    if not sys.stdin.isatty():
        raise click.UsageError(f"'{text}' can only be asked on a terminal: repeat it with --yes.", ctx)
    click.confirm(to_one_line(text), abort=True, err=True)


@contextmanager
def _open_log(*, is_verbose: bool) -> Generator[None, None, None]:
    """Print the log of the package, such as retries, if that is wanted."""
    handler = _LineHandler(logging.INFO) if is_verbose else logging.NullHandler()
    logger = logging.getLogger(_LOGGER)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO if is_verbose else logging.WARNING)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


class _LineHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        print_note(record.getMessage())


@contextmanager
def _show_sunsets() -> Generator[None, None, None]:
    """Show warnings of the end of an operation as one line, without a line of code."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        del category, filename, lineno, file, line
        print_note(f"Warning: {message}.")

    with warnings.catch_warnings():
        warnings.simplefilter("always", CircleCISunsetWarning)
        warnings.showwarning = show
        yield
