"""Signals that end a running command: Ctrl-C, SIGTERM and SIGHUP."""

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, TypeVar

T = TypeVar("T")

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signalled(KeyboardInterrupt):
    """A signal requested the end of the process.

    Attributes:
        exit_code: 128 plus the number of the signal, as in shells.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_code = 128 + number


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a new event loop. A signal cancels the coroutine, so that it can clean up.

    Raises:
        Signalled: A signal arrived. A second signal does not wait for the coroutine.
    """
    received: list[int] = []
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        task = loop.create_task(coroutine)

        def end(number: int, _frame: FrameType | None) -> None:
            if received:
                raise Signalled(number)
            received.append(number)
            task.cancel()
            # The loop may be waiting for I/O. Wake it, so that it runs the cancellation.
            loop.call_soon_threadsafe(lambda: None)

        with _handle_signals(end):
            try:
                return loop.run_until_complete(task)
            except asyncio.CancelledError:
                if received:
                    raise Signalled(received[0]) from None
                raise


@contextmanager
def _handle_signals(handler: Callable[[int, FrameType | None], None]) -> Generator[None, None, None]:
    """Handle the signals that end the process, except for signals that the process was started to ignore."""
    # Only the main thread can set handlers. In another thread, the program that runs the command has its own handlers.
    numbers = _SIGNALS if threading.current_thread() is threading.main_thread() else ()
    before = {number: current for number in numbers if (current := signal.getsignal(number)) is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
