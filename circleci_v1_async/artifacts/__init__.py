"""Artifacts of builds: a stream of one artifact, and downloads of many artifacts to a folder."""

from circleci_v1_async._core.faces import show_as_home

from ._downloads import ArtifactDownloads
from ._events import (
    Download,
    DownloadEvent,
    DownloadFinished,
    DownloadProgress,
    DownloadStarted,
    DownloadStatus,
    DownloadTotals,
    OnError,
    OnExists,
    Progress,
)
from ._stream import ArtifactStream

__all__ = [
    "ArtifactDownloads",
    "ArtifactStream",
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
]

show_as_home(__name__)
