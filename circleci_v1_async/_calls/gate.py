"""Gate of a session: limit on concurrency, limiter, and a lane for each origin."""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any
from weakref import WeakValueDictionary

import attrs

from circleci_v1_async._core.clock import Clock
from circleci_v1_async._transport.urls import Origin

from .lane import Lane


@attrs.frozen(eq=False, repr=False)
class Admission:
    """Admission of an exchange to the lane of its origin, with the number of holds at that time."""

    lane: Lane
    holds: int


@attrs.define(eq=False, repr=False)
class Gate:
    """Limits the exchanges in flight; holds and paces exchanges with an origin that answered 429.

    `enter` waits until an exchange may begin, and counts it as in flight until `leave`. Any number of tasks can wait at
    the same time. A 429 affects one origin: exchanges with other origins continue. Every exchange also enters the
    limiter. The lane of the API's origin is kept for the life of the gate.
    """

    concurrency: int
    limiter: AbstractAsyncContextManager[object] | None
    clock: Clock
    api: Origin
    _slots: asyncio.Semaphore = attrs.field(init=False)
    # Lanes in use. Each build has its own artifact host, so a lane without a hold or a pace is dropped after its calls.
    _lanes: "WeakValueDictionary[Origin, Lane]" = attrs.field(factory=WeakValueDictionary[Origin, Lane], init=False)
    _limited: dict[Origin, Lane] = attrs.field(factory=dict[Origin, Lane], init=False)
    _api_lane: Lane = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.concurrency)
        self._api_lane = self.lane(self.api)

    def __str__(self) -> str:
        """Text for reprs: the API's hold and pace, and the number of other held or paced origins."""
        texts = [self._api_lane.describe(self.clock.monotonic())] if self._api_lane.is_limited else []
        if others := len(self._limited.keys() - {self.api}):
            texts.append(f"{others} other origin{'s' * (others > 1)} held or paced")
        return ", ".join(texts)

    def lane(self, origin: Origin) -> Lane:
        lane = self._lanes.get(origin)
        if lane is None:
            lane = self._lanes[origin] = Lane(origin, asyncio.Semaphore(self.concurrency))
        return lane

    async def enter(self, lane: Lane, patience: float) -> Admission:
        """Wait until an exchange may begin. Meanwhile, it occupies no slot, and not the limiter.

        A hold that lasts for more than `patience` seconds raises `HeldTooLongError`.
        """
        while True:
            while wait := lane.hold(self.clock.monotonic(), patience) if lane.is_limited else 0.0:
                await self.clock.sleep(wait)
            await lane.window.acquire()
            try:
                if await self._take_slot(lane, patience):
                    try:
                        holds = lane.holds
                        if self.limiter is None or await self._enter_limiter(self.limiter, lane):
                            return Admission(lane, holds)
                    except BaseException:
                        self._slots.release()
                        raise
                    self._slots.release()
            except BaseException:
                lane.window.release()
                raise
            lane.window.release()

    async def leave(self, lane: Lane, *outcome: Any) -> None:
        """End an exchange. The limiter gets the arguments of `__aexit__`."""
        try:
            if self.limiter is not None:
                await self.limiter.__aexit__(*outcome)
        finally:
            self._slots.release()
            lane.window.release()

    def accepted(self, admission: Admission) -> None:
        lane = admission.lane
        lane.accepted(admission.holds, self.clock.monotonic())
        if not lane.is_limited:
            self._limited.pop(lane.origin, None)

    def redirected(self, admission: Admission, origin: Origin | None) -> Admission:
        """Record that the service redirected an exchange, and return the admission at the last origin.

        A redirect counts as accepted by the first origin.
        """
        if origin is None or origin == admission.lane.origin:
            return admission
        self.accepted(admission)
        lane = self.lane(origin)
        # If the last origin is already held, the exchange counts as started before that hold.
        return Admission(lane, lane.holds - lane.is_held(self.clock.monotonic()))

    def refused(self, admission: Admission, started: float, retry_after: float | None, max_hold: float) -> float:
        """Hold all exchanges with an origin after a 429, and return the number of seconds to wait.

        `retry_after` is the wait that the service requested. After `max_hold` seconds, one exchange probes the limit.
        """
        lane, now = admission.lane, self.clock.monotonic()
        wait = lane.refused(admission.holds, started, now, self.clock.now(), retry_after, max_hold)
        if lane.is_limited and lane.origin not in self._limited:
            self._limited = {origin: each for origin, each in self._limited.items() if not each.is_forgotten(now)}
            self._limited[lane.origin] = lane
        return wait

    async def _take_slot(self, lane: Lane, patience: float) -> bool:
        """Wait for the lane's pace and take a slot. Return `False`, without a slot, if a hold begins first."""
        if not lane.is_limited:
            await self._slots.acquire()
            if not lane.is_limited:
                return True
            self._slots.release()
        async with lane.queue:
            while not lane.is_held(now := self.clock.monotonic()):
                if wait := lane.pace.wait(now):
                    await self.clock.sleep(wait)
                    continue
                # Take the slot last. Otherwise, exchanges with a slow origin would occupy the slots of other origins.
                await self._slots.acquire()
                if lane.is_held(now := self.clock.monotonic()):
                    self._slots.release()
                    break
                lane.begin(now, patience)
                return True
        return False

    async def _enter_limiter(self, limiter: AbstractAsyncContextManager[object], lane: Lane) -> bool:
        """Enter the limiter. If a hold began during the wait, leave the limiter again and return `False`."""
        holds = lane.holds
        await limiter.__aenter__()
        if holds == lane.holds:
            return True
        await limiter.__aexit__(None, None, None)
        return False
