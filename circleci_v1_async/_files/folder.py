"""Folders that are opened without following symbolic links. Blocking: use them in threads."""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

import attrs

from circleci_v1_async.errors import PathConflictError, UnsafePathError

_FOLDER: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_NOFOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)


@attrs.frozen
class Folder:
    """An open folder.

    Attributes:
        path: Path of the folder. A string, because a `Path` would be parsed completely for each folder on the way.
        fd: File descriptor to resolve names from, so that the folder stays the same even if its path changes; `None` on
            systems without this feature.
    """

    path: str
    fd: int | None

    @classmethod
    def open(cls, root: Path, parts: Iterable[str] = ()) -> Self:
        """Open a folder below `root`, and create missing folders. Do not follow symbolic links below `root`.

        Raises:
            UnsafePathError: A symbolic link is on the path.
            PathConflictError: A file is on the path.
            OSError: The folder cannot be created or opened.
        """
        folder = cls(os.fspath(root), _open_root(root))
        for part in parts:
            try:
                inner = folder._enter(part)
            finally:
                folder.close()
            folder = inner
        return folder

    def _enter(self, name: str) -> Self:
        path = os.path.join(self.path, name)  # noqa: PTH118 - as the attribute says
        with suppress(FileExistsError):
            os.mkdir(self.at(name), dir_fd=self.fd)
        kind = os.stat(self.at(name), dir_fd=self.fd, follow_symlinks=False).st_mode
        if stat.S_ISLNK(kind):
            raise UnsafePathError(f"{path}: expected a folder, found a symbolic link")
        if not stat.S_ISDIR(kind):
            raise PathConflictError(f"{path}: expected a folder, found a file")
        if self.fd is not None:
            # If the folder was replaced with a symbolic link after the check, this raises an OSError.
            return attrs.evolve(self, path=path, fd=os.open(name, _FOLDER | _NOFOLLOW, dir_fd=self.fd))
        if Path(path).resolve() != Path(self.path).resolve() / name:
            raise UnsafePathError(f"{path}: expected a folder, found a link to another folder")
        return attrs.evolve(self, path=path)

    def at(self, name: str) -> str:
        """Return a name in the folder in the form that functions of `os` need together with `dir_fd`."""
        return name if self.fd is not None else os.path.join(self.path, name)  # noqa: PTH118 - as above

    def close(self) -> None:
        """Close the file descriptor, if there is one."""
        if self.fd is not None:
            os.close(self.fd)


def _open_root(root: Path) -> int | None:
    """Open a folder, and create it if missing.

    Returns:
        The file descriptor; `None` if the system cannot resolve names from an open folder.
    """
    if os.open not in os.supports_dir_fd:
        root.mkdir(parents=True, exist_ok=True)
        return None
    try:
        return os.open(root, _FOLDER)
    except FileNotFoundError:
        root.mkdir(parents=True, exist_ok=True)
        return os.open(root, _FOLDER)
