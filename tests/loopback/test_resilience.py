"""Trying again, giving up, and holding back, on real sockets with a clock that does not wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fake_clock import FakeClock, use
from script_server import Action, ScriptServer, error, hang, hang_up, reply, reset, then

from circleci_v1_async import (
    Artifact,
    CircleCIError,
    CircleCISession,
    DecodeError,
    InvalidInputError,
    NotFoundError,
    RateLimitError,
    Request,
    RetryPolicy,
    ServerError,
    SessionClosedError,
    TransportError,
)
from circleci_v1_async._calls.gate import Admission

USER = reply(200, {"login": "ada"})
BUILD = reply(201, {"build_num": 1})


def too_many(retry_after: object) -> bytes:
    return error(429, "Rate limited.", [("Retry-After", str(retry_after))])


@asynccontextmanager
async def serve(
    *script: bytes | Action, **options: Any
) -> AsyncIterator[tuple[ScriptServer, CircleCISession, FakeClock]]:
    clock = FakeClock()
    async with ScriptServer(*script) as server:
        async with use(CircleCISession(base_url=server.base_url, **options), clock) as ci:
            yield server, ci, clock


@pytest.mark.parametrize(
    "fault", [error(500), error(503), error(408), hang_up, reset, then(reply(200, b"{", length=9), reset)]
)
async def test_a_read_is_tried_three_times_in_all(fault: bytes | Action) -> None:
    async with serve(fault, fault, USER) as (server, ci, clock):
        assert (await ci.get_current_user()).login == "ada"
        assert len(server.requests) == 3
        assert clock.slept == [0.5, 1.0]


async def test_an_error_that_stays_says_how_often_it_was_tried() -> None:
    async with serve(error(502)) as (server, ci, _):
        with pytest.raises(ServerError, match="after 3 attempts") as caught:
            await ci.get_current_user()
    assert caught.value.attempts == 3
    assert len(server.requests) == 3


async def test_a_connection_that_breaks_is_tried_exactly_as_often_as_the_policy_says() -> None:
    async with serve(hang_up) as (server, ci, _):
        with pytest.raises(TransportError):
            await ci.get_current_user()
    assert len(server.requests) == 3


async def test_small_error_replies_leave_their_connection_open_for_the_next_attempt() -> None:
    async with serve(error(500), error(500), USER) as (server, ci, _):
        await ci.get_current_user()
        assert server.connections == 1


async def test_a_reply_without_length_that_breaks_off_is_read_again() -> None:
    cut = then(b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"login": "a', hang_up)
    async with serve(cut, USER) as (server, ci, _):
        assert (await ci.get_current_user()).login == "ada"
        assert len(server.requests) == 2


async def test_a_reply_that_is_whole_and_wrong_is_not_read_again() -> None:
    async with serve(reply(200, b"<html>")) as (server, ci, _):
        with pytest.raises(DecodeError):
            await ci.get_current_user()
        assert len(server.requests) == 1


@pytest.mark.parametrize("fault", [error(500), error(503), hang_up, reset, then(reply(200, b"{", length=9), hang_up)])
async def test_a_post_that_may_have_been_done_is_not_sent_again(fault: bytes | Action) -> None:
    async with serve(fault, BUILD) as (server, ci, _):
        with pytest.raises((ServerError, TransportError)):
            await ci.trigger_build("gh/acme/web")
        assert len(server.requests) == 1


async def test_a_post_is_sent_again_after_a_429() -> None:
    async with serve(too_many(2), BUILD) as (server, ci, clock):
        assert (await ci.trigger_build("gh/acme/web")).build_num == 1
        assert len(server.requests) == 2
        assert clock.slept == [2.0]


async def test_a_post_is_sent_again_when_nothing_can_have_been_sent(unused_tcp_port: int) -> None:
    clock = FakeClock()
    ci = use(CircleCISession(base_url=f"http://127.0.0.1:{unused_tcp_port}"), clock)
    with pytest.raises(TransportError):
        await ci.trigger_build("gh/acme/web")
    await ci.close()
    assert clock.slept == [0.5, 1.0]


async def test_a_deletion_that_is_found_done_on_the_second_try_is_a_success() -> None:
    async with serve(error(502), error(404, "checkout key not found")) as (server, ci, _):
        await ci.delete_checkout_key("gh/acme/web", "c9:0b")
        assert len(server.requests) == 2


@pytest.mark.parametrize("before", [(), (too_many(0),)], ids=["at once", "after a 429"])
async def test_a_deletion_of_what_was_never_there_is_an_error(before: tuple[bytes, ...]) -> None:
    async with serve(*before, error(404, "checkout key not found")) as (server, ci, _):
        with pytest.raises(NotFoundError):
            await ci.delete_checkout_key("gh/acme/web", "c9:0b")
        assert len(server.requests) == len(before) + 1


async def test_a_wait_longer_than_allowed_is_raised_at_once() -> None:
    async with serve(too_many(86400)) as (server, ci, clock):
        with pytest.raises(RateLimitError, match="asks to wait 86400 s") as caught:
            await ci.get_current_user()
    assert caught.value.retry_after == 86400.0
    assert (clock.slept, len(server.requests)) == ([], 1)


async def test_a_429_holds_back_every_call_until_its_time_and_no_connection_meanwhile() -> None:
    async with serve(too_many(30), USER) as (server, ci, clock):
        asleep = asyncio.Event()
        wake = asyncio.Event()

        async def stay_asleep(_seconds: float) -> None:
            asleep.set()
            await wake.wait()

        clock.while_asleep = stay_asleep
        calls = [asyncio.create_task(ci.get_current_user())]
        await asleep.wait()
        calls += [asyncio.create_task(ci.get_current_user()) for _ in range(9)]
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(server.requests) == 1
        assert not ci._caller.transport._own.connector._acquired
        wake.set()
        assert {user.login for user in await asyncio.gather(*calls)} == {"ada"}
        assert len(server.requests) == 11
        assert clock.monotonic >= 30


async def test_the_last_429_holds_back_the_others_too() -> None:
    async with serve(too_many(30), USER, retry=RetryPolicy(attempts=1)) as (_, ci, clock):
        with pytest.raises(RateLimitError):
            await ci.get_current_user()
        await ci.get_current_user()
        assert clock.slept == [30.0]


async def test_a_429_without_a_time_backs_off_for_all() -> None:
    async with serve(error(429), USER) as (_, ci, clock):
        await ci.get_current_user()
        assert clock.slept == [1.0]


async def test_an_outage_costs_little_more_than_a_request_for_each_call() -> None:
    async with serve(error(503)) as (server, ci, _):
        results = await asyncio.gather(*(ci.get_current_user() for _ in range(200)), return_exceptions=True)
        assert {type(result) for result in results} == {ServerError}
        assert len(server.requests) == 220


async def test_views_share_the_gate_and_the_budget() -> None:
    async with serve(error(503)) as (server, ci, _):
        views = [ci.with_options(timeout=5), ci, ci.with_options(strict=True)]
        calls = [view.get_current_user() for view in views for _ in range(50)]
        await asyncio.gather(*calls, return_exceptions=True)
        assert len(server.requests) == 170


async def test_a_view_may_have_a_policy_of_its_own() -> None:
    async with serve(error(500)) as (server, ci, _):
        with pytest.raises(ServerError):
            await ci.with_options(retry=RetryPolicy(attempts=2)).get_current_user()
        assert len(server.requests) == 2


async def test_no_more_than_concurrency_exchanges_are_in_flight() -> None:
    async with serve(hang, concurrency=3) as (server, ci, _):
        calls = [asyncio.create_task(ci.get_current_user()) for _ in range(9)]
        await server.has_received(3)
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(server.requests) == 3
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)


async def test_the_limiter_is_entered_once_for_each_request_and_never_held_while_waiting() -> None:
    entered: list[str] = []

    @asynccontextmanager
    async def limit() -> AsyncIterator[None]:
        entered.append("in")
        yield
        entered.append("out")

    class Limiter:
        def __aenter__(self) -> Any:
            self.inner = limit()
            return self.inner.__aenter__()

        def __aexit__(self, *args: object) -> Any:
            return self.inner.__aexit__(*args)

    async with serve(error(500), too_many(3), USER, limiter=Limiter()) as (server, ci, clock):

        async def is_outside(_seconds: float) -> None:
            assert entered[-1] == "out"

        clock.while_asleep = is_outside
        await ci.get_current_user()
        assert len(server.requests) == 3
        assert entered == ["in", "out"] * 3


async def test_a_429_also_holds_back_whom_the_limiter_let_in_late() -> None:
    ready = asyncio.Event()

    class Slow:
        async def __aenter__(self) -> None:
            await ready.wait()

        async def __aexit__(self, *_: object) -> None:
            pass

    async with serve(USER, limiter=Slow()) as (_, ci, clock):
        call = asyncio.create_task(ci.get_current_user())
        await asyncio.sleep(0)
        gate = ci._caller.gate
        gate.refused(Admission(gate.lane(gate.api), 0), 0.0, 5.0, 120.0)
        ready.set()
        await call
        assert clock.slept == [5.0]


async def test_closing_while_a_call_waits_to_try_again_ends_it() -> None:
    async with serve(error(503)) as (_, ci, clock):
        asleep = asyncio.Event()

        async def stay_asleep(_seconds: float) -> None:
            asleep.set()
            await asyncio.Event().wait()

        clock.while_asleep = stay_asleep
        call = asyncio.create_task(ci.get_current_user())
        await asleep.wait()
        await ci.close()
        with pytest.raises(SessionClosedError):
            await call


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"concurrency": 0}, "concurrency: expected an integer from 1"),
        ({"concurrency": 1.5}, "concurrency: expected an integer from 1"),
        ({"limiter": 7}, "limiter: expected an async context manager, got int"),
        ({"retry": 3}, "retry: expected a RetryPolicy, got 3"),
    ],
)
def test_an_option_that_cannot_be_right_is_refused(options: dict[str, Any], expected: str) -> None:
    with pytest.raises(InvalidInputError, match=expected):
        CircleCISession(**options)


async def test_a_request_may_be_declared_idempotent() -> None:
    async with serve(error(502), reply(200, 1)) as (server, ci, _):
        assert await ci.send(Request("POST", "/x", idempotent=True)) == 1
        assert len(server.requests) == 2


class Impatient(RetryPolicy):
    """A policy of the user's own, which waits for no 429."""

    def delay(self, request: Request[Any], error: CircleCIError, attempt: int, chance: float) -> float | None:
        return None if isinstance(error, RateLimitError) else super().delay(request, error, attempt, chance)


