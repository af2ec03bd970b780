"""Checks of URLs, without I/O: base URLs, where the token may go, where redirects may lead."""

import string
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from yarl import URL

from .errors import InvalidInputError, RedirectError

__all__ = ["find_next_hop", "get_origin", "is_loopback", "is_trusted", "parse_base_url"]

Origin = tuple[str, str, int | None]

_KEEPS_METHOD: Final = frozenset({307, 308})
_VISIBLE: Final = string.ascii_letters + string.digits + string.punctuation
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_CLOUD: Final = ("https", "circleci.com", 443)
_CLOUD_ARTIFACTS: Final = ".circle-artifacts.com"


def parse_base_url(base_url: object, *, with_token: bool) -> URL:
    """Return the base URL, checked and without a slash at its end.

    Raises:
        InvalidInputError: It is not an absolute HTTP URL, or the token would go over the network in clear.
    """
    expected = "base_url: expected an absolute http or https URL such as 'https://circleci.com/api/v1.1'"
    try:
        url = URL(base_url) if isinstance(base_url, str) else None
    except ValueError:
        url = None
    if url is None or url.scheme not in {"http", "https"} or not url.host:
        raise InvalidInputError(expected)
    if url.raw_query_string or url.raw_fragment or url.raw_user is not None or url.raw_password is not None:
        raise InvalidInputError(f"{expected}, without query, fragment, user or password")
    if with_token and url.scheme == "http" and not is_loopback(url):
        raise InvalidInputError("base_url: expected https, because the token would be sent in clear over http")
    return URL(str(url).rstrip("/"), encoded=True)


def get_origin(url: URL) -> Origin:
    """Return the scheme, the host and the port of a URL, in the one form in which origins are compared."""
    return url.scheme, (url.host or "").lower().rstrip("."), url.port


def is_loopback(url: URL) -> bool:
    """Tell whether a URL leads to this machine."""
    return get_origin(url)[1] in _LOOPBACK


_get_home = lru_cache(get_origin)


def is_trusted(base_url: URL, url: URL) -> bool:
    """Tell whether the token may be sent there: to the API, or to the cloud's artifacts."""
    home, (scheme, host, port) = _get_home(base_url), get_origin(url)
    if home == _CLOUD and (scheme, port) == ("https", 443) and host.endswith(_CLOUD_ARTIFACTS):
        return True
    return (scheme, host, port) == home


def _join(current: URL, location: str) -> URL | None:
    """Return a location as a URL, byte for byte: quoting a signed URL anew would break its signature."""
    try:
        url = current.join(URL(quote(location, safe=_VISIBLE, errors="surrogateescape"), encoded=True))
        get_origin(url)  # It may raise: the port may be no number.
    except (ValueError, IndexError):  # `http://[]@` raises an IndexError.
        return None
    return url


def find_next_hop(current: URL, location: str, method: str, status: int) -> URL:
    """Return where a redirect leads, if the request may go there."""
    maybe_sent = method not in {"GET", "HEAD"}
    url = _join(current, location)
    if url is None:
        raise RedirectError("The service points to what is no URL", maybe_sent)
    if url.scheme not in {"http", "https"} or not url.host or url.raw_user is not None:
        raise RedirectError("The service points to what is no plain http or https URL", maybe_sent)
    if (current.scheme, url.scheme) == ("https", "http"):
        raise RedirectError("The service points from https to http", maybe_sent)
    if maybe_sent and (status not in _KEEPS_METHOD or get_origin(url) != get_origin(current)):
        raise RedirectError(f"The service redirected a {method}, which is sent to its own origin only", maybe_sent)
    return url
