"""Bodies of replies, collected piece by piece."""

import asyncio
from collections.abc import AsyncIterable, Iterator
from functools import cache
from io import BytesIO
from typing import Final, Self

import aiohttp

from circleci_v1_async.errors import BodyTooLargeError

from .decompression import CODINGS, Decompressor

# Number of bytes of a body to read before other tasks can run.
_TURN: Final = 2**20
# Maximum number of bytes of a block of memory that glibc keeps for the next body.
_KEPT: Final = 2**23


class Body:
    """The body of a reply that was requested with `auto_decompress=False`, as it arrives.

    A body with a known coding is decompressed here: its end then proves that it is complete.
    """

    def __init__(self, reply: aiohttp.ClientResponse) -> None:
        self._content = reply.content
        # Do not decode unknown or combined codings: the caller handles the raw bytes.
        coding = reply.headers.get("Content-Encoding", "").strip().lower()
        self._decompressor = Decompressor(coding) if coding in CODINGS else None
        self._pieces: Iterator[bytes] = iter(())

    @property
    def is_compressed(self) -> bool:
        return self._decompressor is not None

    def at_eof(self) -> bool:
        """Return whether the body is at its end. Always `False` for a compressed body: use `read` to find out."""
        return self._decompressor is None and self._content.at_eof()

    async def read(self) -> bytes:
        """Return the next bytes, empty at the end. Exceptions of aiohttp say that the body is broken."""
        if self._decompressor is None:
            return await self._content.readany()
        while True:
            for piece in self._pieces:
                return piece
            data = await self._content.readany()
            if not data:
                self._decompressor.finish()
                return b""
            self._pieces = self._decompressor.feed(data)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if piece := await self.read():
            return piece
        raise StopAsyncIteration


async def read_body(reply: aiohttp.ClientResponse, limit: int) -> bytes:
    """Read a reply's body to its end. More than `limit` bytes, decompressed, are a `BodyTooLargeError`."""
    body = Body(reply)
    first = await body.read()
    if body.at_eof() and len(first) <= limit:
        # Most bodies arrive in one piece.
        return first
    return await read_limited(body, limit, "the reply", "max_body", first)


async def read_limited(
    pieces: AsyncIterable[bytes], limit: int, name: str, option: str, beginning: bytes = b""
) -> bytes:
    """Collect a body, after its beginning. The error for a larger one names the body and the option."""
    _keep_freed_memory()
    # Do not collect all pieces in a list: joining them would take twice the memory. For a batch, this is acceptable.
    body = BytesIO()
    batch = [beginning]
    size = len(beginning)
    next_turn = _TURN
    async for piece in pieces:
        batch.append(piece)
        size += len(piece)
        if size > limit:
            break
        if size >= next_turn:
            body.writelines(batch)
            batch.clear()
            # Let other tasks run: they get no turn while a highly compressed body is decompressed.
            await asyncio.sleep(0)
            next_turn = size + _TURN
    if size > limit:
        raise BodyTooLargeError(f"{name} is larger than {limit} bytes ({option})")
    if size < _TURN:
        # Most bodies are this small. A BytesIO would copy its content when a piece is added.
        return b"".join(batch)
    body.writelines(batch)
    return body.getvalue()


@cache
def _keep_freed_memory() -> None:
    """Let glibc reuse the memory of a body, instead of returning it to the system.

    The system clears memory page by page before a process uses it, which can cost more than reading the body. From now
    on, glibc keeps blocks that are smaller than the block freed here: see M_MMAP_THRESHOLD in mallopt(3).
    """
    bytes(_KEPT)
