"""An artifact that is read as it comes."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import aiohttp
import pytest
from downloading import (
    BYTES,
    DATA,
    at,
)
from faults.scenes import facing
from script_server import Action, ScriptServer, error, hang, hang_up, reply, reset, then

from circleci_v1_async import (
    Artifact,
    BodyTooLargeError,
    CircleCISession,
    InvalidInputError,
    NotFoundError,
    RequestTimeoutError,
    RetryPolicy,
    ServerError,
    TransportError,
    TruncatedError,
)


class TestStream:
    async def test_it_tells_its_size_and_gives_its_bytes_as_they_come(self) -> None:
        async with facing(reply(200, BYTES)) as scene, scene.ci.open_artifact(at(scene.server)) as stream:
            assert stream.size == len(DATA)
            pieces = [piece async for piece in stream.iter_chunks()]
        assert b"".join(pieces) == BYTES
        assert len(pieces) > 1

    @pytest.mark.parametrize(
        "head",
        [
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ndata\r\n0\r\n\r\n",
            reply(200, b"", [("Content-Encoding", "gzip")]),
        ],
        ids=["in chunks", "compressed"],
    )
    async def test_it_tells_no_size_where_nobody_knows_it(self, head: bytes) -> None:
        async with facing(head) as scene, scene.ci.open_artifact(at(scene.server)) as stream:
            assert stream.size is None
            assert await stream.read() in {b"data", b""}

    async def test_it_can_be_read_at_once_up_to_a_limit(self) -> None:
        async with facing(reply(200, b"0123456789"), max_body=9) as scene:
            async with scene.ci.open_artifact(at(scene.server)) as stream:
                assert await stream.read(max_bytes=10) == b"0123456789"
                assert await stream.read() == b""
            for limit in (9, 0, None):
                async with scene.ci.open_artifact(at(scene.server)) as stream:
                    with pytest.raises(BodyTooLargeError, match=rf"larger than {limit or 9 * (limit is None)} bytes"):
                        await stream.read(max_bytes=limit)
            async with scene.ci.open_artifact(at(scene.server)) as stream:
                with pytest.raises(InvalidInputError, match="max_bytes: expected an integer from 0, got -1"):
                    await stream.read(max_bytes=-1)

    @pytest.mark.fault(58)
    @pytest.mark.parametrize("ending", [hang_up, reset])
    async def test_it_says_when_it_breaks_off(self, ending: Action) -> None:
        async with facing(then(reply(200, b"0123", length=10), ending)) as scene:
            async with scene.ci.open_artifact(at(scene.server)) as stream:
                with pytest.raises(TruncatedError, match=r"The reply broke off after \d of 10 bytes") as caught:
                    await stream.read()
        assert caught.value.__context__ is None

    async def test_it_says_when_it_breaks_off_and_had_no_length(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc"
        async with facing(then(head, hang_up)) as scene, scene.ci.open_artifact(at(scene.server)) as stream:
            with pytest.raises(TransportError, match="broke off"):
                await stream.read()

    @pytest.mark.fault(22)
    async def test_it_has_no_time_limit_but_for_silence(self) -> None:
        async with facing(then(reply(200, b"0123", length=10), hang), timeout=1) as scene:
            async with scene.ci.open_artifact(at(scene.server)) as stream:
                with pytest.raises(RequestTimeoutError, match=r"GET /core\.tar .*: no byte within 1 s$"):
                    await stream.read()

    async def test_until_its_first_byte_it_is_tried_again(self) -> None:
        async with facing(reset, error(503), reply(200, b"data")) as scene:
            async with scene.ci.open_artifact(at(scene.server)) as stream:
                assert await stream.read() == b"data"
            assert scene.clock.slept == [0.5, 1.0]

    async def test_what_is_not_there_says_why(self) -> None:
        async with facing(error(404, "Artifact expired.")) as scene:
            with pytest.raises(NotFoundError, match=r"GET /core\.tar \(127\S+\) answered 404: Artifact expired"):
                async with scene.ci.open_artifact(at(scene.server)):
                    raise AssertionError

    async def test_of_an_error_page_only_the_beginning_is_read(self) -> None:
        page = then(reply(500, b"x" * 200_000, length=10**9), hang)
        async with facing(page, retry=RetryPolicy(attempts=1)) as scene:
            with pytest.raises(ServerError):
                async with scene.ci.open_artifact(at(scene.server)):
                    raise AssertionError

    async def test_it_may_be_left_before_its_end(self) -> None:
        async with facing(reply(200, BYTES)) as scene:
            for _ in range(3):
                async with scene.ci.open_artifact(at(scene.server)) as stream:
                    async with aclosing(stream.iter_chunks()) as chunks:
                        async for _ in chunks:
                            break

    @pytest.mark.parametrize("url", [None, ""])
    async def test_an_artifact_without_a_url_is_refused(self, url: str | None, tmp_path: Path) -> None:
        artifact = Artifact(path="x", url=url)
        async with CircleCISession() as ci:
            with pytest.raises(InvalidInputError, match=r"artifact\.url: expected the URL"):
                async with ci.open_artifact(artifact):
                    raise AssertionError
            with pytest.raises(InvalidInputError, match=r"artifact\.url: expected the URL"):
                await ci.download_artifact(artifact, tmp_path / "x")

    @pytest.mark.fault(15)
    async def test_a_pool_of_a_borrowed_session_that_stays_full_is_not_waited_for_for_ever(self) -> None:
        async with ScriptServer(then(reply(200, b"0", length=10), hang)) as server:
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as borrowed:
                ci = CircleCISession(base_url=server.base_url, session=borrowed, retry=RetryPolicy(attempts=1))
                async with asyncio.timeout(30), ci.open_artifact(at(server)):
                    with pytest.raises(RequestTimeoutError) as caught:
                        async with ci.with_options(timeout=1).open_artifact(at(server)):
                            raise AssertionError
        assert caught.value.phase == "pool"

    @pytest.mark.parametrize("leaves", ["cancelled", "failing"])
    async def test_one_that_a_limiter_loses_is_closed(self, leaves: str) -> None:
        class Limiter:
            async def __aenter__(self) -> None:
                pass

            async def __aexit__(self, *_: object) -> None:
                if leaves == "cancelled":
                    task.cancel()
                    await asyncio.sleep(0)
                raise OSError("no Redis")

        async with facing(then(reply(200, b"0", length=10), hang), limiter=Limiter()) as scene:

            async def call() -> None:
                async with scene.ci.open_artifact(at(scene.server)):
                    raise AssertionError

            task = asyncio.create_task(call())
            with pytest.raises(asyncio.CancelledError if leaves == "cancelled" else OSError):
                await task
