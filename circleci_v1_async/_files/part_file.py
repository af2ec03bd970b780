"""The part file that a download is written to until it is complete. Blocking: use it in threads.

A file has its final name only when it is complete. Until then, its bytes are in a part file next to it or, for a small
file on Linux, in a file without a name. The part file is locked, so that two downloads of one file cannot mix their
bytes. The lock also shows whether a part file is being written or was left by a killed process.
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

_NO_FD: Final = -1
_STRONG: Final = re.compile(r'"[!#-~]*"')
_MAX_NOTE: Final = 2**12  # bytes
# Flag of Linux to create a file without a name; absent elsewhere.
_UNNAMED: Final = getattr(os, "O_TMPFILE", None)
# Error numbers of file systems without hard links.
_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})
# Error numbers of file systems without locks.
_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


class NameTakenError(PathConflictError):
    """A file with the final name already exists."""


class PartInUseError(PathConflictError):
    """Another download is writing the part file."""


def is_strong_etag(text: str) -> bool:
    """Return whether an ETag is strong: different for every version of the file's bytes."""
    return _STRONG.fullmatch(text) is not None


@attrs.define(eq=False)
class PartFile:
    """The bytes so far of an unfinished download.

    Attributes:
        root: The folder to stay in: all paths are below it.
        parts: The folders below `root`, and the file's final name.
        path: The file's final path.
        source: Identifier, without blanks, of the artifact that the bytes belong to.
        etag: Strong ETag of the artifact's version; `None` if absent.
        is_locked: Whether the part file is locked against other downloads. Some file systems do not support locks.
    """

    root: Path
    parts: tuple[str, ...]
    source: str
    path: Path = attrs.field(init=False)
    _name: str = attrs.field(init=False)
    _part: str = attrs.field(init=False)
    _note: str = attrs.field(init=False)
    etag: str | None = attrs.field(default=None, init=False)
    is_locked: bool = attrs.field(default=True, init=False)
    _folder: Folder | None = attrs.field(default=None, init=False)
    _fd: int = attrs.field(default=_NO_FD, init=False)
    _size: int = attrs.field(default=0, init=False)
    _has_note: bool = attrs.field(default=False, init=False)
    _begin_at: int | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.path = self.root.joinpath(*self.parts)
        self._name = self.parts[-1]
        self._part = part_name(self._name)
        self._note = resume_info_name(self._name)

    @property
    def is_open(self) -> bool:
        """Whether the part file is open. If so, you must close it."""
        return self._folder is not None

    @property
    def size(self) -> int:
        """Number of bytes so far, without the bytes that `begin` has discarded."""
        return self._size if self._begin_at is None else self._begin_at

    def open(self, *, resume: bool) -> None:
        """Open or create the part file, and lock it. Close it afterwards if it `is_open`.

        With `resume`, keep the bytes of an earlier download of this artifact.
        """
        folder = Folder.open(self.root, self.parts[:-1])
        try:
            self._fd, self._size, self.is_locked = _open_locked(folder, self._part)
        except BaseException:
            folder.close()
            raise
        self._folder = folder
        etag = self._read_note()
        if resume:
            self.etag = etag

    def begin(self, offset: int, etag: str | None) -> None:
        """Continue at `offset` with bytes of the artifact's version `etag`. Does not block."""
        self._begin_at = offset
        self.etag = etag

    def write(self, pieces: Iterable[bytes]) -> None:
        """Append bytes, and save the artifact and its version to the resume info."""
        self._seek()
        if self.etag is not None and not self._has_note:
            # Written only now, when there are bytes to resume from: most files need no resume info.
            fd = self._opened.open_file(self._note, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            self._has_note = True
            with os.fdopen(fd, "wb") as note:
                note.write(f"{self.source} {self.etag}".encode("latin-1"))
        self._append(pieces)

    def publish(self, pieces: Iterable[bytes], *, overwrite: bool, durable: bool) -> None:
        """Append the last bytes, and give the file its final name, in one call.

        If the part file is not open, the pieces are the complete file. It is written without a part file if possible.
        Unless the file is `durable`, it can be incomplete after a power failure.

        Raises:
            NameTakenError: The file already exists, and `overwrite` is false. The part file was deleted.
        """
        if not self.is_open:
            # A small file. Write it with one system call, because the event loop can take the interpreter between two.
            pieces = (b"".join(pieces),)
            if not overwrite and self._publish_unnamed(pieces, durable=durable):
                return
            self.open(resume=False)
        self._seek()
        self._append(pieces)
        self._flush(durable=durable)
        if fcntl is None:  # pragma: no cover - Windows cannot rename an open file
            self._close_file()
        if overwrite:
            self._opened.rename(self._part, self._name)
        else:
            self._claim()
        self._remove_note()
        self._release()

    def close(self, *, keep: bool) -> None:
        """Close and unlock the part file. With `keep`, a later download can resume from its bytes."""
        try:
            if self._fd != _NO_FD and not (keep and self.etag and self.size):
                # Delete the part file while it is locked, so that it is not another download's file. Ignore an error
                # of the deletion, which must not replace the error of the download.
                with suppress(OSError):
                    self._opened.remove(self._part)
                    self._remove_note()
        finally:
            self._release()

    def _publish_unnamed(self, pieces: Iterable[bytes], *, durable: bool) -> bool:
        """Write the file without a part file, and give it its name when it is complete.

        This takes fewer system calls, and no part file is left if the process is killed. Return `False` if a part file
        exists, or if the system cannot do this.
        """
        if _UNNAMED is None:
            return False
        self._folder = folder = Folder.open(self.root, self.parts[:-1])
        try:
            if os.access(folder.at(self._part), os.F_OK, dir_fd=folder.fd):
                return False
            try:
                self._fd = folder.open_file(".", os.O_WRONLY | _UNNAMED)
            except OSError:
                return False
            self._append(pieces)
            self._flush(durable=durable)
            try:
                # See open(2), O_TMPFILE. With `dst_dir_fd`, Python follows the link.
                os.link(f"/proc/self/fd/{self._fd}", folder.at(self._name), dst_dir_fd=folder.fd)
            except FileExistsError:
                raise NameTakenError(f"{self.path}: already exists") from None
            except OSError:
                return False
            return True
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

    def _flush(self, *, durable: bool) -> None:
        # A network file system may report only at `fsync` or `close` that it is full.
        if durable:
            os.fsync(self._fd)
        else:
            os.close(os.dup(self._fd))

    def _claim(self) -> None:
        """Give the file its final name, unless another file has this name."""
        folder = self._opened
        try:
            try:
                folder.link(self._part, self._name)
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                os.close(folder.open_file(self._name, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
                try:
                    folder.rename(self._part, self._name)
                except OSError:
                    folder.remove(self._name)
                    raise
            else:
                folder.remove(self._part)
        except FileExistsError:
            self.close(keep=False)
            raise NameTakenError(f"{self.path}: already exists") from None

    def _read_note(self) -> str | None:
        """Return the ETag from the resume info; `None` if absent, or if it belongs to another artifact."""
        folder = self._opened
        try:
            fd = folder.open_file(self._note, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            _check_regular(os.fstat(fd), folder, self._note)
            self._has_note = True
            source, _, etag = os.read(fd, _MAX_NOTE).decode("latin-1").partition(" ")
        finally:
            os.close(fd)
        # After a crash, the resume info can contain anything.
        return etag if source == self.source and is_strong_etag(etag) else None

    def _remove_note(self) -> None:
        if self._has_note:
            self._opened.remove(self._note)
            self._has_note = False

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
        if self._fd != _NO_FD:
            os.close(self._fd)
            self._fd = _NO_FD


def _open_locked(folder: Folder, name: str) -> tuple[int, int, bool]:
    """Open or create a file, and lock it. Return its descriptor, its size, and whether it is locked."""
    path = folder.path_of(name)
    while True:
        try:
            fd = folder.open_file(name, os.O_RDWR | os.O_CREAT)
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
        raise UnsafePathError(f"{folder.path_of(name)}: expected a regular file")


def _lock(fd: int) -> bool:
    """Lock an open file, or raise `BlockingIOError`. Return whether the file system has locks."""
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
    """Return the size of an open file; `None` if the file no longer has this name, or must not be used."""
    mine = os.fstat(fd)
    _check_regular(mine, folder, name)
    try:
        there = folder.look(name)
    except FileNotFoundError:
        return None
    if not os.path.samestat(mine, there):
        return None
    if mine.st_nlink > 1:
        # A process died between link() and unlink(): this inode is also the published file, and writing to it would
        # change the published file.
        folder.remove(name)
        return None
    return mine.st_size
