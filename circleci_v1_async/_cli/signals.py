"""The end of a command that runs by signals: Ctrl-C, SIGTERM and SIGHUP."""

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, TypeVar

__all__ = ["Signalled", "run"]

T = TypeVar("T")

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signalled(KeyboardInterrupt):
    """The process was asked to end.

    Attributes:
        exit_code: As shells have it, 128 and the number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_code = 128 + number


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a new event loop. A signal cancels it, so that it removes what it leaves behind.

    Raises:
        Signalled: A signal came. A second one does not wait for the coroutine.
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
            # The loop may be waiting for something else.
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
    """Handle the signals that end the process, but none that it was started to ignore."""
    # Handlers are set in the main thread alone; elsewhere, the program that runs the command has its own.
    numbers = _SIGNALS if threading.current_thread() is threading.main_thread() else ()
    before = {number: current for number in numbers if (current := signal.getsignal(number)) is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
