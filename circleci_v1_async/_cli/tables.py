"""Tables on a terminal. Strings from the service are cleaned, and never parsed as markup."""

from collections.abc import Callable, Iterable
from typing import Final

import attrs
from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from circleci_v1_async import Build

from .lines import format_age, format_duration, get_outcome
from .text import to_one_line

STYLES: Final = {
    "success": "green",
    "failed": "red",
    "failure": "red",
    "timedout": "magenta",
    "infrastructure_fail": "yellow",
    "running": "cyan",
    "queued": "blue",
}
_GAP: Final = 3  # between two columns


@attrs.frozen
class _Column:
    """A column of a table of builds.

    Attributes:
        heading: The heading.
        width: Minimum width in characters.
        ratio: The column's share of the remaining width; `None` for none.
        priority: Order of preference. If the table is too wide, columns with the highest numbers are left out first.
        format: Formats a build's cell.
    """

    heading: str
    width: int
    ratio: int | None
    priority: int
    format: Callable[[Build], str]


_COLUMNS: Final = (
    _Column("Project", 12, 3, 2, lambda build: f"{build.project or ''}"),
    _Column("Build", 5, None, 0, lambda build: f"{build.build_num}"),
    _Column("Outcome", 9, None, 1, get_outcome),
    _Column("Job", 8, 2, 3, lambda build: build.job or ""),
    _Column("Branch", 8, 2, 6, lambda build: build.branch or ""),
    _Column("Subject", 12, 5, 5, lambda build: build.subject or ""),
    _Column("Age", 4, None, 4, format_age),
    _Column("Took", 7, None, 7, format_duration),
)
_RIGHT: Final = {"Build", "Age", "Took", "Seconds"}


def _choose_columns(headings: Iterable[str], width: int) -> list[_Column]:
    """Return the columns that fit into a width, in the order of the table."""
    wanted = set(headings)
    chosen: list[_Column] = []
    for column in sorted(_COLUMNS, key=lambda column: column.priority):
        if column.heading in wanted:
            if sum(_GAP + other.width for other in chosen) + column.width > width:
                break
            chosen.append(column)
    return [column for column in _COLUMNS if column in chosen]


def _to_tuple(builds: Iterable[Build]) -> tuple[Build, ...]:
    return tuple(builds)


@attrs.frozen
class BuildsTable:
    """A table of builds, with all columns that fit. Each column has the same place in every table.

    Args:
        builds: The builds.
        with_header: Whether to show the headings.
        with_project: Whether to show a column with the project.
        with_age: Whether to show a column with the time since each build was created.
    """

    builds: tuple[Build, ...] = attrs.field(converter=_to_tuple)
    with_header: bool = True
    with_project: bool = False
    with_age: bool = True

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        hidden = {"Project": not self.with_project, "Age": not self.with_age}
        headings = (column.heading for column in _COLUMNS if not hidden.get(column.heading))
        columns = _choose_columns(headings, options.max_width)
        table = Table(
            box=SIMPLE_HEAD,
            show_edge=False,
            show_header=self.with_header,
            pad_edge=False,
            header_style="dim",
            expand=True,
        )
        for column in columns:
            table.add_column(
                column.heading,
                justify="right" if column.heading in _RIGHT else "left",
                # Fixed widths and ratios keep each column at the same place in every table.
                min_width=None if column.ratio else column.width,
                ratio=column.ratio,
                no_wrap=True,
            )
        for build in self.builds:
            table.add_row(*(_render_cell(column, build) for column in columns))
        yield table


def _render_cell(column: _Column, build: Build) -> Text:
    text = to_one_line(column.format(build))
    return Text(text, STYLES.get(text, "") if column.heading == "Outcome" else "")


def print_table(console: Console, headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """Print rows below headings. Cells that are too wide are wrapped, and never cut."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
    for heading in headings:
        table.add_column(heading, justify="right" if heading in _RIGHT else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(text, STYLES.get(text, "")) for text in map(to_one_line, row)))
    console.print(table)
