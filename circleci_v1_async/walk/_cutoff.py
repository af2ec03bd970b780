"""The time at which a walk ends, by the dates of builds. No I/O."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import attrs

from circleci_v1_async.errors import InvalidInputError

from ._identity import find_attributes

__all__ = ["Cutoff", "make_date_reader"]

# The first that a build has counts.
_DATES: Final = ("queued_at", "usage_queued_at", "start_time")


@attrs.define
class Cutoff:
    """Tells recent builds from old ones, page by page, from the top of the list down.

    A build without a date (a build that was not run, or is scheduled) counts by the nearest build above it in the list
    that has one; as recent, if none has.

    Args:
        since: The earliest date of a recent build.
        read_date: Returns the date of a build.
    """

    _since: datetime
    _read_date: Callable[[Any], datetime | None]
    # The date by which the lowest build of the pages so far counts.
    _above: datetime | None = attrs.field(default=None, init=False)

    def judge(self, page: list[Any]) -> tuple[list[bool], bool]:
        """Take in the next page, as it was served.

        Returns:
            For each build, whether it is recent; and whether the walk ends here: the page has dates, and all are old.
            One old build among recent ones does not end it, because lists are not strictly ordered by date.
        """
        dates = [self._read_date(build) for build in page]
        recent: list[bool] = []
        for date in dates:
            self._above = date or self._above
            recent.append(self._above is None or self._above >= self._since)
        dated = [date for date in dates if date is not None]
        return recent, bool(dated) and max(dated) < self._since


def make_date_reader(model: type[Any]) -> Callable[[Any], datetime | None]:
    """Return a function that returns the date of a build, whatever class it is decoded into.

    Raises:
        InvalidInputError: The class has none of the fields with dates.
    """
    fields = find_attributes(model)
    names = [fields[key] for key in _DATES if key in fields]
    if not names:
        raise InvalidInputError(
            f"model: expected a class with the field {', '.join(_DATES[:-1])} or {_DATES[-1]}, which since= "
            f"compares with; {model.__name__} has none"
        )

    def read_date(build: Any) -> datetime | None:
        date = next((value for name in names if (value := getattr(build, name)) is not None), None)
        if date is None or isinstance(date, datetime):
            return date
        raise InvalidInputError(f"model: expected datetimes in {' and '.join(names)}, got {type(date).__name__}")

    return read_date
