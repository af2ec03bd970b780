"""Checks of a file's path before the file is written. Blocking: call them in threads."""

import errno
import os
import stat
from pathlib import Path
from typing import Final

from circleci_v1_async.errors import InvalidInputError, PathConflictError, UnsafePathError

from .folder import Folder
from .names import longest_name_bytes

# Maximum length in bytes of a complete path with its final NUL. A longer path can be created from an open folder, but
# programs can then neither open nor delete it by its path.
_PATH_MAX: Final = os.pathconf("/", "PC_PATH_MAX") if hasattr(os, "pathconf") else 260


def check_file(path: Path, *, may_exist: bool, way_out: str) -> os.stat_result | None:
    """Create missing folders, and check that the file can be written. Return as `check_existing`."""
    if path.is_dir():
        raise InvalidInputError(f"path: expected the path of a file, got a folder: {path}")
    if not may_exist and path.is_symlink():
        raise PathConflictError(f"{path}: already exists, and is a symbolic link")
    found = check_existing(path, may_exist=may_exist, way_out=way_out)
    if longest_name_bytes(path.name) > path_bytes_left(path.parent):
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    Folder.open(path.parent).close()
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    return found


def path_bytes_left(root: Path) -> int:
    """Return the maximum length in bytes of a path below a folder."""
    return _PATH_MAX - len(os.fsencode(os.path.abspath(root))) - len(os.sep) - len("\0")  # noqa: PTH100 - no links


def check_existing(path: Path, *, may_exist: bool, way_out: str) -> os.stat_result | None:
    """Return the status of an existing file; `None` if the file does not exist.

    Raise an error if the path is not a regular file, or if the file must not exist. `way_out` ends that message: advice
    for the caller.
    """
    found = look(path)
    if found is None:
        return None
    if stat.S_ISLNK(found.st_mode):
        raise UnsafePathError(f"{path}: expected a file, found a symbolic link")
    if not stat.S_ISREG(found.st_mode):
        raise PathConflictError(f"{path}: already exists, and is not a regular file")
    if not may_exist:
        raise PathConflictError(f"{path}: already exists; {way_out}")
    return found


def look(path: str | Path) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
