"""Checks of URLs, without I/O: base URLs, URLs that may receive the token, targets of redirects."""

import re
import string
from ipaddress import ip_address
from typing import Final, cast
from urllib.parse import quote

from yarl import URL

from circleci_v1_async.errors import InvalidInputError, RedirectError

Origin = tuple[str, str, int | None]

_KEEPS_METHOD: Final = frozenset({307, 308})
_VISIBLE: Final = string.ascii_letters + string.digits + string.punctuation
_API_PATH: Final = "/api/v1.1"
# Paths of base URLs, and the suffixes that complete them.
_COMPLETIONS: Final = {"": "/api/v1.1", "/api": "/v1.1"}
# RFC 6761, section 6.3: names below localhost are loopback as well.
_LOCALHOST: Final = re.compile(r"(?:.*\.)?localhost")
_CLOUD: Final = ("https", "circleci.com", 443)
_CLOUD_ARTIFACTS: Final = ".circle-artifacts.com"
# Maximum number of characters in one label of a host (RFC 1035, section 2.3.4).
_LABEL: Final = 63
# Exceptions that yarl raises for an invalid URL; an IndexError for `http://[]@`.
_NO_URL: Final = (ValueError, IndexError)


def parse_base_url(base_url: object, *, with_token: bool, allow_http: bool = False) -> URL:
    """Return the base URL, checked and without a trailing slash. A missing path of the API is added.

    Without `allow_http`, a URL that would send the token unencrypted over the network is an error.
    """
    expected = "base_url: expected an absolute http or https URL such as 'https://circleci.com/api/v1.1'"
    try:
        url = URL(base_url) if isinstance(base_url, str) else None
        get_origin(url or URL())
    except _NO_URL:
        url = None
    if url is None or url.scheme not in {"http", "https"} or not url.host:
        raise InvalidInputError(expected)
    if url.raw_query_string or url.raw_fragment or url.raw_user is not None or url.raw_password is not None:
        raise InvalidInputError(f"{expected}, without query, fragment, user or password")
    if not isinstance(cast("object", allow_http), bool):
        # A setting such as "no" is true to Python, and would send the token unencrypted.
        raise InvalidInputError(f"allow_http: expected True or False, got {allow_http!r}")
    if with_token and url.scheme == "http" and not allow_http and not is_loopback(url):
        raise InvalidInputError(
            "base_url: expected https, because the token would be sent unencrypted over http; "
            "allow_http=True allows this for test networks"
        )
    address = str(url).rstrip("/")
    if address.endswith("/api/v2"):
        raise InvalidInputError(
            "base_url: expected the URL of API v1.1, which ends in '/api/v1.1', got a URL of API v2"
        )
    completion = _COMPLETIONS.get(url.raw_path.rstrip("/"), "")
    return URL(f"{address}{completion}", encoded=True)


def join_target(base_url: str, target: str) -> URL:
    """Return the URL of a target relative to the base URL.

    A target in `/api/` is relative to the part of the base URL before `/api/v1.1`, which must then be there.
    """
    if target.startswith("/api/"):
        root = base_url.removesuffix(_API_PATH)
        if root == base_url:
            raise InvalidInputError(
                f"path: a path in '/api/' expected a base_url that ends in '{_API_PATH}', got {base_url!r}"
            )
        base_url = root
    return URL(base_url + target, encoded=True)


def get_origin(url: URL) -> Origin:
    """Return the scheme, the host and the port of a URL, normalized for comparisons of origins.

    Raise `ValueError` if the port is not a number, or the host has a label that DNS does not allow.
    """
    raw = (url.raw_host or "").removesuffix(".")
    if raw.startswith(".") or ".." in raw or (len(raw) > _LABEL and max(map(len, raw.split("."))) > _LABEL):
        # Without this check, Python would raise a UnicodeError when it resolves the host.
        raise ValueError("expected a host with labels of 1 to 63 characters")
    return url.scheme, (url.host or "").lower().removesuffix("."), url.port


def is_loopback(url: URL) -> bool:
    """Return whether a URL leads to this machine: 127.0.0.0/8, ::1, `localhost` and the names below it."""
    host = get_origin(url)[1]
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return _LOCALHOST.fullmatch(host) is not None


def is_trusted(base_url: URL, url: URL) -> bool:
    """Return whether a URL may receive the token: it belongs to the API or to the cloud's artifacts."""
    if (base_url.scheme, base_url.raw_authority) == (url.scheme, url.raw_authority):
        return True
    home, (scheme, host, port) = get_origin(base_url), get_origin(url)
    if home == _CLOUD and (scheme, port) == ("https", 443) and host.endswith(_CLOUD_ARTIFACTS):
        return True
    return (scheme, host, port) == home


def find_next_hop(current: URL, location: str, method: str, status: int) -> URL:
    """Return the URL that a redirect leads to, if the request may be sent there."""
    maybe_sent = method not in {"GET", "HEAD"}
    try:
        # Keep every byte of the location: quoting a signed URL again would break its signature.
        url = current.join(URL(quote(location, safe=_VISIBLE, errors="surrogateescape"), encoded=True))
        get_origin(url)  # This raises if the port is not a number.
    except _NO_URL:
        raise RedirectError("the service returned an invalid URL", maybe_sent) from None
    if url.scheme not in {"http", "https"} or not url.host or url.raw_user is not None:
        raise RedirectError("the service returned a URL that is not plain http or https", maybe_sent)
    if (current.scheme, url.scheme) == ("https", "http"):
        raise RedirectError("the service redirected from https to http", maybe_sent)
    if maybe_sent and (status not in _KEEPS_METHOD or get_origin(url) != get_origin(current)):
        followed = "only redirects to the same origin with status 307 or 308 are followed"
        raise RedirectError(f"the service redirected a {method} with status {status}; {followed}", maybe_sent)
    return url


def without_query(url: URL) -> str:
    """Return the origin and the path of a URL, for errors."""
    return f"{url.scheme}://{url.raw_authority}{url.raw_path}"
