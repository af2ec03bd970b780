"""Checks of a file's path before the file is written. Blocking: call them in threads."""

import errno
import os
import stat
from pathlib import Path
from typing import Final

from circleci_v1_async.errors import DownloadError, InvalidInputError, PathConflictError, UnsafePathError

from .folder import Folder
from .names import longest_name_bytes

# Maximum length in bytes of a complete path with its final NUL. A longer path can be created from an open folder, but
# programs can then neither open nor delete it by its path.
_PATH_MAX: Final = os.pathconf("/", "PC_PATH_MAX") if hasattr(os, "pathconf") else 260


def check_file(path: Path, *, may_exist: bool, way_out: str) -> None:
    """Check that a file can be written at a path. Create missing folders.

    Args:
        path: Path of the file.
        may_exist: Whether an existing file is allowed.
        way_out: End of the error message about an existing file: advice for the caller.

    Raises:
        InvalidInputError: The path is a folder.
        PathConflictError: The path already exists, and `may_exist` is false or the path is not a regular file.
        UnsafePathError: The path is a symbolic link, and `may_exist` is true. Symbolic links are never replaced.
        OSError: The file cannot be written.
    """
    if path.is_dir():
        raise InvalidInputError(f"path: expected the path of a file, got a folder: {path}")
    if not may_exist and path.is_symlink():
        raise PathConflictError(f"{path}: already exists, and is a symbolic link")
    if problem := find_obstacle(path, may_exist=may_exist, way_out=way_out):
        raise problem
    if longest_name_bytes(path.name) > path_bytes_left(path.parent):
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    Folder.open(path.parent).close()
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))


def path_bytes_left(root: Path) -> int:
    """Return the maximum length in bytes of a path below a folder."""
    return _PATH_MAX - len(os.fsencode(os.path.abspath(root))) - len(os.sep) - len("\0")  # noqa: PTH100 - no links


def find_obstacle(file: Path, *, may_exist: bool, way_out: str) -> DownloadError | None:
    """Return an error if a file cannot be written because its path exists; otherwise `None`.

    The arguments are the same as for `check_file`.
    """
    found = look(file)
    if found is None:
        return None
    if stat.S_ISLNK(found.st_mode):
        return UnsafePathError(f"{file}: expected a file, found a symbolic link")
    if not stat.S_ISREG(found.st_mode):
        return PathConflictError(f"{file}: already exists, and is not a regular file")
    return None if may_exist else PathConflictError(f"{file}: already exists; {way_out}")


def look(path: str | Path) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
