"""The session's token: a fixed value, or the result of a callable."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, Final, cast

import attrs

from circleci_v1_async._core.secret import RedactedStr, Secret, wrap_secret
from circleci_v1_async.errors import InvalidInputError, RequestTimeoutError, UsageError

# Calls of token sources that the current task is part of, directly or as a task that the source started.
_runs: ContextVar[tuple[object, ...]] = ContextVar("token_runs", default=())

TokenSource = Callable[[], "str | Awaitable[str]"]

TOKEN_HEADER: Final = "Circle-Token"  # noqa: S105 - the name of a header
EXPECTED_TOKEN: Final = "expected a non-empty string of visible ASCII characters"  # noqa: S105 - no token


def parse_token(token: object) -> Secret[str] | None:
    """Check the hidden token: a string of visible ASCII characters, or `None`. Errors omit its value."""
    if token is None:
        return None
    hidden = cast("Secret[Any]", token)
    if (problem := find_token_problem(hidden)) is not None:
        raise InvalidInputError(f"token: {EXPECTED_TOKEN}, or None, or a callable that returns one; {problem}")
    # Frames of aiohttp contain the header, so the token needs a redacted repr.
    return Secret(RedactedStr(hidden.reveal()))


def find_token_problem(token: Secret[Any]) -> str | None:
    """Return the reason why a hidden value is invalid as a token, without the value; `None` if valid."""
    value: object = token.reveal()
    if not isinstance(value, str):
        return f"got {type(value).__name__}"
    # Other characters would be trimmed or misread on the way to the service, or rejected late.
    if value and all("!" <= char <= "~" for char in value):
        return None
    if not value.strip():
        return "got an empty one" if not value else "got one of whitespace"
    if value.endswith(("\n", "\r")):
        return "got one that ends in a newline, as files do: strip it"
    return "got one with whitespace around it" if value != value.strip() else "got one with other characters"


@attrs.define(eq=False, repr=False)
class Token:
    """The token that requests are sent with: a fixed value, or the latest result of a source.

    The value is `None` for anonymous requests, and before the first call of the source.
    """

    value: Secret[str] | None = None
    source: TokenSource | None = None
    _refresh: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)
    # The current call of the source.
    _run: object | None = attrs.field(default=None, init=False)

    def __str__(self) -> str:
        return "anonymous" if self.value is None and self.source is None else "token=***"

    async def renew(self, refused: Secret[str] | None, timeout: float) -> None:  # noqa: ASYNC109 - a part of a call
        """Call the source, unless another call has already replaced the rejected token.

        Concurrent calls share one result of the source. Before the first request, the rejected token is `None`.
        Exceptions of the source propagate unchanged. If it takes more than `timeout` seconds, `RequestTimeoutError` is
        raised; if it uses the session that calls it, `UsageError`.
        """
        if self.source is None:
            return
        if self._run is not None and self._run in _runs.get():
            raise UsageError(
                "token: the callable uses the session that calls it; use a separate session in the callable"
            )
        limit = asyncio.timeout(timeout)
        try:
            async with limit, self._refresh:
                if self.value is refused:
                    self.value = await self._ask(self.source)
        except TimeoutError:
            if not limit.expired():
                raise
            text = f"no token from the callable within {timeout:g} s"
            raise RequestTimeoutError(text, maybe_sent=False, phase="token") from None

    async def _ask(self, source: TokenSource) -> Secret[str]:
        self._run = object()
        runs = _runs.set((*_runs.get(), self._run))
        try:
            value = parse_token(await _hidden(source))
        finally:
            self._run = None
            _runs.reset(runs)
        if value is None:
            raise InvalidInputError(f"token: {EXPECTED_TOKEN} from the callable, got None")
        return value


async def _hidden(source: TokenSource) -> Secret[str] | None:
    # Keep the plain token in a separate frame, which no longer exists when an error is raised.
    try:
        given = source()
        hidden: Secret[str] | None = wrap_secret(await given if inspect.isawaitable(given) else given)
    except (StopIteration, StopAsyncIteration) as error:
        # Python uses these exceptions to end iterations, so a coroutine cannot raise them (PEP 479).
        raise RuntimeError(f"the token callable raised {type(error).__name__}") from error
    return hidden
