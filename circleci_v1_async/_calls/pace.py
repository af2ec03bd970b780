"""Pacing of exchanges after the service has limited their rate: decisions without I/O."""

import math
from typing import Final

import attrs

# Start 5% below the measured rate: at exactly that rate, normal jitter would cause another 429.
_MARGIN: Final = 0.95
# Number of seconds until a pace doubles. Each rejection can cost a second, so rejections must be rare.
_DOUBLED_AFTER: Final = 45.0
# Multiple of the measured rate at which pacing ends.
_MUCH_MORE: Final = 4.0
# Fewer than five successes are a poor measurement. The rate is then at least `_LEAST` or half the previous rate,
# whichever is lower, and increases sooner.
_FEW: Final = 5
_LEAST: Final = 1.0
# Share of a hold that is part of the measurement after paced calls: a service that counts per time window would have
# accepted more calls during the hold.
_SHARE: Final = 0.5
# A pause of more than this many seconds between two successes starts a new measurement.
_IDLE: Final = 1.0


@attrs.define(eq=False, repr=False)
class Pace:
    """Paces exchanges after a 429, and speeds up while the service accepts them.

    The measured rate is `0.95 * successes / seconds`. The time runs from the end of the previous hold, or from the
    start of the burst, to the start of the rejected exchange, plus the new hold. After paced calls, only half of the
    hold counts. After n successes the rate is `measured * (1 + (n / d) ** 3)`, where d is the number of calls in 45
    seconds at the measured rate, or less after a poor measurement: almost constant at first, doubled after d successes,
    and then rising fast. At four times the measured rate, pacing ends.
    """

    _measured: float = attrs.field(default=math.inf, init=False)
    # Number of successes that double the rate.
    _doubled_after: float = attrs.field(default=1.0, init=False)
    _since_refusal: int = attrs.field(default=0, init=False)
    # The current measurement: its start, the time of the last success, and the number of successes.
    _began: float = attrs.field(default=-math.inf, init=False)
    _last: float = attrs.field(default=-math.inf, init=False)
    _count: int = attrs.field(default=0, init=False)
    # End of the last hold; `None` once an exchange has succeeded after it.
    _reopened: float | None = attrs.field(default=None, init=False)
    # Further inputs of the last measurement: its duration in seconds, and the pace that was rejected.
    _seconds: float = attrs.field(default=0.0, init=False)
    _highest: float = attrs.field(default=math.inf, init=False)
    _turn: float = attrs.field(default=-math.inf, init=False)

    def __str__(self) -> str:
        return f"{self.rate:.3g}/s"

    @property
    def is_open(self) -> bool:
        return self._measured == math.inf

    @property
    def rate(self) -> float:
        """Exchanges per second; infinite if they are not paced."""
        return self._measured * (1 + (self._since_refusal / self._doubled_after) ** 3)

    def succeeded(self, now: float) -> None:
        if self._reopened is not None:
            self._began, self._count, self._reopened = self._reopened, 0, None
        elif now - self._last > _IDLE and now - self._last > 2 / self.rate:
            self._began, self._count = now, 0
        self._last = now
        self._count += 1
        if self._measured < math.inf:
            self._since_refusal += 1
            if self.rate >= _MUCH_MORE * self._measured:
                self._measured = math.inf

    def refused(self, started: float, now: float, until: float) -> None:
        """Set the pace after a rejection at `now` of an exchange that began at `started`, held `until`."""
        hold = until - now
        if not self.is_open and self._reopened is None:
            hold *= _SHARE
        # If only late successes were counted, the start of the burst is unknown.
        is_timed = math.isfinite(self._began)
        self._seconds = (max(started - self._began, 0.0) if is_timed else 0.0) + hold
        self._highest = self.rate
        self._since_refusal = 0
        self._reopened = self._last = self._turn = until
        self._measure()

    def succeeded_late(self) -> None:
        """Count an exchange that began before the rejection, and that the service accepted."""
        if self._reopened is not None:
            self._count += 1
            self._measure()

    def _measure(self) -> None:
        count = max(self._count, 1)
        rate = _MARGIN * count / self._seconds if self._seconds > 0 else math.inf
        if count < _FEW:
            rate = max(rate, min(_LEAST, self._highest / 2))
        self._measured = min(rate, self._highest)
        if self._measured < math.inf:
            confidence = min(1.0, (count / _FEW) ** 2)
            self._doubled_after = max(1.0, _DOUBLED_AFTER * self._measured * confidence)

    def wait(self, now: float) -> float:
        """Return the number of seconds until the next exchange may begin, from 0."""
        return max(self._turn - now, 0.0)

    def begin(self, now: float) -> None:
        """Count an exchange that begins. If it begins slightly late, later exchanges are not delayed."""
        interval = 1 / self.rate
        self._turn = max(self._turn, now - interval) + interval
