"""The base of the operations."""

from inspect import isfunction, unwrap
from typing import TypeVar

from circleci_v1_async._calls import Calls
from circleci_v1_async.request import Request

__all__ = ["Operations"]

T = TypeVar("T")


class Operations:
    """The base of the operations: they build requests, and `send` sends them."""

    _calls: Calls

    def __init_subclass__(cls) -> None:
        """Let reprs, tracebacks and `TypeError`s name the class that users know."""
        super().__init_subclass__()
        if cls.__module__.startswith(__package__ or ""):
            _rename(cls)

    async def send(self, request: Request[T]) -> T:
        """Send a request and decode the reply. Use it for endpoints that have no operation.

        `await ci.send(Request("GET", "/me"))` gives the JSON as it is.

        Returns:
            What `request.returns` names.

        Raises:
            InvalidInputError: The request cannot be sent as it is. Nothing was sent.
            TransportError: There is no usable reply.
            StatusError: The service answered with an error status.
            DecodeError: The reply is not what `request.returns` names.
            SessionClosedError: The session is closed, was closed meanwhile, or belongs to another event loop.
            CircleCISunsetWarning: The operation's end is announced, and a filter makes the warning an error. Nothing
                was sent.

        Examples:
            ```python
            from circleci_v1_async import Request

            user = await ci.send(Request("GET", "/me"))
            print(user["login"])
            ```
        """
        return await self._calls.send(request)


def _rename(cls: type) -> None:
    for name, member in vars(cls).items():
        if isfunction(member):
            member.__qualname__ = unwrap(member).__qualname__ = f"CircleCISession.{name}"


_rename(Operations)
