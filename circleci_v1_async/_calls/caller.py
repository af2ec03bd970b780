"""One call, from a request to its value."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, Self, TypeVar

import attrs
from yarl import URL

from circleci_v1_async._core.arguments import as_validator, check_seconds, check_size
from circleci_v1_async._core.clock import Clock
from circleci_v1_async._core.json_text import encode
from circleci_v1_async._core.secret import RedactedBytes, Secret
from circleci_v1_async._core.tracebacks import TracebackScrubber
from circleci_v1_async._transport.transport import Stream, Transport
from circleci_v1_async._transport.urls import get_origin
from circleci_v1_async.converter import CircleCIConverter
from circleci_v1_async.errors import InvalidInputError, RateLimitError, TransportError
from circleci_v1_async.request import REQUEST_ID, Reply, Request, Response
from circleci_v1_async.retry import Retry, RetryBudget, RetryPolicy
from circleci_v1_async.sunset import log_once, warn_once

from .attempts import Attempt, RetryLoop
from .gate import Gate
from .lane import HeldTooLongError
from .redact import Redactor
from .reply import explain_status, read_reply

T = TypeVar("T")

_log = logging.getLogger("circleci_v1_async")

_TOO_MANY: Final = 429
# Maximum number of bytes to read from the body of a rejected file request. The body may contain the reason.
_ERROR_BODY: Final = 2**16


def _retry_policy(_options: Any, _attribute: "attrs.Attribute[Any]", value: object) -> None:
    if not isinstance(value, RetryPolicy):
        raise InvalidInputError(f"retry: expected a RetryPolicy, got {value!r}")


@attrs.frozen(eq=False, repr=False)
class Options:
    """Options of calls. Each view of a session has its own options."""

    timeout: float = attrs.field(validator=as_validator(check_seconds))
    retry: RetryPolicy = attrs.field(validator=_retry_policy)
    max_body: int = attrs.field(validator=as_validator(check_size))
    converter: CircleCIConverter


@attrs.frozen(eq=False, repr=False)
class Caller:
    """Makes the calls of a session, or of a view of one. Views differ in their `options` only."""

    transport: Transport
    gate: Gate
    budget: RetryBudget
    clock: Clock
    on_retry: Callable[[Retry], object] | None
    options: Options

    async def send(self, request: Request[T]) -> T:
        """Send a request and decode the reply. See `CircleCISession.send`."""
        options = self.options
        with TracebackScrubber():
            url = self.transport.api_url(request.target)
            body = None if request.body is None else Secret(RedactedBytes(encode(request.body)))
            if request.returns is not None and request.returns is not Response:
                options.converter.check(request.returns)
            if request.sunset is not None:
                warn_once(str(request), request.sunset)
            with self.transport.track():
                async for attempt in self.attempts(request, url):  # pragma: no branch - the policy ends it
                    with attempt:
                        async with Exchange(self, request, attempt) as turn:
                            response = turn.reply = await self.transport.exchange(
                                request, url, body, timeout=options.timeout, max_body=options.max_body
                            )
                        return read_reply(
                            request,
                            response,
                            options.converter,
                            clean=turn.clean,
                            maybe_sent=attempt.maybe_sent,
                            now=self.clock.now(),
                        )
        raise AssertionError  # pragma: no cover - for the type checkers

    def attempts(self, request: Request[Any], url: URL) -> RetryLoop:
        lane = self.gate.lane(get_origin(url))
        timeout, retry = self.options.timeout, self.options.retry
        return RetryLoop(
            request, url, lane, timeout, retry, self.budget, self.transport, self.gate, self.clock, self.on_retry
        )

    async def open(
        self,
        request: Request[Any],
        url: URL,
        attempt: Attempt,
        *,
        headers: Mapping[str, str] | None = None,
        with_token: bool = True,
    ) -> Stream:
        """Open a stream, in one attempt.

        The exchange leaves the gate before the body is read, so that a slow reader does not delay calls.
        """
        stream: Stream | None = None
        try:
            async with Exchange(self, request, attempt) as turn:
                stream = turn.reply = await self.transport.open(
                    request,
                    url,
                    headers or {},
                    stall=self.options.timeout,
                    with_token=with_token,
                    attempt=attempt.number,
                )
            if stream.status < 300:  # noqa: PLR2004 - a success
                # Report success when the headers arrive: the body may take minutes.
                assert attempt.admission is not None, "the exchange was made"  # noqa: S101 - for the type checkers
                self.gate.accepted(attempt.admission)
                attempt.admission = None
                return stream
            response = Reply(stream.status, stream.headers, await _read_error(stream))
        except BaseException:
            # Close the stream: even leaving the limiter may fail, or be canceled.
            if stream is not None:
                stream.close()
            raise
        stream.close()
        raise explain_status(request, response, clean=turn.clean, now=self.clock.now())


@attrs.define(eq=False, repr=False)
class Exchange:
    """One exchange. It begins when the gate admits it, and is logged when it ends."""

    _caller: Caller
    _request: Request[Any]
    _attempt: Attempt
    reply: Reply | Stream | None = None
    clean: Redactor = attrs.field(init=False)

    async def __aenter__(self) -> Self:
        caller, attempt = self._caller, self._attempt
        attempt.admission = None
        try:
            attempt.admission = await caller.gate.enter(attempt.lane, caller.options.retry.max_retry_after)
        except HeldTooLongError as held:
            attempt.number -= 1
            request = self._request.without_body()
            raise RateLimitError(429, str(held), request, {}, None, retry_after=held.seconds) from None
        attempt.started, attempt.token = caller.clock.monotonic(), caller.transport.token
        self.clean = Redactor(self._request, attempt.token)
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, TransportError):
            self._redact(error)
        try:
            self._tell(error)
            attempt, reply = self._attempt, self.reply
            if reply is not None and reply.status == _TOO_MANY and attempt.admission is not None:
                attempt.admission = self._caller.gate.redirected(attempt.admission, reply.origin)
        finally:
            await self._caller.gate.leave(self._attempt.lane, kind, error, traceback)

    def _redact(self, error: TransportError) -> None:
        """Redact the error's message. It may come from a trace hook, and a hook sees the headers."""
        message = self.clean(error.message)
        if message != error.message:
            error.message, error.args, error.__cause__ = message, (message,), None

    def _tell(self, error: BaseException | None) -> None:
        request, reply = self._request, self.reply
        outcome: object = "cancelled" if isinstance(error, asyncio.CancelledError) else type(error).__name__
        if reply is not None:
            outcome = reply.status
            if request.sunset is None and "Sunset" in reply.headers:
                log_once(str(request), self.clean(reply.headers["Sunset"]))
        if _log.isEnabledFor(logging.DEBUG):
            # Do not pass the request: a log record keeps its arguments, and the request has a body.
            method, path, number = request.method, request.location, self._attempt.number
            milliseconds = (self._caller.clock.monotonic() - self._attempt.started) * 1000
            _log.debug(
                "%s %s: %s in %.0f ms (attempt %d%s)", method, path, outcome, milliseconds, number, self._request_id()
            )

    def _request_id(self) -> str:
        """Return the service's ID of the exchange, formatted for the log line; empty if absent."""
        if self.reply is None:
            return ""
        ids = (self.clean.header(self.reply.headers, name) for name in REQUEST_ID)
        return next((f", request id {each}" for each in ids if each), "")


async def _read_error(stream: Stream) -> bytes:
    """Return a rejected file request's body; empty if the body is too large or breaks off."""
    body = b""
    with suppress(TransportError):
        while len(body) <= _ERROR_BODY:
            if not (piece := await stream.read()):
                return body
            body += piece
    return b""
