"""Calls in flight. Their session can end them."""

import asyncio
from typing import Final

import attrs

from circleci_v1_async.errors import SessionClosedError

CLOSED_MEANWHILE: Final = "The session was closed during the call"


@attrs.define(eq=False, repr=False)
class InFlight:
    """A call in flight, as a `with` block. Its session, which has the set of these calls, can end it."""

    _calls: "set[InFlight]" = attrs.field(repr=False)
    task: "asyncio.Task[object]"
    _cancelling: int = attrs.field(init=False)
    _ended: asyncio.Event | None = attrs.field(default=None, init=False)

    def end(self) -> asyncio.Event:
        """Cancel the call for the session. The returned event is set when the call has finished."""
        self._ended = self._ended or asyncio.Event()
        self.task.cancel()
        return self._ended

    def __enter__(self) -> None:
        self._cancelling = self.task.cancelling()
        self._calls.add(self)

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        self._calls.discard(self)
        if self._ended is None:
            return
        self._ended.set()
        # Like asyncio.timeout, convert the cancellation only if nobody else canceled the task.
        if isinstance(error, asyncio.CancelledError) and self.task.uncancel() <= self._cancelling:
            raise SessionClosedError(CLOSED_MEANWHILE) from None
