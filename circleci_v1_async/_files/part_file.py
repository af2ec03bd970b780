"""The file that a download is written to, until it is whole. Blocking: to be called in threads.

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
from typing import Final

import attrs

from circleci_v1_async.errors import PathConflictError, UnsafePathError

from .folder import Folder
from .names import part_name, resume_info_name

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has no locks of this kind
    fcntl = None  # type: ignore[assignment]

__all__ = ["NameTakenError", "PartFile", "PartInUseError", "is_strong_etag"]

# A FIFO would be waited for, and a link followed.
_PLAIN: Final = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_NONE: Final = -1  # no file descriptor
_STRONG: Final = re.compile(r'"[!#-~]*"')
_MAX_NOTE: Final = 2**12  # bytes
_MODE: Final = 0o666  # less the umask
# File systems without hard links say one of these.
_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})
# File systems without locks say one of these.
_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


class NameTakenError(PathConflictError):
    """There is a file of the final name already."""


class PartInUseError(PathConflictError):
    """Another download is writing the part."""


def is_strong_etag(text: str) -> bool:
    """Tell whether an ETag tells versions of a file apart byte by byte."""
    return _STRONG.fullmatch(text) is not None


@attrs.define(eq=False)
class PartFile:
    """The bytes so far of a file to be.

    Attributes:
        root: The folder that nothing may leave.
        parts: The folders below it, and the file's final name.
        source: Names the artifact that the bytes are of, without a blank.
        etag: A strong ETag of the version of it; `None` when there is none.
        is_locked: Whether other downloads are kept from it. Some file systems cannot do that.
    """

    root: Path
    parts: tuple[str, ...]
    source: str
    etag: str | None = attrs.field(default=None, init=False)
    is_locked: bool = attrs.field(default=True, init=False)
    _folder: Folder | None = attrs.field(default=None, init=False)
    _fd: int = attrs.field(default=_NONE, init=False)
    _size: int = attrs.field(default=0, init=False)
    _has_note: bool = attrs.field(default=False, init=False)
    _begin_at: int | None = attrs.field(default=None, init=False)

    @property
    def name(self) -> str:
        """The file's final name."""
        return self.parts[-1]

    @property
    def path(self) -> Path:
        """The path that the file will have."""
        return self.root.joinpath(*self.parts)

    @property
    def is_open(self) -> bool:
        """Whether it is to be closed."""
        return self._folder is not None

    @property
    def size(self) -> int:
        """The bytes so far; not those that `begin` has given up."""
        return self._size if self._begin_at is None else self._begin_at

    def open(self, *, resume: bool) -> None:
        """Find the part, or make it, and keep other downloads from it. Close it afterwards if it `is_open`.

        Args:
            resume: Whether what is left of an earlier download of this artifact is to be kept.

        Raises:
            PartInUseError: Another download is writing it.
            UnsafePathError: There is a symbolic link on the way, or it is no regular file.
            OSError: It cannot be made or opened.
        """
        folder = Folder.open(self.root, self.parts[:-1])
        try:
            self._fd, self._size, self.is_locked = _open_locked(folder, part_name(self.name))
        except BaseException:
            folder.close()
            raise
        self._folder = folder
        etag = self._read_note()
        if resume:
            self.etag = etag

    def begin(self, offset: int, etag: str | None) -> None:
        """Go on at `offset` with the next bytes, which are of this version of the artifact. Does not block."""
        self._begin_at = offset
        self.etag = etag

    def write(self, pieces: Iterable[bytes]) -> None:
        """Append bytes, and note which version of which artifact they are of."""
        self._seek()
        if self.etag is not None and not self._has_note:
            # Not before there is something to go on from: most files come whole.
            self._write_note(self.etag)
        self._append(pieces)

    def publish(self, pieces: Iterable[bytes], *, overwrite: bool, durable: bool) -> None:
        """Append the last bytes and give the file its name, at once. Opens the part if it is not open.

        Args:
            pieces: The last bytes.
            overwrite: Whether to replace a file of that name.
            durable: Whether the bytes are to be on the disk before the file has its name. Otherwise a power cut may
                leave it without them.

        Raises:
            NameTakenError: There is such a file already, and `overwrite` is false. The part is gone.
            OSError: And the other errors of `open`.
        """
        if not self.is_open:
            self.open(resume=False)
            # A small file: between two system calls the event loop has the interpreter.
            pieces = (b"".join(pieces),)
        self._seek()
        self._append(pieces)
        # A file system on the network says only now that it is full.
        if durable:
            os.fsync(self._fd)
        else:
            os.close(os.dup(self._fd))
        if fcntl is None:  # pragma: no cover - Windows cannot rename what is open
            self._close_file()
        if overwrite:
            self._rename()
        else:
            self._claim()
        self._remove_note()
        self._release()

    def close(self, *, keep: bool) -> None:
        """Let it go, unless that is done.

        Args:
            keep: Whether the bytes, if any, are left for a later download to go on from.
        """
        try:
            if self._fd != _NONE and not (keep and self.etag and self.size):
                # While it is still locked, so that it is nobody else's. What cannot be removed is no second error.
                with suppress(OSError):
                    self._remove(part_name(self.name))
                    self._remove_note()
        finally:
            self._release()

    def _seek(self) -> None:
        if self._begin_at is not None:
            if self._size:
                os.ftruncate(self._fd, self._begin_at)
                os.lseek(self._fd, self._begin_at, os.SEEK_SET)
            if not self._begin_at:
                self._remove_note()
            self._size, self._begin_at = self._begin_at, None

    def _append(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            rest = memoryview(piece)
            while rest:
                written = os.write(self._fd, rest)
                self._size += written
                rest = rest[written:]

    def _claim(self) -> None:
        """Give the file its name if no file has it."""
        folder, name = self._opened, self._opened.at(self.name)
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
            self.close(keep=False)
            raise NameTakenError(f"{self.path}: it is there already") from None

    def _rename(self) -> None:
        folder = self._opened
        part, name = folder.at(part_name(self.name)), folder.at(self.name)
        os.replace(part, name, src_dir_fd=folder.fd, dst_dir_fd=folder.fd)

    def _read_note(self) -> str | None:
        """Return the ETag that is noted, if it is one of this artifact."""
        folder = self._opened
        try:
            fd = os.open(folder.at(resume_info_name(self.name)), os.O_RDONLY | _PLAIN, dir_fd=folder.fd)
        except FileNotFoundError:
            return None
        try:
            _check_regular(os.fstat(fd), folder, resume_info_name(self.name))
            self._has_note = True
            source, _, etag = os.read(fd, _MAX_NOTE).decode("latin-1").partition(" ")
        finally:
            os.close(fd)
        # A crash may have left anything in it.
        return etag if source == self.source and is_strong_etag(etag) else None

    def _write_note(self, etag: str) -> None:
        folder = self._opened
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _PLAIN
        fd = os.open(folder.at(resume_info_name(self.name)), flags, _MODE, dir_fd=folder.fd)
        self._has_note = True
        with os.fdopen(fd, "wb") as note:
            note.write(f"{self.source} {etag}".encode("latin-1"))

    def _remove_note(self) -> None:
        if self._has_note:
            self._remove(resume_info_name(self.name))
            self._has_note = False

    def _remove(self, name: str) -> None:
        os.unlink(self._opened.at(name), dir_fd=self._opened.fd)

    @property
    def _opened(self) -> Folder:
        assert self._folder is not None, "open"  # noqa: S101 - for the type checkers
        return self._folder

    def _release(self) -> None:
        self._close_file()
        if self._folder is not None:
            self._folder.close()
            self._folder = None

    def _close_file(self) -> None:
        if self._fd != _NONE:
            os.close(self._fd)
            self._fd = _NONE


def _open_locked(folder: Folder, name: str) -> tuple[int, int, bool]:
    """Open or make a file and lock it. Also returns its size, and whether it could be locked."""
    path = os.path.join(folder.path, name)  # noqa: PTH118 - text
    while True:
        try:
            fd = os.open(folder.at(name), os.O_RDWR | os.O_CREAT | _PLAIN, _MODE, dir_fd=folder.fd)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise UnsafePathError(f"{path}: expected a file, found a symbolic link") from None
            raise
        try:
            is_locked = _lock(fd)
            if (size := _find_size(folder, name, fd)) is not None:
                return fd, size, is_locked
        except BlockingIOError:
            os.close(fd)
            raise PartInUseError(f"{path}: another download is writing it") from None
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _check_regular(found: os.stat_result, folder: Folder, name: str) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise UnsafePathError(f"{folder.path}{os.sep}{name}: expected a regular file")


def _lock(fd: int) -> bool:
    """Lock an open file, and tell whether that is possible.

    Raises:
        BlockingIOError: It is locked by another.
    """
    if fcntl is None:  # pragma: no cover - Windows
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return False
    return True


def _find_size(folder: Folder, name: str, fd: int) -> int | None:
    """Return an open file's size; `None` if another download has just taken its name away."""
    mine = os.fstat(fd)
    _check_regular(mine, folder, name)
    try:
        there = os.stat(folder.at(name), dir_fd=folder.fd, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not os.path.samestat(mine, there):
        return None
    if mine.st_nlink > 1:
        # A process died between link() and unlink(): this inode is the published file. To write here would change it.
        os.unlink(folder.at(name), dir_fd=folder.fd)
        return None
    return mine.st_size
