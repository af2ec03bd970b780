"""Sessions of the documentation: `console` blocks, in which `$ ` stands before each command.

The commands run in a checkout of `gh/acme/web` on branch `main`, and on a terminal of 85 columns without colors. The
output of a command that redraws is the screen at its end.
"""

import shlex
import subprocess
from datetime import UTC, datetime

import pyte
import pytest
from click.testing import CliRunner
from rich.console import Console

from circleci_v1_async._cli import lines
from circleci_v1_async._cli.group import cli

__all__ = ["run_session"]

_COLUMNS = 85
_ROWS = 200


class _Noon(datetime):
    """The clock of the session: three hours after the builds of the fake."""

    @classmethod
    def now(cls, _tz: object = None) -> datetime:  # type: ignore[override]
        return datetime(2026, 1, 5, 12, tzinfo=UTC)


def run_session(source: str) -> None:
    """Run the commands of a session, and compare their output with what the page shows."""
    for command in (
        "git init --quiet --initial-branch main",
        "git remote add origin git@github.com:acme/web.git",
    ):
        subprocess.run(command.split(), check=True)  # noqa: S603 - our own
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "datetime", _Noon)
        commands = [line.removeprefix("$ ") for line in source.splitlines() if line.startswith("$ ")]
        session = "".join(f"{line}\n" for command in commands for line in (f"$ {command}", *_run(command)))
    assert session == source


def _run(command: str) -> list[str]:
    name, *args = shlex.split(command)
    if name != "circleci-v1":
        done = subprocess.run([name, *args], capture_output=True, text=True, check=True)  # noqa: S603 - our own
        return done.stdout.splitlines()
    console = Console(force_terminal=True, color_system=None, width=_COLUMNS, height=_ROWS, highlight=False)
    result = CliRunner().invoke(cli, args, prog_name=name, obj=console)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    screen = pyte.Screen(_COLUMNS, _ROWS)
    screen.set_mode(pyte.modes.LNM)
    pyte.Stream(screen).feed(result.output)
    shown = "\n".join(line.rstrip() for line in screen.display).rstrip("\n")
    return shown.split("\n") if shown else []
