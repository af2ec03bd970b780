"""Waiting: what it holds, whom it holds back, how it ends."""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any

import pytest
from faults.calls import get, trigger
from faults.canaries import BUILD, OK
from faults.scenes import facing, tls_is_refused
from polling import take
from script_server import Action, error, hang, hang_up, reply, then

from circleci_v1_async import RateLimitError, RetryPolicy, ServerError, StatusError


class Limiter:
    """Says how many are inside."""

    def __init__(self) -> None:
        self.inside = 0
        self.entered = 0

    async def __aenter__(self) -> None:
        self.inside += 1
        self.entered += 1

    async def __aexit__(self, *_: object) -> None:
        self.inside -= 1


def limited(seconds: int | None) -> bytes:
    return error(429, "Slow down", [] if seconds is None else [("Retry-After", str(seconds))])


@pytest.mark.fault(7)
@pytest.mark.parametrize(
    "first", [limited(2), limited(None), error(500), hang_up], ids=["429 for 2 s", "429", "500", "FIN"]
)
async def test_who_waits_holds_no_connection_no_slot_and_no_limiter(first: bytes | Action) -> None:
    limiter = Limiter()
    async with facing(first, OK, limiter=limiter, concurrency=1) as scene:
        seen: list[tuple[int, bool, int]] = []

        async def look_around(_seconds: float) -> None:
            calls = scene.ci._caller
            seen.append((len(calls.transport._own.connector._acquired), calls.gate._slots.locked(), limiter.inside))

        scene.clock.while_asleep = look_around
        await get(scene)
    assert seen == [(0, False, 0)]
    assert limiter.entered == len(scene.server.requests) == 2


@pytest.mark.fault(7)
@pytest.mark.fault(11)
@pytest.mark.parametrize(("seconds", "wait"), [(2, 2.0), (None, 1.0)])
async def test_one_429_holds_back_all_calls_of_the_session(seconds: int | None, wait: float) -> None:
    async with facing(limited(seconds), OK, concurrency=1) as scene:
        requests: list[tuple[float, int]] = []

        async def look_around(_seconds: float) -> None:
            for _ in range(20):
                requests.append((scene.clock.monotonic, len(scene.server.requests)))
                await asyncio.sleep(0)

        scene.clock.while_asleep = look_around
        await asyncio.gather(*(get(scene) for _ in range(10)))
    assert {count for moment, count in requests if moment < wait} == {1}
    assert scene.clock.monotonic >= wait
    assert len(scene.server.requests) == 11


@pytest.mark.fault(10)
@pytest.mark.fault(86)
async def test_a_429_that_asks_for_too_long_sends_nobody_to_wait_and_nothing_to_the_service() -> None:
    async with facing(limited(86400), OK) as scene:
        with pytest.raises(RateLimitError) as caught:
            await get(scene)
        scene.clock.pass_until(60)
        with pytest.raises(RateLimitError, match="asks to wait 86340 s") as told:
            await get(scene)
        assert len(scene.server.requests) == 1
        scene.clock.pass_until(120)
        await get(scene)
    assert (caught.value.retry_after, told.value.retry_after) == (86400.0, 86340.0)
    assert told.value.attempts == 0
    assert scene.clock.slept == []


@pytest.mark.fault(12)
async def test_two_hundred_calls_in_an_outage_are_220_requests_and_no_more() -> None:
    async with facing(error(503)) as scene:
        for _ in range(200):
            with pytest.raises(StatusError):
                await get(scene)
        assert len(scene.server.requests) == 220
        with pytest.raises(StatusError) as caught:
            await get(scene.with_view(timeout=1.0))
        assert caught.value.attempts == 1


@pytest.mark.fault(12)
@pytest.mark.fault(85)
async def test_a_429_that_lasts_takes_nothing_from_the_budget_for_outages_and_two_requests_of_most_calls() -> None:
    async with facing(limited(0)) as scene:
        for _ in range(20):
            with pytest.raises(RateLimitError):
                await get(scene)
        assert len(scene.server.requests) <= 10 + 2 * 19
        assert scene.ci._caller.budget.spend()
        assert scene.ci._caller.budget._left == 95


@pytest.mark.fault(12)
async def test_calls_at_the_same_time_share_what_there_is_for_retries() -> None:
    async with facing(error(503)) as scene:
        results = await asyncio.gather(*(get(scene) for _ in range(200)), return_exceptions=True)
    assert {type(result) for result in results} == {ServerError}
    assert len(scene.server.requests) == 220


@pytest.mark.fault(60)
@pytest.mark.parametrize("jump", [-86400.0, 86400.0])
async def test_a_wall_clock_that_jumps_changes_no_wait(jump: float) -> None:
    async with facing(limited(2), error(500), OK) as scene:

        async def jump_now(_seconds: float) -> None:
            scene.clock.epoch += jump

        scene.clock.while_asleep = jump_now
        await get(scene)
    # The hold; the first wait of an attempt that failed; the rest of the pace after the hold.
    assert scene.clock.slept == [2.0, 0.5, 0.5]


