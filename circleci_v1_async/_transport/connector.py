"""Connections that are used again only while nothing has come over them unasked.

aiohttp checks a connection when it goes into the pool, and not when it comes out. Anything that a server sends in the
meantime, such as a second reply, is then taken for the reply to the next request, and each reply after that answers
the request before.
"""

from typing import TYPE_CHECKING

import aiohttp
from aiohttp.client_proto import ResponseHandler

if TYPE_CHECKING:
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

__all__ = ["Connector"]


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
        for idle in self._idle():
            if idle.should_close:
                idle.close()
        # From a server that speaks first, a new one is no better: it is taken as it is.
        return await super().connect(req, traces, timeout)

    def distrust(self) -> None:
        """Use none of the connections again. Replies that are under way are read to their end."""
        for idle in self._idle():
            idle.close()
        # There is no public name for these. One that is being made is none yet, and need not be closed.
        for protocol in getattr(self, "_acquired", ()):
            if isinstance(protocol, ResponseHandler):
                protocol.force_close()

    def _idle(self) -> list[ResponseHandler]:
        # As above.
        return [protocol for pool in getattr(self, "_conns", {}).values() for protocol, _ in pool]
