"""A service that limits the rate costs time, and no calls; by simulated time."""

import asyncio
import itertools
from typing import Any

import pytest
from simulated_time import FixedWindow, Limit, Refuses, Service, TokenBucket, now, seconds_of, session, simulate

from circleci_v1_async import CircleCISession, RateLimitError, RetryPolicy

CALLS = 300
LIMITS = {
    **{f"token bucket, {rate}/s": (TokenBucket, (rate, rate)) for rate in (5, 10, 20)},
    **{
        f"fixed window, {rate}/s, begun {phase} s ago": (FixedWindow, (rate, 1.0, phase))
        for rate, phase in itertools.product((5, 10, 20), (0.0, 0.3, 0.6, 0.9, 0.99))
    },
}


async def get_builds(ci: CircleCISession, count: int = CALLS) -> list[Any]:
    return await asyncio.gather(
        *(ci.get_build("gh/acme/web", number) for number in range(1, count + 1)), return_exceptions=True
    )


@pytest.mark.fault(83)
@pytest.mark.parametrize("seconds", [0.002, 0.01, 0.05])
@pytest.mark.parametrize("retry_after", ["1", None])
@pytest.mark.parametrize("name", LIMITS)
def test_no_call_is_lost_to_a_limit_and_little_time(name: str, retry_after: str | None, seconds: float) -> None:
    kind, arguments = LIMITS[name]
    limit: Limit = kind(*arguments)
    service = Service(limit, retry_after, seconds)

    async def run() -> None:
        results = await get_builds(session(service, concurrency=16))
        assert [getattr(result, "build_num", result) for result in results] == list(range(1, CALLS + 1))

    took = seconds_of(run)
    assert took <= 1.2 * (CALLS - limit.burst) / limit.rate
    assert service.requests <= 1.1 * CALLS


@pytest.mark.fault(83)
@pytest.mark.parametrize(
    ("limit", "calls", "at_most"),
    [
        (FixedWindow(300, 60.0, 40.0), 900, 1.1),
        (TokenBucket(10, 1), 300, 1.3),
        (TokenBucket(10, 100), 600, 1.1),
        (TokenBucket(0.5, 3), 40, 3),
        (TokenBucket(200, 200), 4000, 1.1),
    ],
    ids=str,
)
@pytest.mark.parametrize("retry_after", ["1", "20", "0", None])
def test_no_call_is_lost_to_limits_of_other_kinds_and_few_requests(
    limit: Any, calls: int, at_most: float, retry_after: str | None
) -> None:
    limit = type(limit)(*(getattr(limit, name) for name in limit.__slots__ if not name.startswith("_")))
    service = Service(limit, retry_after)

    async def run() -> None:
        results = await get_builds(session(service, concurrency=16), calls)
        assert [result for result in results if isinstance(result, BaseException)] == []

    seconds_of(run)
    # A service that lets the next call come at once is believed at first, and so asked more often.
    assert service.requests <= at_most * calls * (1.6 if retry_after == "0" else 1)


@pytest.mark.fault(83)
def test_a_walk_that_prefetches_much_ends_whole() -> None:
    service = Service(TokenBucket(20, 20), builds=40_000)

    async def run() -> int:
        return len(
            [build.build_num async for build in session(service).iter_project_builds("gh/acme/web", prefetch=32)]
        )

    assert simulate(run()) == 40_000


@pytest.mark.fault(83)
def test_calls_that_are_never_refused_are_never_spaced() -> None:
    service = Service(TokenBucket(1e9, 1e9), seconds=0.01)
    assert seconds_of(lambda: get_builds(session(service, concurrency=10), 100)) == pytest.approx(0.1)


@pytest.mark.fault(83)
def test_the_budget_for_outages_is_not_spent_on_429s() -> None:
    service = Service(Refuses(*range(60, 1000)), "1")

    async def run() -> CircleCISession:
        ci = session(service, concurrency=1, retry=RetryPolicy(max_retry_after=864_000))
        await ci.get_current_user()
        return ci

    budget = simulate(run())._caller.budget
    assert budget == type(budget)()


@pytest.mark.fault(83)
def test_what_one_call_waits_for_429s_of_its_own_is_bounded_and_its_turn_is_not_counted() -> None:
    service = Service(Refuses(), "10")

    async def run() -> tuple[Any, Any, float]:
        ci = session(service, concurrency=1, retry=RetryPolicy(max_retry_after=35))
        first, second = await get_builds(ci, 2)
        return first, second, now()

    first, second, ended = simulate(run())
    assert isinstance(first, RateLimitError)
    assert isinstance(second, RateLimitError)
    # Both waited for 30 seconds because of what they got themselves.
    assert (first.attempts, second.attempts) == (4, 4)
    assert ended > 60


@pytest.mark.fault(11)
def test_without_retry_after_a_hold_is_a_second_and_doubles_with_each_reopening_that_fails() -> None:
    service = Service(Refuses(5, 7), None, seconds=0.0)

    async def run() -> None:
        ci = session(service, concurrency=4)
        await ci.get_current_user()
        await asyncio.sleep(10)
        await ci.get_current_user()

    simulate(run())
    # A success in between, and it begins anew.
    assert [moment for moment, _ in service.began] == [0, 1, 3, 7, 15, 25, 26]


