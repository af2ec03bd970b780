"""How a call is made: options, attempts, the way from a request to its result."""

import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack
from functools import partial
from http import HTTPStatus
from itertools import count
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypedDict, TypeVar, Unpack, cast

import attrs
from yarl import URL

from ._arguments import integer, real
from ._clock import Clock
from ._converter import Decoder, encode, error_message
from ._gate import Gate
from ._secret import Secret, SecretBytes, hide
from ._transport import Stream, Transport, check_borrowed, parse_base_url, parse_token
from .errors import (
    CircleCIError,
    DecodeError,
    InvalidInputError,
    RateLimitError,
    StatusError,
    TransportError,
    TruncatedError,
    in_short,
    status_error,
)
from .models import PipelineResult
from .request import Request, Response
from .retry import RetryBudget, RetryPolicy, may_have_been_done, parse_retry_after
from .sunset import log_once, warn_once

if TYPE_CHECKING:
    import aiohttp

__all__ = ["Attempt", "Caller", "SessionOptions", "ViewOptions"]

T = TypeVar("T")
R = TypeVar("R")
HeadT = TypeVar("HeadT", Response, Stream)

_log = logging.getLogger("circleci_v1_async")

_TOKEN_VARIABLES = ("CIRCLE_TOKEN", "CIRCLECI_TOKEN", "CIRCLECI_CLI_TOKEN")
_URL_VARIABLE = "CIRCLE_API_URL"
_DEFAULT_URL = "https://circleci.com/api/v1.1"
_REDACTED = "***"
# Bytes of a refused file that may say why.
_ERROR_BODY = 2**16


class ViewOptions(TypedDict, total=False):
    """What a view of a session may change."""

    timeout: float
    retry: RetryPolicy
    max_body: int
    strict: bool


class SessionOptions(ViewOptions, total=False):
    """What `CircleCISession` takes beside the token."""

    base_url: str
    session: "aiohttp.ClientSession | None"
    concurrency: int
    limiter: AbstractAsyncContextManager[object] | None


def _positive(_options: Any, attribute: "attrs.Attribute[Any]", value: object) -> None:
    real(attribute.name, value)


def _retry_policy(_options: Any, _attribute: "attrs.Attribute[Any]", value: object) -> None:
    if not isinstance(value, RetryPolicy):
        raise InvalidInputError(f"retry: expected a RetryPolicy, got {value!r}")


@attrs.frozen
class _Options:
    """How calls are made; views differ in it."""

    timeout: float = attrs.field(validator=_positive)
    retry: RetryPolicy = attrs.field(validator=_retry_policy)
    max_body: int = attrs.field(validator=_positive)
    decoder: Decoder


class Attempt(NamedTuple):
    """One of the times that a request is sent.

    Attributes:
        number: Which one, from 1.
        maybe_done: Whether the service may have acted on one before.
    """

    number: int
    maybe_done: bool


