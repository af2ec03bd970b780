"""Hours within milliseconds: an event loop whose time passes only while everybody waits, and a service that limits.

Unlike the fake clock, it wakes sleepers in the order of their times, so that rates can be measured. There are no
sockets: the exchange itself is simulated.
"""

import asyncio
import json
import math
import re
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import attrs
from yarl import URL

from circleci_v1_async import CircleCISession
from circleci_v1_async._core.clock import Clock
from circleci_v1_async._transport.transport import Transport
from circleci_v1_async.request import Reply

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    """Does not wait, and counts the seconds that it would have waited."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        events = super().select(0)
        if not events and timeout is None:
            raise RuntimeError("everybody waits for ever")
        if not events and timeout is not None and timeout > 0:
            # Also when the sum of so different floats is the larger one.
            self.now = max(self.now + timeout, math.nextafter(self.now, math.inf))
        return events


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.passed = _Selector()
        super().__init__(self.passed)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self.passed.now


def simulate(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine by simulated time."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(coroutine)


def now() -> float:
    return asyncio.get_running_loop().time()


@attrs.define
class TokenBucket:
    """Takes a call for each token; they come back at a rate, up to a burst."""

    rate: float
    burst: float
    _tokens: float = attrs.field(init=False)
    _at: float = 0.0

    def __attrs_post_init__(self) -> None:
        self._tokens = self.burst

    def takes(self, moment: float) -> bool:
        self._tokens = min(self.burst, self._tokens + (moment - self._at) * self.rate)
        self._at = moment
        # As many additions of floats as there are calls.
        taken = self._tokens > 1 - 1e-9
        self._tokens -= taken
        return taken


@attrs.define
class FixedWindow:
    """Takes so many calls in each window of so many seconds."""

    burst: float
    seconds: float = 1.0
    phase: float = 0.0
    _window: float = -1.0
    _count: int = 0

    @property
    def rate(self) -> float:
        return self.burst / self.seconds

    def takes(self, moment: float) -> bool:
        window = (moment + self.phase) // self.seconds
        if window != self._window:
            self._window, self._count = window, 0
        self._count += 1
        return self._count <= self.burst


class Refuses:
    """Takes nothing, or only some calls by their number."""

    def __init__(self, *taken: int) -> None:
        self.taken = set(taken)
        self.calls = 0
        self.rate = self.burst = math.nan

    def takes(self, _moment: float) -> bool:
        self.calls += 1
        return self.calls in self.taken


Limit = TokenBucket | FixedWindow | Refuses


@attrs.define
class Service:
    """Answers calls after a while.

    Attributes:
        limit: What it takes.
        retry_after: What it says when it refuses.
        seconds: How long an exchange takes.
        began: When each exchange began, and whether it was taken.
    """

    limit: Limit
    retry_after: str | None = "1"
    seconds: float = 0.004
    builds: int = 0
    began: list[tuple[float, bool]] = attrs.field(factory=list)

    async def exchange(self, target: str) -> Reply:
        began = now()
        await asyncio.sleep(self.seconds / 2)
        taken = self.limit.takes(now())
        self.began.append((began, taken))
        await asyncio.sleep(self.seconds / 2)
        if not taken:
            return Reply(429, {} if self.retry_after is None else {"Retry-After": self.retry_after}, b"")
        return Reply(200, {}, json.dumps(self._body(target)).encode())

    def _body(self, target: str) -> Any:
        if (page := re.search(r"limit=(\d+)&offset=(\d+)", target)) is None:
            return {"build_num": int(target.rsplit("/", 1)[1])} if target[-1].isdigit() else {"login": "ada"}
        limit, offset = int(page[1]), int(page[2])
        numbers = range(self.builds - offset, max(self.builds - offset - limit, 0), -1)
        return [{"build_num": number, "vcs_url": "https://github.com/acme/web"} for number in numbers]

    @property
    def requests(self) -> int:
        return len(self.began)


@attrs.define(eq=False)
class _SimulatedTransport(Transport):
    service: Any = None

    async def exchange(self, _method: str, url: URL, *_given: Any, **_limits: Any) -> Reply:
        return await self.service.exchange(url.path_qs)


def session(service: Service, **options: Any) -> CircleCISession:
    """A session with that service, within `simulate`."""
    ci = CircleCISession("a-token", **options)
    clock = Clock(monotonic=now, sleep=asyncio.sleep, random=lambda: 1.0)
    calls = ci._caller
    transport = _SimulatedTransport(calls.transport.base_url, calls.transport.credential, None, clock, service=service)
    ci._caller = attrs.evolve(calls, transport=transport, clock=clock)
    ci._caller.gate.clock = clock
    return ci


def seconds_of(call: Callable[[], Coroutine[Any, Any, Any]]) -> float:
    """Simulated seconds that a call takes."""

    async def measure() -> float:
        began = now()
        await call()
        return now() - began

    return simulate(measure())
