"""Commands that show one build: its fields and steps, its tests, its page."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from circleci_v1_async import BuildDetail, TestMetadata

from . import lines
from .lines import to_one_line
from .login import open_session
from .screen import STYLES
from .shell import Command, as_json, build, print_note

__all__ = ["open_page", "tests", "view"]


@click.command(cls=Command, example="view gh/acme/web 7")
@build
@as_json
@click.pass_obj
async def view(console: Console, project: str, build_num: int, *, as_json: bool) -> None:
    """Show a build and its steps.

    The build is named by PROJECT and BUILD, or by its URL. Each field and each step is a line; when the output is no
    terminal, there are tabs between its parts.
    """
    async with open_session() as ci:
        shown = await ci.get_build(project, build_num)
    if as_json:
        click.echo(lines.encode_json(shown))
    else:
        _print_rows(console, [*_list_fields(shown), *_list_steps(shown)])


def _list_fields(build: BuildDetail) -> Iterator[tuple[str, ...]]:
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
        "took": lines.format_duration(build.duration),
        "page": build.build_url,
    }
    yield from ((name, text) for name, text in fields.items() if text)
    yield from (("message", message.message) for message in build.messages if message.message)


def _list_steps(build: BuildDetail) -> Iterator[tuple[str, ...]]:
    for step in build.steps:
        for action in step.actions:
            millis = action.run_time_millis
            took = None if millis is None else timedelta(milliseconds=millis)
            yield "step", action.name or step.name or "", action.status or "", lines.format_duration(took)


@click.command(cls=Command, example="tests gh/acme/web 7 --failed")
@build
@click.option("--failed", is_flag=True, help="Only tests that failed, with their messages.")
@as_json
@click.pass_obj
async def tests(console: Console, project: str, build_num: int, *, failed: bool, as_json: bool) -> None:
    """List the test results of a build.

    The build is named by PROJECT and BUILD, or by its URL. Each test is a line: result, seconds, class, name; with
    --failed also the message.
    """
    async with open_session() as ci:
        listing = ci.list_failed_tests if failed else ci.list_build_tests
        found = await listing(project, build_num)
    if as_json:
        for test in found:
            click.echo(lines.encode_json(test))
    else:
        _print_rows(console, [_list_test_fields(test, with_message=failed) for test in found])
    if not found:
        print_note(
            f"Build {build_num} has no failed tests." if failed else f"Build {build_num} has stored no test results."
        )


def _list_test_fields(test: TestMetadata, *, with_message: bool) -> tuple[str, ...]:
    seconds = "" if test.run_time is None else f"{test.run_time:.2f}"
    fields = (test.result or "unknown", seconds, test.classname or "", test.name or "")
    return (*fields, test.message or "") if with_message else fields


def _print_rows(console: Console, rows: list[tuple[str, ...]]) -> None:
    """Print rows: aligned and folded on a terminal, else with tabs between the cells."""
    if not console.is_terminal:
        for row in rows:
            click.echo("\t".join(map(to_one_line, row)))
        return
    table = Table.grid(padding=(0, 2))
    for row in rows:
        table.add_row(*(Text(text, STYLES.get(text, "")) for text in map(to_one_line, row)))
    console.print(table)


@click.command("open", cls=Command, example="open gh/acme/web 7")
@build
@click.option("--print", "is_printed", is_flag=True, help="Print the page's URL, and open nothing.")
async def open_page(project: str, build_num: int, *, is_printed: bool) -> None:
    """Open the page of a build in the browser.

    The build is named by PROJECT and BUILD, or by its URL.
    """
    async with open_session() as ci:
        shown = await ci.get_build(project, build_num)
    url = to_one_line(shown.build_url or "")
    # The service names it: what else a URL can start is not for it to say.
    if not url.startswith(("https://", "http://")):
        raise click.ClickException(f"Build {build_num} has no page.")
    if is_printed:
        click.echo(url)
    elif await asyncio.to_thread(click.launch, url):
        raise click.ClickException(f"No browser could be started: open {url}")
