"""The log of a fake's received requests."""

import asyncio
from concurrent.futures import Future
from threading import Lock

from circleci_v1_async.testing._server.wire import ReceivedRequest


class RequestLog(list[ReceivedRequest]):
    """A fake's received requests, in order of arrival."""

    __module__ = "circleci_v1_async.testing"

    def __init__(self) -> None:
        super().__init__()
        # Requests arrive on the serving thread, and any thread can wait for them.
        self._lock = Lock()
        self._waiters: list[tuple[int, Future[None]]] = []

    def matching(self, method: str | None = None, path: str | None = None) -> list[ReceivedRequest]:
        """Return the requests with a method, and with paths that begin with `path`.

        Args:
            method: The method, in capitals; None for any.
            path: The start of the path, percent-encoded, without `/api/v1.1`; None for any.
        """
        return [request for request in self if request.matches(method, path)]

    def record(self, request: ReceivedRequest) -> None:
        """Append a request, and wake the threads and tasks that wait for it."""
        with self._lock:
            self.append(request)
            reached = [waiter for waiter in self._waiters if waiter[0] <= len(self)]
            self._waiters = [waiter for waiter in self._waiters if waiter not in reached]
        for _, waiter in reached:
            if waiter.set_running_or_notify_cancel():
                waiter.set_result(None)

    async def wait_for(self, count: int, timeout: float) -> None:  # noqa: ASYNC109 - the error lists the requests
        """Wait until the log has `count` requests.

        Raises:
            TimeoutError: Fewer requests arrived in time.
        """
        waiter: Future[None] = Future()
        with self._lock:
            if len(self) >= count:
                return
            self._waiters.append((count, waiter))
        try:
            await asyncio.wait_for(asyncio.wrap_future(waiter), timeout)
        except TimeoutError:
            seen = ", ".join(f"{request.method} {request.path}" for request in self) or "none"
            raise TimeoutError(f"{len(self)} of {count} requests arrived within {timeout} s: {seen}") from None
