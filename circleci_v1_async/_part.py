"""A file that is being written, and the folder that it is written in. Blocking: to be called in threads.

Nothing is under its final name before it is whole. Until then it is a part beside it, which is locked, so that two
downloads of one file cannot mix, and so that the part of a process that was killed is known from one being written.
"""

import errno
import os
import re
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

import attrs

from ._layout import etag_name, part_name
from .errors import PathConflictError, UnsafePathError

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has no locks of this kind
    fcntl = None  # type: ignore[assignment]

__all__ = ["Folder", "Part", "is_strong_etag"]

_NOFOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_FOLDER: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_FILE: Final = os.O_RDWR | os.O_CREAT | _NOFOLLOW | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NONE: Final = -1  # no file descriptor
_STRONG: Final = re.compile(r'"[!#-~]*"')
_MAX_ETAG: Final = 2**12  # bytes
_MODE: Final = 0o666  # less the umask
# File systems without hard links say one of these.
_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})


def is_strong_etag(text: str) -> bool:
    """Whether this tells one version of a file from another, byte by byte."""
    return _STRONG.fullmatch(text) is not None


@attrs.frozen
class Folder:
    """An open folder.

    Attributes:
        path: Where it is.
        fd: What names in it are resolved from, so that it stays the same whatever happens to the path; `None` on
            systems that cannot.
    """

    path: Path
    fd: int | None

    @classmethod
    def open(cls, root: Path, parts: Iterable[str] = ()) -> Self:
        """Open a folder below `root`, and make what is missing. No symbolic link below `root` is followed.

        Raises:
            UnsafePathError: There is a symbolic link on the way.
            PathConflictError: There is a file on the way.
            OSError: It cannot be made or opened.
        """
        folder = cls(root, _opened(root))
        for part in parts:
            try:
                inner = folder._enter(part)
            finally:
                folder.close()
            folder = inner
        return folder

    def _enter(self, name: str) -> Self:
        path = self.path / name
        with suppress(FileExistsError):
            os.mkdir(self.at(name), dir_fd=self.fd)
        kind = os.stat(self.at(name), dir_fd=self.fd, follow_symlinks=False).st_mode
        if stat.S_ISLNK(kind):
            raise UnsafePathError(f"{path}: expected a folder, found a symbolic link")
        if not stat.S_ISDIR(kind):
            raise PathConflictError(f"{path}: expected a folder, found a file")
        if self.fd is not None:
            # One that has become a link meanwhile is an OSError.
            return attrs.evolve(self, path=path, fd=os.open(name, _FOLDER | _NOFOLLOW, dir_fd=self.fd))
        if path.resolve() != self.path.resolve() / name:
            raise UnsafePathError(f"{path}: expected a folder, found what leads elsewhere")
        return attrs.evolve(self, path=path)

    def at(self, name: str) -> str:
        """A name in it, as the functions of `os` take it together with `dir_fd`."""
        return name if self.fd is not None else str(self.path / name)

    def close(self) -> None:
        """Let it go."""
        if self.fd is not None:
            os.close(self.fd)


