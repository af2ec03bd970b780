"""Output as text and as JSON, without characters that control a terminal."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import attrs
from rich.filesize import decimal

from circleci_v1_async import Build, Download, DownloadStatus, dumps

__all__ = [
    "encode_json",
    "format_build",
    "format_count",
    "format_duration",
    "get_outcome",
    "list_build_fields",
    "replace_controls",
    "summarize_downloads",
    "to_one_line",
]

# Control characters other than newlines and tabs, and those that change the direction of text.
_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def to_one_line(text: str) -> str:
    """Put `text` on one line, and replace control characters."""
    return "".join(char if char.isprintable() else _REPLACEMENT for char in " ".join(text.split()))


def replace_controls(text: str) -> str:
    """Replace control characters in `text` other than newlines and tabs."""
    return _CONTROLS.sub(_REPLACEMENT, text)


def encode_json(model: Any) -> str:
    """Encode a model as one line of JSON that is safe to show on a terminal.

    Fields that the repr hides are secret, and left out here, in the one place for all commands.
    """
    line = dumps(attrs.asdict(model, filter=lambda attribute, _: bool(attribute.repr))).decode()
    return line if line.isprintable() else "".join(map(_escape, line))


def _escape(char: str) -> str:
    return char if char.isprintable() else json.dumps(char)[1:-1]


def format_build(build: Build, *before: str) -> str:
    """Format a build as one line, with tabs between the fields."""
    return "\t".join(map(to_one_line, (*before, *list_build_fields(build))))


def list_build_fields(build: Build) -> tuple[str, ...]:
    """Return the fields of a build to show: number, outcome, branch, subject, duration."""
    return (f"{build.build_num}", get_outcome(build), build.branch or "", build.subject or "", format_duration(build))


def get_outcome(build: Build) -> str:
    """Return the outcome of a build, or its status until it has one."""
    return build.outcome or build.status or "unknown"


def format_duration(build: Build) -> str:
    """Format the duration of a build; empty until it has stopped."""
    if build.build_time_millis is None:
        return ""
    minutes, seconds = divmod(round(build.build_time_millis / 1000), 60)
    return f"{minutes}m {seconds:02}s"


def summarize_downloads(downloads: Sequence[Download]) -> str:
    """Summarize downloads in a few list_build_fields."""
    status = Counter(download.status for download in downloads)
    size = decimal(sum(download.size or 0 for download in downloads if download.status == DownloadStatus.DOWNLOADED))
    text = f"{format_count(status[DownloadStatus.DOWNLOADED], 'file')}, {size}"
    if skipped := status[DownloadStatus.SKIPPED]:
        text += f", {skipped} there already"
    if failed := status[DownloadStatus.FAILED]:
        text += f", {failed} failed"
    return text


def format_count(count: int, noun: str) -> str:
    """Format a number with its noun in singular or plural."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
