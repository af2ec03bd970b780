"""Writes the parts of the pages about the command that come from its help: `python tools/cli_page.py`."""

import re
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import click

from circleci_v1_async._cli.group import COMMANDS, EXIT_CODES_HELP, cli

DOCS = Path(__file__).parents[1] / "docs"
PAGES = (DOCS / "cli.md", DOCS / "commands.md")


def fill(page: str) -> str:
    """Return a page whose generated parts are replaced."""
    parts = {
        "list of commands": _list_commands(),
        "common options": _list_options(_common_options()),
        "commands": "\n".join(_describe_commands()),
        "exit codes": _list_exit_codes(),
    }
    for name, text in parts.items():
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->\n"
        if begin in page:
            before, _, rest = page.partition(begin)
            page = f"{before}{begin}\n{text.strip()}\n\n{end}{rest.partition(end)[2]}"
    return page


def _list_commands() -> str:
    rows = (f"| `circleci-v1 {name}` | {line} |" for name, (_, line) in sorted(COMMANDS.items()))
    return "\n".join(["| command | what it does |", "|---|---|", *rows])


def _list_exit_codes() -> str:
    codes = re.findall(r"^  (\d+) +(.+)$", EXIT_CODES_HELP, re.MULTILINE)
    return "\n".join(["| code | meaning |", "|---|---|", *(f"| {code} | {meaning} |" for code, meaning in codes)])


def _common_options() -> list[tuple[str, str]]:
    every = [_list_records(command) for _, command in _walk(cli, click.Context(cli))]
    return [record for record in every[0] if all(record in records for records in every)]


def _list_records(command: click.Command) -> list[tuple[str, str]]:
    context = click.Context(command)
    options = [parameter for parameter in command.get_params(context) if isinstance(parameter, click.Option)]
    return [record for option in options if (record := option.get_help_record(context)) is not None]


def _describe_commands() -> Iterator[str]:
    common = _common_options()
    for path, command in _walk(cli, click.Context(cli, info_name="circleci-v1")):
        context = click.Context(command, info_name=path)
        usage = " ".join(["circleci-v1", path, *command.collect_usage_pieces(context)])
        yield f"## {path}\n\n`{usage}`\n"
        yield f"{_unwrap(command.help or '')}\n"
        if own := [record for record in _list_records(command) if record not in common]:
            yield f"{_list_options(own)}\n"
        yield f"Example: `{(command.epilog or '').splitlines()[-1].strip()}`\n"


def _walk(group: click.Group, context: click.Context, path: str = "") -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _walk(command, context, f"{name} ")
        elif command is not None:
            yield f"{path}{name}", command


def _unwrap(text: str) -> str:
    return re.sub(r"(?<!\n)\n(?!\n)", " ", cleandoc(text))


def _list_options(records: list[tuple[str, str]]) -> str:
    # Some releases of click put the text of a default in parentheses.
    texts = ((names, re.sub(r"\[default: \((.+?)\)", r"[default: \1", text)) for names, text in records)
    rows = (f"| `{names}` | {text} |" for names, text in texts)
    return "\n".join(["| option | meaning |", "|---|---|", *(_escape(row) for row in rows)])


def _escape(row: str) -> str:
    # The bars of choices would be those of the table.
    return re.sub(r"(?<=\w)\|(?=\w)", r"\\|", row)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(fill(page.read_text(encoding="utf-8")), encoding="utf-8")
