"""Folders that are opened without following symbolic links. Blocking: use them in threads."""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

import attrs

from circleci_v1_async.errors import PathConflictError, UnsafePathError

_NOFOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_FOLDER: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
# Without these flags, `open` would wait for the other end of a FIFO, and follow a symbolic link.
_FILE: Final = _NOFOLLOW | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_MODE: Final = 0o666  # minus the umask


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
        """Open a folder below `root`, and create missing folders. Do not follow symbolic links below `root`."""
        folder = cls(os.fspath(root), _open_root(root))
        for part in parts:
            try:
                inner = folder._enter(part)
            finally:
                folder.close()
            folder = inner
        return folder

    def _enter(self, name: str) -> Self:
        path = self.path_of(name)
        with suppress(FileExistsError):
            os.mkdir(self.at(name), dir_fd=self.fd)
        check_folder(path, self.look(name))
        if self.fd is not None:
            # If the folder was replaced with a symbolic link after the check, this raises an OSError.
            return attrs.evolve(self, path=path, fd=os.open(name, _FOLDER | _NOFOLLOW, dir_fd=self.fd))
        if Path(path).resolve() != Path(self.path).resolve() / name:
            raise UnsafePathError(f"{path}: expected a folder, found a link to another folder")
        return attrs.evolve(self, path=path)

    def path_of(self, name: str) -> str:
        return os.path.join(self.path, name)  # noqa: PTH118 - a string, as `path`

    def at(self, name: str) -> str:
        """Return a name in the folder in the form that functions of `os` need together with `dir_fd`."""
        return name if self.fd is not None else self.path_of(name)

    def look(self, name: str) -> os.stat_result:
        return os.stat(self.at(name), dir_fd=self.fd, follow_symlinks=False)

    def open_file(self, name: str, flags: int) -> int:
        return os.open(self.at(name), flags | _FILE, _MODE, dir_fd=self.fd)

    def link(self, source: str, name: str) -> None:
        os.link(self.at(source), self.at(name), src_dir_fd=self.fd, dst_dir_fd=self.fd)

    def rename(self, source: str, name: str) -> None:
        os.replace(self.at(source), self.at(name), src_dir_fd=self.fd, dst_dir_fd=self.fd)

    def remove(self, name: str) -> None:
        os.unlink(self.at(name), dir_fd=self.fd)

    def close(self) -> None:
        if self.fd is not None:
            os.close(self.fd)


def check_folder(path: str, found: os.stat_result) -> None:
    """Raise an error if a symbolic link or a file was found at the path of a folder."""
    if stat.S_ISLNK(found.st_mode):
        raise UnsafePathError(f"{path}: expected a folder, found a symbolic link")
    if not stat.S_ISDIR(found.st_mode):
        raise PathConflictError(f"{path}: expected a folder, found a file")


def _open_root(root: Path) -> int | None:
    """Open or create a folder. Return `None` if the system cannot resolve names from it."""
    if os.open not in os.supports_dir_fd:
        root.mkdir(parents=True, exist_ok=True)
        return None
    try:
        return os.open(root, _FOLDER)
    except FileNotFoundError:
        root.mkdir(parents=True, exist_ok=True)
        return os.open(root, _FOLDER)
