"""Translation of aiohttp's exceptions to errors of this package."""

import re
import ssl
from typing import Final

import aiohttp

from circleci_v1_async.errors import RequestTimeoutError, TransportError, is_transient

# Exceptions that aiohttp raises for a failed exchange, as its documentation lists them. All other exceptions come from
# the user's own code, such as trace hooks and middlewares, and are not caught.
AIOHTTP_ERRORS: Final = (aiohttp.ClientError, TimeoutError)
# The user's code does not run while a body is read. aiohttp raises a RuntimeError if the connection was closed.
BODY_ERRORS: Final = (*AIOHTTP_ERRORS, OSError, RuntimeError)
# In aiohttp's messages, the part that quotes the reply begins with one of these.
_QUOTE: Final = re.compile(r"\n|b?['\"]")


def translate_error(error: Exception, *, waited_for_pool: bool, timeout: float, awaited: str) -> TransportError:
    """Translate an exception of aiohttp to an error of this package.

    The error's message ends with the reason, which is also its cause. It contains neither the reply, which messages of
    aiohttp may quote, nor the request, which its exceptions refer to.
    """
    failure = _classify(error, waited_for_pool=waited_for_pool, timeout=timeout, awaited=awaited)
    reason = error
    # aiohttp wraps errors of sockets, TLS and hooks. The cause of a TimeoutError is a cancellation: no `Exception`.
    while isinstance(reason.__cause__, Exception):
        reason = reason.__cause__
    shown, is_complete = _describe(reason)
    if shown:
        failure.message = f"{failure.message}: {shown}"
        failure.args = (failure.message,)
        failure.__cause__ = reason if is_complete else aiohttp.ClientError(shown)
    return failure


def _classify(  # noqa: PLR0911 - a table
    error: Exception, *, waited_for_pool: bool, timeout: float, awaited: str
) -> TransportError:
    match error:
        case aiohttp.ConnectionTimeoutError() if waited_for_pool:
            return RequestTimeoutError(
                f"no connection in the given aiohttp session became free within {timeout:g} s",
                maybe_sent=False,
                phase="pool",
            )
        case aiohttp.ConnectionTimeoutError():
            return RequestTimeoutError("the connection could not be made in time", maybe_sent=False, phase="connect")
        case TimeoutError():
            return RequestTimeoutError(f"no {awaited} within {timeout:g} s", phase="read")
        case aiohttp.ClientHttpProxyError():
            return TransportError(
                f"the proxy refused to connect: {error.status}", maybe_sent=False, transient=is_transient(error.status)
            )
        case aiohttp.ClientConnectorCertificateError():
            return TransportError("the TLS certificate was rejected", maybe_sent=False, transient=False)
        case aiohttp.ClientProxyConnectionError():
            return TransportError("the proxy could not be reached", maybe_sent=False)
        case aiohttp.ClientConnectorError():
            # This includes TLS alerts, which are transient: a server may send one because of an internal failure.
            return TransportError("the connection could not be made", maybe_sent=False)
        case aiohttp.ClientPayloadError():
            return TransportError("the reply broke off")
        case aiohttp.ClientConnectionError() | OSError() | RuntimeError():
            return TransportError("the connection broke")
        case _:
            return TransportError("the reply is not HTTP")


def _describe(reason: Exception) -> tuple[str, bool]:
    """Return a reason's class and message, and whether they are the exception's only content."""
    if isinstance(reason, aiohttp.ClientHttpProxyError | aiohttp.ServerTimeoutError) or (
        type(reason) is TimeoutError and not str(reason)
    ):
        # The message already contains the proxy's status, or the time limit.
        return "", False
    if isinstance(reason, ssl.SSLCertVerificationError):
        return reason.verify_message, True
    name = type(reason).__name__
    if not type(reason).__module__.startswith("aiohttp."):
        return _join(name, str(reason)), True
    message = getattr(reason, "message", None) or str(reason)
    if isinstance(reason, aiohttp.InvalidURL) or not isinstance(message, str):
        return name, False
    shown = _QUOTE.split(message, maxsplit=1)[0]
    return _join(name, shown), shown == message and isinstance(reason, aiohttp.ClientConnectionError)


def _join(name: str, message: str) -> str:
    return f"{name}: {message.rstrip(' :')}".rstrip(": ")
