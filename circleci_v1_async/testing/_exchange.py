"""Values of one exchange: the request that arrived and the reply that leaves, or the fault in its place."""

import json
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import attrs

from circleci_v1_async.testing._content import PIECE, Body
from circleci_v1_async.testing._encoding import compact

API_PREFIX: Final = "/api/v1.1"
SiteName: TypeAlias = Literal["api", "artifacts", "storage"]


@attrs.frozen
class ReceivedRequest:
    """A request as it came off the socket.

    Attributes:
        site: What it came to: the API, the addresses of artifacts beside it, or what is stored elsewhere.
        method: The method, in capitals.
        path: The path with its percent-encoding, byte for byte, without the query.
        query_string: The query, byte for byte, without the question mark.
        segments: The path's segments, each decoded by itself: an encoded slash stays within its segment.
        query: The query's pairs, decoded, in order.
        headers: The headers, found whatever their case.
        body: The body's bytes.
        operation: What the service calls for, such as `list_project_builds`; None for an unknown route.
    """

    site: SiteName
    method: str
    path: str
    query_string: str
    segments: tuple[str, ...]
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    operation: str | None

    @property
    def json(self) -> Any:
        """The body as JSON; None for an empty one.

        Raises:
            ValueError: The body is not JSON.
        """
        return json.loads(self.body) if self.body else None

    def matches(self, method: str | None, path: str | None) -> bool:
        """Whether this is a request by `method` (None: any) to a path that begins with `path` (None: any).

        The path is given without `/api/v1.1` and with the percent-encoding of the request.
        """
        return method in {None, self.method} and self.path.removeprefix(API_PREFIX).startswith(path or "")


@attrs.frozen
class Reply:
    """What the server answers.

    Attributes:
        status: The status.
        body: The body, as it goes out.
        headers: Headers, in addition to those of every answer.
    """

    status: int = 200
    body: Body = attrs.field(default=b"", repr=False)
    headers: Mapping[str, str] = attrs.Factory(dict[str, str])

    @classmethod
    def message(cls, status: int, text: str) -> "Reply":
        """The service's own form of an error."""
        return cls(status, compact({"message": text}), {"Content-Type": "application/json;charset=utf-8"})

    @classmethod
    def html(cls, status: int, title: str, *, text: str = "") -> "Reply":
        """A page for people, which errors from outside the API are."""
        page = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1>{text}</body></html>\n"
        return cls(status, page.encode(), {"Content-Type": "text/html;charset=utf-8"})

    @classmethod
    def xml(cls, status: int, code: str, message: str) -> "Reply":
        """An error as S3 words it."""
        error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n{error}'
        return cls(status, body.encode(), {"Content-Type": "application/xml"})


@attrs.frozen
class Drop:
    """The connection is reset before a byte of the reply; `executed` says whether the request took effect."""

    executed: bool = False


@attrs.frozen
class Delivery:
    """How the true reply goes out.

    Attributes:
        is_cut: Whether it breaks off in its body.
        cut: After how many bytes of the body; None for half of it.
        is_chunked: Whether it goes without a `Content-Length`.
        piece: How many bytes of the body go out at a time.
        pause: Seconds between two pieces.
    """

    is_cut: bool = False
    cut: int | None = None
    is_chunked: bool = False
    piece: int = PIECE
    pause: float = 0.0

    def length(self, size: int) -> int:
        """How many bytes go out of a body of `size` bytes."""
        if not self.is_cut:
            return size
        return size // 2 if self.cut is None else min(self.cut, size)


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


def failure(status: int) -> Reply:
    """The service's usual answer with an error's status."""
    if status in _MESSAGES:
        return Reply.message(status, _MESSAGES[status])
    if status == _RATE_LIMITED:
        # Recorded: bare text, where every other error of the API is JSON.
        return Reply(status, b"Rate limited.", {"Content-Type": "text/plain"})
    return Reply.html(status, f"{status} {_GATEWAY_ERRORS.get(status, 'Error')}", text="<hr>nginx")


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
