"""What aiohttp's client is asked to do, seen in its place."""

import aiohttp
import pytest
from aioresponses import aioresponses
from yarl import URL

import circleci_v1_async
from circleci_v1_async import Build, CircleCISession, NotFoundError, Request, SessionClosedError

API = "https://circleci.com/api/v1.1"
TOKEN = "a-token"


def the_only(wire: aioresponses) -> tuple[str, URL, dict]:
    (((method, url), (call,)),) = wire.requests.items()
    return method, url, call.kwargs


async def test_a_call_asks_for_json_and_names_the_client_and_its_version(wire: aioresponses) -> None:
    wire.get(f"{API}/me", payload={})
    async with CircleCISession() as ci:
        await ci.get_current_user()
    _, _, options = the_only(wire)
    assert options["headers"] == {
        "Accept": "application/json",
        "User-Agent": f"circleci-v1-async/{circleci_v1_async.__version__}",
    }


async def test_the_token_goes_into_a_header_and_nowhere_else(wire: aioresponses) -> None:
    wire.get(f"{API}/me", payload={})
    async with CircleCISession(TOKEN) as ci:
        await ci.get_current_user()
    _, url, options = the_only(wire)
    assert options["headers"]["Circle-Token"] == TOKEN
    assert TOKEN not in str(url)
    assert TOKEN not in repr(options)


async def test_a_request_is_sent_without_aiohttps_redirects_and_status_errors(wire: aioresponses) -> None:
    wire.get(f"{API}/me", payload={})
    async with CircleCISession() as ci:
        await ci.get_current_user()
    _, _, options = the_only(wire)
    assert options["allow_redirects"] is False
    assert options["raise_for_status"] is False


async def test_a_body_is_compact_json_and_is_announced_as_such(wire: aioresponses) -> None:
    wire.post(f"{API}/project/github/acme/web/tree/main", status=201, payload={"build_num": 1})
    async with CircleCISession() as ci:
        await ci.trigger_branch_build("gh/acme/web", "main", build_parameters={"A": "ü"})
    _, _, options = the_only(wire)
    assert options["data"] == '{"build_parameters":{"A":"ü"}}'.encode()
    assert options["headers"]["Content-Type"] == "application/json"


async def test_a_request_without_a_body_announces_none(wire: aioresponses) -> None:
    wire.post(f"{API}/project/github/acme/web/1/cancel", payload={"build_num": 1})
    async with CircleCISession() as ci:
        await ci.cancel_build("gh/acme/web", 1)
    _, _, options = the_only(wire)
    assert options["data"] is None
    assert "Content-Type" not in options["headers"]


@pytest.mark.parametrize("content_type", ["application/json", "text/plain;charset=utf-8", "text/html", "nonsense"])
async def test_the_content_type_of_a_reply_is_not_trusted(wire: aioresponses, content_type: str) -> None:
    wire.get(f"{API}/project/github/acme/web/1", body='{"build_num": 1}', content_type=content_type)
    async with CircleCISession() as ci:
        assert (await ci.get_build("gh/acme/web", 1)).build_num == 1


async def test_send_without_returns_gives_the_json_as_it_is(wire: aioresponses) -> None:
    wire.get(f"{API}/me", payload={"login": "ada", "unheard_of": [1]})
    async with CircleCISession() as ci:
        assert await ci.send(Request("GET", "/me")) == {"login": "ada", "unheard_of": [1]}


async def test_send_reaches_endpoints_that_have_no_method(wire: aioresponses) -> None:
    wire.get(f"{API}/organization/github/acme?x=1", payload=[{"build_num": 3}])
    request = Request(
        "GET", "/organization/{vcs}/{org}", {"vcs": "github", "org": "acme"}, query={"x": 1}, returns=list[Build]
    )
    async with CircleCISession() as ci:
        assert await ci.send(request) == [Build(build_num=3)]


async def test_an_error_reply_becomes_the_error_of_its_status(wire: aioresponses) -> None:
    wire.get(f"{API}/me", status=404, payload={"message": "Project not found"}, headers={"X-Request-Id": "abc"})
    async with CircleCISession() as ci:
        with pytest.raises(NotFoundError) as caught:
            await ci.get_current_user()
    assert (caught.value.message, caught.value.request_id) == ("Project not found", "abc")


async def test_a_borrowed_session_is_used_and_left_as_it_was(wire: aioresponses) -> None:
    wire.get(f"{API}/me", payload={})
    async with aiohttp.ClientSession(headers={"X-Mine": "1"}) as borrowed:
        async with CircleCISession(TOKEN, session=borrowed) as ci:
            await ci.get_current_user()
        assert not borrowed.closed
        assert dict(borrowed.headers) == {"X-Mine": "1"}
        with pytest.raises(SessionClosedError):
            await ci.get_current_user()
