"""Outcomes and progress events of downloads."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Literal

import attrs

from circleci_v1_async._core.tasks import call_back
from circleci_v1_async.errors import CircleCIError
from circleci_v1_async.models import Artifact

OnExists = Literal["error", "skip", "overwrite"]
"""The choice for a file that already exists, or appears during the download.

Fail (`error`), keep the file and count it as done (`skip`), or replace it (`overwrite`).
"""

OnError = Literal["raise", "stop", "yield"]
"""The choice after a failed download.

Raise at the end (`raise`), cancel the other downloads and raise immediately (`stop`), or never raise (`yield`).
"""


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
        path: Path of the file, or the path that a failed download would have had. Characters that file names cannot
            contain are encoded.
        size: Size of the file in bytes; `None` if the download failed.
        status: Outcome: `downloaded`; `skipped`, because the file already existed or appeared during the download; or
            `failed`.
        error: The error of a failed download; otherwise `None`.
        verified: Whether the service announced the size, and the file has this size. If not, a file that the service
            cut off looks like a complete file.
    """

    artifact: Artifact
    path: Path
    size: int | None
    status: DownloadStatus
    error: CircleCIError | None = None
    verified: bool = False


@attrs.frozen
class DownloadTotals:
    """Sums over all files of a call at the time of an event, for an overall progress bar.

    Attributes:
        files: Total number of files.
        finished: Number of files that are done: downloaded, skipped or failed.
        failed: Number of files that failed.
        received: Number of bytes on disk or received, of all files that have started and not failed. Skipped files
            count.
        size: Total size of the same files in bytes. A file of unknown size counts with its received bytes.
    """

    files: int
    finished: int = 0
    failed: int = 0
    received: int = 0
    size: int = 0


@attrs.frozen
class DownloadStarted:
    """A download starts or restarts, or an existing file is skipped.

    This is the first event of each artifact, unless the download fails before its first byte.

    Attributes:
        artifact: The artifact.
        path: Path of the file to be.
        size: Size of the file in bytes; `None` if the service does not announce the size.
        received: Number of bytes that an earlier attempt or download has left; all bytes if the file is skipped.
        totals: Sums over all files, including this event.
    """

    artifact: Artifact
    path: Path
    size: int | None
    received: int
    totals: DownloadTotals


@attrs.frozen
class DownloadProgress:
    """More bytes of a file have been received.

    Attributes:
        artifact: The artifact.
        path: Path of the file to be.
        received: Number of bytes of the file so far.
        totals: Sums over all files, including this event.
    """

    artifact: Artifact
    path: Path
    received: int
    totals: DownloadTotals


@attrs.frozen
class DownloadFinished:
    """A download has succeeded, failed or been skipped. This is the last event of each artifact.

    Attributes:
        download: The outcome.
        totals: Sums over all files, including this event.
    """

    download: Download
    totals: DownloadTotals


DownloadEvent = DownloadStarted | DownloadProgress | DownloadFinished
"""Any event of a download."""

Progress = Callable[[DownloadEvent], object]
"""A function or coroutine function that is called in the event loop with each event of a download."""


class ProgressReporter:
    """Keeps the totals of a call's files, and passes events to `progress`, if given."""

    def __init__(self, progress: Progress | None, files: int) -> None:
        self._progress = progress
        self._totals = DownloadTotals(files)
        # By path: number of received bytes, and the size if it is known.
        self._under_way: dict[Path, tuple[int, int | None]] = {}

    async def start(self, artifact: Artifact, path: Path, size: int | None, received: int) -> None:
        if self._progress is not None:
            totals = self._count(path, received, size)
            await call_back(self._progress, DownloadStarted(artifact, path, size, received, totals))

    async def advance(self, artifact: Artifact, path: Path, received: int) -> None:
        if self._progress is not None:
            totals = self._count(path, received, self._under_way[path][1])
            await call_back(self._progress, DownloadProgress(artifact, path, received, totals))

    async def finish(self, download: Download) -> None:
        """Report that a file is done. Report the start of a skipped file first."""
        if self._progress is not None:
            if download.status == DownloadStatus.SKIPPED:
                await self.start(download.artifact, download.path, download.size, download.size or 0)
            has_failed = download.status == DownloadStatus.FAILED
            # The bytes of a failed download no longer count.
            totals = self._count(download.path, 0, 0) if has_failed else self._totals
            self._under_way.pop(download.path, None)
            self._totals = attrs.evolve(totals, finished=totals.finished + 1, failed=totals.failed + has_failed)
            await call_back(self._progress, DownloadFinished(download, self._totals))

    def _count(self, path: Path, received: int, size: int | None) -> DownloadTotals:
        """Replace the numbers of a file in the totals, and return the new totals."""
        counted, known = self._under_way.get(path, (0, 0))
        self._under_way[path] = received, size
        totals = self._totals
        self._totals = attrs.evolve(
            totals,
            received=totals.received + received - counted,
            size=totals.size + (received if size is None else size) - (counted if known is None else known),
        )
        return self._totals
