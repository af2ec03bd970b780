"""The plan of an exactly-once walk over limit/offset lists that change while they are read. No I/O.

A page is the slice `[offset : offset + limit]` of a list that grows at its head, loses builds and gains others in its
middle from one request to the next. Counting on offsets alone repeats builds and, worse, skips some without a word.

Why the walk is exact. Take the builds that were in the list at every request, in the list's own order, which need not
be known. A page, whenever it was served, holds all of them between its first and its last item: pages never go stale.
So the walk has everything once the pages that it has read cover that order without a gap, and a page proves that it
leaves none by holding a build seen before: the *seam*, for which neighbouring pages overlap. A page without a seam
waits, however plausible it looks, until the gap in front of it has been repaired; an empty one proves nothing. A page
shorter than was asked for holds everything from its first item on, so it is the end, once it may be read.

Builds are compared by identity only, never by number or date: `/recent-builds` is ordered by neither.
"""

import sys
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from itertools import count, dropwhile
from typing import Final, Generic, TypeVar

import attrs

from circleci_v1_async._core.arguments import check_integer
from circleci_v1_async._core.short_list import count_sent
from circleci_v1_async.errors import PaginationDriftError

from ._cutoff import Cutoff
from ._lists import MAX_PAGE

__all__ = ["PagePlan", "Slot"]

T = TypeVar("T")

_MIN_PAGE: Final = 2  # a page of one has no room for both a seam and something new
_BUDGET: Final = 128


@attrs.define(eq=False)
class Slot(Generic[T]):
    """A page that was asked for. An offset may be out twice, so that a slot equals only itself.

    Attributes:
        sent: Number of items that the service sent. The page lacks those that did not fit.
    """

    offset: int
    asked_at: int
    repair: bool
    page: list[T] | None = None
    sent: int = 0
    keys: list[Hashable] = attrs.Factory(list[Hashable])


