"""Checks of what is in a file's place, before anything is written. Blocking: to be called in threads."""

import errno
import os
import stat
from pathlib import Path
from typing import Final

from circleci_v1_async.errors import DownloadError, InvalidInputError, PathConflictError, UnsafePathError

from .folder import Folder
from .names import longest_name_bytes

__all__ = ["check_file", "find_obstacle", "look", "path_bytes_left"]

# Bytes of a whole path with its final NUL. Longer ones can be made from an open folder, but neither opened nor removed.
_PATH_MAX: Final = os.pathconf("/", "PC_PATH_MAX") if hasattr(os, "pathconf") else 260


def check_file(path: Path, *, may_exist: bool, way_out: str) -> None:
    """Make sure that a file can be written at a path. Missing folders are made.

    Args:
        path: The path.
        may_exist: Whether there may be a file already.
        way_out: The end of the error when there may not: how the caller can avoid it.

    Raises:
        InvalidInputError: There is a folder.
        PathConflictError: There is something else already.
        UnsafePathError: There is a symbolic link, which is not to be replaced.
        OSError: It cannot be written.
    """
    if path.is_dir():
        raise InvalidInputError(f"path: expected the path of a file, got that of a folder: {path}")
    if not may_exist and path.is_symlink():
        raise PathConflictError(f"{path}: it is there already, and a symbolic link")
    if problem := find_obstacle(path, may_exist=may_exist, way_out=way_out):
        raise problem
    if longest_name_bytes(path.name) > path_bytes_left(path.parent):
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    Folder.open(path.parent).close()
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))


def path_bytes_left(root: Path) -> int:
    """Return how many bytes a path below a folder may have."""
    return _PATH_MAX - len(os.fsencode(os.path.abspath(root))) - len(os.sep) - len("\0")  # noqa: PTH100 - no links


def find_obstacle(file: Path, *, may_exist: bool, way_out: str) -> DownloadError | None:
    """Return what is wrong with what is in a file's place. The arguments are those of `check_file`."""
    found = look(file)
    if found is None:
        return None
    if stat.S_ISLNK(found.st_mode):
        return UnsafePathError(f"{file}: expected a file, found a symbolic link")
    if not stat.S_ISREG(found.st_mode):
        return PathConflictError(f"{file}: it is there already, and no regular file")
    return None if may_exist else PathConflictError(f"{file}: it is there already; {way_out}")


def look(path: str | Path) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
