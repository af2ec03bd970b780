"""Removal of frames and contexts from errors that leave the package."""

import asyncio
import sys
from contextlib import suppress
from typing import Final

from .errors import CircleCIError

# Packages with frames that contain a request or its reply. aiosignal calls trace hooks with both.
_OURS: Final = frozenset({__name__.partition(".")[0], "aiohttp", "aiosignal", "asyncio"})


class TracebackScrubber:
    """A block that removes its frames from errors, because they contain requests and replies.

    The context of an error becomes the exception that the caller was handling when the block began; contexts from
    inside the block are removed. A cause is kept, without its frames. Errors from other code, such as a limiter, keep
    their frames. However, the frames of this package, aiohttp, aiosignal and asyncio lose their variables, and this
    package's errors in the context lose their frames.
    """

    __slots__ = ("_handled",)

    def __enter__(self) -> None:
        self._handled = sys.exception()

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        # Stop at a GeneratorExit: the code that closes a generator may be handling an unrelated error.
        while error is not None and error is not self._handled and not isinstance(error, GeneratorExit):
            if isinstance(error, CircleCIError | asyncio.CancelledError):
                _clear(error, self._handled)
                return
            _forget_variables(error)
            error = error.__context__


def _forget_variables(error: BaseException) -> None:
    """Clear the frames of the packages in `_OURS`: their variables contain requests and replies."""
    traceback = error.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_globals.get("__name__", "").partition(".")[0] in _OURS:
            # A running frame cannot be cleared. It is outside of the block, or it is the frame with the block.
            with suppress(RuntimeError):
                frame.clear()
        traceback = traceback.tb_next


def _clear(error: BaseException, handled: BaseException | None) -> None:
    error.__traceback__ = None
    error.__context__ = handled
    error.__suppress_context__ = error.__cause__ is not None
    if error.__cause__ is not None and error.__cause__ is not handled:
        _clear(error.__cause__, None)
