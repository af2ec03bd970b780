"""What commands say, as text and as JSON, with nothing in it that a terminal would obey."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import attrs
from rich.filesize import decimal

from circleci_v1_async import Build, Download, DownloadStatus, dumps

__all__ = ["as_json", "counted", "duration", "fields", "one_line", "outcome_of", "summary", "without_controls", "words"]

# What a terminal obeys, lines and tabs apart, and what makes text run from right to left.
_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def one_line(text: str) -> str:
    """`text` on one line and without control characters, which a terminal would obey."""
    return "".join(char if char.isprintable() else _REPLACEMENT for char in " ".join(text.split()))


def without_controls(text: str) -> str:
    """`text` with its lines and tabs, and without the control characters that a terminal would obey."""
    return _CONTROLS.sub(_REPLACEMENT, text)


def as_json(model: Any) -> str:
    """A model as one line of JSON that a terminal can be shown too.

    What is in no repr is secret, and left out: this is the one place that decides it for all commands.
    """
    line = dumps(attrs.asdict(model, filter=lambda attribute, _: bool(attribute.repr))).decode()
    return line if line.isprintable() else "".join(map(_escaped, line))


def _escaped(char: str) -> str:
    return char if char.isprintable() else json.dumps(char)[1:-1]


def fields(build: Build, *before: str) -> str:
    """A build as one line of fields with tabs in between."""
    return "\t".join(map(one_line, (*before, *words(build))))


def words(build: Build) -> tuple[str, ...]:
    """What is shown of a build: number, outcome, branch, subject, and how long it took."""
    return (f"{build.build_num}", outcome_of(build), build.branch or "", build.subject or "", duration(build))


def outcome_of(build: Build) -> str:
    """How a build ended, or where it stands until then."""
    return build.outcome or build.status or "unknown"


def duration(build: Build) -> str:
    """How long a build ran; empty until it stopped."""
    if build.build_time_millis is None:
        return ""
    minutes, seconds = divmod(round(build.build_time_millis / 1000), 60)
    return f"{minutes}m {seconds:02}s"


def summary(downloads: Sequence[Download]) -> str:
    """What came of downloads, in a few words."""
    status = Counter(download.status for download in downloads)
    size = decimal(sum(download.size or 0 for download in downloads if download.status == DownloadStatus.DOWNLOADED))
    text = f"{counted(status[DownloadStatus.DOWNLOADED], 'file')}, {size}"
    if skipped := status[DownloadStatus.SKIPPED]:
        text += f", {skipped} there already"
    if failed := status[DownloadStatus.FAILED]:
        text += f", {failed} failed"
    return text


def counted(count: int, noun: str) -> str:
    """How many there are of something, in words."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
