"""Errors that any room may raise. Users know them by `circleci_v1_async.errors`, which has all."""

from typing import Any, TypeVar

__all__ = ["CircleCIError", "InvalidInputError", "SessionClosedError", "UsageError"]

E = TypeVar("E", bound="CircleCIError")


class CircleCIError(Exception):
    """Base of all errors of this package.

    Attributes:
        transient: Whether the same call may well succeed later.
    """

    __module__ = "circleci_v1_async.errors"  # as users know it, also in tracebacks and pickles
    transient: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        # Not by the constructor, which does not take what is known only later: the request, its URL, the attempts.
        return _blank, (type(self),), {**vars(self), "args": self.args}


class InvalidInputError(CircleCIError, ValueError):
    """An argument cannot be right. Nothing was sent."""

    __module__ = "circleci_v1_async.errors"


class SessionClosedError(CircleCIError, RuntimeError):
    """The session is closed, was closed during the call, or belongs to another event loop."""

    __module__ = "circleci_v1_async.errors"


class UsageError(CircleCIError, RuntimeError):
    """The package is used in a way that cannot work.

    A walk, a watch or downloads are looped over once more, or were closed under their loop; a token callable uses the
    session that calls it; or no asyncio event loop is running.
    """

    __module__ = "circleci_v1_async.errors"


def _blank(kind: type[E]) -> E:
    """Return an error without attributes, to be filled by the state of a pickle."""
    return kind.__new__(kind)
