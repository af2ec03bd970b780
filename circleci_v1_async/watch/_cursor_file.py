"""A cursor in a file."""

import os
from functools import partial
from pathlib import Path
from tempfile import mkstemp

import attrs

from circleci_v1_async._core.tasks import run_in_thread
from circleci_v1_async.errors import InvalidInputError

from ._cursor import WatchCursor, check_cursor

__all__ = ["CursorFile"]


def _path(value: str | os.PathLike[str]) -> Path:
    try:
        if value:
            return Path(value)
    except TypeError:
        pass
    raise InvalidInputError(f"path: expected the path of a file, got {value!r}")


@attrs.frozen
class CursorFile:
    """A file that keeps the cursor of a watch over restarts.

    It holds one whole cursor at any time, the one before or the one saved, also after a crash or a power cut. One
    watch saves to it, one cursor after the other. The work is done in a thread, so that a slow disk holds up nothing
    else.

    Args:
        path: Where the file is. Its folder has to exist.

    Raises:
        InvalidInputError: It is no path.
    """

    path: Path = attrs.field(converter=_path)

    async def load(self) -> WatchCursor | None:
        """Return the cursor saved last, or `None` when there is no such file.

        Raises:
            InvalidInputError: The file holds something else.
            OSError: The file cannot be read.
        """
        text = await run_in_thread(self._read)
        if text is None:
            return None
        try:
            return WatchCursor.from_json(text)
        except InvalidInputError as error:
            raise InvalidInputError(f"{self.path}: {error}") from None

    async def save(self, cursor: WatchCursor) -> None:
        """Put a cursor in the place of the one before. It is on the disk when this returns.

        Raises:
            InvalidInputError: It is no cursor.
            OSError: The file cannot be written. It holds the cursor from before.
        """
        text = check_cursor(cursor).to_json()
        await run_in_thread(partial(self._write, text.encode()))

    def _read(self) -> bytes | None:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None

    def _write(self, content: bytes) -> None:
        descriptor, name = mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            temporary.replace(self.path)
        except BaseException:
            temporary.unlink()
            raise
        _sync_folder(self.path.parent)


def _sync_folder(folder: Path) -> None:
    """Put a renamed file's name on the disk too. Windows does so by itself, and opens no folder."""
    if os.name == "posix":  # pragma: no branch
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
