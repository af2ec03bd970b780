"""Waiting for a build, by a clock that does not wait."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest
from fake_clock import FakeClock
from hypothesis import given
from hypothesis import strategies as st
from paging import LIST, Calls
from polling import build, for_ever, status, turns

from circleci_v1_async import (
    Build,
    BuildStatus,
    CircleCIError,
    InvalidInputError,
    Lifecycle,
    NotFoundError,
    Outcome,
    Request,
    RequestTimeoutError,
    RetryPolicy,
    SessionClosedError,
    TransportError,
    WaitTimeoutError,
)
from circleci_v1_async._polling.poll import wait_until_finished
from circleci_v1_async._polling.schedule import Schedule

LOGGER = "circleci_v1_async"


# When to poll

seconds = st.floats(0.01, 864_000)


@given(st.floats(0, 1e6), seconds, seconds, st.floats(0, 1))
def test_a_pause_is_a_tenth_of_the_time_waited_within_its_bounds_and_a_tenth_of_jitter(
    waited: float, interval: float, max_interval: float, chance: float
):
    schedule = Schedule(interval=interval, max_interval=max_interval)
    pause = schedule.choose_pause(waited, 0.0, chance, soon=math.inf, asked=0.0)
    assert interval <= pause <= 1.1001 * max(interval, min(waited / 10, max_interval))


@given(st.floats(0, 1e4))
def test_by_default_an_end_is_noticed_within_eleven_percent_of_the_time_waited_and_33_seconds(end: float):
    schedule, waited = Schedule(interval=5.0), 0.0
    while waited < end:
        waited += schedule.choose_pause(waited, 0.0, 1.0, soon=math.inf, asked=0.0)
    assert waited - end <= max(0.11 * end, 5.5) + 1e-6
    assert waited - end <= 33.0 + 1e-6


@given(seconds, st.floats(0, 1e6), st.floats(0, 100), st.floats(0, 1000), st.floats(0, 1000), st.data())
def test_a_pause_never_goes_beyond_the_deadline(
    timeout: float, waited: float, took: float, settle: float, asked: float, data: st.DataObject
):
    schedule = Schedule(
        timeout=timeout, interval=data.draw(seconds), settle=settle, appear=data.draw(st.floats(0, 100))
    )
    pause = schedule.choose_pause(waited, took, data.draw(st.floats(0, 1)), soon=math.inf, asked=asked)
    assert 0 <= pause <= max(timeout - waited, 0)


def test_there_is_a_poll_just_before_the_time_to_settle_begins_to_run_out():
    schedule = Schedule(timeout=100, interval=30, settle=60)
    assert schedule.choose_pause(20, 2.0, 0.0, soon=math.inf, asked=0.0) == 16
    # After that poll, the next one is at the deadline at the latest.
    assert schedule.choose_pause(36, 0.0, 0.0, soon=math.inf, asked=0.0) == 4
    assert schedule.choose_pause(40, 0.0, 0.0, soon=math.inf, asked=0.0) == 30


# Waiting for a build


class Wait:
    """A build that is polled: each poll takes the next part of its story, and the last part forever."""

    def __init__(self, *story: Build | CircleCIError | Callable[[], Awaitable[Build]]) -> None:
        self.story = list(story)
        self.clock = FakeClock(random=0.0)
        self.polls: list[float] = []
        # The session's time for a call.
        self.call_timeout = 60.0

    async def look(self) -> Build:
        self.polls.append(self.clock.monotonic)
        part = self.story.pop(0) if len(self.story) > 1 else self.story[0]
        if isinstance(part, Exception):
            raise part
        return part if isinstance(part, Build) else await part()

    async def __call__(
        self, *, on_update: Callable[[Build], object] | None = None, interval: float = 4, **options: Any
    ) -> Build:
        calls = Calls(self.look, clock=self.clock.clock)
        calls.options = attrs.evolve(calls.options, timeout=self.call_timeout)
        schedule = Schedule(interval=interval, **options)
        name = "build 7 of github/acme/web"
        return await wait_until_finished(calls, LIST, schedule, name=name, on_update=on_update)


@pytest.mark.parametrize(
    "last",
    [
        build(7, "success"),
        build(7, "failed"),
        Build(build_num=7, status=BuildStatus.NOT_RUN, lifecycle=Lifecycle.NOT_RUN),
        Build(build_num=7, status=BuildStatus.NOT_RUN, lifecycle=Lifecycle.SCHEDULED),
        Build(build_num=7, status=BuildStatus.CANCELED, lifecycle=Lifecycle.SCHEDULED, outcome=Outcome.CANCELED),
        Build(build_num=7, status=BuildStatus.RETRIED, lifecycle=Lifecycle.FINISHED),
    ],
    ids=lambda build: f"{build.lifecycle}/{build.status}",
)
async def test_waiting_ends_when_the_build_will_not_change_again(last: Build):
    wait = Wait(build(7, "queued"), build(7, "running"), last)
    assert await wait() is last
    assert len(wait.polls) == 3


async def test_a_build_that_has_finished_is_not_waited_for():
    wait = Wait(build(7, "failed"))
    await wait()
    assert wait.clock.slept == []


async def test_pauses_grow_with_the_time_waited_even_if_the_build_changes():
    wait = Wait(*[build(7, "queued")] * 13, build(7, "running"), build(7, "running"), build(7, "success"))
    await wait()
    # 40 s are waited by the 10th pause.
    assert wait.clock.slept == [4] * 11 + [pytest.approx(pause) for pause in (4.4, 4.84, 5.324, 5.8564)]


async def test_updates_are_told_once_each_and_the_end_always():
    stopped = Build(build_num=7, status=BuildStatus.RUNNING, lifecycle=Lifecycle.RUNNING, stop_time=build)  # type: ignore[arg-type]
    wait = Wait(build(7, "queued"), build(7, "queued"), build(7, "running"), build(7, "running"), stopped)
    told: list[Build] = []
    assert await wait(on_update=told.append) is stopped
    assert [each.status for each in told] == ["queued", "running", "running"]


async def test_updates_may_be_awaited():
    told: list[str] = []

    async def tell(update: Build) -> None:
        await asyncio.sleep(0)
        told.append(str(update.status))

    await Wait(build(7, "running"), build(7, "success"))(on_update=tell)
    assert told == ["running", "success"]


@pytest.mark.parametrize("error", [TimeoutError("mine"), status(503)], ids=repr)
@pytest.mark.parametrize("seconds", [60, 1e-9])
async def test_an_error_of_the_callers_own_comes_out_unchanged(error: Exception, seconds: float):
    def tell(_: Build) -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        await Wait(build(7, "running"))(timeout=seconds, on_update=tell)
    assert caught.value is error


async def test_transient_errors_do_not_end_the_wait(caplog: pytest.LogCaptureFixture):
    errors = [TransportError("reset"), status(503), status(429, retry_after=300), RequestTimeoutError("slow")]
    wait = Wait(build(7, "running"), *errors, build(7, "success"))
    with caplog.at_level(logging.WARNING, LOGGER):
        assert (await wait()).status == "success"
    assert wait.clock.slept == [4, 4, 4, 120, pytest.approx(13.2)]
    assert caplog.messages == [
        "build 7 of github/acme/web: TransportError; polling again in 4.0 s",
        "build 7 of github/acme/web: 503; polling again in 4.0 s",
        "build 7 of github/acme/web: 429; polling again in 120.0 s (the service asked for 300 s)",
        "build 7 of github/acme/web: RequestTimeoutError; polling again in 13.2 s",
    ]


@pytest.mark.parametrize("error", [status(404), status(401), status(403), SessionClosedError("closed")], ids=str)
async def test_a_permanent_error_ends_the_wait(error: CircleCIError):
    wait = Wait(build(7, "running"), error)
    with pytest.raises(type(error)):
        await wait(appear=600)
    assert len(wait.polls) == 2


# The deadline


@given(st.floats(0, 1e3), st.floats(0.01, 1e3), st.floats(0.1, 1e3), st.floats(0.1, 1e3), st.floats(0, 1))
def test_a_build_that_finishes_before_the_deadline_never_times_out(
    end: float, timeout: float, interval: float, max_interval: float, chance: float
):
    clock = FakeClock(random=chance)

    async def look() -> Build:
        return build(7, "success" if clock.monotonic >= end else "running")

    async def wait() -> Build:
        schedule = Schedule(timeout=timeout, interval=interval, max_interval=max_interval)
        return await wait_until_finished(Calls(look, clock=clock.clock), LIST, schedule, name="build 7", on_update=None)

    if end < timeout:
        assert asyncio.run(wait()).status == "success"
        assert clock.monotonic - end <= max(1.1001 * interval, 0.1101 * clock.monotonic)
    elif end > timeout + 1e-3:
        with pytest.raises(WaitTimeoutError):
            asyncio.run(wait())
    assert clock.monotonic <= timeout + 1e-6


async def test_the_last_poll_is_at_the_deadline():
    wait = Wait(build(7, "running"), build(7, "running"), build(7, "success"))
    assert (await wait(timeout=8.5, interval=5)).status == "success"
    assert wait.polls == [0, 5, 8.5]


async def test_a_poll_in_flight_at_the_deadline_is_cancelled_for_the_last_one():
    wait = Wait(build(7, "running"), for_ever, build(7, "success"))
    assert (await wait(timeout=0.01, interval=0.001)).status == "success"


async def test_the_last_poll_makes_one_attempt_within_ten_seconds():
    used: list[tuple[float, RetryPolicy]] = []

    @attrs.define
    class Spy(Calls):
        async def send(self, request: Request[Any]) -> Any:
            used.append((self.options.timeout, self.options.retry))
            return await Calls.send(self, request)

    for timeout in (60.0, 3.0):
        calls = Spy(Wait(build()).look, clock=FakeClock().clock)
        calls.options = attrs.evolve(calls.options, timeout=timeout)
        with pytest.raises(WaitTimeoutError):
            await wait_until_finished(calls, LIST, Schedule(timeout=1, interval=4), name="build 7", on_update=None)
    once = RetryPolicy(attempts=1)
    assert used == [(60.0, RetryPolicy()), (10.0, once), (3.0, RetryPolicy()), (3.0, once)]


@pytest.mark.parametrize("error", [TransportError("no route"), status(401), status(429, retry_after=9)], ids=repr)
async def test_the_error_of_the_last_poll_is_the_cause_of_the_timeout(error: CircleCIError):
    wait = Wait(build(7, "running"), error)
    with pytest.raises(WaitTimeoutError) as caught:
        await wait(timeout=2)
    assert caught.value.__cause__ is error
    assert caught.value.last == build(7, "running")


async def test_a_last_poll_that_takes_too_long_is_a_cause_too():
    wait = Wait(build(7, "running"), for_ever)
    wait.call_timeout = 0.01
    with pytest.raises(WaitTimeoutError) as caught:
        await wait(timeout=2)
    assert isinstance(caught.value.__cause__, RequestTimeoutError)
    assert str(caught.value.__cause__) == "the poll was not complete within 0.01 s"


async def test_a_wait_that_takes_too_long_says_how_the_build_was_last_seen():
    wait = Wait(build(7, "queued"), build(7, "running"))
    with pytest.raises(WaitTimeoutError) as caught:
        await wait(timeout=10)
    assert str(caught.value) == "build 7 of github/acme/web did not finish within 10 s; it was last seen running"
    assert caught.value.last == build(7, "running")
    assert caught.value.__cause__ is None


async def test_a_build_without_a_status_times_out_as_well():
    with pytest.raises(WaitTimeoutError, match="it was last seen without a status"):
        await Wait(Build(build_num=7))(timeout=10)


async def test_a_wait_that_never_saw_the_build_says_why():
    wait = Wait(TransportError("no route"))
    with pytest.raises(WaitTimeoutError, match="never seen") as caught:
        await wait(timeout=10)
    assert caught.value.last is None
    assert isinstance(caught.value.__cause__, TransportError)


async def test_the_callers_own_timeout_and_cancellation_pass_through():
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0.01):
            await Wait(for_ever)(timeout=600)
    assert not isinstance(caught.value, WaitTimeoutError)
    waiting = asyncio.create_task(Wait(for_ever)(timeout=600))
    await turns()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_an_error_of_the_looks_own_that_is_a_timeout_is_not_taken_for_the_deadline():
    async def fail() -> Build:
        raise TimeoutError("of a limiter")

    with pytest.raises(TimeoutError, match="of a limiter"):
        await Wait(fail)(timeout=600)


# A build that appears late


async def test_a_build_may_appear_within_the_given_time():
    missing = status(404)
    wait = Wait(missing, missing, missing, build(7, "running"), build(7, "success"))
    assert (await wait(appear=10)).status == "success"
    # There is a poll at the end of that time.
    assert wait.polls == [0, 4, 8, 10, 14]


async def test_a_build_that_has_not_appeared_by_then_is_not_found():
    wait = Wait(status(404))
    with pytest.raises(NotFoundError):
        await wait(appear=10)
    assert wait.polls == [0, 4, 8, 10]


async def test_a_404_within_that_time_is_no_warning(caplog: pytest.LogCaptureFixture):
    await Wait(status(404), build(7, "success"))(appear=10)
    assert caplog.messages == []


async def test_a_build_that_has_not_appeared_by_the_deadline_is_a_timeout():
    with pytest.raises(WaitTimeoutError, match="never seen") as caught:
        await Wait(status(404))(appear=10, timeout=5)
    assert isinstance(caught.value.__cause__, NotFoundError)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interval": 0}, "interval: expected a positive number of seconds, got 0"),
        ({"interval": "5"}, "interval: expected a positive number of seconds, got '5'"),
        ({"interval": True}, "interval: expected a positive number of seconds, got True"),
        ({"max_interval": 0}, "max_interval: expected a positive number of seconds, got 0"),
        ({"timeout": -1}, "timeout: expected a positive number of seconds, got -1"),
        ({"timeout": 0}, "timeout: expected a positive number of seconds, got 0"),
        ({"timeout": math.nan}, "timeout: expected a positive number of seconds, got nan"),
        ({"appear": -1}, "appear: expected a number of seconds from 0, got -1"),
        ({"appear": None}, "appear: expected a number of seconds from 0, got None"),
    ],
    ids=str,
)
async def test_a_bad_argument_is_refused_before_the_first_poll(options: dict[str, Any], message: str):
    wait = Wait(build())
    with pytest.raises(InvalidInputError, match=message):
        await wait(**options)
    assert wait.polls == []
