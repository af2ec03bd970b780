"""Outcomes of downloads, and events that tell of their progress."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Literal

import attrs

from circleci_v1_async._core.tasks import call_back
from circleci_v1_async.errors import CircleCIError
from circleci_v1_async.models import Artifact

__all__ = [
    "Download",
    "DownloadEvent",
    "DownloadFinished",
    "DownloadProgress",
    "DownloadStarted",
    "DownloadStatus",
    "DownloadTotals",
    "OnError",
    "OnExists",
    "Progress",
    "ProgressReporter",
]

OnExists = Literal["error", "skip", "overwrite"]
"""Choices for a file that exists already, or appears meanwhile.

Fail, keep the file and count it as done, or replace it.
"""

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
        path: Where its file is, or would have been: with the characters encoded that file names cannot have.
        size: Bytes that the file has; `None` when it failed.
        status: `downloaded`; `skipped`, because the file was there already, or appeared meanwhile; or `failed`.
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
class DownloadTotals:
    """Sums over all files of a call, as of an event: what a bar for all of them shows.

    Attributes:
        files: Files in all.
        finished: Files of those that are done: downloaded, skipped or failed.
        failed: Files of those that failed.
        received: Bytes that are there, of the files that have begun and not failed; those of skipped ones too.
        size: Bytes that the same files have in all. One whose size the service does not say counts with what is there.
    """

    files: int
    finished: int = 0
    failed: int = 0
    received: int = 0
    size: int = 0


@attrs.frozen
class DownloadStarted:
    """A file begins to arrive, for the first time or once more, or is there already and skipped.

    Each artifact has one before its other events, unless it fails before its first byte.

    Attributes:
        artifact: The artifact.
        path: Where its file will be.
        size: Bytes that it has in all; `None` when the service does not say.
        received: Bytes of it that are there from before; all of them when it is skipped.
        totals: Sums over all files, this event included.
    """

    artifact: Artifact
    path: Path
    size: int | None
    received: int
    totals: DownloadTotals


@attrs.frozen
class DownloadProgress:
    """More of a file has arrived.

    Attributes:
        artifact: The artifact.
        path: Where its file will be.
        received: Bytes of it so far.
        totals: Sums over all files, this event included.
    """

    artifact: Artifact
    path: Path
    received: int
    totals: DownloadTotals


@attrs.frozen
class DownloadFinished:
    """A download has ended. It is the last event of each artifact.

    Attributes:
        download: The outcome.
        totals: Sums over all files, this event included.
    """

    download: Download
    totals: DownloadTotals


DownloadEvent = DownloadStarted | DownloadProgress | DownloadFinished
"""Any event of a download."""

Progress = Callable[[DownloadEvent], object]
"""A plain or coroutine function that is called with each event of a download, in the event loop."""


class ProgressReporter:
    """Counts what happens to the files of a call, and tells the caller.

    Args:
        progress: Called with each event; `None` to tell and count nothing.
        files: Number of files.
    """

    def __init__(self, progress: Progress | None, files: int) -> None:
        self._progress = progress
        self._totals = DownloadTotals(files)
        # By path: bytes that are there, and the size if it is known.
        self._under_way: dict[Path, tuple[int, int | None]] = {}

    async def start(self, artifact: Artifact, path: Path, size: int | None, received: int) -> None:
        """Tell that a file begins to arrive, for the first time or once more."""
        if self._progress is not None:
            totals = self._count(path, received, size)
            await call_back(self._progress, DownloadStarted(artifact, path, size, received, totals))

    async def advance(self, artifact: Artifact, path: Path, received: int) -> None:
        """Tell that more of a file has arrived."""
        if self._progress is not None:
            totals = self._count(path, received, self._under_way[path][1])
            await call_back(self._progress, DownloadProgress(artifact, path, received, totals))

    async def finish(self, download: Download) -> None:
        """Tell that a file is done, and of a skipped one first that it begins. Failed bytes do not count."""
        if self._progress is not None:
            if download.status == DownloadStatus.SKIPPED:
                await self.start(download.artifact, download.path, download.size, download.size or 0)
            has_failed = download.status == DownloadStatus.FAILED
            totals = self._count(download.path, 0, 0) if has_failed else self._totals
            self._under_way.pop(download.path, None)
            self._totals = attrs.evolve(totals, finished=totals.finished + 1, failed=totals.failed + has_failed)
            await call_back(self._progress, DownloadFinished(download, self._totals))

    def _count(self, path: Path, received: int, size: int | None) -> DownloadTotals:
        """Count a file anew, in place of what it counted for before."""
        counted, known = self._under_way.get(path, (0, 0))
        self._under_way[path] = received, size
        totals = self._totals
        self._totals = attrs.evolve(
            totals,
            received=totals.received + received - counted,
            size=totals.size + (received if size is None else size) - (counted if known is None else known),
        )
        return self._totals