class PagePlan(Generic[T]):
    """Decides which pages to ask for next, and which replies may be read, without I/O.

    To drive it: `take` until it gives None; then, unless it is `done`, fetch what `ask` returns and `answer` in any
    order.

    Args:
        identify: Returns an identity for each item of a page, by which it is known again.
        limit: Items to give at the most. None: all.
        offset: Where to start.
        page_size: Items to a page, 2 to 100.
        overlap: Items that a page shares with the one before it, 1 or more. Lowered where a page has no room for it.
        prefetch: Pages that may be under way, or wait to be read, beyond the one being read.
        cutoff: Decides which items are too old to give, and where the walk ends. None: no item is too old.

    Attributes:
        page_size: Items to a page: never more than `limit`, unless there is a cutoff, which few items could deceive.
        given: Number of items that have been given.
        done: Whether everything has been.
        resume_offset: The offset of the page that was read last.

    Raises:
        InvalidInputError: An argument is out of its range.
    """

    def __init__(
        self,
        identify: Callable[[list[T]], list[Hashable]],
        *,
        limit: int | None,
        offset: int,
        page_size: int,
        overlap: int,
        prefetch: int,
        cutoff: Cutoff | None = None,
    ) -> None:
        self._limit = sys.maxsize if limit is None else check_integer("limit", limit, 0)
        self._start = self.resume_offset = check_integer("offset", offset, 0)
        self.page_size = check_integer("page_size", page_size, _MIN_PAGE, MAX_PAGE)
        if cutoff is None:
            self.page_size = min(self.page_size, self._limit)
        self._overlap = min(check_integer("overlap", overlap, 1), max(0, self.page_size - 1))
        self._prefetch = check_integer("prefetch", prefetch, 0)
        self.given = 0
        self.done = self._limit == 0
        self._identify = identify
        self._cutoff = cutoff
        self._seen: set[Hashable] = set()
        self._slots: deque[Slot[T]] = deque()
        self._unasked: list[Slot[T]] = []
        self._clock = count()
        self._read_at = -1
        self._pages_read = 0
        self._behind = self._start
        self._width = 1
        self._idle = 0

    @property
    def front(self) -> Slot[T]:
        """The page that has to be read next. There is one after `ask(waiting=True)`."""
        return self._slots[0]

    @property
    def _left(self) -> int:
        return self._limit - self.given

    def ask(self, *, waiting: bool) -> list[Slot[T]]:
        """Return the pages to ask for now.

        Args:
            waiting: Whether nothing is left to read. Otherwise the page that `take` gave is being read: nothing is
                fetched ahead of the first page, because many callers need no more than that.
        """
        if waiting:
            # The page waited for is the one being read. A prefetch of 1 leaves it alone until it proves not to be the
            # last, and so wastes no request; more than that trades a few requests for speed.
            width = self._width if self._prefetch > 1 else 1
        else:
            width = min(self._width, self._prefetch) if self._pages_read > 1 else 0
        asks, self._unasked = self._unasked, []
        while len(self._slots) < width and self._may_need_more():
            offset = self._slots[-1].offset + self.page_size - self._overlap if self._slots else self._behind
            self._slots.append(self._slot(offset))
            asks.append(self._slots[-1])
        return asks

    def answer(self, slot: Slot[T], page: list[T]) -> None:
        """Take in the reply to one slot, in any order."""
        slot.keys = self._identify(page)
        slot.page = page
        slot.sent = count_sent(page)

    def take(self) -> list[T] | None:
        """Return the items to read next, at least one; None if a reply is needed first, or at the end.

        Raises:
            PaginationDriftError: The list changes too fast for the walk to find its place in it.
        """
        while not self.done and self._slots and (page := self._slots[0].page) is not None:
            if not self._joins(self._slots[0]):
                self._repair(self._slots[0])
            elif fresh := self._read(self._slots.popleft(), page):
                return fresh
        return None

    def _slot(self, offset: int, *, repair: bool = False) -> Slot[T]:
        return Slot(offset, next(self._clock), repair)

    def _may_need_more(self) -> bool:
        if self.done or not self._slots:
            return not self.done
        # Pages beyond a repair are uncertain, and beyond a short page there is most likely nothing.
        if self._slots[0].repair or any(s.page is not None and s.sent < self.page_size for s in self._slots):
            return False
        covered = self._slots[-1].offset + self.page_size - (self._behind + self._overlap)
        return covered < self._left

    def _joins(self, slot: Slot[T]) -> bool:
        """Whether nothing can be missing between what was read and this page."""
        at_the_top = slot.offset == self._start == 0
        return not self._seen or at_the_top or not self._seen.isdisjoint(slot.keys)

    def _read(self, slot: Slot[T], page: list[T]) -> list[T]:
        pairs: Iterable[tuple[Hashable, T]] = zip(slot.keys, page, strict=True)
        if self._start and self._seen:
            # Items above the first seam may be those that this walk was told to skip.
            pairs = dropwhile(lambda pair: pair[0] not in self._seen, pairs)
        fresh = {key: item for key, item in pairs if key not in self._seen}
        self._seen.update(fresh)
        items, is_past = list(fresh.values()), False
        if self._cutoff is not None:
            recent, is_past = self._cutoff.judge(page)
            old = {key for key, is_recent in zip(slot.keys, recent, strict=True) if not is_recent}
            items = [item for key, item in fresh.items() if key not in old]
        items = items[: self._left]
        self.given += len(items)
        self.done = is_past or slot.sent < self.page_size or self._left == 0
        self.resume_offset = slot.offset
        # Items that did not fit make no seam, and may be those at the end of the page.
        overlap = min(self._overlap + slot.sent - len(page), slot.sent - 1) if slot.sent > len(page) else self._overlap
        self._behind = slot.offset + slot.sent - overlap
        self._read_at = next(self._clock)
        self._pages_read += 1
        self._width = min(2 * self._width, self._prefetch + 1)
        if fresh:
            self._idle = 0
        elif not self.done:
            self._spend()
        return items

    def _repair(self, slot: Slot[T]) -> None:
        """Ask for the page that should close the gap before `slot`, the first one, which has no seam."""
        self._spend()
        if slot.asked_at < self._read_at:
            # It is stale: ask right behind the page read last, be it at the same offset. Stepping back from a page as
            # old as this would lead to it again, endlessly.
            offset = self._behind
        elif slot.offset > 0:
            offset = max(0, slot.offset - (self.page_size - 1))
        else:
            raise self._drift("Up to the top of the list, none of the builds read so far is left to go on from.")
        if not slot.page or len(self._slots) > self._prefetch + _BUDGET:
            self._slots.popleft()
        self._slots.appendleft(self._slot(offset, repair=True))
        self._unasked.append(self._slots[0])

    def _spend(self) -> None:
        self._idle += 1
        if self._idle > _BUDGET:
            raise self._drift(f"The list changes faster than it can be read: {_BUDGET} pages brought nothing new.")

    def _drift(self, message: str) -> PaginationDriftError:
        return PaginationDriftError(message, self.resume_offset)
