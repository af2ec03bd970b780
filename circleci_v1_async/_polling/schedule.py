"""The times of a wait's polls. No I/O."""

import math
from typing import Final

import attrs

from circleci_v1_async._core.arguments import as_validator, check_seconds

_SHARE: Final = 0.1
_JITTER: Final = 0.1
# Number of seconds to ignore: a sleep may end slightly early, and sums of floats are rounded.
EARLY: Final = 1e-6

_seconds = as_validator(check_seconds)
_from_zero = as_validator(check_seconds, from_zero=True)


@attrs.frozen(kw_only=True)
class Schedule:
    """Decides when a wait polls. All times are in seconds since the wait began.

    `wait_for_build` describes the pauses between polls. The last poll begins at `timeout`. The wait continues for
    `settle` seconds after everything has finished. Until `appear`, "not found" means "does not exist yet".
    """

    timeout: float | None = attrs.field(default=None, validator=attrs.validators.optional(_seconds))
    interval: float = attrs.field(validator=_seconds)
    max_interval: float = attrs.field(default=30.0, validator=_seconds)
    settle: float = attrs.field(default=0.0, validator=_from_zero)
    appear: float = attrs.field(default=0.0, validator=_from_zero)

    def find_time_left(self, waited: float) -> float:
        """Return the number of seconds until the deadline: 0 after it, infinity without a deadline."""
        left = math.inf if self.timeout is None else self.timeout - waited
        return left if left > EARLY else 0.0

    def may_appear(self, waited: float) -> bool:
        """Return whether a 404 at that time can mean that the build does not exist yet."""
        return self.appear - waited > EARLY

    def choose_pause(self, waited: float, took: float, chance: float, *, soon: float, asked: float) -> float:
        """Return the number of seconds until the next poll: at most `soon`, and at least `asked`.

        The pause never extends beyond the deadline. One extra poll is made when `appear` ends, to find a build that
        exists by that time. Another extra poll is made just before the last `settle` seconds, so that builds that have
        finished by that time can still settle. It may take twice as long as the previous poll `took`.
        """
        pause = max(self.interval, min(waited * _SHARE, self.max_interval)) * (1 + _JITTER * chance)
        left = self.find_time_left(waited)
        last_start = left - self.settle - 2 * took if self.settle else 0.0
        moments = [seconds for seconds in (self.appear - waited, last_start) if seconds > EARLY]
        return min(max(min(pause, soon, *moments), asked), left)
