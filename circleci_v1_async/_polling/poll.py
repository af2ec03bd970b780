"""Waiting for builds: the loop that polls."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from inspect import isawaitable
from typing import TypeVar

from circleci_v1_async._calls.caller import Caller
from circleci_v1_async._core.arguments import check_seconds
from circleci_v1_async._polling.pauses import choose_pause, pause_after_error
from circleci_v1_async.errors import CircleCIError, WaitTimeoutError
from circleci_v1_async.models import Build
from circleci_v1_async.request import Request
from circleci_v1_async.verdict import Verdict

from .plan import PollResult, result_state

__all__ = ["poll", "wait_until_finished"]

B = TypeVar("B", bound=Build)
L = TypeVar("L", bound=Build | Verdict)


async def wait_until_finished(
    caller: Caller,
    request: Request[B],
    *,
    name: str,
    within: float | None,
    interval: float,
    on_update: Callable[[B], object] | None,
) -> B:
    """Poll a build until it has finished; see `poll`.

    Args:
        caller: Makes the requests.
        request: Asks for the build.
        name: The build's name in errors and logs.
        within: Seconds that all of it may take; `None` for as long as it takes.
        interval: Seconds from one poll to the next, on average, to begin with.
        on_update: Called with the build when it is first seen, when it has another status, lifecycle or outcome, and
            when it has finished. May be a coroutine function.
    """
    state: tuple[object, ...] = ()

    async def look() -> PollResult[B, B]:
        nonlocal state
        build = await caller.send(request)
        before, state = state, result_state(build)
        summary = f"last seen {build.status or 'without a status'}"
        return PollResult(build, is_over=build.is_finished, news=(build,) * (state != before), summary=summary)

    return await poll(caller, look, name=name, within=within, interval=interval, on_update=on_update)


async def poll(
    caller: Caller,
    look: Callable[[], Awaitable[PollResult[B, L]]],
    *,
    name: str,
    within: float | None,
    interval: float,
    on_update: Callable[[B], object] | None,
) -> L:
    """Look again and again until a look says that it is over.

    Args:
        caller: Has the clock, and the longest `Retry-After` to grant.
        look: Makes the requests of one look.
        name: What is waited for, in errors and logs.
        within: Seconds that all of it may take; `None` for as long as it takes.
        interval: Seconds from one look to the next, on average, to begin with.
        on_update: Called with each build that is news. May be a coroutine function.

    Raises:
        WaitTimeoutError: It did not finish in time.
        CircleCIError: A look failed for a reason that will not pass.
        InvalidInputError: An argument is out of its range.
    """
    interval = check_seconds("interval", interval)
    limit = asyncio.timeout(within if within is None else check_seconds("timeout", within))
    seen: PollResult[B, L] | None = None
    failure: CircleCIError | None = None
    quiet = 0
    try:
        async with limit:
            while True:
                try:
                    seen = await look()
                except CircleCIError as error:
                    if not error.transient:
                        raise
                    failure = error
                    quiet += 1
                    delay = pause_after_error(caller, name, interval, quiet, error)
                else:
                    failure = None
                    await _tell(seen.news, on_update)
                    if seen.is_over:
                        return seen.last
                    quiet = 0 if seen.news else quiet + 1
                    delay = min(choose_pause(interval, quiet, caller.clock.random()), seen.soon)
                await caller.clock.sleep(delay)
    except TimeoutError:
        if not limit.expired():
            raise
    last, summary = (None, "never seen") if seen is None else (seen.last, seen.summary)
    raise WaitTimeoutError(f"{name} did not finish within {within:g} s; it was {summary}", last) from failure


async def _tell(news: Iterable[B], on_update: Callable[[B], object] | None) -> None:
    if on_update is None:
        return
    for build in news:
        if isawaitable(told := on_update(build)):
            await told
