"""Logs of builds as streams: from where CircleCI keeps them, or from the API."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, closing
from http import HTTPStatus
from typing import Any, Final

from ._boundary import Boundary
from ._calls import Calls
from ._reply import locate_decode_error
from ._transport import Stream
from .artifacts import chunks, length
from .errors import DecodeError, StatusError, TruncatedError
from .models import StepOutput
from .output import ArrayItems
from .request import Request, Response, shown

__all__ = ["stream_output"]

# A presigned URL that has expired, and a log that is no longer there.
_NOT_THERE: Final = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})


async def stream_output(
    calls: Calls, request: Request[Any], output_url: str | None
) -> AsyncGenerator[StepOutput, None]:
    """Yield what a run of a step wrote: from its presigned URL, else all of it at once, from the API.

    Args:
        calls: Makes the requests.
        request: Asks the API for it.
        output_url: The presigned URL, which may have expired.
    """
    with Boundary():
        if output_url:
            begun = False
            try:
                async with aclosing(_read_pieces(calls, output_url)) as pieces:
                    async for piece in pieces:
                        begun = True
                        yield piece
            except StatusError as error:
                if begun or error.status not in _NOT_THERE:
                    raise
            else:
                return
        if message := await _read_text(calls, request):
            yield StepOutput(message=message)


async def _read_pieces(calls: Calls, output_url: str) -> AsyncGenerator[StepOutput, None]:
    url = calls.transport.found_at(output_url)
    request = shown(url)
    given = 0
    async for attempt in calls.attempts(request, url):  # pragma: no branch - the policy ends it
        with attempt:
            with calls.transport.call():
                stream = await calls.open(request, url, attempt, with_token=False)
            with closing(stream):
                try:
                    async with aclosing(_split(stream)) as items:
                        async for position, item in items:
                            # Earlier attempts gave what came before they broke off.
                            if position >= given:
                                given += 1
                                yield _decode_piece(calls, item, position)
                except DecodeError as error:
                    response = Response(stream.status, stream.headers, b"")
                    raise locate_decode_error(error, request, response, calls.transport.token) from None
            return


def _decode_piece(calls: Calls, item: bytes, position: int) -> StepOutput:
    try:
        return calls.options.decoder.decode(item, StepOutput)
    except DecodeError as error:
        raise DecodeError(error.reason, f"$[{position}]{error.path[1:]}", error.size) from None


async def _split(stream: Stream) -> AsyncGenerator[tuple[int, bytes], None]:
    """Yield the items of a JSON array, and their positions."""
    items = ArrayItems()
    position = 0
    async with aclosing(chunks(stream, length(stream))) as coming:
        async for chunk in coming:
            for item in items.feed(chunk):
                yield position, item
                position += 1
    if not items.complete:
        raise TruncatedError(f"The log broke off after {position} pieces")


async def _read_text(calls: Calls, request: Request[Any]) -> str:
    """Return the log as the API gives it; empty when it has none."""
    url = calls.transport.below(request.target)
    with calls.transport.call():
        try:
            async for attempt in calls.attempts(request, url):  # pragma: no branch - the policy ends it
                with attempt:
                    stream = await calls.open(request, url, attempt)
                    with closing(stream):
                        if stream.status == HTTPStatus.NO_CONTENT:
                            return ""
                        pieces = [piece async for piece in chunks(stream, length(stream))]
                    return b"".join(pieces).decode("utf-8", "replace")
        except StatusError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
    return ""
