"""Scripted faults for the next requests."""

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
    """An outcome for the next `left` matching requests."""

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
    """The faults that wait for requests, in scripted order."""

    _entries: deque[_Entry] = attrs.field(factory=deque[_Entry], init=False)

    def add(self, outcome: Outcome, *, count: int = 1, method: str | None = None, path: str | None = None) -> None:
        """Script `outcome` for the next `count` matching requests."""
        check_number("count", count, 1, _MOST)
        self._entries.append(_Entry(outcome, method, path, count))

    def take(self, request: ReceivedRequest) -> Outcome | None:
        """Remove and return the oldest outcome that matches the request; None if no outcome matches."""
        for entry in self._entries:
            if request.matches(entry.method, entry.path):
                entry.left -= 1
                if not entry.left:
                    self._entries.remove(entry)
                return entry.outcome
        return None

    def count_unused(self) -> int:
        """Count the outcomes that no request has triggered."""
        return sum(entry.left for entry in self._entries)

    def describe_unused(self) -> str:
        """Describe the outcomes that no request has triggered."""
        return "; ".join(f"{entry}" if entry.left == 1 else f"{entry.left} times {entry}" for entry in self._entries)


class Faults:
    """Methods that script faults for the next requests: errors, cut or slow replies, lost connections.

    Each fault applies to `count` requests. A request gets at most one fault, the oldest one that matches. `method` and
    `path` restrict a fault to requests with that method, and to paths that begin with `path`: `/project/…` for a part
    of the API, `/output/job` for artifacts at the URLs in lists, `/artifacts` for artifacts after the redirect, `/logs`
    for step outputs. Without them, a fault applies to any request.

    Attributes:
        allow_unused_faults: Whether a test with the fixture `fake_circleci` can pass and leave scripted faults unused.
    """

    allow_unused_faults = False
    _script: Script

    def assert_faults_used(self) -> None:
        """Check that requests have triggered all scripted faults. An unused fault proves nothing.

        Raises:
            AssertionError: A fault was not triggered. The message lists all such faults.
        """
        unused = self._script.count_unused()
        if unused:
            raise AssertionError(
                f"{unused} scripted faults were not triggered by a request: {self._script.describe_unused()}"
            )

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
            status: The HTTP status.
            count: Number of requests.
            retry_after: The `Retry-After` header: a number of seconds, or a date as a string.
            body: The body; by default the service's usual body for the status: JSON, plain text or HTML.
            method: HTTP method of the matching requests; None for any.
            path: Start of the matching paths, such as `/project/github/acme/web/7`; None for any.
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
        """Answer the next `count` matching requests with these bytes. See `fail_next` for the arguments."""
        _check_status(status)
        check_headers(headers or {})
        self._script.add(Reply(status, body, headers or {}), count=count, method=method, path=path)

    def drop_next(
        self, count: int = 1, *, executed: bool = False, method: str | None = None, path: str | None = None
    ) -> None:
        """Reset the connection of the next `count` matching requests, before the reply's first byte.

        Args:
            count: Number of requests.
            executed: Whether the request is executed, so that only its reply is lost.
            method: HTTP method of the matching requests; None for any.
            path: Start of the matching paths; None for any.
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
        """Cut off the bodies of the next `count` matching replies before their `Content-Length`.

        Args:
            count: Number of replies.
            after: Number of bytes of the body that are sent; by default half of them.
            chunked: Whether the body is sent in chunks, without a `Content-Length` and without the last chunk.
            method: HTTP method of the matching requests; None for any.
            path: Start of the matching paths; None for any.
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

        The first piece is sent immediately. `trickle_next(piece=1000, pause=3600)` scripts a body that stops after
        1,000 bytes while its connection stays open.

        Args:
            count: Number of replies.
            pause: Number of seconds between two pieces.
            piece: Number of bytes in a piece.
            chunked: Whether the body is sent in chunks, without a `Content-Length`.
            method: HTTP method of the matching requests; None for any.
            path: Start of the matching paths; None for any.
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
        # Recorded: this body is plain text. All other errors of the API are JSON.
        return Reply(status, b"Rate limited.", {"Content-Type": "text/plain"})
    return Reply.html_page(status, f"{status} {_GATEWAY_ERRORS.get(status, 'Error')}", text="<hr>nginx")