@pytest.mark.fault(11)
def test_429s_of_calls_in_flight_at_the_same_time_are_one_hold() -> None:
    service = Service(Refuses(*range(17, 1000)), None)

    async def run() -> list[Any]:
        return await get_builds(session(service, concurrency=16), 16)

    assert [build.build_num for build in simulate(run())] == list(range(1, 17))
    assert 1.0 <= service.began[16][0] < 1.1


@pytest.mark.fault(85)
def test_a_retry_after_of_nothing_is_believed_three_times_and_then_holds_ever_longer() -> None:
    service = Service(Refuses(7), "0", seconds=0.0)
    assert simulate(session_of_one_call(service)) == "ada"
    assert [moment for moment, _ in service.began] == [0.0, 0.0, 0.0, 0.0, 1.0, 3.0, 7.0]


async def session_of_one_call(service: Service) -> str | None:
    return (await session(service).get_current_user()).login


@pytest.mark.fault(86)
def test_a_429_that_asks_for_too_long_is_told_to_all_at_once_with_the_time_that_is_left() -> None:
    service = Service(Refuses(*range(3, 100)), "999", seconds=0.0)

    async def run() -> None:
        ci = session(service)
        with pytest.raises(RateLimitError) as refused:
            await ci.get_current_user()
        assert (refused.value.retry_after, refused.value.attempts) == (999.0, 1)
        await asyncio.sleep(9)
        with pytest.raises(RateLimitError, match=r"asks to wait 990 s") as told:
            await ci.get_current_user()
        assert (now(), told.value.retry_after, told.value.attempts) == (9.0, 990.0, 0)
        assert "held for 990.0 s" in repr(ci)

    simulate(run())
    assert service.requests == 1


@pytest.mark.fault(86)
def test_after_the_longest_hold_one_probe_goes_out_and_opens_the_gate_or_not() -> None:
    service = Service(Refuses(*range(3, 100)), "999", seconds=0.5)

    async def run() -> None:
        ci = session(service)
        assert [type(result) for result in await get_builds(ci, 1)] == [RateLimitError]
        # The hold began when the reply was there.
        await asyncio.sleep(120)
        results = await get_builds(ci, 5)
        assert sorted(result.attempts for result in results) == [0, 0, 0, 0, 1]
        assert service.requests == 2
        await asyncio.sleep(120)
        probe = asyncio.create_task(ci.get_build("gh/acme/web", 9))
        await asyncio.sleep(0.1)
        assert [type(result) for result in await get_builds(ci, 2)] == [RateLimitError] * 2
        assert (await probe).build_num == 9
        assert [build.build_num for build in await get_builds(ci, 2)] == [1, 2]

    simulate(run())


@pytest.mark.fault(86)
def test_a_view_with_more_patience_waits_for_what_others_are_told_at_once() -> None:
    service = Service(Refuses(*range(2, 100)), "300", seconds=0.0)

    async def run() -> None:
        ci = session(service)
        patient = ci.with_options(retry=RetryPolicy(max_retry_after=600))
        with pytest.raises(RateLimitError):
            await ci.get_current_user()
        assert (await patient.get_current_user()).login == "ada"
        assert now() == 300.0

    simulate(run())


def test_hold_and_pace_are_in_the_repr_and_gone_when_they_are_over() -> None:
    service = Service(FixedWindow(10), seconds=0.0)

    async def run() -> None:
        ci = session(service, concurrency=10)
        assert repr(ci) == "<CircleCISession https://circleci.com/api/v1.1 token=***>"
        await get_builds(ci, 10)
        call = asyncio.create_task(ci.get_current_user())
        await asyncio.sleep(0.25)
        assert repr(ci).endswith("token=*** held for 0.8 s, paced at 9.5/s>")
        await call
        assert repr(ci).endswith("token=*** paced at 9.5/s>")
        service.limit = TokenBucket(1e9, 1e9)
        await get_builds(ci, 700)
        assert repr(ci) == "<CircleCISession https://circleci.com/api/v1.1 token=***>"

    simulate(run())


@pytest.mark.parametrize("retry_after", ["1", None])
def test_a_session_without_retries_does_not_wait_for_a_429(retry_after: str | None) -> None:
    service = Service(Refuses(), retry_after)

    async def run() -> float:
        with pytest.raises(RateLimitError):
            await session(service, retry=RetryPolicy(attempts=1)).get_current_user()
        return now()

    assert simulate(run()) < 0.1
    assert service.requests == 1


@pytest.mark.fault(85)
@pytest.mark.parametrize(("retry_after", "requests"), [("0", 4), ("1", 1), (None, 1)])
def test_a_session_that_may_not_wait_does_not_ask_for_ever(retry_after: str | None, requests: int) -> None:
    service = Service(Refuses(), retry_after)

    async def run() -> float:
        with pytest.raises(RateLimitError):
            await session(service, retry=RetryPolicy(max_retry_after=0)).get_current_user()
        return now()

    assert simulate(run()) < 0.1
    assert service.requests == requests
