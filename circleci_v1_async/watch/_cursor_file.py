"""A file that stores a cursor: `CursorFile`."""

import asyncio
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Final, TypeVar

import attrs

from circleci_v1_async.errors import InvalidInputError

from ._cursor import WatchCursor, check_cursor

R = TypeVar("R")

# A FIFO would block the thread until another process opens it.
_OPEN: Final = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_MODE: Final = 0o666  # minus the umask


def _path(value: str | os.PathLike[str]) -> Path:
    try:
        if value:
            return Path(value)
    except TypeError:
        pass
    raise InvalidInputError(f"path: expected the path of a file, got {value!r}")


@attrs.frozen
class CursorFile:
    """A file that keeps the cursor of a watch across restarts.

    The file always contains a complete cursor, the previous or the new one, even after a crash or a power failure.
    Saving keeps the mode of the existing file, and follows a symbolic link. Use the file for one watch only, and save
    one cursor after the other.

    The disk work runs in a separate thread, so a slow disk does not block the event loop. If a call is canceled, for
    example by `asyncio.timeout`, it ends immediately. Its cursor may still be saved afterwards, but never after a later
    cursor.

    Args:
        path: Path of the file. The folder must exist.

    Raises:
        InvalidInputError: The path is invalid.
    """

    path: Path = attrs.field(converter=_path)
    # A slow disk must not block asyncio's own threads: they also resolve host names. One thread keeps the cursors in
    # order.
    _thread: ThreadPoolExecutor = attrs.field(
        factory=partial(ThreadPoolExecutor, 1, thread_name_prefix="CursorFile"), init=False, eq=False, repr=False
    )

    async def load(self) -> WatchCursor | None:
        """Return the last saved cursor, or `None` if the file does not exist.

        Raises:
            InvalidInputError: The content is not a cursor, or the file is not a regular file.
            OSError: The file cannot be read.
        """
        text = await self._run(self._read)
        if text is None:
            return None
        try:
            return WatchCursor.from_json(text)
        except InvalidInputError as error:
            raise InvalidInputError(f"{self.path}: {error}") from None

    async def save(self, cursor: WatchCursor) -> None:
        """Replace the previous cursor. When this returns, the new cursor is flushed to disk.

        Raises:
            InvalidInputError: The cursor is invalid, or the path exists and is not a regular file.
            OSError: The file cannot be written. It still contains the previous cursor.
        """
        text = check_cursor(cursor).to_json()
        await self._run(partial(self._write, text.encode()))

    def __reduce__(self) -> "tuple[type[CursorFile], tuple[Path]]":
        return CursorFile, (self.path,)

    async def _run(self, function: Callable[[], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    def _read(self) -> bytes | None:
        try:
            descriptor = os.open(self.path, os.O_RDONLY | _OPEN)
        except FileNotFoundError:
            return None
        try:
            self._check_regular(os.fstat(descriptor))
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return file.read()
        finally:
            os.close(descriptor)

    def _write(self, content: bytes) -> None:
        target = Path(os.path.realpath(self.path))
        mode: int | None = None
        with suppress(FileNotFoundError):
            previous = target.stat()
            self._check_regular(previous)
            mode = stat.S_IMODE(previous.st_mode)
        temporary = target.with_name(f".{target.name}.{token_hex(4)}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN, _MODE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            if mode is not None:
                temporary.chmod(mode)
            temporary.replace(target)
        except BaseException:
            temporary.unlink()
            raise
        _sync_folder(target.parent)

    def _check_regular(self, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise InvalidInputError(f"path: expected a regular file: {self.path}")


def _sync_folder(folder: Path) -> None:
    """Flush the name of a renamed file to disk. Windows does this automatically, and cannot open a folder."""
    if os.name == "posix":  # pragma: no branch
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
