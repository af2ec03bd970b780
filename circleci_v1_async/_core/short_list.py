"""Lists that omit some items of their reply."""

from collections.abc import Sequence
from typing import Any, TypeVar

T = TypeVar("T")


class ShortList(list[T]):
    """A list without the items of the reply that did not fit. `sent` is the number of all items."""

    sent: int = 0


def count_sent(page: Sequence[Any]) -> int:
    """Return the number of items that the service sent for a page, including those that did not fit."""
    return page.sent if isinstance(page, ShortList) else len(page)
