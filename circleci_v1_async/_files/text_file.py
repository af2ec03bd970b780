"""A text file that gets its final name when it is complete."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import attrs

from circleci_v1_async.errors import PathConflictError

from .checks import check_file
from .part_file import NameTakenError, PartFile
from .threads import FileThreads

# Number of characters to collect before they are written in a thread.
_BATCH: Final = 2**20
_WAY_OUT: Final = "overwrite=True replaces it"


@attrs.define(eq=False)
class TextFile:
    """A text file that is written in batches."""

    _threads: FileThreads
    _part: PartFile
    _batch: list[str] = attrs.field(factory=list[str], init=False)
    _batched: int = attrs.field(default=0, init=False)

    async def write(self, text: str) -> None:
        """Append text."""
        self._batch.append(text)
        self._batched += len(text)
        if self._batched >= _BATCH:
            await self._threads.run_part(self._part, self._part.write, (self.take(),))

    def take(self) -> bytes:
        """Return the text that is not written yet, and forget it."""
        text = "".join(self._batch)
        self._batch.clear()
        self._batched = 0
        return text.encode(errors="replace")


@asynccontextmanager
async def write_text_file(threads: FileThreads, path: Path, *, overwrite: bool) -> AsyncGenerator[TextFile, None]:
    """Open a file to write text to. It gets its final name at the end of the block, if no error occurs."""
    part = PartFile(path.parent, (path.name,), "log")
    file = TextFile(threads, part)
    async with threads.slots:
        try:
            await threads.run_on(path, check_file, path, may_exist=overwrite, way_out=_WAY_OUT)
            await threads.run_part(part, part.open, resume=False)
            yield file
            rest, durable = (file.take(),), threads.durable
            await threads.run_part(part, part.publish, rest, overwrite=overwrite, durable=durable)
        except NameTakenError as error:
            raise PathConflictError(f"{error}; {_WAY_OUT}") from None
        finally:
            if part.is_open:
                await threads.run_part(part, part.close, keep=False)
