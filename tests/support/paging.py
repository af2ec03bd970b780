"""Calls that are answered by functions, for what walks and waits over them."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from circleci_v1_async import Request, RetryPolicy
from circleci_v1_async._core.clock import Clock

LIST: Request[list[Any]] = Request("GET", "/list", returns=list[Any])
BUILD = "/project/{project}/{build_num}"


class Calls:
    """Asks one function for the pages of a list, and another one for single builds."""

    def __init__(
        self,
        fetch: Callable[..., Awaitable[Any]],
        ask: Callable[[str, int], Awaitable[Any]] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.fetch = fetch
        self.ask = ask
        self.clock = clock or Clock()
        self.options = SimpleNamespace(retry=RetryPolicy())

    async def send(self, request: Request[Any]) -> Any:
        if request.path == BUILD:
            assert self.ask is not None
            return await self.ask(str(request.path_values["project"]), request.path_values["build_num"])
        return await self.fetch(**request.query)
