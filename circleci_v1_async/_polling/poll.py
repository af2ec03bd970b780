"""The polling loop that waits for builds."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import attrs

from circleci_v1_async._calls.caller import Caller
from circleci_v1_async._core.tasks import call_back
from circleci_v1_async.errors import CircleCIError, NotFoundError, RequestTimeoutError, WaitTimeoutError
from circleci_v1_async.models import Build
from circleci_v1_async.request import Request
from circleci_v1_async.verdict import Verdict

from .pauses import find_asked_pause, log_pause
from .plan import PollResult, result_state
from .schedule import Schedule

# Maximum number of seconds for an exchange of the last poll, which begins at the deadline.
_LAST_POLL: Final = 10.0

B = TypeVar("B", bound=Build)
L = TypeVar("L", bound=Build | Verdict)
R = TypeVar("R")


async def wait_until_finished(
    caller: Caller,
    request: Request[B],
    schedule: Schedule,
    *,
    name: str,
    on_update: Callable[[B], object] | None,
) -> B:
    """Poll a build until it has finished; see `poll`."""
    state: tuple[object, ...] = ()

    async def look(caller: Caller) -> PollResult[B, B]:
        nonlocal state
        build = await caller.send(request)
        before, state = state, result_state(build)
        summary = f"last seen {build.status or 'without a status'}"
        return PollResult(build, is_over=build.is_finished, news=(build,) * (state != before), summary=summary)

    return await poll(caller, look, schedule, name=name, on_update=on_update)


async def poll(
    caller: Caller,
    look: Callable[[Caller], Awaitable[PollResult[B, L]]],
    schedule: Schedule,
    *,
    name: str,
    on_update: Callable[[B], object] | None,
) -> L:
    """Poll until a result ends the wait. `name` identifies the build, or the builds, in errors and logs.

    A poll that is in flight at the deadline is canceled. The last poll begins at the deadline and is a single attempt.
    If it does not end the wait, `WaitTimeoutError` is raised, with the error of the last poll as its cause. `on_update`
    is called with each new or changed build, and the deadline does not interrupt it.
    """
    clock = caller.clock
    began = clock.monotonic()
    seen: PollResult[B, L] | None = None
    while True:
        started = clock.monotonic() - began
        left = schedule.find_time_left(started)
        polling = caller if left else _for_last_poll(caller)
        failure: CircleCIError | None = None
        try:
            seen = await _look_within(left or polling.options.timeout, look(polling))
        except CircleCIError as error:
            is_expected = seen is None and isinstance(error, NotFoundError) and schedule.may_appear(started)
            if left and not error.transient and not is_expected:
                raise
            failure = error
        took = clock.monotonic() - began - started
        if failure is None and seen is not None:
            if on_update is not None:
                for build in seen.news:
                    await call_back(on_update, build)
            if seen.is_over:
                return seen.last
        if not left:
            last, summary = (None, "never seen") if seen is None else (seen.last, seen.summary)
            message = f"{name} did not finish within {schedule.timeout:g} s; it was {summary}"
            raise WaitTimeoutError(message, last) from failure
        pause = schedule.choose_pause(
            clock.monotonic() - began,
            took,
            clock.random(),
            soon=math.inf if seen is None or failure else seen.soon,
            asked=0.0 if failure is None else find_asked_pause(caller, failure),
        )
        if failure is not None and failure.transient:
            log_pause(name, failure, pause)
        await clock.sleep(pause)


def _for_last_poll(caller: Caller) -> Caller:
    """Return a caller that makes one attempt per request, within the time of the last poll."""
    timeout = min(caller.options.timeout, _LAST_POLL)
    retry = attrs.evolve(caller.options.retry, attempts=1)
    return attrs.evolve(caller, options=attrs.evolve(caller.options, timeout=timeout, retry=retry))


async def _look_within(seconds: float, looking: Awaitable[R]) -> R:
    """Return the result of a poll, or raise `RequestTimeoutError` after that many seconds."""
    limit = asyncio.timeout(None if seconds == math.inf else seconds)
    try:
        async with limit:
            return await looking
    except TimeoutError:
        if not limit.expired():
            raise
    raise RequestTimeoutError(f"the poll was not complete within {seconds:g} s")
