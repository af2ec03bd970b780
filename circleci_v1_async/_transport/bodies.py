"""Bodies of replies, collected piece by piece."""

import asyncio
from collections.abc import AsyncIterable, Iterator
from io import BytesIO
from typing import Final, Self

import aiohttp

from circleci_v1_async.errors import BodyTooLargeError

from .decompression import CODINGS, Decompressor

__all__ = ["Body", "read_body", "read_limited"]

# Bytes of a body that are read without a turn of the loop for others.
_TURN: Final = 2**20


class Body:
    """The body of a reply that was requested with `auto_decompress=False`, as it arrives.

    Attributes:
        is_compressed: Whether it is decompressed here, and known to be complete when it ends.
    """

    def __init__(self, reply: aiohttp.ClientResponse) -> None:
        self._content = reply.content
        # Codings that are unknown, or applied on top of each other, are left to the caller.
        coding = reply.headers.get("Content-Encoding", "").strip().lower()
        self._decompressor = Decompressor(coding) if coding in CODINGS else None
        self._pieces: Iterator[bytes] = iter(())

    @property
    def is_compressed(self) -> bool:
        return self._decompressor is not None

    def at_eof(self) -> bool:
        """Tell whether nothing is left. Of a compressed body that is only known by reading."""
        return self._decompressor is None and self._content.at_eof()

    async def read(self) -> bytes:
        """Return the next bytes; none at the end.

        Raises:
            aiohttp.ClientPayloadError: The body broke off, or is not what its coding says.
            TransportError: The library for its coding is not installed.
        """
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
    """Read a reply's body to its end.

    Raises:
        BodyTooLargeError: It has more bytes than the limit, decompressed.
        aiohttp.ClientPayloadError: And the other errors of `Body.read`.
    """
    body = Body(reply)
    first = await body.read()
    if body.at_eof() and len(first) <= limit:
        # Most bodies come as one piece.
        return first
    return await read_limited(body, limit, "the reply", "max_body", first)


async def read_limited(
    pieces: AsyncIterable[bytes], limit: int, name: str, option: str, beginning: bytes = b""
) -> bytes:
    """Collect a body piece by piece, so that one that is too large is noticed while it is small.

    Args:
        pieces: The body.
        limit: Bytes that it may have.
        name: What errors call it.
        option: The option that sets the limit.
        beginning: Bytes of it that were read before.

    Raises:
        BodyTooLargeError: It has more bytes than the limit.
    """
    # Not by a list of all pieces: to join them takes as much memory once more, which of a batch does not matter.
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
            # A highly compressed body is decompressed without a turn of the loop for others.
            await asyncio.sleep(0)
            next_turn = size + _TURN
    if size > limit:
        raise BodyTooLargeError(f"{name} is larger than {limit} bytes ({option})")
    if size < _TURN:
        # Most bodies: a BytesIO would move what it has with each piece.
        return b"".join(batch)
    body.writelines(batch)
    return body.getvalue()
