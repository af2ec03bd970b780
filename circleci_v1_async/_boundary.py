"""The boundary at which errors leave the package, without what their frames and contexts hold."""

import asyncio
import sys

from .errors import CircleCIError

__all__ = ["Boundary"]


class Boundary:
    """A block that errors leave without frames from within it: those hold what was sent and received.

    The context of an error is what its caller was handling when the block began, and nothing from within. A cause
    stays, without its frames. Errors that are not the package's keep their frames, but not those of ours below them.
    """

    __slots__ = ("_handled",)

    def __enter__(self) -> None:
        self._handled = sys.exception()

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        # Who closes a generator may be handling an error of its own.
        while error is not None and error is not self._handled and not isinstance(error, GeneratorExit):
            if isinstance(error, CircleCIError | asyncio.CancelledError):
                _clear(error, self._handled)
                return
            error = error.__context__


def _clear(error: BaseException, handled: BaseException | None) -> None:
    error.__traceback__ = None
    error.__context__ = handled
    error.__suppress_context__ = error.__cause__ is not None
    if error.__cause__ is not None and error.__cause__ is not handled:
        _clear(error.__cause__, None)
