"""Exceptions of aiohttp as errors of this package."""

from typing import Final

import aiohttp

from circleci_v1_async.errors import RequestTimeoutError, TransportError, is_transient

__all__ = ["AIOHTTP_ERRORS", "translate_error"]

# Exceptions that aiohttp raises or lets pass.
AIOHTTP_ERRORS: Final = (aiohttp.ClientError, OSError, ValueError, RuntimeError)


def translate_error(  # noqa: PLR0911 - a table
    error: Exception, *, waited_for_pool: bool, timeout: float, awaited: str
) -> TransportError:
    """Return the error that an exception of aiohttp means. Its text may quote what was sent."""
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
            return TransportError(
                "TLS could not be agreed on: the certificate does not fit the host, or is not trusted",
                maybe_sent=False,
                transient=False,
            )
        case aiohttp.ClientProxyConnectionError():
            return TransportError(f"the proxy could not be reached: {error.os_error}", maybe_sent=False)
        case aiohttp.ClientConnectorError():
            # A TLS alert is one too: a server that has a failure of its own answers so.
            return TransportError(f"the connection could not be made: {error.os_error}", maybe_sent=False)
        case aiohttp.ClientPayloadError():
            return TransportError("the reply broke off")
        case aiohttp.ClientConnectionError() | OSError():
            return TransportError(f"the connection broke: {type(error).__name__}")
        case _:
            return TransportError(f"the reply is not HTTP: {type(error).__name__}")
