"""Host names in URLs: clients reach a fake under these names."""

from typing import Final

from yarl import URL

# Clients cannot connect to wildcard addresses, which stand for all addresses of a machine.
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not bound here
# Storage has a different host name from the API, for clients that compare hosts without ports.
_STORAGE: Final = {"127.0.0.1": "localhost"}


def name_api_host(host: str) -> str:
    """Return the API's host name for a fake that listens on `host`."""
    return _EVERYWHERE.get(host, host)


def name_storage_host(host: str) -> str:
    """Return the storage's host name for a fake that listens on `host`."""
    return _STORAGE.get(name := name_api_host(host), name)


def find_api_origin(origin: str, listens_on: str, named: str) -> str:
    """Return the API's origin for a client that sent a host in its `Host` header.

    For the client, a fake that listens on all addresses may be another container or machine, with another port.
    """
    url = _parse_host(listens_on, named)
    return origin if url is None else f"{url.origin()}"


def find_storage_origin(origin: str, listens_on: str, named: str) -> str:
    """Return the storage's origin, with the host that the client sent and the storage's own port."""
    url = _parse_host(listens_on, named)
    if url is None or url.host is None:
        return origin
    return f"{URL(origin).with_host(name_storage_host(url.host)).origin()}"


def _parse_host(listens_on: str, named: str) -> URL | None:
    if listens_on not in _EVERYWHERE:
        return None
    try:
        url = URL(f"http://{named}")
    except ValueError:
        return None
    return url if url.host else None
