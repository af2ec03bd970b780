"""Bodies of replies, collected piece by piece."""

import asyncio
from collections.abc import AsyncIterable
from io import BytesIO
from typing import Final

from circleci_v1_async.errors import BodyTooLargeError

__all__ = ["read_limited"]

# Bytes of a body that are read without a turn of the loop for others.
_TURN: Final = 2**20


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
            # A highly compressed body is all there at once, and aiohttp goes on without a turn of the loop.
            await asyncio.sleep(0)
            next_turn = size + _TURN
    if size > limit:
        raise BodyTooLargeError(f"{name} is larger than {limit} bytes ({option})")
    if size < _TURN:
        # Most bodies: a BytesIO would move what it has with each piece.
        return b"".join(batch)
    body.writelines(batch)
    return body.getvalue()
