"""Checks of a borrowed aiohttp session."""

import asyncio

import aiohttp
from yarl import URL

from circleci_v1_async.errors import InvalidInputError, SessionClosedError

from .token import TOKEN_HEADER

__all__ = ["check_borrowed", "check_credentials", "check_usable"]


def check_borrowed(session: object, *, trust_env: bool) -> None:
    """Refuse a session that cannot be used safely, or not as asked.

    Raises:
        InvalidInputError: It is no aiohttp session, has credentials of its own, or is to use other proxies.
    """
    if session is None:
        return
    if trust_env:
        raise InvalidInputError(
            "trust_env: expected no session beside it, which has proxies of its own: "
            "give trust_env to the aiohttp.ClientSession instead"
        )
    if not isinstance(session, aiohttp.ClientSession):
        raise InvalidInputError(f"session: expected an aiohttp.ClientSession, got {type(session).__name__}")
    # There is no public name.
    proxy = getattr(session, "_default_proxy", None)
    if proxy is not None:
        check_credentials("session: proxy", URL(proxy))
    if session.auth is not None or any(name in session.headers for name in ("Authorization", TOKEN_HEADER)):
        raise InvalidInputError(
            "session: expected one without default credentials (auth, Authorization, Circle-Token): "
            "aiohttp would send them to wherever a redirect leads. Give the token to CircleCISession instead",
        )


def check_credentials(name: str, proxy: URL) -> None:
    """Refuse the URL of a proxy whose user and password cannot be sent. They are not in the error.

    Raises:
        InvalidInputError: One has characters outside of Latin-1, or the user has a colon (RFC 7617, section 2).
    """
    if not _can_be_sent(proxy):
        raise InvalidInputError(f"{name}: expected a user without a colon, and a user and a password in Latin-1")


def _can_be_sent(proxy: URL) -> bool:
    # In a frame of its own, which is gone before the error is raised.
    try:
        f"{proxy.user or ''}{proxy.password or ''}".encode("latin-1")
    except UnicodeEncodeError:
        return False
    return ":" not in (proxy.user or "")


def check_usable(session: aiohttp.ClientSession, loop: asyncio.AbstractEventLoop | None) -> aiohttp.ClientSession:
    """Return a session that is open and belongs to the event loop.

    Raises:
        SessionClosedError: The session is closed, or belongs to another event loop.
    """
    if session.closed:
        raise SessionClosedError("The aiohttp session cannot be used: Session is closed")
    # There is no public name. aiohttp would raise a RuntimeError, or wait for a loop that does not run.
    if getattr(session, "_loop", loop) is not loop:
        raise SessionClosedError("The aiohttp session cannot be used: it belongs to another event loop")
    return session
