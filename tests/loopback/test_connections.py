"""Connections that mix up replies, and a close that is cancelled."""

import asyncio
from typing import Any
from unittest.mock import patch

import aiohttp
import pytest
from fake_clock import FakeClock, use
from script_server import Received, ScriptServer, error, hang, hang_up, reply

from circleci_v1_async import BuildDetail, CircleCISession, DecodeError, Request, RetryPolicy, TransportError

PROJECT = "gh/acme/web"


def build(number: int) -> bytes:
    return reply(200, {"build_num": number})


async def as_asked(received: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(build(int(received.target.rpartition("/")[2])))


async def data_has_come(ci: CircleCISession, connections: int = 1) -> None:
    """Wait until what the server sent over so many idle connections is there."""
    (pool,) = ci._caller.transport._own.connector._conns.values()
    while sum(protocol.should_close for protocol, _ in pool) < connections:  # noqa: ASYNC110 - there is no event
        await asyncio.sleep(0)


@pytest.mark.fault(96)
@pytest.mark.parametrize("unasked", [build(99), b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"])
async def test_a_reply_that_was_not_asked_for_is_taken_for_no_other(unasked: bytes) -> None:
    async def twice(received: Received, writer: asyncio.StreamWriter) -> None:
        await as_asked(received, writer)
        await writer.drain()
        # Once the client is done with the first, so that this comes over an idle connection.
        await first_is_read.wait()
        writer.write(unasked)

    first_is_read = asyncio.Event()
    async with ScriptServer(twice, as_asked) as server:
        async with CircleCISession(base_url=server.base_url, retry=RetryPolicy(attempts=1)) as ci:
            numbers = [(await ci.get_build(PROJECT, 1)).build_num]
            first_is_read.set()
            await asyncio.wait_for(data_has_come(ci), 5)
            numbers += [(await ci.get_build(PROJECT, number)).build_num for number in (2, 3)]
    assert numbers == [1, 2, 3]
    assert (len(server.requests), server.connections) == (3, 2)


@pytest.mark.fault(96)
@pytest.mark.parametrize("spoiled", [1, 2, 3])
async def test_of_several_connections_those_that_are_spoiled_are_not_used(spoiled: int) -> None:
    async def spoil(received: Received, writer: asyncio.StreamWriter) -> None:
        # At once in flight, so that there is a connection for each.
        await server.has_received(3)
        await as_asked(received, writer)
        await writer.drain()
        await are_read.wait()
        if int(received.target.rpartition("/")[2]) <= spoiled:
            writer.write(build(99))

    are_read = asyncio.Event()
    async with ScriptServer(spoil, spoil, spoil, as_asked) as server:
        async with CircleCISession(base_url=server.base_url, retry=RetryPolicy(attempts=1)) as ci:
            found = await asyncio.gather(*(ci.get_build(PROJECT, number) for number in (1, 2, 3)))
            are_read.set()
            await asyncio.wait_for(data_has_come(ci, spoiled), 5)
            found += [await ci.get_build(PROJECT, number) for number in (4, 5, 6)]
    assert [each.build_num for each in found] == [1, 2, 3, 4, 5, 6]
    assert server.connections == (4 if spoiled == 3 else 3)


@pytest.mark.fault(96)
async def test_a_connection_without_surprises_is_used_again() -> None:
    async with ScriptServer(as_asked) as server, CircleCISession(base_url=server.base_url) as ci:
        for number in range(1, 6):
            await ci.get_build(PROJECT, number)
    assert server.connections == 1


@pytest.mark.fault(96)
async def test_a_server_that_speaks_first_is_no_reason_to_connect_for_ever() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.write(b"220 mail.acme.example ESMTP\r\n")
        await reader.read()
        writer.close()

    connections = 0
    async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with CircleCISession(base_url=address, retry=RetryPolicy(attempts=1)) as ci:
            with pytest.raises(TransportError, match="the reply is not HTTP"):
                await ci.get_current_user()
    assert connections <= 2


@pytest.mark.fault(97)
async def test_a_reply_about_another_build_drops_the_connection_and_is_asked_for_once_more() -> None:
    async def shifted(_received: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(build(99))

    async with ScriptServer(as_asked, shifted, as_asked) as server, CircleCISession(base_url=server.base_url) as ci:
        use(ci, FakeClock())
        assert [(await ci.get_build(PROJECT, number)).build_num for number in (6, 7, 8)] == [6, 7, 8]
    assert [received.target.rpartition("/")[2] for received in server.requests] == ["6", "7", "7", "8"]
    assert server.connections == 2


@pytest.mark.fault(97)
async def test_a_reply_about_another_build_over_a_new_connection_is_believed_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with ScriptServer(build(99)) as server, CircleCISession(base_url=server.base_url) as ci:
        assert (await ci.get_build(PROJECT, 7)).build_num == 99
    (record,) = caplog.records
    assert (record.levelname, record.name) == ("WARNING", "circleci_v1_async")
    assert record.getMessage() == (
        "GET /project/github/acme/web/7: build 7 was requested, and the reply is about build 99"
    )
    assert len(server.requests) == 1


@pytest.mark.fault(97)
async def test_a_service_that_mixes_up_builds_is_asked_once_more_over_a_new_connection_and_then_believed() -> None:
    async with ScriptServer(as_asked, build(99)) as server, CircleCISession(base_url=server.base_url) as ci:
        assert [(await ci.get_build(PROJECT, number)).build_num for number in (6, 7)] == [6, 99]
    assert (len(server.requests), server.connections) == (3, 2)


@pytest.mark.fault(97)
async def test_the_second_request_is_not_an_attempt_of_the_policy() -> None:
    async with ScriptServer(as_asked, build(99), as_asked) as server:
        async with CircleCISession(base_url=server.base_url, retry=RetryPolicy(attempts=1)) as ci:
            assert [(await ci.get_build(PROJECT, number)).build_num for number in (6, 7)] == [6, 7]
            assert ci._caller.budget._left == ci._caller.budget.capacity


@pytest.mark.fault(97)
@pytest.mark.parametrize("second", [hang_up, error(404), error(503), reply(200, b"<html>")])
@pytest.mark.parametrize("operation", ["get_build", "get_build_log", "wait_for_build"])
async def test_a_failure_of_the_second_request_does_not_hide_the_first_reply(operation: str, second: Any) -> None:
    async with ScriptServer(as_asked, build(99), second) as server, CircleCISession(base_url=server.base_url) as ci:
        call: Any = getattr(use(ci, FakeClock()), operation)
        await ci.get_build(PROJECT, 6)
        text = r"build 7 was requested, and the reply is about build 99 at .*, \d attempts$"
        with pytest.raises(DecodeError, match=text) as caught:
            await call(PROJECT, 7)
        assert (caught.value.mismatched, caught.value.transient) == (True, False)
        assert caught.value.attempts == len(server.requests) - 1


@pytest.mark.fault(97)
async def test_a_number_that_is_given_as_text_is_no_other_number() -> None:
    async with ScriptServer(as_asked) as server, CircleCISession(base_url=server.base_url) as ci:
        request = Request("GET", "/project/{build_num}", {"build_num": "7"}, returns=BuildDetail)
        assert [(await ci.send(request)).build_num for _ in range(2)] == [7, 7]
    assert len(server.requests) == 2


@pytest.mark.fault(97)
async def test_a_second_reply_about_another_build_is_the_error_of_the_first() -> None:
    async with ScriptServer(as_asked, build(99), build(98)) as server, aiohttp.ClientSession() as borrowed:
        async with borrowed.get(f"{server.base_url}/6") as first:
            await first.read()
        ci = use(CircleCISession(base_url=server.base_url, session=borrowed), FakeClock())
        with pytest.raises(DecodeError, match="build 7 was requested, and the reply is about build 99"):
            await ci.get_build(PROJECT, 7)
    assert len(server.requests) == 3


@pytest.mark.fault(97)
async def test_the_connections_of_a_borrowed_session_are_left_to_it() -> None:
    async with ScriptServer(as_asked, build(99), as_asked) as server, aiohttp.ClientSession() as borrowed:
        # The owner has read from the connection, and so the next reply over it may belong to another request.
        async with borrowed.get(f"{server.base_url}/6") as first:
            await first.read()
        ci = use(CircleCISession(base_url=server.base_url, session=borrowed), FakeClock())
        assert (await ci.get_build(PROJECT, 7)).build_num == 7
    assert (len(server.requests), server.connections) == (3, 1)


@pytest.mark.fault(97)
async def test_connections_in_use_are_read_to_their_end_and_then_closed() -> None:
    async def shifted_during_others(received: Received, writer: asyncio.StreamWriter) -> None:
        if received.target.endswith("/7") and len(server.requests) <= 4:
            await server.has_received(4)
            writer.write(build(99))
        elif received.target.endswith("/8"):
            # Until 7 was asked for a second time, over a connection that is being made meanwhile.
            await server.has_received(5)
            await as_asked(received, writer)
        elif received.target.endswith(("/9", "/10")):
            # Both together, so that they need two connections.
            await server.has_received(7)
            await as_asked(received, writer)
        elif len(server.requests) <= 2:
            # Two at the same time, for two connections that have carried a reply.
            await server.has_received(2)
            await as_asked(received, writer)
        else:
            await as_asked(received, writer)

    async with ScriptServer(shifted_during_others) as server, CircleCISession(base_url=server.base_url) as ci:
        use(ci, FakeClock())
        await asyncio.gather(*(ci.get_build(PROJECT, number) for number in (5, 6)))
        found = await asyncio.gather(*(ci.get_build(PROJECT, number) for number in (7, 8)))
        await asyncio.gather(*(ci.get_build(PROJECT, number) for number in (9, 10)))
    assert [each.build_num for each in found] == [7, 8]
    # Two for 5 and 6, one for the second request for 7, and one more: the connection that 8 came over was closed.
    assert server.connections == 4


@pytest.mark.fault(97)
async def test_a_connection_that_is_being_made_is_none_of_those_that_mixed_up_replies() -> None:
    async def resolve(*_: Any, **__: Any) -> Any:
        resolving.set()
        await asyncio.Event().wait()

    resolving = asyncio.Event()
    async with CircleCISession(base_url="https://ci.acme.example") as ci:
        with patch("aiohttp.resolver.ThreadedResolver.resolve", resolve):
            call = asyncio.create_task(ci.get_current_user())
            await resolving.wait()
            ci._caller.transport.distrust_connections()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call


@pytest.mark.fault(97)
async def test_a_retried_build_is_another_one() -> None:
    async with ScriptServer(build(8)) as server, CircleCISession(base_url=server.base_url) as ci:
        assert (await ci.retry_build(PROJECT, 7)).build_num == 8


@pytest.mark.fault(98)
async def test_a_close_that_is_cancelled_closes_all_the_same() -> None:
    async with ScriptServer(hang) as server:
        ci = CircleCISession(base_url=server.base_url)
        call = asyncio.create_task(ci.get_current_user())
        await server.has_received(1)
        own = ci._caller.transport._own
        close = asyncio.create_task(ci.close())
        await asyncio.sleep(0)
        close.cancel()
        with pytest.raises(asyncio.CancelledError):
            await close
        assert own.closed
        await asyncio.gather(call, return_exceptions=True)
