"""Turns of the event loop, counted by a task that does nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def counted_turns() -> AsyncIterator[list[int]]:
    """Count in the one item of a list."""
    turns = [0]

    async def count() -> None:
        while True:
            turns[0] += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(count())
    try:
        yield turns
    finally:
        task.cancel()
        await asyncio.wait((task,))
