"""Faults that are scripted for the next requests."""

from collections import deque
from collections.abc import Mapping
from typing import Final

import attrs

from circleci_v1_async.testing._wire import PIECE_SIZE, Delivery, Drop, ReceivedRequest, Reply

Outcome = Reply | Drop | Delivery


@attrs.frozen
class _Entry:
    outcome: Outcome
    method: str | None
    path: str | None


@attrs.frozen
class Script:
    """What happens to the next requests, in place of what the service would answer."""

    _entries: deque[_Entry] = attrs.field(factory=deque[_Entry], init=False)

    def add(self, outcome: Outcome, *, count: int = 1, method: str | None = None, path: str | None = None) -> None:
        """Have `outcome` happen to the next `count` requests that match."""
        self._entries.extend([_Entry(outcome, method, path)] * count)

    def take(self, request: ReceivedRequest) -> Outcome | None:
        """The outcome that this request gets, which is used up thereby; None for the service's own answer."""
        for entry in self._entries:
            if request.matches(entry.method, entry.path):
                self._entries.remove(entry)
                return entry.outcome
        return None


class Faults:
    """Replies that fail, break off, are slow, or are not the service's at all.

    Each fault waits for as many requests as it is for, and each request gets one at most: the oldest that is for it.
    Which requests are meant is said by `method`, and by `path`, with which their paths begin: `/project/…` for a part
    of the API, `/output/job` for the addresses that artifacts have in lists, `/artifacts` for those that they redirect
    to, `/logs` for step outputs. Without either it is the next request, whatever it is.
    """

    def __init__(self) -> None:
        super().__init__()
        self._script = Script()

    def fail_next(
        self,
        status: int,
        *,
        count: int = 1,
        retry_after: float | str | None = None,
        body: bytes | None = None,
        method: str | None = None,
        path: str | None = None,
    ) -> None:
        """Answer the next `count` matching requests with an error, and do nothing that they ask for.

        Args:
            status: The status. The body is the one that the service sends with it: JSON, bare text or HTML.
            count: How many requests.
            retry_after: The `Retry-After` header: seconds, or a date as text.
            body: Another body.
            method: Only requests by this method.
            path: Only paths that begin with this one, such as `/project/github/acme/web/7`.
        """
        reply = make_error_reply(status) if body is None else Reply(status, body)
        headers = reply.headers if retry_after is None else {**reply.headers, "Retry-After": f"{retry_after}"}
        self._script.add(attrs.evolve(reply, headers=headers), count=count, method=method, path=path)

    def reply_next(
        self,
        body: bytes = b"",
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        count: int = 1,
        method: str | None = None,
        path: str | None = None,
    ) -> None:
        """Answer the next `count` matching requests with these very bytes; `method` and `path` as in `fail_next`."""
        self._script.add(Reply(status, body, headers or {}), count=count, method=method, path=path)

    def drop_next(
        self, count: int = 1, *, executed: bool = False, method: str | None = None, path: str | None = None
    ) -> None:
        """Reset the connection of the next `count` matching requests before a byte of the reply.

        Args:
            count: How many requests.
            executed: Whether the request takes effect all the same, as when only its reply is lost.
            method: As in `fail_next`.
            path: As in `fail_next`.
        """
        self._script.add(Drop(executed), count=count, method=method, path=path)

    def truncate_next(
        self,
        count: int = 1,
        *,
        after: int | None = None,
        chunked: bool = False,
        method: str | None = None,
        path: str | None = None,
    ) -> None:
        """Break off the next `count` matching replies in the body, short of their `Content-Length`.

        Args:
            count: How many replies.
            after: How many bytes of the body arrive, at most all of them; by default half of it.
            chunked: Whether the body goes out in chunks, of which the last never comes, and tells no length.
            method: As in `fail_next`.
            path: As in `fail_next`.
        """
        delivery = Delivery(is_cut=True, cut=after, is_chunked=chunked)
        self._script.add(delivery, count=count, method=method, path=path)

    def chunk_next(self, count: int = 1, *, method: str | None = None, path: str | None = None) -> None:
        """Send the next `count` matching replies whole, but in chunks, without a `Content-Length`."""
        self._script.add(Delivery(is_chunked=True), count=count, method=method, path=path)

    def trickle_next(
        self,
        count: int = 1,
        *,
        pause: float,
        piece: int = PIECE_SIZE,
        chunked: bool = False,
        method: str | None = None,
        path: str | None = None,
    ) -> None:
        """Send the bodies of the next `count` matching replies bit by bit.

        The first piece goes out at once, so that `trickle_next(piece=1000, pause=3600)` is a body that stops after
        1,000 bytes with its connection open.

        Args:
            count: How many replies.
            pause: Seconds between two pieces.
            piece: How many bytes go out at a time.
            chunked: Whether the body tells no length.
            method: As in `fail_next`.
            path: As in `fail_next`.
        """
        delivery = Delivery(is_chunked=chunked, piece=piece, pause=pause)
        self._script.add(delivery, count=count, method=method, path=path)


def make_error_reply(status: int) -> Reply:
    """The service's usual answer with an error's status."""
    if status in _MESSAGES:
        return Reply.json_error(status, _MESSAGES[status])
    if status == _RATE_LIMITED:
        # Recorded: bare text, where every other error of the API is JSON.
        return Reply(status, b"Rate limited.", {"Content-Type": "text/plain"})
    return Reply.html_page(status, f"{status} {_GATEWAY_ERRORS.get(status, 'Error')}", text="<hr>nginx")


_RATE_LIMITED: Final = 429


_MESSAGES: Final = {
    400: "Bad request.",
    401: "You must log in first.",
    403: "Permission denied",
    404: "Project not found",
    410: "This endpoint has been removed.",
    500: "An internal server error occurred.",
}


_GATEWAY_ERRORS: Final = {502: "Bad Gateway", 503: "Service Temporarily Unavailable", 504: "Gateway Time-out"}
