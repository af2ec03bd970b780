"""The commands by name, each with its line in `--help`.

The module of a command is only imported when the command runs.
"""

from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from .messages import print_error

# The place of each command below `circleci_v1_async._cli`, and the first line of its help.
COMMANDS: Final = {
    "api": ("api:api", "Send a request, and print the JSON of the reply."),
    "artifacts": ("artifacts:artifacts", "Download or list the artifacts of a build."),
    "builds": ("builds:builds", "List a project's builds, newest first."),
    "cancel": ("actions:cancel", "Cancel a build."),
    "demo": ("demo.command:demo", "Stream a build history, as a demonstration."),
    "export": ("export:export", "Write the builds of projects to an SQLite file."),
    "env": ("env:env", "List, set and delete the environment variables of a project."),
    "logs": ("logs:logs", "Print the output of a build's steps, each under a heading."),
    "open": ("view:open_page", "Open the page of a build in the browser."),
    "projects": ("account:projects", "List the projects that you follow."),
    "retry": ("actions:retry", "Run a build again."),
    "tests": ("view:tests", "List the test results of a build."),
    "trigger": ("actions:trigger", "Start the workflows of a project, or one of its jobs."),
    "view": ("view:view", "Show a build and its steps."),
    "wait": ("wait:wait", "Wait for builds, or for all builds of a commit or workflow run."),
    "watch": ("builds:watch", "Show builds that start, change or finish, until interrupted."),
    "whoami": ("account:whoami", "Show the owner of the token."),
}
EXIT_CODES_HELP: Final = """\b
Exit codes:
  0    success
  1    any other failure, or the output was closed, or you answered no
  2    an argument is invalid, or a required token is not set
  3    the token is invalid, or lacks a permission
  4    not found, or hidden from this token
  5    no answer, a server error or a rate limit: try again later
  6    the answer cannot be decoded
  7    artifacts: some could not be downloaded
  8    wait, trigger --wait: a build did not succeed
  9    wait, trigger --wait: the builds did not finish in time
  129  the terminal was closed (SIGHUP)
  130  interrupted (Ctrl-C)
  143  terminated (SIGTERM)
"""
_INTERRUPTED: Final = 130  # 128 + SIGINT, as in shells
# Names of the same commands in other programs.
_SYNONYMS: Final = {
    "download": "artifacts",
    "help": "--help",
    "list": "builds",
    "ls": "list",
    "remove": "delete",
    "rerun": "retry",
    "rm": "delete",
    "run": "trigger",
    "runs": "builds",
    "show": "view",
    "status": "view",
    "stop": "cancel",
    "version": "--version",
}


class SuggestingGroup(click.Group):
    """A group that suggests a command if the given command does not exist."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command at the start of the arguments."""
        name = args[0]
        if name.startswith("-") or ctx.resilient_parsing or self.get_command(ctx, name) is not None:
            return super().resolve_command(ctx, args)
        message = f"No such command {name!r}."
        if suggestion := self._suggest(ctx, name):
            message += f" Did you mean {suggestion!r}?"
        raise click.UsageError(message, ctx)

    def _suggest(self, ctx: click.Context, name: str) -> str | None:
        from difflib import get_close_matches  # noqa: PLC0415 - rarely needed

        commands = self.list_commands(ctx)
        synonym = _SYNONYMS.get(name)
        if synonym is not None and (synonym.startswith("-") or synonym in commands):
            return synonym
        return next(iter(get_close_matches(name, commands, 1)), None)


class Group(SuggestingGroup):
    """The group of all commands. Errors are printed as one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """List the names of the commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """Import a command by its name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(f"circleci_v1_async._cli.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands in the help without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - as above
        """Complete the name of a command without importing it."""
        return [CompletionItem(name, help=line) for name, (_, line) in COMMANDS.items() if name.startswith(incomplete)]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments of the group itself."""
        with _report_failures(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Parse the arguments of a command, and run it."""
        with _report_failures(ctx):
            return super().invoke(ctx)


@contextmanager
def _report_failures(ctx: click.Context) -> Generator[None, None, None]:
    try:
        yield
    except click.ClickException as error:
        hint = ""
        if isinstance(error, click.UsageError):
            hint = f"Try '{(error.ctx or ctx).command_path} --help'."
        print_error(error.format_message(), hint)
        ctx.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of the output has exited, for example `head`. click exits silently.
        raise
    except OSError as error:
        # The command cannot write its output, or cannot use a file from an option.
        place = "" if error.filename is None else f": {error.filename}"
        print_error(f"{error.strerror or error}{place}")
        ctx.exit(1)
    except (KeyboardInterrupt, click.Abort):
        ctx.exit(_INTERRUPTED)


def _print_version(ctx: click.Context, _option: click.Parameter, is_wanted: bool) -> None:  # noqa: FBT001 - by click
    if is_wanted:
        version = import_module("circleci_v1_async._version").__version__
        click.echo(f"{ctx.command_path} {version}")
        ctx.exit()


@click.group(
    cls=Group,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_CODES_HELP,
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Use CircleCI's API v1.1 from the shell.

    An argument with a slash is the project, a number is the build, and the URL of a build is both. Without PROJECT, the
    commands use the project of the CircleCI job or of the git checkout. Without BUILD, they use the newest build.

    Set your token in CIRCLE_TOKEN, CIRCLECI_TOKEN, CIRCLECI_CLI_TOKEN or CIRCLE_CLI_TOKEN. Otherwise, the commands use
    the token and the host in the settings of the CircleCI CLI, ~/.circleci/cli.yml. Public data needs no token. To use
    CircleCI Server, set CIRCLE_API_URL or CIRCLE_HOST.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
