"""Connections that are used again only while nothing has come over them unasked.

aiohttp checks a connection when it goes into the pool, and not when it comes out. Anything that a server sends in the
meantime, such as a second reply, is then taken for the reply to the next request, and each reply after that answers
the request before.
"""

from typing import Any
from weakref import WeakSet

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

__all__ = ["Connector"]


class Connector(aiohttp.TCPConnector):
    """A connector without a limit, whose pool gives no connection that has unread data or is to be closed."""

    def __init__(self) -> None:
        super().__init__(limit=0)  # pyright: ignore[reportUnknownMemberType] - of sockets
        self._known = WeakSet[ResponseHandler]()

    async def connect(self, *args: Any, **kwargs: Any) -> Connection:
        """Return a new connection, or one from the pool over which nothing has come unasked."""
        while True:
            connection = await super().connect(*args, **kwargs)
            protocol = connection.protocol
            assert protocol is not None, "open"  # noqa: S101 - for the type checkers
            if not protocol.should_close or protocol not in self._known:
                self._known.add(protocol)
                return connection
            connection.close()

    def distrust(self) -> None:
        """Use none of the connections that there are once more. Replies that are under way are read to their end."""
        for protocol in self._known:
            protocol.force_close()
