"""The plan of an exactly-once walk over limit/offset lists that change while they are read. No I/O.

The server cuts each page `[offset : offset + limit]` out of the current list. Between two requests, builds are added at
the top, removed, and inserted in the middle. Adding up offsets therefore repeats builds, and silently skips others.

The walk yields every *stable* build: every build that is in the list at each request. Whenever a page was served, it
contains all stable builds between its first and its last item, in list order. The walk need not know this order, and
the content of a page stays valid.

- Neighboring pages overlap. A page that contains an already read build (the *seam*) leaves no gap, so it can be read.
- A page without a seam waits until another request has closed the gap before it. An empty page has no seam.
- A page shorter than requested contains all stable builds from its first item on. When it is read, the walk ends.

The walk compares builds by identity only, never by number or date: `/recent-builds` is not sorted by number or date.
"""

import sys
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from itertools import count, dropwhile
from typing import Final, Generic, TypeVar

import attrs

from circleci_v1_async._core.arguments import check_integer
from circleci_v1_async._core.paging import MAX_PAGE, OVERLAP, PREFETCH
from circleci_v1_async._core.short_list import count_sent
from circleci_v1_async.errors import PaginationDriftError

from ._cutoff import Cutoff

T = TypeVar("T")

_MIN_PAGE: Final = 2  # a page of one build has no room for both a seam and a new build
_BUDGET: Final = 128


@attrs.define(eq=False, repr=False)
class Slot(Generic[T]):
    """A requested page. Two requests can have the same offset, so a slot is equal only to itself.

    `sent` is the number of items that the service sent: the page lacks the items that did not fit.
    """

    offset: int
    asked_at: int
    repair: bool
    page: list[T] | None = None
    sent: int = 0
    keys: list[Hashable] = attrs.Factory(list[Hashable])


class PagePlan(Generic[T]):
    """Decides which pages to request next, and which replies can be read, without I/O.

    To use it, call `take` until it returns `None`. Then, unless the plan is `done`, fetch the pages that `ask` returns,
    and call `answer` with each reply, in any order. `WalkOptions` describes the arguments; the cutoff decides which
    items are too old to yield, and where the walk ends.

    The overlap is lowered if a page has no room for it. A page has at most `limit` items, unless there is a cutoff: it
    needs large pages, because a few old items could end the walk too early.
    """

    def __init__(
        self,
        identify: Callable[[list[T]], list[Hashable]],
        *,
        limit: int | None = None,
        offset: int = 0,
        page_size: int = MAX_PAGE,
        overlap: int = OVERLAP,
        prefetch: int = PREFETCH,
        cutoff: Cutoff | None = None,
    ) -> None:
        self._limit = sys.maxsize if limit is None else check_integer("limit", limit, 0)
        self._start: int = check_integer("offset", offset, 0)
        self.resume_offset: int = self._start
        self.page_size: int = check_integer("page_size", page_size, _MIN_PAGE, MAX_PAGE)
        if cutoff is None:
            self.page_size = min(self.page_size, self._limit)
        self._overlap = min(check_integer("overlap", overlap, 1), max(0, self.page_size - 1))
        self._prefetch = check_integer("prefetch", prefetch, 0)
        self.given: int = 0
        self.done: bool = self._limit == 0
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
        """The page to read next. It exists after `ask(waiting=True)`."""
        return self._slots[0]

    @property
    def _left(self) -> int:
        return self._limit - self.given

    def ask(self, *, waiting: bool) -> list[Slot[T]]:
        """Return the pages to request now, `waiting` for the next page, or while a page is being read.

        While the first page is being read, no page is prefetched, because many callers need only the first page.
        """
        if waiting:
            # The awaited page is the page to be read. A prefetch of 1 requests no other page until this page proves not
            # to be the last, and so wastes no request. A larger prefetch trades a few requests for speed.
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
        """Store the reply to one slot. Replies can come in any order."""
        slot.keys = self._identify(page)
        slot.page = page
        slot.sent = count_sent(page)

    def take(self) -> list[T] | None:
        """Return the items to read next, at least one; `None` if a reply is needed first, or at the end."""
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
        # The offsets after a repair are uncertain, and a short page is most likely the last page.
        if self._slots[0].repair or any(s.page is not None and s.sent < self.page_size for s in self._slots):
            return False
        covered = self._slots[-1].offset + self.page_size - (self._behind + self._overlap)
        return covered < self._left

    def _joins(self, slot: Slot[T]) -> bool:
        """Return whether no build can be missing between the pages read so far and this page."""
        at_the_top = slot.offset == self._start == 0
        return not self._seen or at_the_top or not self._seen.isdisjoint(slot.keys)

    def _read(self, slot: Slot[T], page: list[T]) -> list[T]:
        pairs: Iterable[tuple[Hashable, T]] = zip(slot.keys, page, strict=True)
        if self._start and self._seen:
            # Items above the first seam may be items before the start offset, which the walk must skip.
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
        # Items that did not fit cannot form a seam, and may be the last items of the page.
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
        """Request the page that should close the gap before `slot`, the first slot. `slot` has no seam."""
        self._spend()
        if slot.asked_at < self._read_at:
            # The page was requested before the last page was read, so its offset is outdated. Request the page right
            # after the last one read, even at the same offset. Stepping back from an outdated page could request it
            # again, forever.
            offset = self._behind
        elif slot.offset > 0:
            offset = max(0, slot.offset - (self.page_size - 1))
        else:
            raise self._drift(
                "None of the builds read so far is in the list any longer, so the walk cannot find its place."
            )
        if not slot.page or len(self._slots) > self._prefetch + _BUDGET:
            self._slots.popleft()
        self._slots.appendleft(self._slot(offset, repair=True))
        self._unasked.append(self._slots[0])

    def _spend(self) -> None:
        self._idle += 1
        if self._idle > _BUDGET:
            raise self._drift(f"The list changes faster than it can be read: {_BUDGET} pages contained nothing new.")

    def _drift(self, message: str) -> PaginationDriftError:
        return PaginationDriftError(message, self.resume_offset)
