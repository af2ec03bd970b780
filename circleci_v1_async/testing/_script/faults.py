"""Faults that are scripted for the next requests."""

from collections import deque
from collections.abc import Mapping
from typing import Final

import attrs

from circleci_v1_async.testing._server.wire import PIECE_SIZE, Delivery, Drop, ReceivedRequest, Reply
from circleci_v1_async.testing._state.arguments import check_headers, check_number, check_seconds

_RATE_LIMITED: Final = 429
_MOST: Final = 2**53
_MESSAGES: Final = {
    400: "Bad request.",
    401: "You must log in first.",
    403: "Permission denied",
    404: "Project not found",
    410: "This endpoint has been removed.",
    500: "An internal server error occurred.",
}
_GATEWAY_ERRORS: Final = {502: "Bad Gateway", 503: "Service Temporarily Unavailable", 504: "Gateway Time-out"}
Outcome = Reply | Drop | Delivery


@attrs.define(eq=False)
class _Entry:
    """An outcome for the next `left` requests that match."""

    outcome: Outcome
    method: str | None
    path: str | None
    left: int

    def __str__(self) -> str:
        match self.outcome:
            case Reply(status=status):
                what = f"a reply with {status}"
            case Drop():
                what = "a dropped connection"
            case _:
                what = "a body sent in another way"
        return f"{what} for {self.method or 'any method'} {self.path or 'and any path'}"


@attrs.frozen
class Script:
    """The faults that wait for requests, in the order in which they were scripted."""

    _entries: deque[_Entry] = attrs.field(factory=deque[_Entry], init=False)

    def add(self, outcome: Outcome, *, count: int = 1, method: str | None = None, path: str | None = None) -> None:
        """Script `outcome` for the next `count` requests that match."""
        check_number("count", count, 1, _MOST)
        self._entries.append(_Entry(outcome, method, path, count))

    def take(self, request: ReceivedRequest) -> Outcome | None:
        """Remove and return the oldest outcome that matches the request; None if there is none."""
        for entry in self._entries:
            if request.matches(entry.method, entry.path):
                entry.left -= 1
                if not entry.left:
                    self._entries.remove(entry)
                return entry.outcome
        return None

    def count_unused(self) -> int:
        """Count the outcomes that no request has met."""
        return sum(entry.left for entry in self._entries)

    def describe_unused(self) -> str:
        """Describe the outcomes that no request has met."""
        return "; ".join(f"{entry}" if entry.left == 1 else f"{entry.left} times {entry}" for entry in self._entries)


class Faults:
    """Methods that script faults for the next requests: errors, cut or slow replies, lost connections.

    Each fault applies to `count` requests. A request gets one fault at most, the oldest that matches. `method` and
    `path` restrict a fault to requests by that method, and to paths that begin with `path`: `/project/…` for a part of
    the API, `/output/job` for artifacts as lists address them, `/artifacts` for artifacts after the redirect, `/logs`
    for step outputs. Without them, a fault applies to any request.

    Attributes:
        allow_unused_faults: Whether the fixture `fake_circleci` lets a test pass that leaves scripted faults unused.
    """

    allow_unused_faults = False
    _script: Script

    def assert_faults_used(self) -> None:
        """Check that every scripted fault has met a request: else a test proves less than it seems to.

        Raises:
            AssertionError: Some have not; its text names them.
        """
        unused = self._script.count_unused()
        if unused:
            raise AssertionError(f"{unused} scripted faults met no request: {self._script.describe_unused()}")

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
        """Answer the next `count` matching requests with an error, without executing them.

        Args:
            status: The status.
            count: The number of requests.
            retry_after: The `Retry-After` header: seconds, or a date as text.
            body: The body; by default the one that the service sends with the status: JSON, plain text or HTML.
            method: Only requests by this method.
            path: Only paths that begin with this one, such as `/project/github/acme/web/7`.
        """
        _check_status(status)
        reply = make_error_reply(status, body, retry_after=retry_after)
        self._script.add(reply, count=count, method=method, path=path)

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
        """Answer the next `count` matching requests with these bytes; arguments are as in `fail_next`."""
        _check_status(status)
        check_headers(headers or {})
        self._script.add(Reply(status, body, headers or {}), count=count, method=method, path=path)

    def drop_next(
        self, count: int = 1, *, executed: bool = False, method: str | None = None, path: str | None = None
    ) -> None:
        """Reset the connection of the next `count` matching requests, before the first byte of the reply.

        Args:
            count: The number of requests.
            executed: Whether the request is executed, so that only its reply is lost.
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
        """Cut off the bodies of the next `count` matching replies, short of their `Content-Length`.

        Args:
            count: The number of replies.
            after: The number of bytes of the body that are sent; by default half of them.
            chunked: Whether the body is sent in chunks, without a `Content-Length` and without the last chunk.
            method: As in `fail_next`.
            path: As in `fail_next`.
        """
        if after is not None:
            check_number("after", after, 0, _MOST)
        delivery = Delivery(is_cut=True, cut=after, is_chunked=chunked)
        self._script.add(delivery, count=count, method=method, path=path)

    def chunk_next(self, count: int = 1, *, method: str | None = None, path: str | None = None) -> None:
        """Send the next `count` matching replies in chunks, without a `Content-Length`."""
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
        """Send the bodies of the next `count` matching replies piece by piece.

        The first piece is sent at once: `trickle_next(piece=1000, pause=3600)` is a body that stops after 1,000 bytes
        while its connection stays open.

        Args:
            count: The number of replies.
            pause: Seconds between two pieces.
            piece: The number of bytes in a piece.
            chunked: Whether the body is sent in chunks, without a `Content-Length`.
            method: As in `fail_next`.
            path: As in `fail_next`.
        """
        check_number("piece", piece, 1, _MOST)
        check_seconds("pause", pause)
        delivery = Delivery(is_chunked=chunked, piece=piece, pause=pause)
        self._script.add(delivery, count=count, method=method, path=path)


def make_error_reply(status: int, body: bytes | None = None, *, retry_after: float | str | None = None) -> Reply:
    """Return a reply with an error's status, by default with the service's usual body for it."""
    reply = _make_usual_reply(status) if body is None else Reply(status, body)
    if retry_after is None:
        return reply
    check_headers({"Retry-After": f"{retry_after}"})
    return attrs.evolve(reply, headers={**reply.headers, "Retry-After": f"{retry_after}"})


def _check_status(status: int) -> None:
    check_number("status", status, 200, 599)


def _make_usual_reply(status: int) -> Reply:
    if status in _MESSAGES:
        return Reply.json_error(status, _MESSAGES[status])
    if status == _RATE_LIMITED:
        # Recorded: plain text; all other errors of the API are JSON.
        return Reply(status, b"Rate limited.", {"Content-Type": "text/plain"})
    return Reply.html_page(status, f"{status} {_GATEWAY_ERRORS.get(status, 'Error')}", text="<hr>nginx")
