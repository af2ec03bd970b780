"""Outcomes of downloads, and events that tell of their progress."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Literal

import attrs

from circleci_v1_async.errors import CircleCIError
from circleci_v1_async.models import Artifact

__all__ = [
    "Download",
    "DownloadEvent",
    "DownloadFinished",
    "DownloadProgress",
    "DownloadStarted",
    "DownloadStatus",
    "OnError",
    "OnExists",
    "Progress",
]

OnExists = Literal["error", "skip", "overwrite"]
"""Choices for a file that is there already: fail, leave it and count it as done, or replace it."""

OnError = Literal["raise", "stop", "yield"]
"""Choices after a failure: raise at the end, cancel the others and raise at once, or never raise."""


class DownloadStatus(StrEnum):
    """Outcome of a download."""

    DOWNLOADED = "downloaded"
    SKIPPED = "skipped"
    FAILED = "failed"


@attrs.frozen
class Download:
    """Outcome of the download of one artifact.

    Attributes:
        artifact: The artifact.
        path: Where its file is, or would have been.
        size: Bytes that the file has; `None` when it failed.
        status: `downloaded`; `skipped`, because the file was there already; or `failed`.
        error: Why it failed; `None` when it did not.
        verified: Whether the service announced the size, and so many bytes came. Otherwise a file that the service
            cut off looks like a whole one.
    """

    artifact: Artifact
    path: Path
    size: int | None
    status: DownloadStatus
    error: CircleCIError | None = None
    verified: bool = False


@attrs.frozen
class DownloadStarted:
    """A file begins to arrive, for the first time or once more, or is there already and skipped.

    Each artifact has one before its other events, unless it fails before its first byte. A bar for all of them adds up
    `size` and `received` of the last one of each, and what `DownloadProgress` says.

    Attributes:
        artifact: The artifact.
        path: Where its file will be.
        size: Bytes that it has in all; `None` when the service does not say.
        received: Bytes of it that are there from before; all of them when it is skipped.
    """

    artifact: Artifact
    path: Path
    size: int | None
    received: int


@attrs.frozen
class DownloadProgress:
    """More of a file has arrived.

    Attributes:
        artifact: The artifact.
        path: Where its file will be.
        received: Bytes of it so far.
    """

    artifact: Artifact
    path: Path
    received: int


@attrs.frozen
class DownloadFinished:
    """A download has ended. It is the last event of each artifact.

    Attributes:
        download: The outcome.
    """

    download: Download


DownloadEvent = DownloadStarted | DownloadProgress | DownloadFinished
"""Any event of a download."""

Progress = Callable[[DownloadEvent], object]
"""A function that is called with each event of a download, in the event loop."""
