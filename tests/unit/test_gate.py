"""Who is let through, and that nothing is kept by those who are not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest
from fake_clock import FakeClock

from circleci_v1_async._calls.gate import Admission, Gate
from circleci_v1_async._calls.lane import HeldTooLongError

API = ("https", "circleci.com", 443)


class Limiter:
    """Notes who is inside; entering may fail, and may close the gate."""

    def __init__(self) -> None:
        self.inside = 0
        self.left_with: list[object] = []
        self.fails: BaseException | None = None
        self.meanwhile = lambda: None

    async def __aenter__(self) -> None:
        if self.fails is not None:
            raise self.fails
        self.inside += 1
        self.meanwhile()

    async def __aexit__(self, kind: object, *_: object) -> bool:
        self.inside -= 1
        self.left_with.append(kind)
        return True


async def for_ever(_seconds: float) -> None:
    await asyncio.Event().wait()


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@asynccontextmanager
async def inside(gate: Gate, patience: float = 120.0) -> AsyncIterator[int]:
    admission = await gate.enter(gate.lane(API), patience)
    try:
        yield admission.holds
    except BaseException as error:
        await gate.leave(admission.lane, type(error), error, error.__traceback__)
        raise
    await gate.leave(admission.lane, None, None, None)


async def pass_through(gate: Gate, patience: float = 120.0) -> int:
    async with inside(gate, patience) as holds:
        return holds


def hold(gate: Gate, seconds: float) -> None:
    refuse(gate, gate.lane(API).holds, seconds)


def refuse(gate: Gate, holds: int, seconds: float | None) -> float:
    return gate.refused(Admission(gate.lane(API), holds), gate.clock.monotonic(), seconds, 120.0)


def gate_of(limiter: Limiter | None, clock: FakeClock | None = None) -> Gate:
    return Gate(1, limiter, (clock or FakeClock()).clock, API)


async def test_what_fails_inside_comes_out_also_when_the_limiter_would_hide_it() -> None:
    limiter = Limiter()
    gate = gate_of(limiter)
    with pytest.raises(LookupError):
        async with inside(gate):
            raise LookupError
    assert limiter.left_with == [LookupError]
    await asyncio.wait_for(pass_through(gate), 1)


async def test_a_limiter_that_cannot_be_entered_keeps_no_slot() -> None:
    limiter = Limiter()
    gate = gate_of(limiter)
    limiter.fails = LookupError()
    with pytest.raises(LookupError):
        await pass_through(gate)
    limiter.fails = None
    await asyncio.wait_for(pass_through(gate), 1)


async def test_a_call_that_waits_for_a_slot_waits_on_if_a_hold_begins_meanwhile() -> None:
    clock = FakeClock()
    clock.while_asleep = for_ever
    gate = gate_of(None, clock)
    elsewhere = await gate.enter(gate.lane(("https", "files.example", 443)), 120)
    waiting = asyncio.create_task(pass_through(gate))
    await turns()
    hold(gate, 1)
    await gate.leave(elsewhere.lane, None, None, None)
    await turns()
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait([waiting])
    clock.pass_until(1)
    await asyncio.wait_for(pass_through(gate), 1)


@pytest.mark.parametrize("limiter", [None, Limiter()], ids=["alone", "with a limiter"])
async def test_who_is_cancelled_before_a_gate_that_is_held_keeps_no_slot(limiter: Limiter | None) -> None:
    clock = FakeClock()
    clock.while_asleep = for_ever
    gate = gate_of(limiter, clock)
    hold(gate, 1)
    waiting = asyncio.create_task(pass_through(gate))
    await turns()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    clock.pass_until(1)
    await asyncio.wait_for(pass_through(gate), 1)


@pytest.mark.fault(84)
async def test_who_finds_the_gate_held_behind_the_limiter_leaves_it_waits_and_enters_again() -> None:
    clock, limiter = FakeClock(), Limiter()
    gate = gate_of(limiter, clock)
    entered: list[float] = []

    def hold_once() -> None:
        entered.append(clock.monotonic)
        limiter.meanwhile = lambda: entered.append(clock.monotonic)
        hold(gate, 120)

    async def look_around(_seconds: float) -> None:
        assert (limiter.inside, gate._slots.locked()) == (0, False)

    limiter.meanwhile = hold_once
    clock.while_asleep = look_around
    async with inside(gate):
        assert limiter.inside == 1
    assert entered == [0.0, 120.0]
    assert limiter.left_with == [None, None]


@pytest.mark.fault(84)
async def test_who_is_cancelled_after_leaving_the_limiter_keeps_nothing() -> None:
    clock, limiter = FakeClock(), Limiter()
    clock.while_asleep = for_ever
    gate = gate_of(limiter, clock)
    limiter.meanwhile = lambda: hold(gate, 1)
    waiting = asyncio.create_task(pass_through(gate))
    await turns()
    assert limiter.inside == 0
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (limiter.inside, limiter.left_with) == (0, [None])
    limiter.meanwhile = lambda: None
    clock.pass_until(1)
    await asyncio.wait_for(pass_through(gate), 1)


async def test_who_is_cancelled_while_it_is_paced_lets_the_next_one_go() -> None:
    clock = FakeClock()
    gate = gate_of(None, clock)
    hold(gate, 1)
    assert await pass_through(gate) == 1
    clock.while_asleep = for_ever
    waiting = asyncio.create_task(pass_through(gate))
    await turns()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    clock.pass_until(10)
    assert await asyncio.wait_for(pass_through(gate), 1) == 1


async def test_who_is_paced_when_a_hold_begins_waits_for_its_end() -> None:
    clock = FakeClock()
    gate = gate_of(None, clock)
    hold(gate, 1)
    await pass_through(gate)

    async def hold_meanwhile(_seconds: float) -> None:
        clock.while_asleep = None
        hold(gate, 50)

    clock.while_asleep = hold_meanwhile
    assert await pass_through(gate) == 2
    assert clock.monotonic == 51.0


async def test_an_open_gate_does_not_look_at_the_clock() -> None:
    clock = FakeClock()
    clock.clock = attrs.evolve(clock.clock, monotonic=lambda: pytest.fail("it did"))
    await pass_through(gate_of(None, clock))


async def test_a_hold_grows_with_what_calls_in_flight_are_told_and_says_so() -> None:
    clock = FakeClock()
    gate = gate_of(None, clock)
    assert str(gate) == ""
    assert refuse(gate, 0, 5.0) == 5.0
    assert refuse(gate, 0, 7.0) == 7.0
    assert refuse(gate, 0, None) == 7.0
    assert str(gate) == "held for 7.0 s, paced at 1/s"
    # Successes of before the hold tell more of the rate, and open nothing.
    for _ in range(10):
        gate.accepted(Admission(gate.lane(API), 0))
    assert str(gate) == "held for 7.0 s, paced at 1.9/s"
    gate.accepted(Admission(gate.lane(API), -1))
    assert str(gate) == "held for 7.0 s, paced at 1.9/s"


async def test_who_waited_for_less_than_is_asked_for_now_is_told() -> None:
    clock = FakeClock()
    gate = gate_of(None, clock)
    hold(gate, 1)

    async def ask_for_more(_seconds: float) -> None:
        refuse(gate, 0, 1000.0)

    clock.while_asleep = ask_for_more
    with pytest.raises(HeldTooLongError) as told:
        await pass_through(gate)
    assert told.value.seconds == 999.0


@pytest.mark.fault(105)
async def test_a_hold_that_begins_while_a_paced_exchange_waits_for_a_slot_is_waited_for() -> None:
    clock = FakeClock()
    gate = gate_of(None, clock)
    other = gate.lane(("https", "files.example", 443))
    hold(gate, 1)
    await pass_through(gate)
    # The only slot is in use by another origin.
    await gate.enter(other, 120.0)
    waiting = asyncio.create_task(pass_through(gate))
    await turns()
    hold(gate, 50)
    await gate.leave(other, None, None, None)
    assert await asyncio.wait_for(waiting, 1) == 2
    assert clock.monotonic >= 51.0
    assert gate._slots._value == 1
