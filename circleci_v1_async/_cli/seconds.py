"""Options that take a number of seconds."""

import math
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    _Parameter = click.ParamType[float]
else:
    _Parameter = click.ParamType  # before click 8.4, this class has no parameters at run time

_MOST: Final = 10.0**8  # three years: event loops can wait that long


class _Seconds(_Parameter):
    """A number of seconds.

    Args:
        from_zero: Whether 0 is accepted.
    """

    name = "seconds"

    def __init__(self, *, from_zero: bool) -> None:
        self._from_zero = from_zero

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Convert the argument."""
        try:
            seconds = float(value)
        except ValueError:
            seconds = math.nan
        if 0 < seconds <= _MOST or (self._from_zero and seconds == 0):
            return seconds
        least = "from 0" if self._from_zero else "above 0"
        return self.fail(f"expected a number of seconds {least}, up to {_MOST:.0f}; got {value!r}.", param, ctx)


SECONDS: Final = _Seconds(from_zero=False)
SECONDS_FROM_ZERO: Final = _Seconds(from_zero=True)
