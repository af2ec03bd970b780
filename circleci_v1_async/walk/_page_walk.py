"""Walks over lists of builds that change while they are read."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from functools import partial
from typing import Any, Final, Generic, TypedDict, TypeVar

from circleci_v1_async._calls.caller import Caller
from circleci_v1_async._core.tasks import TaskIterable, wait_until_done
from circleci_v1_async._core.tracebacks import TracebackScrubber
from circleci_v1_async.errors import BadRequestError, OffsetRefusedError
from circleci_v1_async.request import Request
from circleci_v1_async.slug import ProjectSlug

from ._plan import PagePlan, Slot

T = TypeVar("T")

_SHORT: Final = {"github": "gh", "bitbucket": "bb"}


class WalkOptions(TypedDict, total=False):
    """Options of walks, for code that passes them on as keyword arguments. See `iter_project_builds`."""

    since: datetime | None
    limit: int | None
    offset: int
    page_size: int
    overlap: int
    prefetch: int


class PageWalk(TaskIterable, Generic[T]):
    """A walk over a list of builds that yields each build exactly once, even while the list changes.

    `async for build in walk` yields builds, and `async for page in walk.pages()` yields lists of builds.
    `await walk.collect()` returns all builds. A walk can be iterated only once.

    Guarantee: the walk yields every build that is in the list at each of its requests, and yields no build twice. This
    holds while builds arrive, finish, leave the list and return; for any sort order; with prefetched pages; and with
    lagging replicas that answer in any order. A walk that cannot keep this guarantee raises `PaginationDriftError`: it
    never ends early without an error. The content of a build is as of the page that contained the build. If the service
    rejects requests from some offset on, the walk raises `OffsetRefusedError`.

    Number of requests: a list of N builds that does not change costs at most
    `1 + max(0, ceil((N - k + 1) / (k - overlap)))` requests. Here, k is the smaller of `page_size` and `limit`; with
    `since`, k is `page_size`. When a page is requested depends on `prefetch`:

    - `0`: when the loop needs the page.
    - `1`, the default: as soon as the previous page has arrived and is not the last page, so that the next page loads
      while you read.
    - `2` or more: concurrently, first 2 pages, then 4, and so on, up to `prefetch` pages beyond the page that is being
      read or awaited. Up to `prefetch` requests can go past the end of the list. The walk cancels them.

    The walk does not prefetch before the whole first page was read, and does not prefetch more pages than `limit` can
    need. In memory, it keeps the prefetched pages and the identity of each yielded build.

    Leaving the loop early, by `break`, an error or cancellation, stops every request within a few turns of the event
    loop. `aclose`, or `async with walk`, stops them immediately and waits until they have stopped. A loop that is still
    running then raises a `UsageError`, because it has not seen the whole list.

    Limits. Pages that are cut by offsets cannot guarantee:

    - A walk that outruns `k - overlap` or more new builds per request: it raises `PaginationDriftError`.
    - Builds that are missing from the list when one page is served, and are back for the next page.
    - The order of builds, if the service changes the order between requests in groups larger than `overlap`.
    - With `since`, builds below a full page of older builds.
    - Anything, if the service filters a page after cutting it, changes the list while cutting, or sends fewer builds
      than requested before the end of the list: a short page looks like the end. Extra builds in a page are fine.
    """

    _begun_before = "A walk can be iterated only once: create a new walk."
    _closed_early = "The walk was closed before the end of the list, so the builds that it yielded may be incomplete."

    def __init__(self, caller: Caller, request: Request[list[T]], plan: PagePlan[T]) -> None:
        super().__init__(name_list(request))
        self._caller = caller
        self._request = request
        self._plan = plan
        # Requests for pages: in flight, or failed with an error that has not been raised yet.
        self._asked: dict[Slot[T], asyncio.Task[None]] = {}
        self._requests = 0

    @property
    def requests(self) -> int:
        """Number of requests for pages so far, including canceled requests."""
        return self._requests

    @property
    def resume_offset(self) -> int:
        """Offset of the last page that was read; before the first page, the offset to start at.

        To continue a stopped walk, create a new walk with this offset. The new walk repeats builds that the stopped
        walk has yielded: drop them by their `key`. If builds may have left the list since then, use a lower offset.
        """
        return self._plan.resume_offset

    def __aiter__(self) -> AsyncGenerator[T, None]:
        self._begin()
        return self._items()

    def pages(self) -> AsyncGenerator[list[T], None]:
        """Walk page by page.

        Returns:
            An async iterator of lists. Use `async for` on it, without `await`. No list is empty, and each list contains
            only builds that the walk has not yielded before.
        """
        self._begin()
        return self._pages()

    async def collect(self) -> list[T]:
        """Walk to the end of the list.

        Returns:
            All builds.

        Raises:
            OffsetRefusedError: The service rejects the next offset after full pages. `items` has the builds so far.
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
                    # Test the state here to save a function call for each item.
                    if self._state == "closed":
                        self._check_open()
                # Free the page before the next page is decoded, so that its memory can be reused.
                del page

    # The walk keeps its tasks without a TaskGroup: with a `yield` inside, a TaskGroup could cancel the caller.
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
                        # Not `await task`, which would raise in the caller when `aclose` cancels the task.
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


def name_list(request: Request[Any]) -> str:
    """Return a short name for the list that a request fetches, such as `gh/acme/web` or `/recent-builds`."""
    project = request.path_values.get("project")
    if not isinstance(project, ProjectSlug):
        return request.path
    vcs_type = _SHORT.get(project.vcs_type, project.vcs_type)
    name = f"{vcs_type}/{project.username}/{project.reponame}"
    return f"{name} {request.path_values['branch']}" if "branch" in request.path_values else name
