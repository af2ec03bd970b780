"""Base class of the operations."""

from inspect import isfunction, unwrap
from typing import Any, TypeVar, cast

from circleci_v1_async._calls.caller import Caller
from circleci_v1_async._core.short_list import ShortList
from circleci_v1_async.errors import InvalidInputError
from circleci_v1_async.request import Request, Response

T = TypeVar("T")


class Operations:
    """Base class of the operations. The operations build requests, and `send` sends them."""

    _caller: Caller

    def __init_subclass__(cls) -> None:
        """Rename the methods, so that reprs, tracebacks and `TypeError`s show `CircleCISession`."""
        super().__init_subclass__()
        if cls.__module__.startswith(__package__ or ""):
            _rename(cls)

    async def send(self, request: Request[T]) -> T:
        """Send a request and decode the reply. Use it for endpoints without a method of the session.

        A reply is decoded in one step, which blocks the event loop: for about 4 ms per megabyte of builds, and for up
        to 2 seconds if a body of `max_body` (64 MiB) contains a million tiny builds, or a value of a wrong type or form
        in every build. Lower `max_body` if that is too long.

        Returns:
            The reply, decoded into the type `request.returns`. By default, this is the parsed JSON, without a model.

        Raises:
            InvalidInputError: The request is invalid. Nothing was sent.
            TransportError: No usable reply arrived.
            StatusError: The service answered with an error status.
            DecodeError: The reply does not match `request.returns`.
            SessionClosedError: The session is closed, was closed during the call, or belongs to another event loop.
            CircleCISunsetWarning: CircleCI has announced the end of the operation, and a warning filter turns this
                warning into an error. Nothing was sent.

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
        """Send a request and return the raw reply: its status, headers and bytes.

        The request is sent as in `send`, with the same retries and errors, except `DecodeError`: an error status
        raises `StatusError`, and `max_body` limits the reply. `request.returns` is ignored.

        Returns:
            The reply. Its body is not decoded.

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
