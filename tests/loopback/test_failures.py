"""What a call that failed says: which request, where it went, how often, and no more than is true."""

import asyncio
import pickle
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from fake_clock import FakeClock, use
from hypothesis import given, settings
from hypothesis import strategies as st
from script_server import ScriptServer, error, hang, hang_up, reply, reset, then
from yarl import URL

from circleci_v1_async import (
    Action,
    Artifact,
    BodyTooLargeError,
    CircleCIError,
    CircleCISession,
    DecodeError,
    DownloadError,
    InvalidInputError,
    Message,
    NotFoundError,
    RedirectError,
    RequestTimeoutError,
    RetryPolicy,
    ServerError,
    SessionClosedError,
    StatusError,
    TransportError,
)
from circleci_v1_async._transport.urls import find_next_hop, parse_base_url, without_query
from circleci_v1_async.request import make_file_request

PROJECT = "gh/acme/web"
BUILD = "/project/github/acme/web/7"
SIGNATURE = "X-Sig=canary"
# Python cannot look up hosts with an empty label, or with one of more than 63 characters.
NO_HOSTS = ["http://a..b", "http://.a", f"http://{'a' * 64}.example", f"http://{'a' * 300}"]
CUT_OFF = then(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{", hang_up)
PAGE = reply(404, b"<title>Page not found</title>" + b"x" * 8000, [("Content-Type", "text/html; charset=utf-8")])
CUT_CHUNK = then(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2", hang_up)


@asynccontextmanager
async def facing(*script: Any, **options: Any) -> AsyncIterator[tuple[ScriptServer, CircleCISession]]:
    """A session whose retries take no time."""
    async with ScriptServer(*script) as server:
        async with CircleCISession(**{"base_url": server.base_url, **options}) as ci:
            yield server, use(ci, FakeClock())


# Which request.


@pytest.mark.fault(89)
@pytest.mark.parametrize(
    ("script", "kind", "text"),
    [
        (hang_up, TransportError, ": the connection broke: ServerDisconnectedError: Server disconnected, 3 attempts"),
        (
            CUT_OFF,
            TransportError,
            ": the reply broke off: ContentLengthError: Not enough data to satisfy",
        ),
        (
            reply(302, b"", [("Location", "ftp://x")]),
            RedirectError,
            ": the service returned a URL that is not plain http",
        ),
        (reply(200, b" " * 99), BodyTooLargeError, ": the reply is larger than 50 bytes (max_body)"),
        (error(503, "Later."), ServerError, " answered 503: Later. (after 3 attempts)"),
        (reply(200, b"{"), DecodeError, " answered 200 with a body that cannot be used: Input data was truncated at $"),
    ],
    ids=["breaks", "breaks off", "redirects", "is too large", "status", "is no JSON"],
)
async def test_an_error_of_a_call_names_the_request_where_it_went_and_how_often(
    script: Any, kind: type[CircleCIError], text: str
) -> None:
    async with facing(script, max_body=50) as (server, ci):
        with pytest.raises(kind) as caught:
            await ci.get_build(PROJECT, 7)
        failure: Any = caught.value
        assert str(failure).startswith(f"GET {BUILD} (127.0.0.1:{server.port}){text}")
        assert failure.url == f"{server.base_url}{BUILD}"
    assert (failure.request.method, failure.request.location) == ("GET", BUILD)
    assert failure.attempts == len(server.requests)
    again = pickle.loads(pickle.dumps(failure))  # noqa: S301 - our own
    assert (str(again), vars(again)) == (str(failure), vars(failure))


@pytest.mark.fault(89)
async def test_a_time_out_says_what_was_asked_and_how_long_it_was_waited_for() -> None:
    async with ScriptServer(hang) as server:
        async with CircleCISession(base_url=server.base_url, timeout=0.05, retry=RetryPolicy(base=0)) as ci:
            with pytest.raises(RequestTimeoutError) as caught:
                await ci.get_build(PROJECT, 7)
        assert (
            str(caught.value) == f"GET {BUILD} (127.0.0.1:{server.port}): no complete reply within 0.05 s, 3 attempts"
        )


@pytest.mark.fault(89)
async def test_an_error_after_a_post_says_that_the_service_may_have_acted_and_keeps_no_body() -> None:
    async with facing(reset) as (_, ci):
        with pytest.raises(TransportError, match=r"\. The service may have executed the request$") as caught:
            await ci.add_env_var(PROJECT, "KEY", "a-secret-value")
    assert caught.value.request is not None
    assert caught.value.request.body is None


@pytest.mark.fault(89)
async def test_a_file_that_breaks_off_is_named_without_its_signature(tmp_path: Path) -> None:
    async with facing(CUT_CHUNK) as (server, ci):
        artifact = Artifact(path="a.txt", url=f"{server.origin}/0/a.txt?{SIGNATURE}")
        for fetch in (_read, ci.download_artifact):
            with pytest.raises(TransportError) as caught:
                await (fetch(ci, artifact) if fetch is _read else fetch(artifact, tmp_path / "a.txt"))
            assert caught.value.url == f"{server.origin}/0/a.txt"
            assert str(caught.value).startswith(f"GET /0/a.txt (127.0.0.1:{server.port}): the reply broke off")
    assert caught.value.attempts == 3


@pytest.mark.fault(89)
async def test_a_file_that_is_too_large_to_read_is_named() -> None:
    async with facing(reply(200, b"abc")) as (server, ci):
        async with ci.open_artifact(Artifact(path="a", url=f"{server.origin}/a?{SIGNATURE}")) as stream:
            with pytest.raises(BodyTooLargeError) as caught:
                await stream.read(max_bytes=2)
        assert (caught.value.url, caught.value.attempts) == (f"{server.origin}/a", 1)


async def _read(ci: CircleCISession, artifact: Artifact) -> bytes:
    async with ci.open_artifact(artifact) as stream:
        return await stream.read()


# What the service said.


@pytest.mark.fault(92)
@pytest.mark.parametrize("end", [hang_up, reset, hang], ids=["a FIN", "an RST", "silence"])
async def test_a_429_whose_body_breaks_off_is_waited_for_as_it_asks(end: Any) -> None:
    broken = then(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 99\r\n\r\n{", end)
    async with ScriptServer(broken, reply(200, {})) as server:
        async with CircleCISession(base_url=server.base_url, timeout=0.1) as ci:
            clock = FakeClock()
            await use(ci, clock).get_current_user()
    assert clock.slept == [7.0]


@pytest.mark.fault(92)
async def test_an_error_whose_body_is_too_large_is_its_status() -> None:
    async with facing(reply(404, b"x" * 99), max_body=50) as (_, ci):
        with pytest.raises(NotFoundError) as caught:
            await ci.get_current_user()
    assert caught.value.message == ""


@pytest.mark.fault(92)
async def test_a_refused_file_whose_body_breaks_off_is_its_status() -> None:
    async with facing(then(reply(403, b"x", length=9), hang_up)) as (server, ci):
        with pytest.raises(StatusError) as caught:
            await _read(ci, Artifact(path="a", url=f"{server.origin}/a"))
    assert caught.value.status == 403


@pytest.mark.fault(92, 49)
async def test_an_error_whose_body_is_under_way_as_the_session_closes_is_the_close() -> None:
    async with facing(then(reply(500, b"x", length=9), hang)) as (server, ci):
        call = asyncio.create_task(ci.get_current_user())
        await server.has_received(1)
        for _ in range(50):
            await asyncio.sleep(0)
        await ci.close()
        with pytest.raises(SessionClosedError):
            await call


@pytest.mark.fault(3, 91)
@pytest.mark.parametrize(
    "gone", [error(404, "env var not found"), reply(404, b"<html>", [("Content-Type", "text/html")])]
)
async def test_a_delete_whose_confirmation_is_lost_is_a_success_without_words(gone: bytes) -> None:
    async with facing(error(502), gone) as (server, ci):
        assert await ci.delete_env_var(PROJECT, "KEY") == Message(message=None)
    assert len(server.requests) == 2


TOKEN_HINT = "CircleCI also answers 404 if a private project is requested with an invalid or missing token"


@pytest.mark.fault(99)
@pytest.mark.parametrize("message", ["Project not found", "Not Found", "Build not found"])
async def test_a_404_that_may_come_of_the_token_says_so(message: str) -> None:
    async with facing(error(404, message)) as (_, ci):
        with pytest.raises(NotFoundError, match=TOKEN_HINT):
            await ci.get_build(PROJECT, 7)


@pytest.mark.fault(99)
@pytest.mark.parametrize("message", ["env var not found", "checkout key not found", "token not found", ""])
async def test_a_404_of_a_thing_within_a_project_says_nothing_of_the_token(message: str) -> None:
    async with facing(error(404, message)) as (_, ci):
        with pytest.raises(NotFoundError) as caught:
            await ci.get_env_var(PROJECT, "KEY")
    assert str(caught.value).endswith(f"answered 404: {message}" if message else "answered 404")


@pytest.mark.fault(90, 99)
async def test_a_404_of_html_asks_for_the_base_url_and_not_for_the_token() -> None:
    async with facing(PAGE) as (_, ci):
        with pytest.raises(NotFoundError) as caught:
            await ci.get_current_user()
    text = " answered 404: Page not found. The API has no such path: is the base URL right?"
    assert str(caught.value).endswith(text)


@pytest.mark.fault(90, 99)
async def test_a_file_that_is_a_404_of_html_says_nothing_of_the_base_url() -> None:
    async with facing(PAGE) as (server, ci):
        with pytest.raises(NotFoundError) as caught:
            await _read(ci, Artifact(path="a", url=f"{server.origin}/a"))
    assert str(caught.value).endswith(" answered 404: Page not found")


# Where it goes.


@pytest.mark.fault(95)
@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("http://127.0.0.1:18080", "http://127.0.0.1:18080/api/v1.1"),
        ("https://circleci.acme.example", "https://circleci.acme.example/api/v1.1"),
        ("https://circleci.acme.example/", "https://circleci.acme.example/api/v1.1"),
        ("https://circleci.acme.example/api/", "https://circleci.acme.example/api/v1.1"),
        ("https://circleci.acme.example/api/v1.1/", "https://circleci.acme.example/api/v1.1"),
        ("https://circleci.acme.example/api/v1", "https://circleci.acme.example/api/v1"),
        ("https://acme.example/circleci/api/v1.1", "https://acme.example/circleci/api/v1.1"),
    ],
)
def test_a_base_url_gets_the_path_that_it_lacks(given: str, made: str) -> None:
    assert parse_base_url(given, with_token=True) == URL(made)


@pytest.mark.fault(95)
@pytest.mark.parametrize("address", ["https://circleci.com/api/v2", "https://circleci.com/api/v2/"])
def test_the_base_url_of_another_api_is_refused(address: str) -> None:
    with pytest.raises(InvalidInputError, match=r"^base_url: .*'/api/v1.1', got a URL of API v2$"):
        CircleCISession(base_url=address)


@pytest.mark.fault(95)
@pytest.mark.parametrize("address", NO_HOSTS)
def test_a_base_url_with_a_host_that_dns_cannot_have_is_refused(address: str) -> None:
    with pytest.raises(InvalidInputError, match=r"^base_url: expected an absolute http or https URL"):
        CircleCISession(base_url=address)


@pytest.mark.fault(93)
@pytest.mark.parametrize(("status", "attempts"), [(407, 1), (403, 1), (502, 3), (503, 3)])
async def test_a_proxy_that_refuses_to_connect_is_named(status: int, attempts: int) -> None:
    async with (
        ScriptServer(reply(status, {"message": "\x1b[31m"})) as proxy,
        aiohttp.ClientSession(proxy=proxy.origin) as borrowed,
    ):
        async with CircleCISession(base_url="https://ci.acme.example", session=borrowed) as ci:
            with pytest.raises(TransportError) as caught:
                await use(ci, FakeClock()).trigger_build(PROJECT)
    assert f"(ci.acme.example): the proxy refused to connect: {status}" in str(caught.value)
    assert not caught.value.maybe_sent
    assert (len(proxy.requests), caught.value.attempts) == (attempts, attempts)


@pytest.mark.fault(93)
async def test_a_proxy_that_cannot_be_reached_is_named(unused_tcp_port: int) -> None:
    async with aiohttp.ClientSession(proxy=f"http://127.0.0.1:{unused_tcp_port}") as borrowed:
        async with CircleCISession(base_url="https://ci.acme.example", session=borrowed) as ci:
            with pytest.raises(TransportError, match="the proxy could not be reached") as caught:
                await use(ci, FakeClock()).get_current_user()
    assert not caught.value.maybe_sent


# URLs that are none.

NO_URLS = [*NO_HOSTS, "http://[]@", "http://[", "http://[]", "http://h:port/", "//[]@x", "http://@", "http://:80"]


@pytest.mark.fault(94)
@pytest.mark.parametrize("location", NO_URLS)
async def test_a_url_that_is_none_is_an_error_of_ours_wherever_it_comes_from(location: str, tmp_path: Path) -> None:
    artifact = Artifact(path="a", url=location)
    async with facing(reply(302, b"", [("Location", location)])) as (server, ci):
        with pytest.raises(RedirectError):
            await ci.get_current_user()
        with pytest.raises(RedirectError):
            await _read(ci, artifact)
        with pytest.raises(RedirectError):
            await ci.download_artifact(artifact, tmp_path / "a")
        with pytest.raises(DownloadError):
            await ci.download_artifacts([artifact], tmp_path).collect()
        with pytest.raises(RedirectError):
            async for _ in ci.iter_output(PROJECT, 7, Action(index=0, step=0, output_url=location)):
                pass
        outcomes = await ci.download_artifacts([artifact] * 3, tmp_path, on_error="yield").collect()
    assert len(server.requests) == 1
    assert len(outcomes) == 3


PARTS = st.sampled_from(
    [
        "http:",
        "https:",
        "//",
        "/",
        "@",
        ":",
        "[",
        "]",
        "::1",
        "?",
        "#",
        "%",
        "%2",
        "é",
        "\x00",
        " ",
        ".",
        "..",
        "xn--",
        "h",
        "80",
        "{",
        "}",
        "\\",
    ]
)
LOCATIONS = st.one_of(
    st.lists(PARTS, max_size=8).map("".join),
    st.text(max_size=30),
    st.text(max_size=20).map("http://".__add__),
)


@pytest.mark.fault(94)
@given(LOCATIONS)
@settings(max_examples=1000)
def test_any_location_is_followed_or_refused(location: str) -> None:
    try:
        url = find_next_hop(URL("https://circleci.com/api/v1.1/me"), location, "GET", 302)
    except RedirectError:
        return
    assert url.host
    request = make_file_request(url)
    assert request.target
    assert without_query(url).startswith(("http://", "https://"))


@pytest.mark.fault(94)
@given(LOCATIONS)
async def test_any_url_of_an_artifact_gives_an_error_of_ours(location: str) -> None:
    def no_sockets(_address: Any) -> Any:
        raise OSError("no sockets here")

    connector = aiohttp.TCPConnector(socket_factory=no_sockets, resolver=_NoNames())
    async with aiohttp.ClientSession(connector=connector) as borrowed:
        async with CircleCISession(session=borrowed, retry=RetryPolicy(attempts=1)) as ci:
            with pytest.raises(CircleCIError):
                await _read(ci, Artifact(path="a", url=location))


class _NoNames(aiohttp.abc.AbstractResolver):
    async def resolve(self, *_: Any, **__: Any) -> Any:
        raise OSError("no names here")

    async def close(self) -> None:
        """There is nothing to close."""
