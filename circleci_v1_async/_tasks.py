"""What loops that run tasks of their own have in common: how they end."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from typing import Any, Self

__all__ = ["SelfClosing", "read_exception", "stop", "wait_out"]


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
    """Cancel tasks and wait until they are gone, also when the caller is cancelled meanwhile."""
    under_way = [task for task in tasks if not task.done()]
    for task in under_way:
        task.cancel()
    await wait_out(under_way)


async def wait_out(futures: Collection["asyncio.Future[Any]"]) -> None:
    """Wait until all of them are done. A cancellation of the caller is raised after that."""
    cancelled: asyncio.CancelledError | None = None
    while under_way := [future for future in futures if not future.done()]:
        try:
            await asyncio.wait(under_way)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
