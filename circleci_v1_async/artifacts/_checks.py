"""Checks of files and their destinations before the first request. Blocking: call them in threads."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from circleci_v1_async._files.checks import find_obstacle, look, path_bytes_left
from circleci_v1_async.errors import CircleCIError, DownloadError, PathConflictError, UnsafePathError

from ._destinations import Destination
from ._events import Download, DownloadStatus, OnExists

WAY_OUT: Final = 'on_exists="overwrite" replaces it, on_exists="skip" keeps it'
"""The end of the error message if a file already exists."""


def check_destinations(
    destinations: Iterable[Destination], root: Path, on_exists: OnExists
) -> dict[Destination, Download]:
    """Return the outcomes of the destinations that need no request."""
    room = path_bytes_left(root)
    return {
        destination: download
        for destination in destinations
        if (download := _check_destination(destination, root, room, on_exists))
    }


def failed_download(destination: Destination, root: Path, error: CircleCIError) -> Download:
    """Return the outcome of a download that failed."""
    return Download(destination.artifact, root.joinpath(*destination.parts), None, DownloadStatus.FAILED, error)


def _check_destination(destination: Destination, root: Path, room: int, on_exists: OnExists) -> Download | None:
    if destination.problem:
        return failed_download(destination, root, destination.problem)
    if destination.length > room:
        text = f"{destination.artifact.path!r}: expected a path of at most {room} bytes below {root}"
        return failed_download(destination, root, UnsafePathError(text))
    try:
        file = Path(root, *destination.parts)
        if problem := _find_bad_folder(destination.parts[:-1], root) or find_obstacle(
            file, may_exist=on_exists != "error", way_out=WAY_OUT
        ):
            return failed_download(destination, root, problem)
        if on_exists == "skip" and (found := look(file)):
            return Download(destination.artifact, file, found.st_size, DownloadStatus.SKIPPED)
    except OSError as error:
        problem = DownloadError(f"{root.joinpath(*destination.parts)}: {error.strerror}")
        problem.__cause__ = error.with_traceback(None)
        return failed_download(destination, root, problem)
    return None


def _find_bad_folder(folders: Iterable[str], root: Path) -> DownloadError | None:
    """Return an error if a path component above a file is not a folder; otherwise `None`."""
    path = os.fspath(root)
    for folder in folders:
        path = os.path.join(path, folder)  # noqa: PTH118 - a Path would cost its whole length each time
        found = look(path)
        if found is None:
            return None
        if stat.S_ISLNK(found.st_mode):
            return UnsafePathError(f"{path}: expected a folder, found a symbolic link")
        if not stat.S_ISDIR(found.st_mode):
            return PathConflictError(f"{path}: expected a folder, found a file")
    return None
