"""The token of a session, given or asked for."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Final, cast

import attrs

from circleci_v1_async._core.secret import RedactedStr, Secret, wrap_secret
from circleci_v1_async.errors import InvalidInputError

__all__ = ["EXPECTED_TOKEN", "TOKEN_HEADER", "Token", "TokenSource", "find_token_problem", "parse_token"]

TokenSource = Callable[[], "str | Awaitable[str]"]

TOKEN_HEADER: Final = "Circle-Token"  # noqa: S105 - the name of a header
EXPECTED_TOKEN: Final = "expected a non-empty string of visible ASCII characters"  # noqa: S105 - no token


def parse_token(token: object) -> Secret[str] | None:
    """Check the hidden token. Its value is in no error.

    Raises:
        InvalidInputError: It is not visible ASCII.
    """
    if token is None:
        return None
    problem = find_token_problem(token)
    if problem is not None:
        raise InvalidInputError(f"token: {EXPECTED_TOKEN}, or None, or a callable that returns one; {problem}")
    # As it is in the header, which aiohttp's frames have.
    return Secret(RedactedStr(cast("Secret[str]", token).reveal()))


def find_token_problem(token: object) -> str | None:
    """Return the reason why a hidden value cannot be a token; `None` if it can be. The value is not in it."""
    value = cast("Secret[object]", token).reveal() if isinstance(token, Secret) else token
    if not isinstance(value, str):
        return f"got {type(value).__name__}"
    # Anything else would be rejected late, trimmed or misread on its way.
    if value and all("!" <= char <= "~" for char in value):
        return None
    if not value.strip():
        return "got an empty one" if not value else "got one of whitespace"
    if value.endswith(("\n", "\r")):
        return "got one that ends in a newline, as files do: strip it"
    return "got one with whitespace around it" if value != value.strip() else "got one with other characters"


@attrs.define(eq=False)
class Token:
    """The token that requests are sent with.

    Attributes:
        value: The current one; `None` for anonymous requests, and as long as the source was not asked.
        source: Gives the current one, if it was not given as it is.
    """

    value: Secret[str] | None = None
    source: TokenSource | None = None
    _refresh: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)

    def __str__(self) -> str:
        return "anonymous" if self.value is None and self.source is None else "token=***"

    async def renew(self, refused: Secret[str] | None) -> None:
        """Ask the source, unless it was asked since that token was read. One call at a time asks, for all.

        Raises:
            InvalidInputError: It did not give a token. Errors of its own leave as they are.
        """
        if self.source is None:
            return
        async with self._refresh:
            if self.value is not refused:
                return
            self.value = await _ask(self.source)


async def _ask(source: TokenSource) -> Secret[str]:
    value = parse_token(await _hidden(source))
    if value is None:
        raise InvalidInputError(f"token: {EXPECTED_TOKEN} from the callable, got None")
    return value


async def _hidden(source: TokenSource) -> Secret[str] | None:
    # In a frame of its own, which is gone before an error of ours is raised.
    given = source()
    hidden: Secret[str] | None = wrap_secret(await given if inspect.isawaitable(given) else given)
    return hidden
