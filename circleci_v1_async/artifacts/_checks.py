"""Checks of files and their destinations before the first request. Blocking: call them in threads."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from circleci_v1_async._files.checks import check_existing, look, path_bytes_left
from circleci_v1_async._files.folder import check_folder
from circleci_v1_async.errors import CircleCIError, DownloadError, UnsafePathError

from ._destinations import Destination
from ._events import Download, DownloadStatus, OnExists

WAY_OUT: Final = 'on_exists="overwrite" replaces it, on_exists="skip" keeps it'
"""The end of the error message if a file already exists."""


def check_destinations(
    destinations: Iterable[Destination], root: Path, on_exists: OnExists
) -> dict[Destination, Download]:
    """Return the outcomes of the destinations that need no request."""
    room = path_bytes_left(root)
    settled: dict[Destination, Download] = {}
    for destination in destinations:
        path = root.joinpath(*destination.parts)
        try:
            _check_path(destination, root, room)
            found = check_existing(path, may_exist=on_exists != "error", way_out=WAY_OUT)
            if found and on_exists == "skip":
                settled[destination] = Download(destination.artifact, path, found.st_size, DownloadStatus.SKIPPED)
        except DownloadError as error:
            settled[destination] = failed_download(destination, root, error)
        except OSError as error:
            problem = DownloadError(f"{path}: {error.strerror}")
            problem.__cause__ = error.with_traceback(None)
            settled[destination] = failed_download(destination, root, problem)
    return settled


def failed_download(destination: Destination, root: Path, error: CircleCIError) -> Download:
    # The outcome keeps the error. Without a traceback, the error does not keep its frames in memory.
    error = error.with_traceback(None)
    return Download(destination.artifact, root.joinpath(*destination.parts), None, DownloadStatus.FAILED, error)


def _check_path(destination: Destination, root: Path, room: int) -> None:
    """Raise an error if the path is a problem, or if a component above the file is not a folder."""
    if destination.problem:
        raise destination.problem
    if destination.length > room:
        raise UnsafePathError(f"{destination.artifact.path!r}: expected a path of at most {room} bytes below {root}")
    path = os.fspath(root)
    for folder in destination.parts[:-1]:
        path = os.path.join(path, folder)  # noqa: PTH118 - a Path would cost its whole length each time
        if (found := look(path)) is None:
            return
        check_folder(path, found)
