"""The session of the fixture `circleci`.

This module is separate from the fixtures, because pytest imports the fixtures in every run. Tests that use no fixture
should not have to wait for the import of aiohttp.
"""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from .server import FakeCircleCI

if TYPE_CHECKING:
    from circleci_v1_async.session import CircleCISession


@contextmanager
def open_session(fake: FakeCircleCI) -> "Generator[CircleCISession]":
    """Open a session with a fake. It is closed when the event loop that used it ends, or after the block."""
    from circleci_v1_async.session import CircleCISession  # noqa: PLC0415 - the fake itself needs no client

    closer = _SessionCloser()
    ci = closer.session = CircleCISession(fake.token or None, base_url=fake.base_url, limiter=closer)
    try:
        yield ci
    finally:
        closer.end()


class _SessionCloser:
    """A session's limiter that closes the session when the event loop ends.

    Only the event loop of a test can close the sockets of its session, but a synchronous fixture is torn down after
    this loop is closed. Every runner closes the asynchronous generators of its loop before it closes the loop. The
    limiter therefore starts a generator at the first exchange. When the runner closes the generator, the generator
    closes the session.
    """

    session: "CircleCISession"
    _loop: asyncio.AbstractEventLoop | None = None
    _closing: AsyncGenerator[None]

    async def __aenter__(self) -> None:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._closing = self._close_at_end()
            await anext(self._closing)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    async def _close_at_end(self) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            await self.session.close()

    def end(self) -> None:
        """Close the session if its loop is still open, because other tests or another thread use it."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        if loop.is_running():
            asyncio.run_coroutine_threadsafe(self.session.close(), loop).result()
        else:
            loop.run_until_complete(self.session.close())