@attrs.define
class Part:
    """The bytes so far of a file to be. It does nothing before `open`, and is to be closed whatever comes of that.

    Attributes:
        root: The folder that nothing may leave.
        parts: The folders below it, and the file's final name.
        validator: A strong ETag of the artifact that the bytes belong to; `None` when nobody knows.
        closed: Whether it is no longer there to be written to.
    """

    root: Path
    parts: tuple[str, ...]
    validator: str | None = attrs.field(default=None, init=False)
    closed: bool = attrs.field(default=False, init=False)
    _folder: Folder | None = attrs.field(default=None, init=False)
    _fd: int = attrs.field(default=_NONE, init=False)
    _is_noted: bool = attrs.field(default=False, init=False)
    _begin_at: int | None = attrs.field(default=None, init=False)
    # What need not be asked of the disk: between two system calls the event loop has the interpreter.
    _is_empty: bool = attrs.field(default=False, init=False)

    @property
    def name(self) -> str:
        """The file's final name."""
        return self.parts[-1]

    @property
    def path(self) -> Path:
        """Where the file will be."""
        return self.root.joinpath(*self.parts)

    @property
    def folder(self) -> Folder:
        """Where it is, once it is open."""
        assert self._folder is not None, "open"  # noqa: S101 - for the type checkers
        return self._folder

    def open(self, *, resume: bool) -> None:
        """Find the part, or make it, and keep everybody else from it.

        Args:
            resume: Whether what is left of an earlier download is to be kept.

        Raises:
            PathConflictError: Another download is writing it, or the file is there already.
            UnsafePathError: There is a symbolic link on the way.
            OSError: It cannot be made or opened.
        """
        folder = self._folder = Folder.open(self.root, self.parts[:-1])
        self._fd, size = _locked(folder, part_name(self.name))
        self._is_empty = size == 0
        with suppress(FileNotFoundError):
            fd = os.open(folder.at(etag_name(self.name)), os.O_RDONLY | _NOFOLLOW, dir_fd=folder.fd)
            self._is_noted = True
            try:
                note = os.read(fd, _MAX_ETAG).decode("latin-1")
            finally:
                os.close(fd)
            # What a crash left of it may be anything.
            self.validator = note if resume and is_strong_etag(note) else None

    @property
    def size(self) -> int:
        """The bytes so far; not those that `begin` has given up."""
        return os.fstat(self._fd).st_size if self._begin_at is None else self._begin_at

    def begin(self, offset: int, validator: str | None) -> None:
        """Go on at `offset` with the next bytes, which are of this version of the artifact. Does not block."""
        self._begin_at = offset
        self.validator = validator

    def write(self, pieces: Iterable[bytes]) -> None:
        """Append bytes. Whoever finds them later can tell which version of the artifact they belong to."""
        self._seek()
        if self.validator is not None and not self._is_noted:
            # Not before there is something to go on from: most files come whole.
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _NOFOLLOW
            fd = os.open(self.folder.at(etag_name(self.name)), flags, _MODE, dir_fd=self.folder.fd)
            self._is_noted = True
            with os.fdopen(fd, "wb") as note:
                note.write(self.validator.encode("latin-1"))
        self._append(pieces)

    def publish(self, pieces: Iterable[bytes], *, overwrite: bool) -> None:
        """Append the last bytes and give the file its name, at once and as a whole.

        Raises:
            PathConflictError: There is such a file already, and `overwrite` is false.
        """
        self._seek()
        self._append(pieces)
        # A file system on the network says only now that it is full.
        os.close(os.dup(self._fd))
        if fcntl is None:  # pragma: no cover - Windows cannot rename what is open
            self._close_file()
        if overwrite:
            self._rename()
        else:
            self._claim()
        self._forget()
        self._release()

    def close(self, *, keep: bool) -> None:
        """Let it go, unless that is done.

        Args:
            keep: Whether the bytes, if any, are left for a later download to go on from.
        """
        if self.closed:
            return
        try:
            if self._fd != _NONE and not (keep and self.validator and self.size):
                # While it is still locked, so that it is nobody else's. What cannot be removed is no second error.
                with suppress(OSError):
                    self._remove(part_name(self.name))
                    self._forget()
        finally:
            self._release()

    def _seek(self) -> None:
        if self._begin_at is not None:
            if not self._is_empty:
                os.ftruncate(self._fd, self._begin_at)
                os.lseek(self._fd, self._begin_at, os.SEEK_SET)
            if not self._begin_at:
                self._forget()
            self._begin_at = None

    def _append(self, pieces: Iterable[bytes]) -> None:
        self._is_empty = False
        for piece in pieces:
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(self._fd, rest) :]

    def _claim(self) -> None:
        """Give the file its name if nobody has it."""
        folder, name = self.folder, self.folder.at(self.name)
        try:
            try:
                part = folder.at(part_name(self.name))
                os.link(part, name, src_dir_fd=folder.fd, dst_dir_fd=folder.fd)
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE, dir_fd=folder.fd))
                try:
                    self._rename()
                except OSError:
                    self._remove(self.name)
                    raise
            else:
                self._remove(part_name(self.name))
        except FileExistsError:
            raise PathConflictError(f"{folder.path / self.name}: it is there already") from None

    def _rename(self) -> None:
        folder = self.folder
        part, name = folder.at(part_name(self.name)), folder.at(self.name)
        os.replace(part, name, src_dir_fd=folder.fd, dst_dir_fd=folder.fd)

    def _forget(self) -> None:
        """Remove the note of the version that bytes belong to, if there is one."""
        if self._is_noted:
            self._remove(etag_name(self.name))
            self._is_noted = False

    def _remove(self, name: str) -> None:
        os.unlink(self.folder.at(name), dir_fd=self.folder.fd)

    def _release(self) -> None:
        self.closed = True
        self._close_file()
        if self._folder is not None:
            self._folder.close()

    def _close_file(self) -> None:
        if self._fd != _NONE:
            os.close(self._fd)
            self._fd = _NONE


def _opened(root: Path) -> int | None:
    """Open a folder by its path, where names can be resolved from one. It is made if it is missing."""
    if os.open not in os.supports_dir_fd:
        root.mkdir(parents=True, exist_ok=True)
        return None
    try:
        return os.open(root, _FOLDER)
    except FileNotFoundError:
        root.mkdir(parents=True, exist_ok=True)
        return os.open(root, _FOLDER)


def _locked(folder: Folder, name: str) -> tuple[int, int]:
    """Open or make a file that nobody else has locked, and lock it. Also gives its size."""
    path = folder.path / name
    while True:
        try:
            fd = os.open(folder.at(name), _FILE, _MODE, dir_fd=folder.fd)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise UnsafePathError(f"{path}: expected a file, found a symbolic link") from None
            raise
        try:
            if (mine := _ours(folder, name, fd)) is not None:
                return fd, mine.st_size
        except BlockingIOError:
            os.close(fd)
            raise PathConflictError(f"{path}: another download is writing it") from None
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _ours(folder: Folder, name: str, fd: int) -> os.stat_result | None:
    """Lock an open file, unless it has lost its name, which another download may just have taken away."""
    if fcntl is not None:  # pragma: no branch - Windows
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    mine = os.fstat(fd)
    try:
        there = os.stat(folder.at(name), dir_fd=folder.fd, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not os.path.samestat(mine, there):
        return None
    if mine.st_nlink > 1:
        # Whoever published it was killed before this name was gone: to write here would be to write to that file.
        os.unlink(folder.at(name), dir_fd=folder.fd)
        return None
    return mine
