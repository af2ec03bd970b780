"""Replies as they came, and headers of one's own, on real sockets."""

import pickle

import pytest
from fake_clock import FakeClock, use
from script_server import ScriptServer, reply

from circleci_v1_async import (
    BodyTooLargeError,
    CircleCISession,
    InvalidInputError,
    NotFoundError,
    Request,
    Response,
    User,
)
from circleci_v1_async.testing import FakeCircleCI

TOKEN = "a-token-of-some-length"
ME = Request("GET", "/me")


async def test_a_reply_comes_as_it_is() -> None:
    answer = reply(
        202, b"\x00not JSON", headers=[("X-Request-Id", "id-1"), ("X-Page", "2"), ("Set-Cookie", "s3cret=1")]
    )
    async with ScriptServer(answer) as server, CircleCISession(TOKEN, base_url=server.base_url) as ci:
        response = await ci.send_raw(Request("GET", "/me", returns=User))
    assert (response.status, response.request_id, response.body) == (202, "id-1", b"\x00not JSON")
    assert response.headers["x-page"] == "2"
    assert "s3cret" not in f"{response.headers}{response!r}"
    assert "JSON" not in repr(response)
    assert pickle.loads(pickle.dumps(response)) == response  # noqa: S301 - our own


async def test_the_double_answers_raw_requests() -> None:
    async with FakeCircleCI() as fake, CircleCISession(fake.token, base_url=fake.base_url) as ci:
        fake.add_project("github/acme/web")
        fake.add_build("github/acme/web")
        request = Request("GET", "/project/{project}/1", {"project": "gh/acme/web"}, headers={"X-Trace": "t-1"})
        response = await ci.send_raw(request)
        assert response.headers["Content-Type"].startswith("application/json")
        assert (await ci.send(request))["build_num"] == 1
    assert [received.headers["X-Trace"] for received in fake.requests] == ["t-1", "t-1"]


async def test_a_token_that_a_reply_quotes_is_redacted_in_its_headers_and_id() -> None:
    answer = reply(200, {}, headers=[("X-Request-Id", f"id-{TOKEN}"), ("X-Echo", TOKEN)])
    async with ScriptServer(answer) as server, CircleCISession(TOKEN, base_url=server.base_url) as ci:
        response = await ci.send_raw(ME)
    assert (response.request_id, response.headers["X-Echo"]) == ("id-***", "***")


async def test_a_raw_request_is_tried_again_and_its_errors_are_those_of_send() -> None:
    answers = (reply(503, {}), reply(200, b"here"), reply(404, {"message": "not there"}))
    async with ScriptServer(*answers) as server, CircleCISession(TOKEN, base_url=server.base_url) as ci:
        use(ci, FakeClock())
        assert (await ci.send_raw(ME)).body == b"here"
        with pytest.raises(NotFoundError, match="not there"):
            await ci.send_raw(ME)
    assert len(server.requests) == 3


async def test_a_raw_reply_has_no_more_bytes_than_max_body() -> None:
    async with ScriptServer(reply(200, b"12345")) as server:
        async with CircleCISession(base_url=server.base_url, max_body=4) as ci:
            with pytest.raises(BodyTooLargeError):
                await ci.send_raw(ME)


async def test_headers_of_ones_own_replace_the_usual_ones() -> None:
    own = {"accept": "text/plain", "User-Agent": "a bot/1", "X-Trace": "t-1"}
    async with ScriptServer(reply(200, {})) as server, CircleCISession(TOKEN, base_url=server.base_url) as ci:
        await ci.send(Request("POST", "/x", body={}, headers=own, returns=None))
    sent = server.requests[0].headers
    assert {name: value for name, value in sent.items() if name.lower() in {each.lower() for each in own}} == own
    assert (sent["Circle-Token"], sent["Content-Type"]) == (TOKEN, "application/json")


async def test_headers_of_ones_own_stay_at_the_origin_that_the_token_stays_at() -> None:
    async with ScriptServer(reply(200, {})) as elsewhere:
        there = reply(302, headers=[("Location", f"{elsewhere.origin}/x")])
        async with ScriptServer(there) as server, CircleCISession(TOKEN, base_url=server.base_url) as ci:
            await ci.send_raw(Request("GET", "/me", headers={"X-Trace": "t-1", "Accept": "text/plain"}))
    assert server.requests[0].headers["X-Trace"] == "t-1"
    assert "X-Trace" not in elsewhere.requests[0].headers
    assert elsewhere.requests[0].headers["Accept"] == "application/json"


@pytest.mark.parametrize("request_", ["GET /me", "/me", None, ("GET", "/me")])
@pytest.mark.parametrize("method", ["send", "send_raw"])
async def test_what_is_no_request_is_refused_with_an_example(method: str, request_: object) -> None:
    expected = rf'^request: expected a Request, such as Request\("GET", "/me"\), got {type(request_).__name__}$'
    with pytest.raises(InvalidInputError, match=expected):
        await getattr(CircleCISession(), method)(request_)


def test_a_response_can_be_made_for_tests() -> None:
    response = Response(200, {"Via": "a"}, None, b"{}")
    assert (response.status, response.headers, response.request_id, response.body) == (200, {"Via": "a"}, None, b"{}")
