"""The token, the base URL and the proxies from environment variables."""

import os
import re
from typing import Final
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from circleci_v1_async._core.secret import Secret
from circleci_v1_async.errors import InvalidInputError

from .borrowed import check_credentials
from .token import EXPECTED_TOKEN, find_token_problem
from .urls import is_loopback

CLOUD_URL: Final = "https://circleci.com/api/v1.1"
TOKEN_VARIABLES: Final = ("CIRCLE_TOKEN", "CIRCLECI_TOKEN", "CIRCLECI_CLI_TOKEN", "CIRCLE_CLI_TOKEN")
_API_VARIABLE: Final = "CIRCLE_API_URL"
_HOST_VARIABLES: Final = ("CIRCLE_HOST", "CIRCLECI_BASE_URL")
_HTTP_VARIABLE: Final = "CIRCLE_ALLOW_HTTP"
_API_PATH: Final = re.compile(r"(?:/api(?:/v[0-9.]+)?)?/*\Z")


def read_token() -> Secret[str] | None:
    """Return the token from the first variable that is not empty; `None` if all are empty."""
    name = next((name for name in TOKEN_VARIABLES if os.environ.get(name)), None)
    if name is None:
        return None
    if (problem := find_token_problem(_read_secret(name))) is not None:
        raise InvalidInputError(f"{name}: {EXPECTED_TOKEN}; {problem}")
    return _read_secret(name)


def _read_secret(name: str) -> Secret[str]:
    # Keep the plain value in a separate frame, which no longer exists when an error is raised.
    return Secret(os.environ[name])


def read_base_url() -> str | None:
    """Return the base URL from the first variable that is not empty; `None` if all are empty."""
    if api := os.environ.get(_API_VARIABLE, "").rstrip("/"):
        return api + "/v1.1" * api.endswith("/api")
    for name in _HOST_VARIABLES:
        if address := os.environ.get(name):
            return complete_address(address)
    return None


def read_allow_http() -> bool:
    """Return whether the token may be sent unencrypted."""
    value = os.environ.get(_HTTP_VARIABLE, "")
    if value not in {"", "0", "1"}:
        raise InvalidInputError(f"{_HTTP_VARIABLE}: expected 1 to allow a token over http, or 0, got {value!r}")
    return value == "1"


def complete_address(address: str) -> str:
    """Return the base URL for the host of a server, the server's URL, or the URL of any of its APIs."""
    address = address if "://" in address else f"https://{address}"
    return _API_PATH.sub("/api/v1.1", address, count=1)


def find_proxy(url: URL) -> URL | None:
    """Return the environment's proxy for a URL; `None` to connect without a proxy.

    Loopback addresses never use a proxy: they allow http with a token, because the token does not leave the machine.
    """
    if is_loopback(url) or proxy_bypass(url.host or ""):
        return None
    address = getproxies().get(url.scheme)
    if not address:
        return None
    try:
        proxy = URL(address if "://" in address else f"http://{address}")
    except ValueError:
        proxy = URL()
    name = f"{url.scheme.upper()}_PROXY"
    if proxy.scheme not in {"http", "https"} or not proxy.host:
        # Do not show the value: it may contain a password.
        raise InvalidInputError(f"{name}: expected the URL of an HTTP proxy")
    check_credentials(name, proxy)
    return proxy
