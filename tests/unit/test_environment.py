"""Proxies as the environment names them."""

import pytest
from yarl import URL

from circleci_v1_async import InvalidInputError
from circleci_v1_async._transport.environment import find_proxy

CLOUD = URL("https://circleci.com/api/v1.1/me")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("proxy", "found"),
    [
        ("http://proxy.example:3128", "http://proxy.example:3128"),
        ("http://ada:s3cret@proxy.example", "http://ada:s3cret@proxy.example"),
        ("https://proxy.example", "https://proxy.example"),
        ("proxy.example:3128", "http://proxy.example:3128"),
    ],
)
def test_a_proxy_is_found_by_the_scheme_of_the_url(proxy: str, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    assert find_proxy(CLOUD) == URL(found)
    assert find_proxy(URL("http://circleci.com/")) is None


@pytest.mark.parametrize("url", ["https://localhost/", "https://127.0.0.1:8080/", "https://[::1]/"])
def test_loopback_is_reached_without_a_proxy(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")
    assert find_proxy(URL(url)) is None


def test_hosts_that_no_proxy_names_are_reached_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")
    monkeypatch.setenv("NO_PROXY", "circleci.com")
    assert find_proxy(CLOUD) is None


@pytest.mark.parametrize("proxy", ["socks5://ada:s3cret@proxy.example", "http://", "http://s3cret:port"])
def test_what_is_no_http_proxy_is_refused_without_showing_it(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(InvalidInputError, match=r"^HTTPS_PROXY: expected the URL of an HTTP proxy$"):
        find_proxy(CLOUD)
