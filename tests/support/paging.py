"""Calls that are answered by functions, for what walks and waits over them."""

from collections.abc import Awaitable, Callable
from typing import Any

import attrs

from circleci_v1_async import Request, RetryPolicy
from circleci_v1_async._calls.caller import Options
from circleci_v1_async._core.clock import Clock
from circleci_v1_async.converter import make_converter

LIST: Request[list[Any]] = Request("GET", "/list", returns=list[Any])
BUILD = "/project/{project}/{build_num}"


@attrs.define
class Calls:
    """Asks one function for the pages of a list, and another one for single builds."""

    fetch: Callable[..., Awaitable[Any]]
    ask: Callable[[str, int], Awaitable[Any]] | None = None
    clock: Clock = attrs.field(factory=Clock)
    options: Options = attrs.field(factory=lambda: Options(60.0, RetryPolicy(), 2**20, make_converter()))

    async def send(self, request: Request[Any]) -> Any:
        if request.path == BUILD:
            assert self.ask is not None
            return await self.ask(str(request.path_values["project"]), request.path_values["build_num"])
        return await self.fetch(**request.query)
