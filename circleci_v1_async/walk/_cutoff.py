"""The end of a walk at a given date, by the dates of builds. No I/O."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import attrs

from circleci_v1_async.errors import InvalidInputError

from ._identity import find_attributes

# The date of a build is the first of these fields that it has.
_DATES: Final = ("queued_at", "usage_queued_at", "start_time")


@attrs.define(eq=False, repr=False)
class Cutoff:
    """Separates recent builds from old builds, page by page, from the top of the list down.

    A build without a date (a build that was not run, or is scheduled) gets the date of the nearest build above it in
    the list that has a date. If all builds above it have no date, the build counts as recent.
    """

    _since: datetime
    _read_date: Callable[[Any], datetime | None]
    # Date of the lowest build that has a date, in the pages so far.
    _above: datetime | None = attrs.field(default=None, init=False)

    def judge(self, page: list[Any]) -> tuple[list[bool], bool]:
        """Return whether each build of the next page is recent, and whether the walk ends here.

        The page has all builds that the service returned. The walk ends if the page has dates, and all dates are old.
        One old build among recent builds does not end the walk, because lists are not strictly ordered by date.
        """
        dates = [self._read_date(build) for build in page]
        recent: list[bool] = []
        for date in dates:
            self._above = date or self._above
            recent.append(self._above is None or self._above >= self._since)
        dated = [date for date in dates if date is not None]
        return recent, bool(dated) and max(dated) < self._since


def make_date_reader(model: type[Any]) -> Callable[[Any], datetime | None]:
    """Return a function that returns the date of a build of this class, which must have such a field."""
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
