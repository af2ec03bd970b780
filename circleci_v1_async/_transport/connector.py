"""Connections that are used again only while nothing has come over them unasked.

aiohttp checks a connection when it goes into the pool, and not when it comes out. Anything that a server sends in the
meantime, such as a second reply, is then taken for the reply to the next request, and each reply after that answers
the request before.
"""

from typing import TYPE_CHECKING

import aiohttp
from aiohttp.client_proto import ResponseHandler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

__all__ = ["Connector", "find_connections"]


class Connector(aiohttp.TCPConnector):
    """A connector whose pool gives no connection that has unread data or is to be closed."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: "list[Trace]",
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the name is aiohttp's
    ) -> "Connection":
        """Return a new connection, or one from the pool over which nothing has come unasked."""
        connection = await super().connect(req, traces, timeout)
        protocol = connection.protocol
        if protocol is None or not protocol.should_close:
            return connection
        connection.close()
        for idle in _idle(self):
            if idle.should_close:
                idle.close()
        # From a server that speaks first, a new one is no better: it is taken as it is.
        return await super().connect(req, traces, timeout)

    def distrust(self) -> None:
        """Use none of the connections again. Replies that are under way are read to their end."""
        for idle in _idle(self):
            idle.close()
        for protocol in _in_use(self):
            protocol.force_close()


def find_connections(connector: aiohttp.BaseConnector | None) -> "Iterator[ResponseHandler]":
    """Yield all connections that a connector has made and not closed."""
    yield from _idle(connector)
    yield from _in_use(connector)


# aiohttp has no public names for these.
def _idle(connector: aiohttp.BaseConnector | None) -> list[ResponseHandler]:
    return [protocol for pool in getattr(connector, "_conns", {}).values() for protocol, _ in pool]


def _in_use(connector: aiohttp.BaseConnector | None) -> list[ResponseHandler]:
    # A connection that is being made has a placeholder, and need not be closed.
    return [each for each in getattr(connector, "_acquired", ()) if isinstance(each, ResponseHandler)]
