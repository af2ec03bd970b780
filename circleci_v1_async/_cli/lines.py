"""Output as text and as JSON, without characters that control a terminal."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import attrs
from rich.filesize import decimal

from circleci_v1_async import Build, Download, DownloadStatus, dumps

__all__ = [
    "encode_json",
    "format_age",
    "format_build",
    "format_count",
    "format_duration",
    "format_json",
    "get_outcome",
    "list_build_fields",
    "replace_controls",
    "summarize_downloads",
    "to_one_line",
]

# Control characters other than newlines and tabs, what else ends lines, and what changes the direction of text or is
# not seen.
_CONTROLS: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e007f]"
)
_SPACES: Final = re.compile("[ \t\r\n]+")
_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR


def to_one_line(text: str) -> str:
    """Put `text` on one line, with escapes for control characters."""
    return replace_controls(_SPACES.sub(" ", text.strip(" \t\r\n")))


def replace_controls(text: str) -> str:
    """Replace control characters in `text` other than newlines and tabs by escapes."""
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def encode_json(model: Any) -> str:
    """Encode a model as one line of JSON that is safe on a terminal, without fields that are null.

    Fields that the repr hides are secret, and left out here, in the one place for all commands.
    """
    return _escape_json(dumps(_to_data(model)).decode())


def format_json(data: Any, *, indent: int | None) -> str:
    """Format data of a reply as JSON that is safe to show on a terminal."""
    return _escape_json(json.dumps(data, ensure_ascii=False, indent=indent))


def _to_data(model: Any) -> dict[str, Any]:
    data = attrs.asdict(model, filter=lambda attribute, value: bool(attribute.repr) and value is not None)
    if isinstance(model, Build) and model.project is not None:
        data = {"project": str(model.project), **data}
    if isinstance(build := getattr(model, "build", None), Build):
        data["build"] = _to_data(build)
    return data


def _escape_json(text: str) -> str:
    return text if text.isprintable() else "".join(map(_escape_character, text))


def _escape_character(char: str) -> str:
    return char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1]


def format_build(build: Build, *before: str) -> str:
    """Format a build as one line, with tabs between the fields."""
    return "\t".join(map(to_one_line, (*before, *list_build_fields(build))))


def list_build_fields(build: Build) -> tuple[str, ...]:
    """Return the fields of a build to print: number, outcome, branch, subject, duration, job."""
    return (
        f"{build.build_num}",
        get_outcome(build),
        build.branch or "",
        build.subject or "",
        format_duration(build.duration),
        build.job or "",
    )


def get_outcome(build: Build) -> str:
    """Return the outcome of a build, or its status until it has one."""
    return build.outcome or build.status or "unknown"


def format_duration(duration: timedelta | None) -> str:
    """Format a duration; empty while there is none."""
    if duration is None:
        return ""
    minutes, seconds = divmod(round(duration.total_seconds()), 60)
    return f"{minutes}m {seconds:02}s"


def format_age(build: Build, now: datetime | None = None) -> str:
    """Format the time since a build was created, in its largest unit; empty when that is not known.

    Args:
        build: The build.
        now: The time until which it counts; by default the present.
    """
    created = build.usage_queued_at or build.queued_at or build.start_time
    if created is None:
        return ""
    age = max(0, int(((now or datetime.now(UTC)) - created).total_seconds()))
    for unit, size in (("d", _DAY), ("h", _HOUR), ("m", _MINUTE)):
        if age >= size:
            return f"{age // size}{unit}"
    return f"{age}s"


def summarize_downloads(downloads: Sequence[Download]) -> str:
    """Summarize downloads in a few words."""
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
