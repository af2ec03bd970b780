"""One port of the fake."""

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web
from yarl import URL

# Long enough for a reply on its way out; a client that waits for a delayed one is not worth waiting for.
_SHUTDOWN_SECONDS: Final = 0.1


class Listener:
    """A port that is opened and closed at will, and stays the same once it is known.

    Args:
        handler: Answers what arrives.
        host: Where to listen.
        port: The port; 0 for any that is free.
        name: What addresses call the host.
    """

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        host: str,
        port: int = 0,
        *,
        name: str,
    ) -> None:
        self._handler = handler
        self._host = host
        self._port = port
        self._name = name
        self._runner: web.ServerRunner | None = None

    @property
    def is_open(self) -> bool:
        """Whether it listens."""
        return self._runner is not None

    @property
    def origin(self) -> str:
        """Its address, such as `http://127.0.0.1:41234`.

        Raises:
            RuntimeError: It has not been opened, and so has no port yet.
        """
        if not self._port:
            raise RuntimeError("this fake has no address before it is started")
        return str(URL.build(scheme="http", host=self._name, port=self._port))

    async def open(self) -> None:
        """Listen.

        Raises:
            OSError: The port is taken.
        """
        self._runner = web.ServerRunner(web.Server(self._handler, access_log=None), shutdown_timeout=_SHUTDOWN_SECONDS)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        self._port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening and close every connection, idle or not."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
