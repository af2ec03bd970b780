"""The fake for synchronous code, served by a separate thread."""

import asyncio
import inspect
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial, wraps
from threading import Thread, get_ident
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

from circleci_v1_async.testing.server import FakeCircleCI

__all__ = ["ThreadedFakeCircleCI"]

P = ParamSpec("P")
R = TypeVar("R")


class ThreadedFakeCircleCI(FakeCircleCI):
    """A `FakeCircleCI` for synchronous code, served by a thread with its own event loop.

        with ThreadedFakeCircleCI() as fake:
            fake.add_project("github/acme/web")
            fake.add_build("github/acme/web", status="failed")
            assert requests.get(f"{fake.base_url}/project/gh/acme/web", auth=(fake.token, "")).json()

    Inside the block, you can call every method from any thread. The methods run on the serving thread, between two
    replies, so that no reply shows a half-changed state. Hooks also run on that thread, and so does a function that you
    set as `delay`.

    The arguments and attributes are the same as in `FakeCircleCI`.
    """

    _loop: asyncio.AbstractEventLoop | None = None
    _thread: Thread
    _stop: asyncio.Event

    def __enter__(self) -> Self:
        listening: Future[None] = Future()
        self._thread = Thread(target=asyncio.run, args=(self._run(listening),), name="FakeCircleCI", daemon=True)
        self._thread.start()
        try:
            listening.result()
        except Exception:
            self._thread.join()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        loop, self._loop = self._loop, None
        assert loop is not None, "it was entered"  # noqa: S101 - for the type checkers
        loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _run(self, listening: "Future[None]") -> None:
        try:
            await self.start()
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
            listening.set_exception(error)
            return
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        listening.set_result(None)
        await self._stop.wait()
        await self.close()

    def _call(self, method: Callable[[], R]) -> R:
        if self._loop is None or get_ident() == self._thread.ident:
            return method()

        async def call() -> R:
            return method()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result()


def _run_on_thread(
    method: Callable[Concatenate[ThreadedFakeCircleCI, P], R],
) -> Callable[Concatenate[ThreadedFakeCircleCI, P], R]:
    @wraps(method)
    def wrapper(self: ThreadedFakeCircleCI, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._call(partial(method, self, *args, **kwargs))  # pyright: ignore[reportPrivateUsage]

    return wrapper


for _name, _method in inspect.getmembers(FakeCircleCI, inspect.isfunction):
    if not (_name.startswith("_") or inspect.iscoroutinefunction(_method)):
        setattr(ThreadedFakeCircleCI, _name, _run_on_thread(_method))