@pytest.mark.fault(7)
async def test_a_policy_of_the_users_own_decides_whether_a_429_is_waited_for() -> None:
    async with serve(too_many(2), USER, retry=Impatient()) as (server, ci, clock):
        with pytest.raises(RateLimitError):
            await ci.get_current_user()
        assert (len(server.requests), clock.slept) == (1, [])


@pytest.mark.fault(91)
async def test_a_lost_deletion_whose_value_cannot_be_empty_is_a_404_that_says_so() -> None:
    async with serve(error(502), error(404, "key not found")) as (server, ci, _):
        for request in (
            Request("DELETE", "/x", returns=Artifact),
            Request("DELETE", "/x", returns=list[Artifact]),
        ):
            server.script[:] = [error(502), error(404, "key not found")]
            with pytest.raises(NotFoundError, match="An earlier attempt may have deleted it") as caught:
                await ci.send(request)
            assert (caught.value.maybe_deleted, caught.value.attempts) == (True, 2)
        server.script[:] = [error(502), error(404, "key not found")]
        with pytest.raises(NotFoundError, match="An earlier attempt may have deleted it"):
            await ci.send_raw(Request("DELETE", "/x"))
        server.script[:] = [error(404, "key not found")]
        with pytest.raises(NotFoundError) as plain:
            await ci.send_raw(Request("DELETE", "/x"))
        assert not plain.value.maybe_deleted
