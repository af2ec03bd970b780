"""A text file that gets its final name when it is complete."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar

import attrs

from circleci_v1_async.errors import PathConflictError

from .checks import check_file
from .part_file import NameTakenError, PartFile
from .threads import FileThreads

R = TypeVar("R")

# Number of characters to collect before they are written in a thread.
_BATCH: Final = 2**20
_WAY_OUT: Final = "overwrite=True replaces it"


@attrs.define(eq=False)
class TextFile:
    """A text file that is written in batches."""

    _file_threads: FileThreads
    _part: PartFile
    _batch: list[str] = attrs.field(factory=list[str], init=False)
    _batched: int = attrs.field(default=0, init=False)

    async def write(self, text: str) -> None:
        """Append text.

        Raises:
            DownloadError: The text cannot be written to the file.
        """
        self._batch.append(text)
        self._batched += len(text)
        if self._batched >= _BATCH:
            await self._file_threads.run_on(self._part.path, self._part.write, self._take())

    async def open(self, *, overwrite: bool) -> None:
        """Create the part file. Raise if the path is taken and `overwrite` is false."""
        path = self._part.path
        await self._file_threads.run_on(path, check_file, path, may_exist=overwrite, way_out=_WAY_OUT)
        await self._file_threads.run_on(path, self._part.open, resume=False)
        if not self._part.is_locked:
            self._file_threads.warn_of_no_locks(path)

    async def publish(self, *, overwrite: bool) -> None:
        """Write the rest of the text, and give the file its final name."""
        threads, part = self._file_threads, self._part
        try:
            await threads.run_on(part.path, part.publish, self._take(), overwrite=overwrite, durable=threads.durable)
        except NameTakenError as error:
            raise PathConflictError(f"{error}; {_WAY_OUT}") from None

    async def close(self) -> None:
        """Delete the part file, unless it was published."""
        if self._part.is_open:
            await self._file_threads.run_on(self._part.path, self._part.close, keep=False)

    def _take(self) -> tuple[bytes]:
        text = "".join(self._batch)
        self._batch.clear()
        self._batched = 0
        return (text.encode(errors="replace"),)


@asynccontextmanager
async def write_text_file(disk: FileThreads, path: Path, *, overwrite: bool) -> AsyncGenerator[TextFile, None]:
    """Open a file to write text to. It gets its final name at the end of the block, if no error occurs.

    Raises:
        InvalidInputError: The path is a folder.
        PathConflictError: The path already exists, or is in use.
        UnsafePathError: The path is a symbolic link.
        DownloadError: The file cannot be created or written.
    """
    file = TextFile(disk, PartFile(path.parent, (path.name,), "log"))
    async with disk.slots:
        try:
            await file.open(overwrite=overwrite)
            yield file
            await file.publish(overwrite=overwrite)
        finally:
            await file.close()
