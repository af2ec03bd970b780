"""Who is let through, and that nothing is kept by those who are not."""

import asyncio

import pytest
from fake_clock import FakeClock

from circleci_v1_async._gate import Gate


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


async def pass_through(gate: Gate) -> None:
    async with gate:
        pass


def gate_of(limiter: Limiter | None, clock: FakeClock | None = None) -> Gate:
    return Gate(1, limiter, (clock or FakeClock()).clock)


async def test_what_fails_inside_comes_out_also_when_the_limiter_would_hide_it() -> None:
    limiter = Limiter()
    gate = gate_of(limiter)
    with pytest.raises(LookupError):
        async with gate:
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


@pytest.mark.parametrize("limiter", [None, Limiter()], ids=["alone", "with a limiter"])
async def test_who_is_cancelled_before_a_gate_that_is_held_keeps_no_slot(limiter: Limiter | None) -> None:
    clock = FakeClock()
    clock.while_asleep = for_ever
    gate = gate_of(limiter, clock)
    gate.hold(1)
    waiting = asyncio.create_task(pass_through(gate))
    await turns()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    clock.pass_until(1)
    await asyncio.wait_for(pass_through(gate), 1)


async def test_who_is_cancelled_behind_the_limiter_leaves_it() -> None:
    clock, limiter = FakeClock(), Limiter()
    clock.while_asleep = for_ever
    gate = gate_of(limiter, clock)
    limiter.meanwhile = lambda: gate.hold(1)
    waiting = asyncio.create_task(pass_through(gate))
    await turns()
    assert limiter.inside == 1
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (limiter.inside, limiter.left_with) == (0, [asyncio.CancelledError])
    limiter.meanwhile = lambda: None
    clock.pass_until(1)
    await asyncio.wait_for(pass_through(gate), 1)