class Caller:
    """Makes calls. `CircleCISession` says which there are, and what the parameters mean."""

    def __init__(
        self,
        token: str | None = None,
        *,
        base_url: str = _DEFAULT_URL,
        session: "aiohttp.ClientSession | None" = None,
        timeout: float = 60.0,
        concurrency: int = 16,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - it is frozen
        limiter: AbstractAsyncContextManager[object] | None = None,
        max_body: int = 64 * 2**20,
        strict: bool = False,
    ) -> None:
        token = hide(token)
        token = parse_token(token)
        check_borrowed(session)
        if limiter is not None and not isinstance(cast("object", limiter), AbstractAsyncContextManager):
            raise InvalidInputError(f"limiter: expected an async context manager, got {type(limiter).__name__}")
        self._clock = Clock()
        self._transport = Transport(
            parse_base_url(base_url, with_token=token is not None),
            token,
            session,
            Gate(integer("concurrency", concurrency, 1), limiter, self._clock),
        )
        self._budget = RetryBudget()
        self._options = _Options(timeout, retry, max_body, Decoder(strict))
        self._is_view = False

    @classmethod
    def from_env(cls, **options: Unpack[SessionOptions]) -> Self:
        """A session with the token and the address of the environment.

        The token is `CIRCLE_TOKEN`, else `CIRCLECI_TOKEN`, else `CIRCLECI_CLI_TOKEN`; the address is `CIRCLE_API_URL`
        when it is set, to which `/v1.1` is added when it ends in `/api`. Empty counts as unset.

        Args:
            options: As the constructor's; `base_url` wins over the environment.

        Raises:
            InvalidInputError: No variable has a token.
        """
        token = next((Secret(value) for name in _TOKEN_VARIABLES if (value := os.environ.get(name))), None)
        if token is None:
            raise InvalidInputError(f"expected a token in one of {', '.join(_TOKEN_VARIABLES)}; none is set")
        if url := os.environ.get(_URL_VARIABLE):
            url = url.rstrip("/")
            options.setdefault("base_url", f"{url}/v1.1" if url.endswith("/api") else url)
        return cls(token, **options)

    def with_options(self, **options: Unpack[ViewOptions]) -> Self:
        """A view of the session with other options. It shares the connections; closing it does nothing.

        Raises:
            InvalidInputError: An option is none, or cannot be right.
        """
        if unknown := options.keys() - ViewOptions.__annotations__.keys():
            raise InvalidInputError(
                f"with_options: expected {', '.join(ViewOptions.__annotations__)}; got {', '.join(sorted(unknown))}"
            )
        changes: dict[str, Any] = dict(options)
        if (strict := changes.pop("strict", None)) is not None:
            changes["decoder"] = Decoder(strict, self._options.decoder.reported)
        view = object.__new__(type(self))
        vars(view).update(vars(self), _options=attrs.evolve(self._options, **changes), _is_view=True)
        return view

    @property
    def closed(self) -> bool:
        """Whether the session, or the one that this is a view of, is closed."""
        return self._transport.closed

    async def close(self) -> None:
        """Close the session. Calls in flight end with `SessionClosedError`. Closing twice is no error."""
        if not self._is_view:
            await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        if "_transport" not in vars(self):
            # A traceback that shows variables does so also of a constructor that raises.
            return f"<{type(self).__name__} that was not made>"
        token = "anonymous" if self._transport.token is None else f"token={_REDACTED}"
        return f"<{type(self).__name__} {self._transport.base_url} {token}{' closed' if self.closed else ''}>"

    def __reduce_ex__(self, protocol: object) -> str | tuple[Any, ...]:
        raise TypeError("a CircleCISession is not pickled: it holds connections and a token. Make one in each process")

    async def send(self, request: Request[T]) -> T:
        """Send a request and decode the reply. Every operation goes through here, and endpoints without one may.

        `await ci.send(Request("GET", "/me"))` gives the JSON as it is.

        Returns:
            What `request.returns` names.

        Raises:
            InvalidInputError: The request cannot be sent as it is. Nothing was sent.
            TransportError: There is no usable reply.
            StatusError: The service answered with an error status.
            DecodeError: The reply is not what `request.returns` names.
            SessionClosedError: The session is closed, was closed meanwhile, or belongs to another event loop.
            CircleCISunsetWarning: The operation's end is announced, and a filter makes the warning an error. Nothing
                was sent.
        """
        target = request.target
        body = None if request.body is None else SecretBytes(encode(request.body))
        if request.returns is not None:
            Decoder.check(request.returns)
        if request.sunset is not None:
            warn_once(str(request), request.sunset)
        with self._transport.call():
            return await self._retried(request, partial(self._attempt, request, target, body))

    async def _retried(self, request: Request[Any], make: Callable[[Attempt], Awaitable[R]]) -> R:
        """Make attempts for as long as the policy says so."""
        maybe_done = False
        # The policy says when it was the last time.
        for number in count(1):  # pragma: no branch
            try:
                result = await make(Attempt(number, maybe_done))
            except (TransportError, StatusError, DecodeError, TruncatedError) as error:
                if not await self._may_try_again(request, error, number):
                    raise
                maybe_done |= may_have_been_done(error)
            else:
                self._budget.succeeded(number)
                return result
        raise AssertionError  # pragma: no cover - for the type checkers

    async def _attempt(self, request: Request[T], target: str, body: SecretBytes | None, attempt: Attempt) -> T:
        options = self._options
        response = await self._passed(
            request,
            attempt,
            partial(
                self._transport.exchange,
                request.method,
                target,
                body,
                timeout=options.timeout,
                max_body=options.max_body,
            ),
        )
        is_gone_already = attempt.maybe_done and response.status == HTTPStatus.NOT_FOUND and request.method == "DELETE"
        if response.status >= 300 and not is_gone_already:  # noqa: PLR2004 - everything that is no success
            raise self._status_error(request, response, attempt.number)
        result = self._decode(request, response)
        if isinstance(result, PipelineResult) and not 200 <= result.status < 300:  # noqa: PLR2004 - as above
            response = attrs.evolve(response, status=result.status, body=(result.body or "").encode())
            # It may echo what was sent, and this frame is part of the error.
            del result
            raise self._status_error(request, response, attempt.number)
        return result

    async def _opened(
        self,
        request: Request[Any],
        url: URL,
        attempt: Attempt,
        *,
        headers: Mapping[str, str] | None = None,
        with_token: bool = True,
    ) -> Stream:
        """One attempt to open a stream. It has left the gate: what is read at leisure must not hold up a call."""
        with ExitStack() as unless_it_succeeds:

            async def open_() -> Stream:
                stream = await self._transport.open(
                    url, headers or {}, stall=self._options.timeout, with_token=with_token
                )
                # A limiter may fail, or be cancelled, also when it is left.
                unless_it_succeeds.callback(stream.close)
                return stream

            stream = await self._passed(request, attempt, open_)
            if stream.status < 300:  # noqa: PLR2004 - a success
                unless_it_succeeds.pop_all()
                return stream
            response = Response(stream.status, stream.headers, await _beginning(stream))
        raise self._status_error(request, response, attempt.number)

    async def _passed(self, request: Request[Any], attempt: Attempt, exchange: Callable[[], Awaitable[HeadT]]) -> HeadT:
        """Do the exchange when it is its turn."""
        response = await self._transport.gate.passed(partial(self._logged, request, attempt, exchange))
        if request.sunset is None and "Sunset" in response.headers:
            log_once(str(request), self._without_token(response.headers["Sunset"]))
        return response

    async def _logged(self, request: Request[Any], attempt: Attempt, exchange: Callable[[], Awaitable[HeadT]]) -> HeadT:
        """Do the exchange, and log what came of it."""
        started = self._clock.monotonic()
        outcome: object = "cancelled"
        try:
            response = await exchange()
            outcome = response.status
        except TransportError as error:
            outcome = type(error).__name__
            raise
        finally:
            milliseconds = (self._clock.monotonic() - started) * 1000
            # A record keeps its arguments: not the request, which has a body.
            _log.debug(
                "%s %s: %s in %.0f ms (attempt %d)",
                request.method,
                request.path,
                outcome,
                milliseconds,
                attempt.number,
            )
        return response

    async def _may_try_again(self, request: Request[Any], error: CircleCIError, attempt: int) -> bool:
        """Wait as long as the policy says, if it says to try again and the budget has something left for it."""
        delay = self._options.retry.delay(request, error, attempt, self._clock.random())
        if isinstance(error, RateLimitError):
            # Whoever comes next would be told the same.
            pause = error.retry_after if delay is None else delay
            if pause is not None and pause <= self._options.retry.max_retry_after:
                self._transport.gate.hold(pause)
        if delay is None or not self._budget.spend():
            return False
        _log.warning("%s %s: %s; trying again in %.1f s", request.method, request.path, in_short(error), delay)
        await self._clock.sleep(delay)
        return True

    def _status_error(self, request: Request[Any], response: Response, attempts: int) -> StatusError:
        return status_error(response.status)(
            response.status,
            self._without_token(error_message(response.body)),
            request.without_body(),
            response.shown_headers,
            response.request_id,
            attempts,
            parse_retry_after(response.headers, self._clock.now()),
        )

    def _decode_error(
        self, request: Request[Any], error: DecodeError, status: int, content_type: str | None
    ) -> DecodeError:
        """The error with what it was an answer to."""
        return DecodeError(
            self._without_token(error.reason),
            error.path,
            error.size,
            status,
            request.without_body(),
            content_type,
            error.truncated,
        )

    def _without_token(self, text: str) -> str:
        """A server may echo what it was sent. What it says is cut at some length, which may be within the token."""
        token = self._transport.token
        if token is None:
            return text
        text = text.replace(token, _REDACTED)
        ending = next((token[:n] for n in range(len(token) - 1, 3, -1) if text.endswith(token[:n])), "")
        return text.removesuffix(ending) + _REDACTED if ending else text

    def _decode(self, request: Request[T], response: Response) -> T:
        if request.returns is None:
            return cast("T", None)
        try:
            return cast("T", self._options.decoder.decode(response.body, request.returns))
        except DecodeError as error:
            failure = self._decode_error(request, error, response.status, response.headers.get("Content-Type"))
        # Raised here, so that the frames that hold the body are not part of it.
        raise failure


async def _beginning(stream: Stream) -> SecretBytes:
    """What a refused file has instead of the file. It may be an echo of what was sent."""
    body = SecretBytes()
    while len(body) < _ERROR_BODY and (piece := SecretBytes(await stream.read())):
        body = SecretBytes(body + piece)
    return body
