"""The base of the operations."""

from inspect import isfunction, unwrap
from typing import Any, TypeVar, cast

from circleci_v1_async._calls.caller import Caller
from circleci_v1_async._core.short_list import ShortList
from circleci_v1_async.errors import InvalidInputError
from circleci_v1_async.request import Request, Response

__all__ = ["Operations"]

T = TypeVar("T")


class Operations:
    """The base of the operations: they build requests, and `send` sends them."""

    _caller: Caller

    def __init_subclass__(cls) -> None:
        """Let reprs, tracebacks and `TypeError`s name the class that users know."""
        super().__init_subclass__()
        if cls.__module__.startswith(__package__ or ""):
            _rename(cls)

    async def send(self, request: Request[T]) -> T:
        """Send a request and decode the reply. Use it for endpoints that have no operation.

        `await ci.send(Request("GET", "/me"))` gives the JSON as it is.

        A reply is decoded at once, which holds up the event loop: about 4 ms for each megabyte of builds. A body of
        `max_body` (64 MiB) takes 0.3 seconds if it holds real builds, and up to 2 seconds if it holds a million tiny
        builds, or builds of which each has a value that does not fit. Lower `max_body` if that is too long.

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
        value = await self._caller.send(_check_request(request))
        return cast("T", list(cast("list[Any]", value))) if isinstance(value, ShortList) else value

    async def send_raw(self, request: Request[Any]) -> Response:
        """Send a request and return the reply itself, undecoded: its status, headers and bytes.

        It is sent as by `send`, retries and errors included: an error status is raised, and `max_body` holds. What
        `request.returns` names is ignored.

        Raises:
            InvalidInputError: The request cannot be sent as it is. Nothing was sent.
            TransportError: There is no usable reply.
            StatusError: The service answered with an error status.
            SessionClosedError: As for `send`; likewise `CircleCISunsetWarning`.

        Examples:
            ```python
            from circleci_v1_async import Request

            response = await ci.send_raw(Request("GET", "/me"))
            print(response.status, len(response.body))
            ```
        """
        return await self._caller.send(_check_request(request).with_returns(Response))


def _check_request(request: Request[T]) -> Request[T]:
    if isinstance(cast("object", request), Request):
        return request
    raise InvalidInputError(f'request: expected a Request, such as Request("GET", "/me"), got {type(request).__name__}')


def _rename(cls: type) -> None:
    for name, member in vars(cls).items():
        if isfunction(member):
            member.__qualname__ = unwrap(member).__qualname__ = f"CircleCISession.{name}"


_rename(Operations)
