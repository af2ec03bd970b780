"""An artifact that is read while its bytes arrive."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from circleci_v1_async._core.arguments import check_integer
from circleci_v1_async._core.tracebacks import TracebackScrubber
from circleci_v1_async._transport.bodies import read_limited
from circleci_v1_async._transport.streams import get_length, read_chunks
from circleci_v1_async._transport.transport import Stream
from circleci_v1_async.errors import BodyTooLargeError


class ArtifactStream:
    """An open artifact, from `CircleCISession.open_artifact`.

    Attributes:
        size: Size of the artifact in bytes; `None` if the service does not announce the size.
    """

    def __init__(self, stream: Stream, path: str, max_body: int) -> None:
        self._stream = stream
        self._path = path
        self._max_body = max_body
        self.size: int | None = get_length(stream)

    def iter_chunks(self) -> AsyncGenerator[bytes, None]:
        """Iterate over the remaining bytes in chunks. Each chunk has the bytes that have arrived.

        Returns:
            An async iterator. Use `async for` on it, without `await`.

        Raises:
            TruncatedError: The service sent fewer bytes than it announced, or compressed data ended early.
            TransportError: The connection broke or stalled.
            SessionClosedError: The session was closed during the iteration.
        """
        return read_chunks(self._stream, self.size)

    async def read(self, *, max_bytes: int | None = None) -> bytes:
        """Read the remaining bytes.

        Args:
            max_bytes: Maximum number of bytes to read. `None` for the session's `max_body`.

        Returns:
            The remaining bytes.

        Raises:
            BodyTooLargeError: More than `max_bytes` bytes remain.
            TruncatedError: The service sent fewer bytes than it announced, or compressed data ended early.
            TransportError: The connection broke or stalled.
            SessionClosedError: The session was closed during the call.
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
