"""One exchange on the wire: redirects, time limits, broken replies."""

import asyncio
import gzip
import socket
from typing import Any

import aiohttp
import pytest
from script_server import Received, ScriptServer, hang, hang_up, reply, reset, then

from circleci_v1_async import (
    BadRequestError,
    BodyTooLargeError,
    CircleCISession,
    DecodeError,
    RedirectError,
    Request,
    RequestTimeoutError,
    RetryPolicy,
    StatusError,
    TransportError,
)

TOKEN = "a-token-nobody-sees"


def once(token: str | None = None, **options: Any) -> CircleCISession:
    """A session that sends each request once: this is about one exchange."""
    return CircleCISession(token, retry=RetryPolicy(attempts=1), **options)


def redirect(location: str, status: int = 302) -> bytes:
    return reply(status, b"", [("Location", location)])


@pytest.mark.fault(39)
async def test_a_redirect_within_the_origin_keeps_the_token() -> None:
    async with ScriptServer(redirect("/elsewhere?x=1"), reply(200, {})) as server:
        async with once(TOKEN, base_url=server.base_url) as ci:
            await ci.get_current_user()
    assert [(request.target, request.headers.get("Circle-Token")) for request in server.requests] == [
        ("/api/v1.1/me", TOKEN),
        ("/elsewhere?x=1", TOKEN),
    ]


@pytest.mark.fault(39)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_another_origin_goes_without_the_token(status: int) -> None:
    async with ScriptServer(reply(200, {})) as other, ScriptServer(redirect(other.origin, status)) as server:
        async with once(TOKEN, base_url=server.base_url) as ci:
            await ci.get_current_user()
    assert TOKEN not in str(other.requests[0].headers)


@pytest.mark.fault(39)
async def test_a_signed_location_is_followed_byte_for_byte() -> None:
    signed = "/a%2Fb~%7Ec//d?X-Sig=a%2Bb/c==&e=%zz&ü=1"
    async with ScriptServer(redirect(signed.encode().decode("latin-1")), reply(200, {})) as server:
        async with once(base_url=server.base_url) as ci:
            await ci.get_current_user()
    assert server.requests[1].target == signed.replace("ü", "%C3%BC")


@pytest.mark.fault(39)
@pytest.mark.parametrize(
    "location", ["ftp://x/", "http://user@127.0.0.1/", "http://[", "http://h:port/", "mailto:a@b.example"]
)
async def test_a_location_that_is_no_plain_url_is_refused(location: str) -> None:
    async with ScriptServer(redirect(location)) as server, once(base_url=server.base_url) as ci:
        with pytest.raises(RedirectError):
            await ci.get_current_user()
    assert len(server.requests) == 1


@pytest.mark.fault(39)
async def test_more_than_five_redirects_are_refused() -> None:
    async with ScriptServer(redirect("/again")) as server, once(base_url=server.base_url) as ci:
        with pytest.raises(RedirectError, match="more than 5 times"):
            await ci.get_current_user()
    assert len(server.requests) == 6


@pytest.mark.fault(39)
@pytest.mark.parametrize("status", [301, 302, 303])
async def test_a_post_is_not_turned_into_a_get_by_a_redirect(status: int) -> None:
    async with ScriptServer(redirect("/other", status)) as server, once(base_url=server.base_url) as ci:
        with pytest.raises(RedirectError) as caught:
            await ci.follow_project("gh/acme/web")
    assert caught.value.maybe_sent
    assert len(server.requests) == 1


@pytest.mark.fault(39)
@pytest.mark.parametrize("status", [307, 308])
async def test_a_post_follows_a_redirect_that_keeps_it_within_the_origin_only(status: int) -> None:
    build = reply(201, {"build_num": 1})
    async with ScriptServer(redirect("/other", status), build) as server, ScriptServer(build) as other:
        async with once(base_url=server.base_url) as ci:
            await ci.trigger_build("gh/acme/web", tag="v1")
            server.script[:] = [redirect(other.origin, status)]
            with pytest.raises(RedirectError):
                await ci.trigger_build("gh/acme/web", tag="v1")
    assert server.requests[1].json == {"tag": "v1"}
    assert other.requests == []


