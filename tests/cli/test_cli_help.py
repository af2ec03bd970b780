"""The help of `circleci-v1` and its commands, and completion by shells."""

import subprocess
import sys

import click
import pytest
from cli_runner import run

from circleci_v1_async._cli.group import COMMANDS, cli


def commands_below(command, *path):
    for name in command.list_commands(ctx := click.Context(command)):
        found = command.get_command(ctx, name)
        if isinstance(found, click.Group):
            yield from commands_below(found, *path, name)
        else:
            yield (*path, name), found


@pytest.mark.parametrize("path", [path for path, _ in commands_below(cli)], ids=" ".join)
def test_the_help_of_every_command_has_an_example(path):
    result = run(*path, "--help")

    assert result.exit_code == 0
    assert f"Example:\n    circleci-v1 {' '.join(path)}" in result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_their_own_help_says_first(name):
    command = cli.get_command(click.Context(cli), name)

    assert command.help.splitlines()[0] == COMMANDS[name][1]


def test_a_shell_completes_commands_and_options():
    bash = {"_CIRCLECI_V1_COMPLETE": "bash_complete", "COMP_WORDS": "circleci-v1 wh", "COMP_CWORD": "1"}

    assert run(env=bash).output == "plain,whoami\n"
    assert "plain,--branch" in run(env={**bash, "COMP_WORDS": "circleci-v1 builds --", "COMP_CWORD": "2"}).output
    for words in ("env set --", "env set a=b --", "cancel --", "view x y --"):
        completed = run(env={**bash, "COMP_WORDS": f"circleci-v1 {words}", "COMP_CWORD": str(words.count(" ") + 1)})
        assert "plain,--retries" in completed.output


def test_asking_for_help_imports_no_command():
    code = "import sys; sys.argv[1:] = ['--help']; from circleci_v1_async._cli import main; import atexit;"
    code += "atexit.register(lambda: print({'asyncio', 'rich', 'circleci_v1_async.session'} & {*sys.modules})); main()"

    assert _run_python(code).endswith("\nset()\n")


def _run_python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stdout  # noqa: S603 - our own
