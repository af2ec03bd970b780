"""Reading of files from the wire, piece by piece."""

from collections.abc import AsyncGenerator

from circleci_v1_async._core.tracebacks import TracebackScrubber
from circleci_v1_async.errors import RequestTimeoutError, TransportError, TruncatedError

from .transport import Stream


async def read_chunks(stream: Stream, size: int | None) -> AsyncGenerator[bytes, None]:
    """Yield all bytes of a stream as they arrive.

    If fewer than `size` bytes arrive, or compressed data end early, raise `TruncatedError`.
    """
    received = 0
    with TracebackScrubber():
        try:
            while chunk := await stream.read():
                received += len(chunk)
                yield chunk
        except TransportError as error:
            announced = size is not None or stream.is_compressed
            if not announced or isinstance(error, RequestTimeoutError) or not error.transient:
                raise
            of_size = "" if size is None else f" of {size}"
            raise TruncatedError(f"The reply broke off after {received}{of_size} bytes") from None


def get_length(stream: Stream) -> int | None:
    """Return the announced number of bytes; `None` if the service does not announce it."""
    # Content-Length counts compressed bytes.
    value = "" if "Content-Encoding" in stream.headers else stream.headers.get("Content-Length", "")
    return int(value) if value.isdecimal() else None
