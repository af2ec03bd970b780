"""The token of a session, given or asked for."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Final, cast

import attrs

from circleci_v1_async._core.secret import RedactedStr, Secret, wrap_secret
from circleci_v1_async.errors import InvalidInputError

__all__ = ["TOKEN_HEADER", "Token", "TokenSource", "parse_token"]

TokenSource = Callable[[], "str | Awaitable[str]"]

TOKEN_HEADER: Final = "Circle-Token"  # noqa: S105 - the name of a header
_EXPECTED = "expected a non-empty string of visible ASCII characters"


def parse_token(token: object) -> Secret[str] | None:
    """Check the hidden token. Its value is in no error.

    Raises:
        InvalidInputError: It is not visible ASCII.
    """
    if token is None:
        return None
    if not isinstance(token, Secret) or not _is_token(cast("Secret[object]", token).reveal()):
        raise InvalidInputError(f"token: {_EXPECTED}, or None, or a callable that returns one")
    # As it is in the header, which aiohttp's frames have.
    return Secret(RedactedStr(cast("Secret[str]", token).reveal()))


def _is_token(value: object) -> bool:
    # Anything else would be refused late, trimmed or misread on its way.
    return isinstance(value, str) and value != "" and all("!" <= char <= "~" for char in value)


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
        raise InvalidInputError(f"token: {_EXPECTED} from the callable, got None")
    return value


async def _hidden(source: TokenSource) -> Secret[str] | None:
    # In a frame of its own, which is gone before an error of ours is raised.
    given = source()
    hidden: Secret[str] | None = wrap_secret(await given if inspect.isawaitable(given) else given)
    return hidden
