"""Commands that show one build: its fields and steps, its tests, its page."""

import asyncio
from collections.abc import Iterator

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from circleci_v1_async import BuildDetail, TestMetadata

from . import lines
from .command import Command
from .json_lines import JsonLines, json_options
from .login import open_session
from .messages import print_note
from .newest import Newest, choose_build, newest_options, prefer_failed
from .tables import STYLES, print_table
from .targets import Target, build
from .text import to_one_line


@click.command(cls=Command, example="view gh/acme/web 7")
@build
@newest_options
@click.option("--failed", is_flag=True, help="Use the newest failed build, like --status failed.")
@json_options(BuildDetail)
@click.pass_obj
async def view(console: Console, target: Target, *, newest: Newest, failed: bool, as_json: JsonLines | None) -> None:
    """Show a build and its steps.

    If the output is not a terminal, each field and each step is one line, with tabs between its parts.
    """
    if failed and target.builds:
        raise click.UsageError("BUILD cannot be used with --failed.")
    if failed:
        newest = prefer_failed(newest)
    async with open_session() as ci:
        shown = await ci.get_build(target.project, await choose_build(ci, target, newest))
    if as_json is not None:
        click.echo(as_json.encode(shown))
    elif console.is_terminal:
        for name, text in _list_fields(shown):
            _print_field(console, name, to_one_line(text))
        if shown.steps:
            console.print()
            print_table(console, ("Step", "Status", "Took"), _list_steps(shown))
    else:
        for field in _list_fields(shown):
            click.echo(lines.join_fields(*field))
        for step in _list_steps(shown):
            click.echo(lines.join_fields("step", *step))


def _list_fields(build: BuildDetail) -> Iterator[tuple[str, str]]:
    fields = {
        "build": f"{build.build_num}",
        "project": f"{build.project or ''}",
        "outcome": lines.get_outcome(build),
        "job": build.job,
        "workflow": build.workflows and build.workflows.workflow_name,
        "branch": build.branch,
        "tag": build.vcs_tag,
        "commit": build.vcs_revision,
        "subject": build.subject,
        "author": build.author_name,
        "why": build.why,
        "started": build.start_time and f"{build.start_time:%Y-%m-%d %H:%M:%S %Z}",
        "took": lines.format_duration(build),
        "page": build.build_url,
    }
    yield from ((name, text) for name, text in fields.items() if text)
    yield from (("message", message.message) for message in build.messages if message.message)


def _list_steps(build: BuildDetail) -> Iterator[tuple[str, str, str]]:
    for step in build.steps:
        for action in step.actions:
            yield action.name or step.name or "", action.status or "", lines.format_run_time(action)


def _print_field(console: Console, name: str, text: str) -> None:
    """Print a field.

    A string without blanks, such as a URL, is left to the terminal to wrap, so that users can copy it. Other strings
    are wrapped here.
    """
    if " " in text:
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", min_width=8)
        table.add_column(overflow="fold")
        table.add_row(name, Text(text))
        console.print(table)
    else:
        console.print(Text.assemble((f"{name:8}  ", "dim"), (text, STYLES.get(text, ""))), soft_wrap=True)


@click.command(cls=Command, example="tests gh/acme/web 7 --failed")
@build
@newest_options
@click.option("--failed", is_flag=True, help="Only tests that failed, with their messages.")
@json_options(TestMetadata)
@click.pass_obj
async def tests(console: Console, target: Target, *, newest: Newest, failed: bool, as_json: JsonLines | None) -> None:
    """List the test results of a build.

    If the output is not a terminal, each test is one line with its result, seconds, class and name. With --failed, the
    line also contains the message.
    """
    async with open_session() as ci:
        number = await choose_build(ci, target, newest)
        listing = ci.list_failed_tests if failed else ci.list_build_tests
        found = await listing(target.project, number)
    rows = (_list_test_fields(test, with_message=failed) for test in found)
    if as_json is not None:
        for test in found:
            click.echo(as_json.encode(test))
    elif console.is_terminal and found:
        print_table(console, ("Result", "Seconds", "Class", "Name", *(["Message"] if failed else [])), rows)
    else:
        for row in rows:
            click.echo(lines.join_fields(*row))
    if not found:
        print_note(f"Build {number} has no failed tests." if failed else f"Build {number} has stored no test results.")


def _list_test_fields(test: TestMetadata, *, with_message: bool) -> tuple[str, ...]:
    seconds = "" if test.run_time is None else f"{test.run_time:.2f}"
    fields = (test.result or "unknown", seconds, test.classname or "", test.name or "")
    return (*fields, test.message or "") if with_message else fields


@click.command("open", cls=Command, example="open gh/acme/web 7")
@build
@newest_options
@click.option("--print", "is_printed", is_flag=True, help="Print the URL of the page instead of opening it.")
async def open_page(target: Target, *, newest: Newest, is_printed: bool) -> None:
    """Open the page of a build in the browser."""
    async with open_session() as ci:
        number = await choose_build(ci, target, newest)
        shown = await ci.get_build(target.project, number)
    url = to_one_line(shown.build_url or "")
    # The URL comes from the service, and must not start other programs.
    if not url.startswith(("https://", "http://")):
        raise click.ClickException(f"Build {number} has no page.")
    if is_printed:
        click.echo(url)
    elif await asyncio.to_thread(click.launch, url):
        raise click.ClickException(f"No browser could be started: open {url}")
