"""Gate of a session: limit on concurrency, limiter, and a lane for each origin."""

import asyncio
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from weakref import WeakValueDictionary

import attrs

from circleci_v1_async._core.clock import Clock
from circleci_v1_async._transport.urls import Origin

from .lane import Lane

__all__ = ["Admission", "Gate"]


@attrs.frozen(eq=False)
class Admission:
    """An exchange that the gate let begin.

    Attributes:
        lane: The lane of the origin that it was sent to.
        holds: Number of the lane's holds when it began.
    """

    lane: Lane
    holds: int


@attrs.define(eq=False)
class Gate:
    """Bounds the exchanges in flight, and holds and paces those with an origin that answered 429.

    `enter` waits until an exchange may begin, and counts it as in flight until `leave`. Any number of tasks may be
    inside at once. A 429 concerns one origin: exchanges with others go on.

    Args:
        concurrency: Number of exchanges that may be in flight.
        limiter: Entered once for each exchange, such as a rate limiter that other sessions share.
        clock: The clock that waiting depends on.
        api: The origin of the API. Its lane is kept for the life of the gate.
    """

    concurrency: int
    limiter: AbstractAsyncContextManager[object] | None
    clock: Clock
    api: Origin
    _slots: asyncio.Semaphore = attrs.field(init=False)
    # Lanes in use. There is a host of artifacts for each build, so lanes without a hold or a pace go with their calls.
    _lanes: "WeakValueDictionary[Origin, Lane]" = attrs.field(factory=WeakValueDictionary[Origin, Lane], init=False)
    _limited: dict[Origin, Lane] = attrs.field(factory=dict[Origin, Lane], init=False)
    _api_lane: Lane = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.concurrency)
        self._api_lane = self.lane(self.api)

    def __str__(self) -> str:
        """Text for reprs: the hold and the pace of the API, and the number of other origins that have one."""
        texts = [self._api_lane.describe(self.clock.monotonic())] if self._api_lane.is_limited else []
        if others := len(self._limited.keys() - {self.api}):
            texts.append(f"{others} other origin{'s' * (others > 1)} held or paced")
        return ", ".join(texts)

    def lane(self, origin: Origin) -> Lane:
        """Return the lane of an origin."""
        lane = self._lanes.get(origin)
        if lane is None:
            lane = self._lanes[origin] = Lane(origin, asyncio.Semaphore(self.concurrency))
        return lane

    async def enter(self, lane: Lane, patience: float) -> Admission:
        """Wait until an exchange may begin.

        Neither a slot nor the limiter is held during a hold, or while the pace lets the exchange wait.

        Args:
            lane: The lane of the origin that it is sent to.
            patience: Seconds that a hold may still take.

        Raises:
            HeldTooLongError: The service has asked for a longer hold.
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

    async def leave(
        self,
        lane: Lane,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the exchange, which `enter` has let begin."""
        try:
            if self.limiter is not None:
                await self.limiter.__aexit__(kind, error, traceback)
        finally:
            self._slots.release()
            lane.window.release()

    def accepted(self, admission: Admission) -> None:
        """Learn that the service took an exchange."""
        lane = admission.lane
        lane.accepted(admission.holds, self.clock.monotonic())
        if not lane.is_limited:
            self._limited.pop(lane.origin, None)

    def redirected(self, admission: Admission, origin: Origin | None) -> Admission:
        """Learn that the service took an exchange and redirected it; return the admission at the last origin."""
        if origin is None or origin == admission.lane.origin:
            return admission
        self.accepted(admission)
        lane = self.lane(origin)
        # While there is a hold already, the exchange counts as begun before it.
        return Admission(lane, lane.holds - lane.is_held(self.clock.monotonic()))

    def refused(self, admission: Admission, started: float, retry_after: float | None, max_hold: float) -> float:
        """Hold back all exchanges with an origin, because it has refused one with a 429.

        Args:
            admission: The admission of the exchange.
            started: Time at which it began.
            retry_after: Seconds that the service asks to wait, if it does.
            max_hold: Seconds that a hold may have. After that, one exchange sees whether the service still refuses.

        Returns:
            Seconds to wait.
        """
        lane, now = admission.lane, self.clock.monotonic()
        wait = lane.refused(admission.holds, started, now, self.clock.now(), retry_after, max_hold)
        if lane.is_limited and lane.origin not in self._limited:
            self._limited = {origin: each for origin, each in self._limited.items() if not each.is_forgotten(now)}
            self._limited[lane.origin] = lane
        return wait

    async def _take_slot(self, lane: Lane, patience: float) -> bool:
        """Wait for the pace of the lane and for a slot; `False`, without a slot, if there is a hold first."""
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
                # A slot is taken last: those of a slow origin would otherwise keep others from theirs.
                await self._slots.acquire()
                if lane.is_held(now := self.clock.monotonic()):
                    self._slots.release()
                    break
                lane.begin(now, patience)
                return True
        return False

    async def _enter_limiter(self, limiter: AbstractAsyncContextManager[object], lane: Lane) -> bool:
        """Enter the limiter; `False`, and out of it again, when a hold began meanwhile."""
        holds = lane.holds
        await limiter.__aenter__()
        if holds == lane.holds:
            return True
        await limiter.__aexit__(None, None, None)
        return False