class CancelledAt:
    """Runs a coroutine and cancels its task at the nth time that it waits."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], point: int) -> None:
        self.coroutine = coroutine
        self.left = point
        self.waits_after = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        step, argument = self.coroutine.send, None
        while True:
            try:
                waiting_for = step(argument)
            except StopIteration as end:
                return end.value
            self.waits_after += self.left < 1
            self.left -= 1
            if self.left == 0:
                task = asyncio.current_task()
                assert task is not None
                # It is delivered where the task waits next, which is here.
                task.cancel()
            try:
                argument = yield waiting_for
                step = self.coroutine.send
            except BaseException as error:  # noqa: BLE001 - thrown in, and so thrown on
                step, argument = self.coroutine.throw, error


@pytest.mark.fault(46)
@pytest.mark.parametrize("call", [get, trigger], ids=["GET", "POST"])
async def test_a_call_can_be_cancelled_wherever_it_waits(call: Any) -> None:
    halves = (reply(200, BUILD)[:-100], reply(200, BUILD)[-100:])

    async def second_half(_received: object, writer: asyncio.StreamWriter) -> None:
        for _ in range(10):
            await asyncio.sleep(0)
        writer.write(halves[1])

    for point in range(1, 1000):
        async with facing(limited(1), then(halves[0], second_half), concurrency=1, limiter=Limiter()) as scene:
            cancelled = CancelledAt(call(scene), point)

            async def run(cancelled: CancelledAt = cancelled) -> Any:
                return await cancelled

            task = asyncio.ensure_future(run())
            result = (await asyncio.gather(task, return_exceptions=True))[0]
            if cancelled.left > 0:
                break
            assert task.cancelled(), (point, result)
            assert cancelled.waits_after <= 1
    assert point > 5
    assert not isinstance(result, BaseException)


@pytest.mark.fault(46)
async def test_a_cancelled_call_gives_its_turn_to_the_next_one() -> None:
    async with facing(hang, OK, concurrency=1) as scene:
        first = asyncio.ensure_future(get(scene))
        queued = [asyncio.ensure_future(get(scene)) for _ in range(5)]
        await scene.server.has_received(1)
        for each in (*queued[:4], first):
            each.cancel()
        await queued[4]
        assert all(
            isinstance(each, asyncio.CancelledError)
            for each in await asyncio.gather(first, *queued[:4], return_exceptions=True)
        )
    assert len(scene.server.requests) == 2


NEVER = ["999999999", "Fri, 31 Dec 9999 23:59:59 GMT"]


@pytest.mark.fault(61)
@pytest.mark.parametrize("status", [503, 429])
@pytest.mark.parametrize("asked", NEVER)
async def test_a_service_that_asks_to_wait_for_years_silences_no_watch(
    status: int, asked: str, caplog: pytest.LogCaptureFixture
) -> None:
    refusal = error(status, "No.", [("Retry-After", asked)])
    async with facing(refusal, reply(200, [BUILD]), random=0.5) as scene:
        watch = scene.ci.watch_project_builds("gh/acme/web", start_at="oldest", interval=10)
        (event,) = await take(watch, 1)
    assert event.kind == "new"
    assert scene.clock.slept == [0, 120]
    assert f"/project/github/acme/web: {status}; polling again in 120.0 s (the service asked for " in caplog.text


@pytest.mark.fault(61)
@pytest.mark.parametrize("status", [503, 429])
@pytest.mark.parametrize("asked", NEVER)
async def test_a_service_that_asks_to_wait_for_years_silences_nobody_who_waits_for_a_build(
    status: int, asked: str, caplog: pytest.LogCaptureFixture
) -> None:
    refusal = error(status, "No.", [("Retry-After", asked)])
    async with facing(
        refusal, reply(200, {**BUILD, "lifecycle": "finished"}), retry=RetryPolicy(max_retry_after=45), random=0.5
    ) as scene:
        assert (await scene.ci.wait_for_build("gh/acme/web", 7)).is_finished
    assert scene.clock.slept == [45]
    assert f"build 7 of github/acme/web: {status}; polling again in 45.0 s (the service asked for " in caplog.text


@pytest.mark.fault(62)
async def test_a_tls_alert_does_not_end_a_watch(caplog: pytest.LogCaptureFixture) -> None:
    async with facing(place=tls_is_refused, random=0.5) as scene:
        watch = scene.ci.watch_project_builds("gh/acme/web", interval=1000)

        async def end_the_third_pause(_seconds: float) -> None:
            if len([each for each in scene.clock.slept if each > 1000]) == 3:
                await watch.aclose()

        scene.clock.while_asleep = end_the_third_pause
        assert await take(watch, 1) == []
    assert [record.args[1] for record in caplog.records if "polling again" in record.msg] == ["TransportError"] * 3
