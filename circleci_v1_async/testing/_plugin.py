"""The session behind the fixture `circleci`.

The fixtures are in a module outside of the package: pytest imports that one in every run, and tests that use no fixture
should not wait for aiohttp.
"""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from circleci_v1_async.testing.server import FakeCircleCI

if TYPE_CHECKING:
    from circleci_v1_async.session import CircleCISession

__all__ = ["open_session"]


@contextmanager
def open_session(fake: FakeCircleCI) -> "Generator[CircleCISession]":
    """A session with a fake, closed together with the event loop that used it, at the latest after the block."""
    from circleci_v1_async.session import CircleCISession  # noqa: PLC0415 - the fake alone does without the client

    closer = _LoopCloser()
    ci = closer.session = CircleCISession(fake.token, base_url=fake.base_url, limiter=closer)
    try:
        yield ci
    finally:
        closer.end()


class _LoopCloser:
    """Passed as a session's limiter, which each exchange enters: the first one ties the session to the running loop.

    A synchronous fixture is torn down when its test's loop is closed already, and only that loop can close a session's
    sockets. The last thing that a loop does, under every runner, is to close the asynchronous generators begun in it.
    """

    session: "CircleCISession"
    _loop: asyncio.AbstractEventLoop | None = None
    _life: AsyncGenerator[None]

    async def __aenter__(self) -> None:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._life = self._live()
            await anext(self._life)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    async def _live(self) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            await self.session.close()

    def end(self) -> None:
        """Close the session if its loop has not: one that several tests share, or that another thread runs."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        if loop.is_running():
            asyncio.run_coroutine_threadsafe(self.session.close(), loop).result()
        else:
            loop.run_until_complete(self.session.close())
