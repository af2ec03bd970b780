"""An artifact that is read as it comes."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from circleci_v1_async._core.arguments import check_integer
from circleci_v1_async._core.tracebacks import TracebackScrubber
from circleci_v1_async._transport.bodies import read_limited
from circleci_v1_async._transport.streams import get_length, read_chunks
from circleci_v1_async._transport.transport import Stream
from circleci_v1_async.errors import BodyTooLargeError

__all__ = ["ArtifactStream"]


class ArtifactStream:
    """An artifact that is being read, as `CircleCISession.open_artifact` gives it.

    Attributes:
        size: Bytes that it has in all; `None` when the service does not say.
    """

    def __init__(self, stream: Stream, path: str, max_body: int) -> None:
        self._stream = stream
        self._path = path
        self._max_body = max_body
        self.size: int | None = get_length(stream)

    def iter_chunks(self) -> AsyncGenerator[bytes, None]:
        """Read on, as many bytes at a time as have come.

        Raises:
            TruncatedError: The service announced more than it sent, or compressed data ended early.
            TransportError: The connection broke or stalled.
            SessionClosedError: The session was closed meanwhile.
        """
        return read_chunks(self._stream, self.size)

    async def read(self, *, max_bytes: int | None = None) -> bytes:
        """Read the rest.

        Args:
            max_bytes: How many bytes there may be; by default the session's `max_body`.

        Raises:
            BodyTooLargeError: There are more.
            TruncatedError: And the other errors of `iter_chunks`.
        """
        limit = self._max_body if max_bytes is None else check_integer("max_bytes", max_bytes, 0)
        with TracebackScrubber():
            try:
                async with aclosing(self.iter_chunks()) as rest:
                    return await read_limited(rest, limit, "the artifact", "max_bytes")
            except BodyTooLargeError as error:
                raise self._stream.name(error) from None

    def __repr__(self) -> str:
        size = "unknown size" if self.size is None else f"{self.size} bytes"
        return f"<{type(self).__name__} {self._path!r}: {size}>"
