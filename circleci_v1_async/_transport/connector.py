"""Connections that are not reused if the server has sent unsolicited data.

aiohttp checks a connection when it enters the pool, but not when it leaves the pool. If the server sends data in the
meantime, such as a second reply, aiohttp takes it, and then each reply, for the reply to the next request.
"""

from typing import TYPE_CHECKING

import aiohttp
from aiohttp.client_proto import ResponseHandler

if TYPE_CHECKING:
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace


class Connector(aiohttp.TCPConnector):
    """A connector that does not reuse connections with unread data, or connections to be closed."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: "list[Trace]",
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the name is aiohttp's
    ) -> "Connection":
        """Return a new connection, or one from the pool without unsolicited data."""
        connection = await super().connect(req, traces, timeout)
        protocol = connection.protocol
        if protocol is None or not protocol.should_close:
            return connection
        connection.close()
        for idle in _idle(self):
            if idle.should_close:
                idle.close()
        # Do not check the next connection: if a server sends data first, even a new connection has unread data.
        return await super().connect(req, traces, timeout)

    def distrust(self) -> None:
        """Do not reuse any of the current connections. Replies in progress are read to their end."""
        for idle in _idle(self):
            idle.close()
        for protocol in _in_use(self):
            protocol.force_close()


def find_connections(connector: aiohttp.BaseConnector | None) -> list[ResponseHandler]:
    return _idle(connector) + _in_use(connector)


# aiohttp has no public names for these.
def _idle(connector: aiohttp.BaseConnector | None) -> list[ResponseHandler]:
    return [protocol for pool in getattr(connector, "_conns", {}).values() for protocol, _ in pool]


def _in_use(connector: aiohttp.BaseConnector | None) -> list[ResponseHandler]:
    # Skip the placeholder of a connection that is being opened: it need not be closed.
    return [each for each in getattr(connector, "_acquired", ()) if isinstance(each, ResponseHandler)]
