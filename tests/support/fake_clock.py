"""Time that passes only by being slept through, so that no test waits."""

import asyncio
from collections.abc import Awaitable, Callable

import attrs

from circleci_v1_async import CircleCISession
from circleci_v1_async._core.clock import Clock


class FakeClock:
    """Sleeping moves the time on and is written down; several sleepers sleep at the same time.

    Args:
        random: What chance says, from 0 to 1.
        now: Seconds since 1970 at the beginning.
    """

    def __init__(self, random: float = 1.0, now: float = 1_700_000_000.0) -> None:
        self.random = random
        self.monotonic = 0.0
        # What the wall clock says beyond the monotonic one: it may jump.
        self.epoch = now
        self.slept: list[float] = []
        # Awaited within each sleep, before the time moves on: to look around, or to stay asleep.
        self.while_asleep: Callable[[float], Awaitable[None]] | None = None
        self.clock = Clock(
            monotonic=lambda: self.monotonic,
            now=lambda: self.epoch + self.monotonic,
            sleep=self._sleep,
            random=lambda: self.random,
        )

    async def _sleep(self, seconds: float) -> None:
        until = self.monotonic + seconds
        self.slept.append(seconds)
        await asyncio.sleep(0)
        if self.while_asleep is not None:
            await self.while_asleep(seconds)
        self.pass_until(until)

    def pass_until(self, moment: float) -> None:
        """Move the time on; never back."""
        self.monotonic = max(self.monotonic, moment)


def use(ci: CircleCISession, clock: FakeClock) -> CircleCISession:
    """Let a session that was just made wait by that clock. Views of it are to be made afterwards."""
    ci._caller = attrs.evolve(ci._caller, clock=clock.clock)
    ci._caller.gate.clock = clock.clock
    return ci


def at_each_sleep(clock: FakeClock, *happenings: Callable[[], object]) -> None:
    """Let one thing happen in each sleep of the clock."""
    left = iter(happenings)

    async def happen(_: float) -> None:
        next(left, lambda: None)()

    clock.while_asleep = happen
