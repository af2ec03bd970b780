"""Walks over lists of builds that change while they are read."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Hashable
from contextlib import aclosing
from datetime import datetime
from functools import partial
from typing import Generic, TypedDict, TypeVar

from circleci_v1_async._calls.caller import Caller
from circleci_v1_async._core.tasks import TaskIterable, wait_until_done
from circleci_v1_async._core.tracebacks import TracebackScrubber
from circleci_v1_async.errors import BadRequestError, OffsetRefusedError
from circleci_v1_async.request import Request

from ._cutoff import Cutoff
from ._lists import MAX_PAGE, OVERLAP, PREFETCH, name_list
from ._plan import PagePlan, Slot

__all__ = ["PageWalk", "WalkOptions"]

T = TypeVar("T")


class WalkOptions(TypedDict, total=False):
    """Options of walks, for callers who pass them on; see `iter_project_builds`."""

    since: datetime | None
    limit: int | None
    offset: int
    page_size: int
    overlap: int
    prefetch: int


class PageWalk(TaskIterable, Generic[T]):
    """A walk over a list of builds that yields each of them exactly once, while the list changes.

    `async for build in walk` gives builds, `async for page in walk.pages()` lists of them, `await walk.collect()` all
    of them. A walk is walked once.

    Promised: every build that is in the list each time that the walk asks is yielded, and none is yielded twice, even
    if builds arrive, finish, leave the list and come back meanwhile, whatever the list is ordered by, with pages
    fetched ahead and served in any order by replicas that lag behind. A walk that cannot keep this raises
    `PaginationDriftError`: it never ends early without a word. A build's content is as of the page that carried it. If
    the service refuses to list builds from some offset on, the walk raises `OffsetRefusedError`.

    Requests: a list of N builds that stays still costs at the most `1 + max(0, ceil((N - k + 1) / (k - overlap)))`
    requests, where k is the smaller of `page_size` and `limit`; with `since`, k is `page_size`. With `prefetch=0` a
    page is asked for when it is needed; with 1, the default, as soon as the page before it is there and proves not to
    be the last, so that reading hides the wait. From 2 on, pages are asked for side by side: 2, then 4 …, up to that
    many beyond the one being read or waited for; as many requests may then go past the end of the list, where they are
    cancelled. Nothing is fetched ahead before all of the first page was read, nor beyond what `limit` can need. Memory:
    those pages, and the identity of each build yielded.

    Leaving the loop early, by `break`, by an error or by cancellation, stops every request within a few turns of the
    event loop. `aclose`, or `async with walk`, does so at once and waits until it is done; a loop that is still running
    then gets a `UsageError`, since it has not seen the whole list.

    Not promised, because a list that is cut by offsets does not allow it:

    - that `k - overlap` or more new builds per request can be outrun: that raises `PaginationDriftError`;
    - builds that are missing from the list when one page is served and back for the next;
    - the order of builds that the service orders differently from request to request, in groups larger than `overlap`;
    - with `since`, builds below a whole page of older ones;
    - anything on a service that cuts the page before it filters, changes the list while cutting, or sends fewer than
      was asked for although there are more: that looks like the end. More than was asked for is fine.
    """

    _begun_before = "This walk was begun before and can be walked only once: make a new one."
    _closed_early = "This walk was closed before its end: what it yielded may not be the whole list."

    def __init__(
        self,
        caller: Caller,
        request: Request[list[T]],
        identify: Callable[[list[T]], list[Hashable]],
        *,
        limit: int | None = None,
        offset: int = 0,
        page_size: int = MAX_PAGE,
        overlap: int = OVERLAP,
        prefetch: int = PREFETCH,
        cutoff: Cutoff | None = None,
    ) -> None:
        super().__init__(name_list(request))
        self._caller = caller
        self._request = request
        self._plan = PagePlan(
            identify,
            limit=limit,
            offset=offset,
            page_size=page_size,
            overlap=overlap,
            prefetch=prefetch,
            cutoff=cutoff,
        )
        # Pages that are under way, or failed, until they are needed.
        self._asked: dict[Slot[T], asyncio.Task[None]] = {}
        self._requests = 0

    @property
    def requests(self) -> int:
        """Number of pages that have been asked for, including those that were cancelled."""
        return self._requests

    @property
    def resume_offset(self) -> int:
        """Offset of the page that was read last; before any, the one to start at.

        A new walk from there goes on where this one stopped. It repeats builds that this one has yielded: drop those
        by their key. Start higher up if builds may have left the list since.
        """
        return self._plan.resume_offset

    def __aiter__(self) -> AsyncGenerator[T, None]:
        self._begin()
        return self._items()

    def pages(self) -> AsyncGenerator[list[T], None]:
        """Walk page by page: lists, never empty, of builds not yielded before."""
        self._begin()
        return self._pages()

    async def collect(self) -> list[T]:
        """Walk to the end and return everything.

        Raises:
            OffsetRefusedError: The service lists no more, after full pages. Its `items` are what was read.
        """
        items: list[T] = []
        try:
            async with aclosing(self.pages()) as pages:
                async for page in pages:
                    items += page
        except OffsetRefusedError as error:
            error.items = items
            raise
        return items

    def _progress(self) -> str:
        return f"{self._plan.given} builds, {self._requests} requests"

    async def _items(self) -> AsyncGenerator[T, None]:
        async with aclosing(self._pages()) as pages:
            async for page in pages:
                for item in page:
                    yield item
                    # Without a call for each item.
                    if self._state == "closed":
                        self._check_open()
                # Before the next page is decoded, which then finds the memory that this one had.
                del page

    # Tasks are kept by hand: to yield from inside a TaskGroup would let it cancel the caller.
    async def _pages(self) -> AsyncGenerator[list[T], None]:
        plan = self._plan
        with TracebackScrubber():
            try:
                while True:
                    self._check_open()
                    if page := plan.take():
                        self._start(plan.ask(waiting=False))
                        if plan.done:
                            for task in self._tasks:
                                task.cancel()
                        yield page
                        del page
                    elif plan.done:
                        self._state = "done"
                        return
                    else:
                        self._start(plan.ask(waiting=True))
                        task = self._asked[plan.front]
                        # Not `await task`: `aclose` cancels the task, and not the caller.
                        await wait_until_done(task)
                        self._check_open()
                        self._check_page(task)
            finally:
                await self._end()

    def _check_page(self, task: "asyncio.Task[None]") -> None:
        try:
            task.result()
        except BadRequestError as error:
            if not self._plan.given:
                raise
            raise OffsetRefusedError(error, self.resume_offset) from None

    def _start(self, slots: list[Slot[T]]) -> None:
        for slot in slots:
            task = self._asked[slot] = self._create_task(self._exchange(slot))
            task.add_done_callback(partial(self._forget, slot))

    async def _exchange(self, slot: Slot[T]) -> None:
        self._requests += 1
        request = self._request.with_query(limit=self._plan.page_size, offset=slot.offset)
        self._plan.answer(slot, await self._caller.send(request))

    def _forget(self, slot: Slot[T], task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is None:
            del self._asked[slot]
