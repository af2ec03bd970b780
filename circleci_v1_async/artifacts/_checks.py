"""Checks of files and their places before the first request. Blocking: to be called in threads."""

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from circleci_v1_async.errors import CircleCIError, DownloadError, InvalidInputError, PathConflictError, UnsafePathError

from .events import Download, DownloadStatus, OnExists
from .folder import Folder
from .places import Place, measure_longest

__all__ = ["check_file", "check_places", "fail"]

# Bytes of a whole path with its final NUL. Longer ones can be made from an open folder, but neither opened nor removed.
_PATH_MAX: Final = os.pathconf("/", "PC_PATH_MAX") if hasattr(os, "pathconf") else 260


def check_places(places: Iterable[Place], root: Path, on_exists: OnExists) -> dict[Place, Download]:
    """Return the outcomes of the places that need no request."""
    room = _measure_room(root)
    return {place: download for place in places if (download := _check_place(place, root, room, on_exists))}


def check_file(path: Path, *, overwrite: bool) -> None:
    """Make sure that a file can be written at a path. Missing folders are made.

    Raises:
        InvalidInputError: There is a folder.
        PathConflictError: There is something else already.
        UnsafePathError: There is a symbolic link, which is not to be replaced.
        OSError: It cannot be written.
    """
    if path.is_dir():
        raise InvalidInputError(f"path: expected the path of a file, got that of a folder: {path}")
    if os.path.lexists(path) and not overwrite:
        raise PathConflictError(f"{path}: it is there already")
    if problem := _find_bad_file(path, "overwrite"):
        raise problem
    if measure_longest(path.name) > _measure_room(path.parent):
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    Folder.open(path.parent).close()
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))


def fail(place: Place, root: Path, error: CircleCIError) -> Download:
    """Return the outcome of a download that failed."""
    return Download(place.artifact, root.joinpath(*place.parts), None, DownloadStatus.FAILED, error)


def _measure_room(root: Path) -> int:
    """Return how many bytes a path below a folder may have."""
    return _PATH_MAX - len(os.fsencode(os.path.abspath(root))) - len(os.sep) - len("\0")  # noqa: PTH100 - no links


def _check_place(place: Place, root: Path, room: int, on_exists: OnExists) -> Download | None:
    if place.problem:
        return fail(place, root, place.problem)
    if place.length > room:
        text = f"{place.artifact.path!r}: expected a path of at most {room} bytes below {root}"
        return fail(place, root, UnsafePathError(text))
    try:
        file = Path(root, *place.parts)
        if problem := _find_bad_folder(place.parts[:-1], root) or _find_bad_file(file, on_exists):
            return fail(place, root, problem)
        if on_exists == "skip" and (found := _look(file)):
            return Download(place.artifact, file, found.st_size, DownloadStatus.SKIPPED)
    except OSError as error:
        problem = DownloadError(f"{root.joinpath(*place.parts)}: {error.strerror}")
        problem.__cause__ = error.with_traceback(None)
        return fail(place, root, problem)
    return None


def _find_bad_folder(folders: Iterable[str], root: Path) -> DownloadError | None:
    """Return what is wrong with the first thing on the way to a file that is no folder."""
    path = os.fspath(root)
    for folder in folders:
        path = os.path.join(path, folder)  # noqa: PTH118 - a Path would cost its whole length each time
        found = _look(path)
        if found is None:
            return None
        if stat.S_ISLNK(found.st_mode):
            return UnsafePathError(f"{path}: expected a folder, found a symbolic link")
        if not stat.S_ISDIR(found.st_mode):
            return PathConflictError(f"{path}: expected a folder, found a file")
    return None


def _find_bad_file(file: Path, on_exists: OnExists) -> DownloadError | None:
    """Return what is wrong with what is in a file's place."""
    found = _look(file)
    if found is None:
        return None
    if stat.S_ISLNK(found.st_mode):
        return UnsafePathError(f"{file}: expected a file, found a symbolic link")
    if on_exists == "error" or not stat.S_ISREG(found.st_mode):
        return PathConflictError(f"{file}: it is there already")
    return None


def _look(path: str | Path) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
