"""Tables of figures, in Markdown."""

import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Final

import attrs

_PACKAGES: Final = ("aiohttp", "attrs", "cattrs", "msgspec", "orjson", "pydantic", "httpx2", "pycircleci")


@attrs.frozen
class Report:
    """The figures of one benchmark.

    Attributes:
        title: Description of the measurement.
        columns: The headings of the table.
        rows: The rows. Each has one cell for each heading.
        misses: Figures that missed their target.
    """

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[object, ...]]
    misses: list[str]

    def __str__(self) -> str:
        return f"{self.title}\n\n{table(self.columns, self.rows)}"


def cores() -> int:
    """Return the number of cores that this process can use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def environment() -> str:
    """Describe the machine and the packages of the measurement."""
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{datetime.now(UTC):%Y-%m-%d} · {platform.system()} {platform.machine()}, {cores()} cores{load}\n"
        f"{platform.python_implementation()} {platform.python_version()}, {packages}"
    )


def table(columns: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    """Make a Markdown table that is also aligned as plain text: words left, figures right."""
    head, *body = [[str(cell) for cell in row] for row in (columns, *rows)]
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    is_figure = [all(cell[:1].isdigit() for cell in column) for column in zip(*body, strict=True)]
    aligned = [
        [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, is_figure, strict=True)
        ]
        for row in (head, *body)
    ]
    rule = [("-" * (width - 1) + ":") if right else "-" * width for width, right in zip(widths, is_figure, strict=True)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (aligned[0], rule, *aligned[1:]))
