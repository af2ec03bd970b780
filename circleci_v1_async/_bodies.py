"""Bodies of replies, collected piece by piece."""

import asyncio
from collections.abc import AsyncIterable
from io import BytesIO
from typing import Final

from .errors import BodyTooLargeError

__all__ = ["read_limited"]

# Bytes of a body that are read without a turn of the loop for others.
_TURN: Final = 2**20


async def read_limited(pieces: AsyncIterable[bytes], limit: int, too_large: str) -> bytes:
    """Collect a body piece by piece, so that one that is too large is noticed while it is small.

    Raises:
        BodyTooLargeError: It has more bytes than the limit.
    """
    # Not by a list of the pieces: to join them takes as much memory once more.
    body = BytesIO()
    next_turn = _TURN
    async for piece in pieces:
        if body.tell() + len(piece) > limit:
            raise BodyTooLargeError(too_large)
        body.write(piece)
        if body.tell() >= next_turn:
            # What is compressed a thousandfold is all there at once, and aiohttp goes on without a turn of the loop.
            await asyncio.sleep(0)
            next_turn = body.tell() + _TURN
    return body.getvalue()
