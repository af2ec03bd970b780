"""Proxies of the environment, on real sockets."""

import aiohttp
import pytest
from script_server import ScriptServer, reply

from circleci_v1_async import CircleCISession, InvalidInputError, RetryPolicy, SessionOptions, TransportError
from circleci_v1_async.testing import FakeCircleCI

ONCE = RetryPolicy(attempts=1)
PLAIN = "http://circleci.acme.example/api/v1.1"


async def test_a_session_that_trusts_the_environment_asks_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptServer(reply(200, {"login": "ada"})) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.origin.replace("//", "//ada:s3cret@"))
        async with CircleCISession(base_url=PLAIN, trust_env=True) as ci:
            assert (await ci.get_current_user()).login == "ada"
    (asked,) = proxy.requests
    assert asked.target == f"{PLAIN}/me"
    assert asked.headers["Proxy-Authorization"].startswith("Basic ")


async def test_a_tunnel_that_the_proxy_refuses_is_a_transport_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptServer(reply(407), reply(503)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.origin)
        async with CircleCISession("a-token", trust_env=True, retry=ONCE) as ci:
            for status, transient in ((407, False), (503, True)):
                with pytest.raises(TransportError, match=f"the proxy refused to connect: {status}$") as caught:
                    await ci.get_current_user()
                assert (caught.value.transient, caught.value.maybe_sent) == (transient, False)
    assert {request.method for request in proxy.requests} == {"CONNECT"}
    assert not any("Circle-Token" in request.headers for request in proxy.requests)


async def test_a_proxy_that_is_none_is_an_error_before_any_io(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://ada:s3cret@proxy.example")
    async with CircleCISession("a-token", trust_env=True) as ci:
        with pytest.raises(InvalidInputError, match=r"^HTTPS_PROXY: expected the URL of an HTTP proxy$"):
            await ci.get_current_user()


@pytest.mark.parametrize("options", [{}, {"trust_env": True}])
async def test_the_double_on_loopback_is_asked_without_a_proxy(
    options: SessionOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with FakeCircleCI() as fake, CircleCISession(fake.token, base_url=fake.base_url, **options) as ci:
        assert (await ci.get_current_user()).login


async def test_a_borrowed_session_has_proxies_of_its_own() -> None:
    async with aiohttp.ClientSession() as http:
        with pytest.raises(InvalidInputError, match=r"^trust_env: cannot be combined with session"):
            CircleCISession(session=http, trust_env=True)


@pytest.mark.fault(107)
@pytest.mark.parametrize("user", ["ada:p%E2%82%ACss", "%E2%82%AC:pass", "a%3Ada:pass"])
async def test_credentials_of_a_proxy_that_cannot_be_sent_are_refused_before_any_io(
    user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = r"expected a user without a colon, and a user and a password in Latin-1$"
    async with ScriptServer(reply(200, {})) as proxy:
        address = proxy.origin.replace("//", f"//{user}@")
        monkeypatch.setenv("HTTP_PROXY", address)
        async with CircleCISession(base_url=PLAIN, trust_env=True) as ci:
            with pytest.raises(InvalidInputError, match=rf"^HTTP_PROXY: {text}") as caught:
                await ci.get_current_user()
        async with aiohttp.ClientSession(proxy=address) as http:
            with pytest.raises(InvalidInputError, match=rf"^session: proxy: {text}"):
                CircleCISession(base_url=PLAIN, session=http)
    assert proxy.requests == []
    assert "pass" not in str(caught.value).replace("password", "")


@pytest.mark.fault(107)
async def test_credentials_of_a_proxy_in_latin_1_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptServer(reply(200, {})) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.origin.replace("//", "//ada:p%C3%A4ss@"))
        async with CircleCISession(base_url=PLAIN, trust_env=True) as ci:
            await ci.get_current_user()
    assert "Proxy-Authorization" in proxy.requests[0].headers
