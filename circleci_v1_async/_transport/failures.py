"""Exceptions of aiohttp as errors of this package."""

import re
import ssl
from typing import Final

import aiohttp

from circleci_v1_async.errors import RequestTimeoutError, TransportError, is_transient

__all__ = ["AIOHTTP_ERRORS", "BODY_ERRORS", "translate_error"]

# Exceptions that aiohttp raises for a failed exchange, as its documentation lists them. All other exceptions come from
# the user's own code, such as trace hooks and middlewares, and are not caught.
AIOHTTP_ERRORS: Final = (aiohttp.ClientError, TimeoutError)
# No code of the user's runs while a body is read. aiohttp raises a RuntimeError when the connection was closed.
BODY_ERRORS: Final = (*AIOHTTP_ERRORS, OSError, RuntimeError)
# The part of a message of aiohttp that quotes the reply begins with one of these.
_QUOTE: Final = re.compile(r"\n|b?['\"]")


def translate_error(error: Exception, *, waited_for_pool: bool, timeout: float, awaited: str) -> TransportError:
    """Return the error that an exception of aiohttp means.

    Its message ends with the reason, which is also its cause. Messages of aiohttp may quote the reply, and its
    exceptions refer to the request. Neither is in the result.
    """
    failure = _classify(error, waited_for_pool=waited_for_pool, timeout=timeout, awaited=awaited)
    reason = _find_reason(error)
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
                f"no connection of the borrowed session came free within {timeout:g} s", maybe_sent=False, phase="pool"
            )
        case aiohttp.ConnectionTimeoutError():
            return RequestTimeoutError("the connection could not be made in time", maybe_sent=False, phase="connect")
        case TimeoutError():
            return RequestTimeoutError(f"no {awaited} within {timeout:g} s", phase="read")
        case aiohttp.ClientHttpProxyError():
            return TransportError(
                f"the proxy refused to connect: {error.status}",
                maybe_sent=False,
                transient=is_transient(error.status),
            )
        case aiohttp.ClientConnectorCertificateError():
            return TransportError("the TLS certificate was rejected", maybe_sent=False, transient=False)
        case aiohttp.ClientProxyConnectionError():
            return TransportError("the proxy could not be reached", maybe_sent=False)
        case aiohttp.ClientConnectorError():
            # A TLS alert is one too: a server that has a failure of its own answers so.
            return TransportError("the connection could not be made", maybe_sent=False)
        case aiohttp.ClientPayloadError():
            return TransportError("the reply broke off")
        case aiohttp.ClientConnectionError() | OSError() | RuntimeError():
            return TransportError("the connection broke")
        case _:
            return TransportError("the reply is not HTTP")


def _find_reason(error: Exception) -> Exception:
    """Return the exception at the end of the chain of causes.

    aiohttp wraps errors of sockets, TLS and hooks.
    """
    # The cause of a TimeoutError is the cancellation by which its timer ends the wait.
    while isinstance(error.__cause__, Exception):
        error = error.__cause__
    return error


def _describe(reason: Exception) -> tuple[str, bool]:
    """Return a reason's class and message, and whether the exception holds nothing more than that."""
    if isinstance(reason, aiohttp.ClientHttpProxyError):
        # The status, which the message already has, is all that the proxy said.
        return "", False
    if isinstance(reason, aiohttp.ServerTimeoutError) or (type(reason) is TimeoutError and not str(reason)):
        # A time limit of aiohttp. The message names the limit.
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
