"""A 429 pauses the origin that answered it, and no other."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fake_clock import FakeClock, use
from script_server import Action, ScriptServer, error, reply

from circleci_v1_async import Artifact, CircleCISession, RateLimitError, RetryPolicy

ME = reply(200, {"login": "ada"})
FILE = reply(200, b"abc")


def too_many(seconds: int) -> bytes:
    return error(429, "No.", [("Retry-After", str(seconds))])


@asynccontextmanager
async def two_origins(
    api: bytes | Action, *files: bytes | Action, concurrency: int = 16
) -> AsyncIterator[tuple[ScriptServer, ScriptServer, CircleCISession, FakeClock]]:
    clock = FakeClock()
    async with ScriptServer(api) as service, ScriptServer(*files) as storage:
        async with CircleCISession(base_url=service.base_url, concurrency=concurrency) as ci:
            yield service, storage, use(ci, clock), clock


async def read(ci: CircleCISession, server: ScriptServer) -> bytes:
    async with ci.open_artifact(Artifact(path="a", url=f"{server.origin}/a")) as stream:
        return await stream.read()


@pytest.mark.fault(105)
async def test_a_429_of_a_file_host_does_not_stop_the_api_and_names_the_host_and_the_time() -> None:
    async with two_origins(ME, too_many(86_400)) as (_, storage, ci, clock):
        with pytest.raises(RateLimitError) as first:
            await read(ci, storage)
        assert (await ci.get_current_user()).login == "ada"
        clock.pass_until(60)
        with pytest.raises(RateLimitError) as second:
            await read(ci, storage)
        assert (await ci.get_current_user()).login == "ada"
        assert "1 other origin held or paced" in repr(ci)
        address = f"127.0.0.1:{storage.port}"
    assert clock.slept == []
    assert first.value.attempts == 1
    assert (second.value.attempts, second.value.retry_after, len(storage.requests)) == (0, 86_340.0, 1)
    assert str(second.value) == (
        f"GET /a ({address}) was not sent: http://{address} answered 429 at 2023-11-14 22:13:20 UTC "
        "and asked to wait. The service asks to wait 86340 s."
    )


@pytest.mark.fault(105)
async def test_a_429_of_the_api_does_not_stop_a_file_host() -> None:
    async with two_origins(too_many(86_400), FILE) as (service, storage, ci, clock):
        with pytest.raises(RateLimitError):
            await ci.get_current_user()
        assert await read(ci, storage) == b"abc"
        with pytest.raises(RateLimitError, match=rf"was not sent: {service.origin} answered 429 at 2023-11-14"):
            await ci.get_current_user()
        assert "held for 86400.0 s" in repr(ci)
    assert clock.slept == []


@pytest.mark.fault(105)
async def test_a_429_behind_a_redirect_is_about_the_last_origin() -> None:
    async with two_origins(ME, too_many(5), FILE) as (service, storage, ci, clock):
        service.script[:] = [reply(302, b"", [("Location", f"{storage.origin}/a")]), ME]
        waiting = asyncio.Event()

        async def call_the_api(_seconds: float) -> None:
            waiting.set()
            assert (await ci.get_current_user()).login == "ada"
            service.script[:] = [reply(302, b"", [("Location", f"{storage.origin}/a")])]

        clock.while_asleep = call_the_api
        assert await read(ci, service) == b"abc"
        assert waiting.is_set()
        assert clock.slept == [5.0]
        # The API itself took all that it was sent.
        assert "held" not in str(ci._caller.gate._api_lane.describe(clock.monotonic))


@pytest.mark.fault(105)
async def test_a_second_429_behind_a_redirect_during_the_hold_belongs_to_the_same_hold() -> None:
    async with two_origins(ME, too_many(300)) as (service, storage, ci, _):
        service.script[:] = [reply(302, b"", [("Location", f"{storage.origin}/a")])]
        for _ in range(2):
            with pytest.raises(RateLimitError) as caught:
                await read(ci, service)
            assert caught.value.attempts == 1
        (lane,) = ci._caller.gate._limited.values()
    assert (lane.holds, len(storage.requests)) == (1, 2)


@pytest.mark.fault(105)
async def test_calls_that_wait_for_the_pace_of_one_origin_leave_the_slots_to_others() -> None:
    async with two_origins(ME, too_many(1), FILE, concurrency=2) as (service, storage, ci, clock):
        done: list[int] = []

        async def call_the_api(_seconds: float) -> None:
            assert (await ci.get_current_user()).login == "ada"
            done.append(len(service.requests))

        clock.while_asleep = call_the_api
        results = await asyncio.gather(*(read(ci, storage) for _ in range(4)))
    assert results == [b"abc"] * 4
    assert done
    assert len(clock.slept) == len(done)


@pytest.mark.fault(105)
async def test_an_origin_that_is_neither_held_nor_paced_leaves_nothing_in_memory() -> None:
    async with two_origins(ME, FILE) as (service, storage, ci, clock):
        gate = ci._caller.gate
        assert await read(ci, storage) == b"abc"
        await ci.get_current_user()
        gc.collect()
        assert list(gate._lanes) == [gate.api]
        # Refused, and then paced until the service has taken much more.
        storage.script[:] = [too_many(1), FILE]
        assert await read(ci, storage) == b"abc"
        assert [origin[2] for origin in gate._limited] == [storage.port]
        for _ in range(20):
            await read(ci, storage)
        gc.collect()
        assert (gate._limited, list(gate._lanes)) == ({}, [gate.api])
        # The pace of an origin that is not used any more is forgotten when there is another hold.
        storage.script[:] = [too_many(1), FILE]
        await read(ci, storage)
        clock.pass_until(clock.monotonic + 700)
        service.script[:] = [too_many(1), ME]
        await ci.get_current_user()
        gc.collect()
        assert list(gate._limited) == list(gate._lanes) == [gate.api]


@pytest.mark.fault(105)
async def test_concurrency_is_one_limit_for_all_origins() -> None:
    entered: list[int] = []

    class Limiter:
        inside = 0

        async def __aenter__(self) -> None:
            Limiter.inside += 1
            entered.append(Limiter.inside)

        async def __aexit__(self, *_: object) -> None:
            Limiter.inside -= 1

    async with ScriptServer(ME) as service, ScriptServer(FILE) as storage:
        options = {"concurrency": 2, "limiter": Limiter(), "retry": RetryPolicy(attempts=1)}
        async with CircleCISession(base_url=service.base_url, **options) as ci:
            await asyncio.gather(*(read(ci, storage) for _ in range(5)), *(ci.get_current_user() for _ in range(5)))
    assert (len(entered), max(entered)) == (10, 2)
