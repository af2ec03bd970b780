"""Spacing of exchanges after the service has limited their rate: decisions without I/O."""

import math
from typing import Final

import attrs

__all__ = ["Pace"]

# Begin a little below what was measured: at just that rate, the next chance variation is refused.
_MARGIN: Final = 0.95
# Seconds at a pace until it has doubled. Each refusal may cost a second, and so must be rare.
_DOUBLED_AFTER: Final = 45.0
# Multiple of the measured rate at which calls are no longer spaced.
_MUCH_MORE: Final = 4.0
# So few successes say little about a rate: it is not set below `_LEAST` or half of that before, and left behind sooner.
_FEW: Final = 5
_LEAST: Final = 1.0
# Of a hold after calls that were spaced: a service that counts by the window would have taken more in that time.
_SHARE: Final = 0.5
# After so many seconds without a success, those before say nothing about the rate.
_IDLE: Final = 1.0


@attrs.define
class Pace:
    """Spaces exchanges by the rate of recent successes once one was refused, and quickens while none is.

    The rate is what the service took from the end of the last hold, or the beginning of the burst, to the end of the
    new hold, or half of it after spaced calls. It grows with the cube of the successes since: hardly at first, and soon
    once the limit is clearly elsewhere. With nothing refused for long enough, exchanges are not spaced any more.
    """

    _measured: float = attrs.field(default=math.inf, init=False)
    # Successes that double the rate.
    _doubled_after: float = attrs.field(default=1.0, init=False)
    _since_refusal: int = attrs.field(default=0, init=False)
    # The time in which successes are counted: whence, the last one, how many.
    _began: float = attrs.field(default=-math.inf, init=False)
    _last: float = attrs.field(default=-math.inf, init=False)
    _count: int = attrs.field(default=0, init=False)
    # The end of a hold after which there was no success yet.
    _reopened: float | None = attrs.field(default=None, init=False)
    # Inputs of the last measurement, beside the count: how long it took, and the pace that was refused.
    _seconds: float = attrs.field(default=0.0, init=False)
    _highest: float = attrs.field(default=math.inf, init=False)
    _turn: float = attrs.field(default=-math.inf, init=False)

    def __str__(self) -> str:
        return f"{self.rate:.3g}/s"

    @property
    def is_open(self) -> bool:
        """Whether exchanges are not spaced."""
        return self._measured == math.inf

    @property
    def rate(self) -> float:
        """Exchanges a second; infinite when they are not spaced."""
        return self._measured * (1 + (self._since_refusal / self._doubled_after) ** 3)

    def succeeded(self, now: float) -> None:
        """Count an exchange that the service took."""
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
        """Set the pace for the time after a hold.

        Args:
            started: When the exchange began that was refused.
            now: When it was refused.
            until: When the hold ends.
        """
        hold = until - now
        if not self.is_open and self._reopened is None:
            hold *= _SHARE
        # Successes that came late alone say nothing of when the burst began.
        is_timed = self._count > 0 and math.isfinite(self._began)
        self._seconds = (max(started - self._began, 0.0) if is_timed else 0.0) + hold
        self._highest = self.rate
        self._since_refusal = 0
        self._reopened = self._last = self._turn = until
        self._measure()

    def succeeded_late(self) -> None:
        """Count an exchange that began before the refusal, and that the service took."""
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
        """Seconds until the next exchange may begin, from 0."""
        return max(self._turn - now, 0.0)

    def begin(self, now: float) -> None:
        """Count an exchange that begins. What begins a little late does not put off those after it."""
        interval = 1 / self.rate
        self._turn = max(self._turn, now - interval) + interval
