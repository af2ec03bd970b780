"""Errors that every room can raise. Users import all errors from `circleci_v1_async.errors`."""

from typing import Any, TypeVar

E = TypeVar("E", bound="CircleCIError")


class CircleCIError(Exception):
    """Base class of this package's errors.

    Attributes:
        transient: Whether the same call may succeed later.
        url: URL that the request of a failed call was sent to, without the query; `None` if no request was made.
        attempts: Number of times that the request was sent.
    """

    __module__ = "circleci_v1_async.errors"  # the public name, for tracebacks and pickles
    transient: bool = False
    url: str | None = None
    attempts: int = 0

    def __reduce__(self) -> tuple[Any, ...]:
        # Do not use the constructor: it does not accept attributes that are set later (request, URL, attempts).
        return _blank, (type(self),), {**vars(self), "args": self.args}


class InvalidInputError(CircleCIError, ValueError):
    """An argument is invalid. Nothing was sent."""

    __module__ = "circleci_v1_async.errors"


class SessionClosedError(CircleCIError, RuntimeError):
    """The session is closed, was closed during the call, or belongs to another event loop."""

    __module__ = "circleci_v1_async.errors"


class UsageError(CircleCIError, RuntimeError):
    """The package is used in a way that cannot work.

    A walk, watch or download was iterated a second time, or closed while a loop was reading it; a token callable uses
    the session that calls it; or no asyncio event loop is running.
    """

    __module__ = "circleci_v1_async.errors"


def _blank(kind: type[E]) -> E:
    """Return an error without attributes. Unpickling sets the attributes afterwards."""
    return kind.__new__(kind)
