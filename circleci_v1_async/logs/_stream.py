"""Build logs as streams: from CircleCI's storage, or from the API."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, closing
from http import HTTPStatus
from typing import Any, Final

import attrs

from circleci_v1_async._calls.caller import Caller
from circleci_v1_async._calls.redact import Redactor
from circleci_v1_async._calls.reply import locate_decode_error
from circleci_v1_async._core.secret import Secret
from circleci_v1_async._core.tracebacks import TracebackScrubber
from circleci_v1_async._transport.bodies import read_limited
from circleci_v1_async._transport.streams import get_length, read_chunks
from circleci_v1_async._transport.transport import Stream
from circleci_v1_async.errors import (
    BodyTooLargeError,
    CircleCIError,
    DecodeError,
    SessionClosedError,
    StatusError,
    TruncatedError,
)
from circleci_v1_async.models import StepOutput
from circleci_v1_async.request import Reply, Request, make_file_request

from ._line import Remark
from ._splitter import ListSplitter

# Statuses of a presigned URL that has expired, or whose log was deleted: all from 400 to 499 that are not transient. S3
# returns 403 for an expired signature, and 400 when the credentials of the signature have expired.
_GONE: Final = frozenset(range(400, 500)) - {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
# Maximum number of bytes or characters of a log to process before other tasks get a turn of the event loop.
_TURN: Final = 2**16


async def stream_output(
    caller: Caller, request: Request[Any], output_url: Secret[str] | None, *, is_truncated: bool
) -> AsyncGenerator[StepOutput | Remark, None]:
    """Yield the log of a step run: in pieces from its presigned URL, or all of it from the API.

    The URL may have expired, or be `None`. If CircleCI has truncated the stored log, which it may say of a piece only,
    the complete text is fetched from the API. If that text is not longer, the truncated pieces are yielded after a
    remark.
    """
    with TracebackScrubber():
        if output_url is not None:
            begun = False
            try:
                async with aclosing(_read_stored(caller, request, output_url, is_truncated=is_truncated)) as pieces:
                    async for piece in pieces:
                        begun = True
                        yield piece
            except StatusError as error:
                if begun or error.status not in _GONE:
                    raise
            else:
                return
        if message := await _read_text(caller, request):
            yield StepOutput(message=message)


async def _read_stored(
    caller: Caller, request: Request[Any], output_url: Secret[str], *, is_truncated: bool
) -> AsyncGenerator[StepOutput | Remark, None]:
    """Yield the pieces of a stored log, or the API's text if it is longer than truncated pieces."""
    max_body = caller.options.max_body
    begun, size = False, 0
    kept: list[StepOutput] = []
    async with aclosing(_read_pieces(caller, output_url)) as pieces:
        async for piece in pieces:
            is_truncated = is_truncated or piece.truncated is True
            if not is_truncated:
                begun = True
                yield piece
                continue
            kept.append(piece)
            size += len(piece.message)
            if size > max_body:
                raise BodyTooLargeError(f"The truncated log is larger than {max_body} characters (max_body)")
    if not is_truncated:
        return
    try:
        # After the first piece was yielded, the log cannot start over with the API's text.
        text = "" if begun else await _read_text(caller, request)
    except SessionClosedError:
        raise
    except CircleCIError:
        # The truncated pieces are better than nothing.
        text = ""
    if len(text) > size:
        yield StepOutput(message=text)
        return
    yield Remark(f"CircleCI did not keep all of this log: {size} characters are left")
    for piece in kept:
        yield attrs.evolve(piece, truncated=True)


async def take_turns(output: AsyncGenerator[StepOutput | Remark, None]) -> AsyncGenerator[StepOutput | Remark, None]:
    """Split long pieces, and give other tasks a turn of the event loop after each part of a long piece."""
    async with aclosing(output):
        async for piece in output:
            if isinstance(piece, Remark) or len(piece.message) <= _TURN:
                yield piece
                continue
            for start in range(0, len(piece.message), _TURN):
                yield attrs.evolve(piece, message=piece.message[start : start + _TURN])
                await asyncio.sleep(0)


async def _read_pieces(caller: Caller, output_url: Secret[str]) -> AsyncGenerator[StepOutput, None]:
    url = caller.transport.file_url(output_url.reveal())
    request = make_file_request(url)
    given = 0
    async for attempt in caller.attempts(request, url):  # pragma: no branch - the policy ends it
        with attempt:
            with caller.transport.track():
                stream = await caller.open(request, url, attempt, with_token=False)
            with closing(stream):
                try:
                    async with aclosing(_split(stream, caller.options.max_body)) as items:
                        async for position, item in items:
                            # Earlier attempts yielded the pieces before this position.
                            if position >= given:
                                given += 1
                                yield _decode_piece(caller, item, position)
                except DecodeError as error:
                    response = Reply(stream.status, stream.headers, b"")
                    clean = Redactor(request, caller.transport.token)
                    raise locate_decode_error(error, request, response, clean) from None
            return


def _decode_piece(caller: Caller, item: bytes, position: int) -> StepOutput:
    try:
        return caller.options.converter.decode(item, StepOutput)
    except DecodeError as error:
        raise DecodeError(error.reason, f"$[{position}]{error.path[1:]}", error.size) from None


async def _split(stream: Stream, max_body: int) -> AsyncGenerator[tuple[int, bytes], None]:
    """Yield the positions and the texts of the items of a JSON list."""
    splitter = ListSplitter(largest=max_body)
    async with aclosing(read_chunks(stream, get_length(stream))) as coming:
        async for chunk in coming:
            for start in range(0, len(chunk), _TURN):
                items = splitter.feed(chunk[start : start + _TURN])
                for position, item in enumerate(items, splitter.count - len(items)):
                    yield position, item
                # Give other tasks a turn: data that has already arrived is read without waiting, and may contain
                # thousands of pieces.
                await asyncio.sleep(0)
    if not splitter.complete:
        raise TruncatedError(f"The log broke off after {splitter.count} pieces")


async def _read_text(caller: Caller, request: Request[Any]) -> str:
    """Return the log from the API; an empty string if the API has no log."""
    url = caller.transport.api_url(request.target)
    with caller.transport.track():
        try:
            async for attempt in caller.attempts(request, url):  # pragma: no branch - the policy ends it
                with attempt:
                    stream = await caller.open(request, url, attempt)
                    with closing(stream):
                        async with aclosing(read_chunks(stream, get_length(stream))) as coming:
                            text = await read_limited(coming, caller.options.max_body, "the log", "max_body")
                    return text.decode("utf-8", "replace")
        except StatusError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
    return ""
