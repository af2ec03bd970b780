"""Output as lines of text."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from rich.filesize import decimal

from circleci_v1_async import Action, Build, Download, DownloadStatus

from .text import to_one_line

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR


def join_fields(*fields: str) -> str:
    """Join the fields of a line with tabs."""
    return "\t".join(map(to_one_line, fields))


def format_build(build: Build, *before: str) -> str:
    """Format a build as one line: number, outcome, branch, subject, duration, job."""
    return join_fields(
        *before,
        f"{build.build_num}",
        get_outcome(build),
        build.branch or "",
        build.subject or "",
        format_duration(build),
        build.job or "",
    )


def get_outcome(build: Build) -> str:
    """Return a build's outcome; its status while it has no outcome."""
    return build.outcome or build.status or "unknown"


def format_duration(build: Build) -> str:
    """Format a build's duration; empty if the build has none."""
    duration = build.duration
    return "" if duration is None else format_seconds(round(duration.total_seconds()))


def format_run_time(action: Action) -> str:
    """Format the duration of a step run; empty if the step run has none."""
    millis = action.run_time_millis
    # Calculate with integers: the service may send numbers that are too large for a float.
    return "" if millis is None else format_seconds((millis + 500) // 1000)


def format_seconds(seconds: int) -> str:
    """Format a number of seconds in its two largest units, such as `3s`, `1m 05s` or `2h 00m`."""
    seconds = max(0, seconds)
    for unit, size, lower, lower_size in (("d", _DAY, "h", _HOUR), ("h", _HOUR, "m", _MINUTE), ("m", _MINUTE, "s", 1)):
        if seconds >= size:
            return f"{seconds // size}{unit} {seconds % size // lower_size:02}{lower}"
    return f"{seconds}s"


def format_age(build: Build, now: datetime | None = None) -> str:
    """Format the time since a build was created, in its largest unit; empty if that time is unknown.

    Args:
        build: The build.
        now: The end of the time; by default the current time.
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
        text += f", {skipped} skipped"
    if failed := status[DownloadStatus.FAILED]:
        text += f", {failed} failed"
    return text


def format_count(count: int, noun: str) -> str:
    """Format a number with its noun in singular or plural."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
