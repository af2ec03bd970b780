"""Notes and errors on standard error, one line each."""

import re
import sys
from typing import Any, Final

import click

from .text import to_one_line

# Do not add a period after a final URL, path or piece of code, so that users can copy it.
_ENDS_IN_A_WORD: Final = re.compile(r"(?:^|\s)[\w'()-]+\Z")


def print_note(message: str) -> None:
    """Print a line to standard error."""
    click.echo(to_one_line(message), err=True)


def print_error(message: str, hint: str = "") -> None:
    """Print an error, and a hint after it. All errors have the same form: a sentence after `Error:`."""
    first = message.partition(" ")[0]
    # Arguments, files and requests at the start keep their case.
    if first.isalpha() and first.islower():
        message = message[0].upper() + message[1:]
    end = "." if _ENDS_IN_A_WORD.search(message) else ""
    print_note(f"Error: {message}{end} {hint}")


def can_ask() -> bool:
    """Return whether a question on standard error can be answered on standard input."""
    # None if the process was started without standard input. Its type does not include None.
    stdin: Any = sys.stdin
    return stdin is not None and bool(stdin.isatty())
