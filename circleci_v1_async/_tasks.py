"""What loops that run tasks of their own have in common: how they end."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Self

__all__ = ["SelfClosing", "read_exception", "stop"]


class SelfClosing(ABC):
    """What can be closed, and is by `async with`."""

    @abstractmethod
    async def aclose(self) -> None:
        """End it and wait until it is gone."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()


def read_exception(task: "asyncio.Task[Any]") -> BaseException | None:
    """What a task ended with. To have read it keeps asyncio from logging it should nobody else get there."""
    return None if task.cancelled() else task.exception()


async def stop(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel tasks and wait until they are gone."""
    under_way = [task for task in tasks if not task.done()]
    for task in under_way:
        task.cancel()
    if under_way:
        await asyncio.wait(under_way)
