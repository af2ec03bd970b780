"""The base of all commands: common options, errors and exit codes."""

import logging
import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final, TextIO

import attrs
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

from . import signals
from .login import session_options
from .messages import can_ask, print_error, print_note
from .targets import Target, Words, find_target
from .text import to_one_line

INCOMPLETE: Final = 7
UNSUCCESSFUL: Final = 8
_REFUSED: Final = 1
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


def _make_console() -> Console:
    """Make the console of standard output."""
    # FORCE_COLOR makes rich treat any output as a terminal. Colors suit the log of a CI job; live displays do not.
    return Console(highlight=False, force_interactive=None if sys.stdout.isatty() else False)


@attrs.frozen
class Question:
    """A question that a command asks before it starts.

    Attributes:
        text: The question, formatted with `project`, `build` and `name`.
        no: The line to print when the answer is no.
        is_always_asked: Whether to ask even if the user gave the project.
    """

    text: str
    no: str
    is_always_asked: bool = True


class Command(click.Command):
    """A command that runs a coroutine function, and has the common options.

    Args:
        args: Positional arguments for `click.Command`.
        example: Arguments to show in the help.
        question: The question to ask before the command starts. It adds the option `--yes`.
        options: Keyword arguments for `click.Command`.
    """

    def __init__(self, *args: Any, example: str, question: Question | None = None, **options: Any) -> None:
        super().__init__(*args, **{**options, "epilog": f"\b\nExample:\n  circleci-v1 {example}"})
        self._question = question
        if question is not None:
            self.params.append(click.Option(["--yes"], is_flag=True, help="Do not ask for confirmation."))
        self.params += [
            *session_options(),
            click.Option(
                ["-v", "--verbose"],
                is_flag=True,
                expose_value=False,
                callback=_keep_verbosity,
                help="Print a line for each retry, on standard error.",
            ),
        ]

    def invoke(self, ctx: click.Context) -> Any:
        """Find the target, ask the question if necessary, and run the command in a new event loop."""
        ctx.obj = ctx.obj or _make_console()
        if isinstance(words := ctx.params.get("target"), Words):
            ctx.params["target"] = target = find_target(words, ctx)
            is_named = self._question is not None and _ask(ctx, self._question, target)
            if target.source is not None and not is_named:
                print_note(target.described_project)
            self.prepare(ctx, target)
        try:
            with _open_log(is_verbose=ctx.meta[_LOGGER]), _show_sunsets():
                return signals.run(super().invoke(ctx))
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise
        except CircleCIError as error:
            print_error(f"{error}")
            ctx.exit(next(_EXIT_CODES[kind] for kind in type(error).__mro__ if kind in _EXIT_CODES))
        except signals.Signalled as end:
            ctx.exit(end.exit_code)

    def prepare(self, ctx: click.Context, target: Target) -> None:
        """Prepare the command before the event loop runs. By default this does nothing."""


def _keep_verbosity(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # noqa: FBT001 - by click
    ctx.meta[_LOGGER] = value


def _ask(ctx: click.Context, question: Question, target: Target) -> bool:
    """Ask a question if necessary, and end the command if the answer is no.

    Returns:
        Whether the question was asked.
    """
    if ctx.params.pop("yes"):
        if target.is_from_git:
            raise click.UsageError(f"--yes needs PROJECT: {target.described_project}, is not certain enough.", ctx)
        return False
    if not (question.is_always_asked or target.is_from_git):
        return False
    text = question.text.format(project=target.described_project, build=(*target.builds, "")[0], name=target.name)
    if not can_ask():
        how = "with PROJECT and --yes" if target.is_from_git else "with --yes"
        raise click.UsageError(f"'{text}' can only be asked on a terminal: repeat it {how}.", ctx)
    if not click.confirm(to_one_line(text), err=True):
        print_note(question.no)
        ctx.exit(_REFUSED)
    return True


@contextmanager
def _open_log(*, is_verbose: bool) -> Generator[None, None, None]:
    """Print the log of the package, such as retries, if the command is verbose."""
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
    """Show warnings about the sunset of an operation as one line, without a line of code."""

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
