"""The boundary at which errors leave the package, without what their frames and contexts hold."""

import asyncio
import sys
from contextlib import suppress
from typing import Final

from .errors import CircleCIError

__all__ = ["TracebackScrubber"]


# The packages through which a request and its reply pass: aiosignal calls trace hooks with both.
_OURS: Final = frozenset({__name__.partition(".")[0], "aiohttp", "aiosignal", "asyncio"})


class TracebackScrubber:
    """A block that errors leave without frames from within it: those hold what was sent and received.

    The context of an error is what its caller was handling when the block began, and nothing from within. A cause
    stays, without its frames. Errors that are not the package's, such as a limiter's, keep their frames, but neither
    the variables of ours among them nor the frames of our errors below them.
    """

    __slots__ = ("_handled",)

    def __enter__(self) -> None:
        self._handled = sys.exception()

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        # The code that closes a generator may be handling an error of its own.
        while error is not None and error is not self._handled and not isinstance(error, GeneratorExit):
            if isinstance(error, CircleCIError | asyncio.CancelledError):
                _clear(error, self._handled)
                return
            _forget_variables(error)
            error = error.__context__


def _forget_variables(error: BaseException) -> None:
    """Empty the frames of ours within the boundary, which hold what was sent and received."""
    traceback = error.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_globals.get("__name__", "").partition(".")[0] in _OURS:
            # Frames that still run are outside, or are the one with the boundary.
            with suppress(RuntimeError):
                frame.clear()
        traceback = traceback.tb_next


def _clear(error: BaseException, handled: BaseException | None) -> None:
    error.__traceback__ = None
    error.__context__ = handled
    error.__suppress_context__ = error.__cause__ is not None
    if error.__cause__ is not None and error.__cause__ is not handled:
        _clear(error.__cause__, None)