@pytest.mark.fault(39)
async def test_a_redirect_from_https_to_http_is_refused() -> None:
    from yarl import URL  # noqa: PLC0415 - there is no certificate here, so this one is asked below the socket

    from circleci_v1_async._transport.urls import find_next_hop  # noqa: PLC0415 - as above

    with pytest.raises(RedirectError, match="from https to http"):
        find_next_hop(URL("https://a.example"), "http://a.example/", "GET", 302)


@pytest.mark.fault(6)
async def test_a_redirect_without_a_location_is_an_error_status() -> None:
    async with ScriptServer(reply(302)) as server, once(base_url=server.base_url) as ci:
        with pytest.raises(StatusError) as caught:
            await ci.get_current_user()
    assert caught.value.status == 302


@pytest.mark.fault(23)
async def test_a_reply_that_does_not_come_times_out_while_reading() -> None:
    async with ScriptServer(hang) as server, once(base_url=server.base_url, timeout=0.05) as ci:
        with pytest.raises(RequestTimeoutError) as caught:
            await ci.get_current_user()
    assert isinstance(caught.value, TimeoutError)
    assert (caught.value.phase, caught.value.maybe_sent) == ("read", True)


@pytest.mark.fault(22)
async def test_a_body_that_trickles_times_out_all_the_same() -> None:
    async def trickle(received: Received, writer: asyncio.StreamWriter) -> None:
        def drip() -> None:
            if not writer.is_closing():
                writer.write(b" ")
                asyncio.get_running_loop().call_later(0.01, drip)

        drip()
        await hang(received, writer)

    script = then(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", trickle)
    async with ScriptServer(script) as server, once(base_url=server.base_url, timeout=0.1) as ci:
        with pytest.raises(RequestTimeoutError) as caught:
            await ci.get_current_user()
    assert caught.value.phase == "read"


@pytest.mark.fault(15)
async def test_a_connection_that_cannot_be_made_times_out_while_connecting() -> None:
    with socket.socket() as listening:
        # A backlog that is full does not answer.
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        async with once(base_url=f"http://127.0.0.1:{address[1]}", timeout=2) as ci:
            with pytest.raises(RequestTimeoutError) as caught:
                await ci.get_current_user()
        for filler in fillers:
            filler.close()
    assert (caught.value.phase, caught.value.maybe_sent) == ("connect", False)


@pytest.mark.fault(15)
async def test_a_pool_of_a_borrowed_session_that_stays_full_times_out_as_such() -> None:
    async with ScriptServer(hang) as server, aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as borrowed:
        slow = once(base_url=server.base_url, session=borrowed)
        holder = asyncio.create_task(slow.get_current_user())
        await server.has_received(1)
        with pytest.raises(RequestTimeoutError) as caught:
            await slow.with_options(timeout=2).get_current_user()
        holder.cancel()
        await asyncio.gather(holder, return_exceptions=True)
    assert (caught.value.phase, caught.value.maybe_sent) == ("pool", False)


@pytest.mark.fault(13)
async def test_a_port_that_refuses_is_an_error_that_says_nothing_was_sent(unused_tcp_port: int) -> None:
    async with once(base_url=f"http://127.0.0.1:{unused_tcp_port}") as ci:
        with pytest.raises(TransportError, match="could not be made") as caught:
            await ci.get_current_user()
    assert not caught.value.maybe_sent


@pytest.mark.fault(62)
async def test_a_server_that_speaks_no_tls_is_an_error_that_may_pass() -> None:
    async def speak_first(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.acme.example ESMTP\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(speak_first, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with once(base_url=f"https://127.0.0.1:{port}") as ci:
            with pytest.raises(TransportError, match=r"could not be made: .*WRONG_VERSION_NUMBER") as caught:
                await ci.get_current_user()
    assert (caught.value.maybe_sent, caught.value.transient) == (False, True)


BROKEN = {
    "hangs up": hang_up,
    "resets": reset,
    "hangs up in the headers": then(b"HTTP/1.1 200 OK\r\nContent-", hang_up),
    "hangs up in the body": then(reply(200, b"{", length=10), hang_up),
    "resets in the body": then(reply(200, b"{", length=10), reset),
    "cuts a chunk": then(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{", hang_up),
    "does not speak HTTP": then(b"SSH-2.0-OpenSSH_9.2\r\n", hang_up),
    "sends a bad chunk size": then(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{", hang_up),
    "sends gzip that is none": reply(200, b"no gzip", [("Content-Encoding", "gzip")]),
    "sends a negative length": reply(200, b"{}", length=-2),
    "sends giant headers": reply(200, b"{}", [("X-Giant", "x" * 100_000)]),
}


@pytest.mark.fault(17, 18, 24)
@pytest.mark.parametrize("fault", BROKEN)
async def test_a_reply_that_is_broken_is_a_transport_error(fault: str) -> None:
    async with ScriptServer(BROKEN[fault]) as server, once(base_url=server.base_url) as ci:
        with pytest.raises(TransportError) as caught:
            await ci.follow_project("gh/acme/web")
    assert caught.value.maybe_sent
    assert not isinstance(caught.value, BadRequestError)
    assert caught.value.__context__ is None
    cause = caught.value.__cause__
    assert cause is not None
    assert (cause.__traceback__, cause.__context__, cause.__cause__) == (None, None, None)


@pytest.mark.fault(21)
async def test_a_reply_over_max_body_is_an_error_also_when_it_is_compressed() -> None:
    bomb = reply(200, gzip.compress(b" " * 2**20), [("Content-Encoding", "gzip")])
    async with ScriptServer(reply(200, b"[" + b" " * 2000 + b"]"), bomb) as server:
        async with once(base_url=server.base_url, max_body=1000) as ci:
            for _ in range(2):
                with pytest.raises(BodyTooLargeError, match="larger than 1000 bytes"):
                    await ci.list_projects()


@pytest.mark.fault(1, 42)
async def test_a_status_error_shows_the_message_without_the_token() -> None:
    echo = reply(400, {"message": f"Bad header: {TOKEN}"})
    async with ScriptServer(echo) as server, once(TOKEN, base_url=server.base_url) as ci:
        with pytest.raises(BadRequestError) as caught:
            await ci.get_current_user()
    assert caught.value.message == "Bad header: ***"


@pytest.mark.fault(42)
async def test_an_error_carries_neither_body_nor_cookie_nor_location() -> None:
    headers = [("Set-Cookie", "a=secret"), ("Location", "/secret"), ("X-Route", "/me")]
    async with ScriptServer(reply(401, {"message": "No."}, headers)) as server:
        async with once(base_url=server.base_url) as ci:
            with pytest.raises(StatusError) as caught:
                await ci.add_ssh_key("gh/acme/web", hostname="h", private_key="secret key")
    error = caught.value
    assert "secret" not in repr(error) + str(error) + repr(dict(error.headers))
    assert error.headers["x-route"] == "/me"
    assert error.request.body is None


@pytest.mark.fault(25)
async def test_a_decode_error_says_what_came_and_what_was_asked() -> None:
    login_page = reply(200, b"<title>Log in</title>", [("Content-Type", "text/html")])
    async with ScriptServer(login_page) as server, once(base_url=server.base_url) as ci:
        with pytest.raises(DecodeError) as caught:
            await ci.retry_build("gh/acme/web", 1)
        assert str(caught.value) == (
            f"POST /project/github/acme/web/1/retry (127.0.0.1:{server.port}) answered 200 with a body that cannot be "
            "used: HTML instead of JSON: Log in at $ (21 bytes, content type text/html). "
            "The service has executed the request"
        )
    assert caught.value.__context__ is None


async def test_a_closed_connector_of_a_borrowed_session_is_a_transport_error() -> None:
    async with ScriptServer(hang) as server:
        borrowed = aiohttp.ClientSession()
        call = asyncio.create_task(once(base_url=server.base_url, session=borrowed).send(Request("POST", "/x")))
        await server.has_received(1)
        await borrowed.close()
        with pytest.raises(TransportError):
            await call
