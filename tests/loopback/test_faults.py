"""The faults of the table over a real socket: what is raised, how often it was sent, what is left behind."""

import json
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from faults import FAULTS
from faults.calls import get, trigger
from faults.canaries import OK
from faults.scenes import Fault, facing
from script_server import ScriptServer, error, reply

from circleci_v1_async import BodyTooLargeError


@pytest.mark.parametrize(
    "fault",
    [pytest.param(fault, marks=pytest.mark.fault(fault.row), id=f"{fault.row}: {fault.name}") for fault in FAULTS],
)
async def test_a_fault_ends_as_it_should_after_exactly_so_many_requests(fault: Fault) -> None:
    async with fault.scene() as scene:
        if fault.raises is None:
            await fault.call(scene)
        else:
            with pytest.raises(fault.raises) as caught:
                await fault.call(scene)
            assert type(caught.value) is fault.raises
    assert len(scene.server.requests) == fault.requests
    assert tuple(scene.clock.slept) == fault.slept


def test_each_fault_has_a_name_of_its_own() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


@pytest.mark.fault(4)
async def test_an_error_leaves_its_connection_to_the_next_attempt() -> None:
    large = error(503, "x" * 300_000)
    async with facing(error(500), large, OK) as scene:
        await get(scene)
    assert (len(scene.server.requests), scene.server.connections) == (3, 1)


@pytest.mark.fault(21)
async def test_a_gzip_bomb_is_noticed_while_it_is_small() -> None:
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(200)) + packer.flush()
    limit = 4 * 2**20
    async with facing(reply(200, bomb, [("Content-Encoding", "gzip")]), max_body=limit) as scene:
        tracemalloc.start()
        try:
            with pytest.raises(BodyTooLargeError):
                await trigger(scene)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert len(scene.server.requests) == 1
    assert peak < 4 * limit


@pytest.mark.fault(51)
async def test_a_borrowed_session_is_left_as_it_was() -> None:
    jar = aiohttp.CookieJar(unsafe=True)
    cookie = [("Set-Cookie", "ring-session=abc; Path=/")]

    @asynccontextmanager
    async def borrowed(server: ScriptServer) -> AsyncIterator[Mapping[str, Any]]:
        async with aiohttp.ClientSession(headers={"X-Team": "web"}, cookie_jar=jar) as session:
            yield {"base_url": server.base_url, "session": session}
            assert not session.closed
            assert dict(session.headers) == {"X-Team": "web"}
            assert {each.key: each.value for each in jar} == {"ring-session": "abc"}

    async with facing(error(500, headers=cookie), reply(200, {}), place=borrowed) as scene:
        await get(scene)
    # What its owner wants sent with each request is sent, and its cookies are its own business.
    assert [received.headers["X-Team"] for received in scene.server.requests] == ["web", "web"]
    assert scene.server.requests[1].headers["Cookie"] == "ring-session=abc"


@pytest.mark.fault(29)
async def test_of_a_key_that_comes_twice_the_last_counts() -> None:
    async with facing(reply(200, b'{"login": "bob", "login": "ada"}')) as scene:
        assert (await get(scene)).login == "ada"


@pytest.mark.fault(26)
async def test_a_bom_is_no_part_of_the_json() -> None:
    async with facing(reply(201, b"\xef\xbb\xbf" + json.dumps({"build_num": 7}).encode())) as scene:
        assert (await trigger(scene)).build_num == 7
