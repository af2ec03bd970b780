"""Checks of a borrowed aiohttp session."""

import asyncio

import aiohttp
from yarl import URL

from circleci_v1_async.errors import InvalidInputError, SessionClosedError

from .token import TOKEN_HEADER


def check_borrowed(session: object, *, trust_env: bool) -> None:
    """Reject an aiohttp session that has default credentials or does not fit `trust_env`."""
    if session is None:
        return
    if trust_env:
        raise InvalidInputError(
            "trust_env: cannot be combined with session, which has its own proxies; "
            "pass trust_env to the aiohttp.ClientSession instead"
        )
    if not isinstance(session, aiohttp.ClientSession):
        raise InvalidInputError(f"session: expected an aiohttp.ClientSession, got {type(session).__name__}")
    # aiohttp has no public name for the proxy.
    proxy = getattr(session, "_default_proxy", None)
    if proxy is not None:
        check_credentials("session: proxy", URL(proxy))
    if session.auth is not None or any(name in session.headers for name in ("Authorization", TOKEN_HEADER)):
        raise InvalidInputError(
            "session: expected one without default credentials (auth, Authorization, Circle-Token): "
            "aiohttp would send them to the target of any redirect. Pass the token to CircleCISession instead"
        )


def check_credentials(name: str, proxy: URL) -> None:
    """Reject a proxy URL with a user or password that cannot be sent. The error omits both."""
    if not _can_be_sent(proxy):
        raise InvalidInputError(f"{name}: expected a user without a colon, and a user and a password in Latin-1")


def _can_be_sent(proxy: URL) -> bool:
    # Both must be in Latin-1, and the user cannot contain a colon (RFC 7617, section 2). Keep the plain password in a
    # separate frame, which no longer exists when the error is raised.
    try:
        f"{proxy.user or ''}{proxy.password or ''}".encode("latin-1")
    except UnicodeEncodeError:
        return False
    return ":" not in (proxy.user or "")


def check_usable(session: aiohttp.ClientSession, loop: asyncio.AbstractEventLoop | None) -> aiohttp.ClientSession:
    """Return a session if it is open and belongs to the event loop. Otherwise, raise an error."""
    if session.closed:
        raise SessionClosedError("The aiohttp session cannot be used: Session is closed")
    # aiohttp has no public name for the loop. With another loop, it would raise a RuntimeError, or wait forever.
    if getattr(session, "_loop", loop) is not loop:
        raise SessionClosedError("The aiohttp session cannot be used: it belongs to another event loop")
    return session
