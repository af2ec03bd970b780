"""At which rate calls go on after a refusal."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circleci_v1_async._calls.pace import Pace


def burst(pace: Pace, count: int, now: float = 0.0) -> None:
    for _ in range(count):
        pace.succeeded(now)


def paced(rate: float, now: float = 0.0) -> Pace:
    """A pace after a burst of so many a second, and a hold of one second."""
    pace = Pace()
    burst(pace, round(rate), now)
    pace.refused(now, now, now + 1)
    return pace


def run(pace: Pace, seconds: float, now: float) -> float:
    """Let every call succeed at once for so long."""
    until = now + seconds
    while (now := now + pace.wait(now)) < until and not pace.is_open:
        pace.begin(now)
        pace.succeeded(now)
    return now


def test_calls_are_not_spaced_before_a_refusal() -> None:
    pace = Pace()
    burst(pace, 1000)
    assert (pace.is_open, pace.rate, pace.wait(0.0)) == (True, math.inf, 0.0)


def test_the_rate_is_a_little_less_than_what_was_taken_with_the_hold_in_its_time() -> None:
    assert paced(20).rate == pytest.approx(0.95 * 20)
    assert str(paced(20)) == "19/s"


def test_calls_before_a_pause_say_nothing_about_the_rate() -> None:
    pace = Pace()
    burst(pace, 500, 0.0)
    burst(pace, 20, 60.0)
    pace.refused(60.0, 60.0, 61.0)
    assert pace.rate == pytest.approx(0.95 * 20)


def test_of_few_successes_the_rate_is_not_set_to_a_crawl() -> None:
    pace = Pace()
    burst(pace, 1)
    pace.refused(0.0, 0.0, 60.0)
    assert pace.rate == 1.0
    pace.refused(60.0, 60.0, 120.0)
    assert pace.rate == 0.5


def test_five_successes_are_enough_for_a_rate_of_any_size() -> None:
    pace = Pace()
    burst(pace, 5)
    pace.refused(0.0, 0.0, 95.0)
    assert pace.rate == pytest.approx(0.05)


def test_a_refusal_before_any_success_counts_as_one_success() -> None:
    pace = Pace()
    pace.refused(0.0, 0.0, 0.5)
    assert pace.rate == pytest.approx(0.95 / 0.5)


def test_a_pause_of_a_second_is_part_of_a_burst_and_a_longer_one_is_not() -> None:
    for pause, expected in ((1.0, 0.95 * 30 / 2), (1.01, 0.95 * 20)):
        pace = Pace()
        burst(pace, 10, 0.0)
        burst(pace, 20, pause)
        pace.refused(pause, pause, pause + 1)
        assert pace.rate == pytest.approx(expected)


def is_slowed_by_a_pause(intervals: float) -> bool:
    """Whether two successes with a pause between them make a slow pace slower: only if both are measured together."""
    pace = Pace()
    burst(pace, 5, -10.0)
    pace.refused(-10.0, -10.0, 0.0)
    pace.succeeded(0.0)
    before, now = pace.rate, intervals / pace.rate
    pace.succeeded(now)
    pace.refused(now, now, now + 3)
    return pace.rate < before


def test_a_pause_of_two_intervals_of_a_slow_pace_is_part_of_its_measurement_and_a_longer_one_is_not() -> None:
    assert [is_slowed_by_a_pause(intervals) for intervals in (1.5, 2.0, 2.5)] == [True, True, False]


def test_a_refusal_that_holds_for_no_time_spaces_nothing_when_nothing_is_known() -> None:
    pace = Pace()
    pace.refused(0.0, 0.0, 0.0)
    assert pace.is_open


def test_the_first_call_goes_when_the_hold_ends_and_the_others_one_by_one() -> None:
    pace = paced(20)
    assert pace.wait(0.5) == 0.5
    for turn in range(4):
        assert pace.wait(1.0) == pytest.approx(turn / 19, rel=0.01)
        pace.begin(1.0)


def test_a_call_that_begins_late_does_not_put_off_the_next_one_and_lets_no_burst_through() -> None:
    pace = paced(20)
    pace.begin(1.04)
    assert pace.wait(1.04) == pytest.approx(1 / 19 - 0.04)
    pace.begin(9.0)
    pace.begin(9.0)
    assert pace.wait(9.0) > 0


def test_the_rate_grows_slowly_at_first_and_calls_are_free_once_much_more_was_taken() -> None:
    pace = paced(20)
    now = run(pace, 10.0, 1.0)
    assert 0.95 * 20 < pace.rate < 0.97 * 20
    run(pace, 600.0, now)
    assert pace.is_open


@pytest.mark.parametrize(("successes", "doubled_after"), [(10, 45 * 9.5), (5, 45 * 4.75), (3, 45 * 2.85 * 9 / 25)])
def test_the_rate_has_doubled_after_45_seconds_and_sooner_if_few_successes_were_measured(
    successes: int, doubled_after: float
) -> None:
    pace = paced(successes)
    first = pace.rate
    burst(pace, math.floor(doubled_after), 1.0)
    assert pace.rate < 2 * first
    burst(pace, 1, 1.0)
    assert pace.rate >= 2 * first


def test_a_single_success_at_most_doubles_the_rate() -> None:
    pace = Pace()
    pace.refused(0.0, 0.0, 2.0)
    pace.refused(2.0, 2.0, 4.0)
    assert pace.rate == 0.5
    pace.succeeded(4.0)
    assert pace.rate == 1.0


def test_half_of_a_hold_counts_after_paced_calls() -> None:
    pace = paced(20)
    burst(pace, 40, 1.0)
    pace.refused(3.0, 3.0, 5.0)
    assert pace.rate == pytest.approx(0.95 * 40 / (2 + 1))


def test_a_refusal_while_paced_never_quickens() -> None:
    pace = paced(20)
    now = run(pace, 5.0, 1.0)
    before = pace.rate
    pace.refused(now, now, now)
    assert pace.rate <= before


def test_successes_that_were_in_flight_count_for_the_rate_until_the_hold_is_over() -> None:
    pace = paced(5)
    for _ in range(5):
        pace.succeeded_late()
    assert pace.rate == pytest.approx(0.95 * 10)
    pace.succeeded(1.0)
    before = pace.rate
    pace.succeeded_late()
    assert pace.rate == before


def test_a_reopening_that_fails_counts_the_time_of_both_holds() -> None:
    pace = paced(20)
    pace.refused(1.0, 1.0, 3.0)
    assert pace.rate == pytest.approx(0.95 * 20 / 3)


def test_late_successes_without_a_burst_before_them_do_not_stop_calls_for_good() -> None:
    pace = Pace()
    pace.refused(0.0, 0.0, 1.0)
    for _ in range(5):
        pace.succeeded_late()
    pace.refused(1.0, 1.0, 2.0)
    assert 1.0 <= pace.rate < 10.0


STEPS = st.lists(st.tuples(st.floats(0, 100), st.sampled_from(["took", "late", "refused", "begun"])), max_size=60)


@given(STEPS, st.floats(0, 120))
def test_whatever_happens_the_rate_is_a_number_above_zero_and_the_wait_no_more_than_a_hold_and_a_turn(
    steps: list[tuple[float, str]], hold: float
) -> None:
    pace, now, held_until, turn = Pace(), 0.0, 0.0, 0.0
    for seconds, what in steps:
        now += seconds
        match what:
            case "took":
                pace.succeeded(now)
            case "late":
                pace.succeeded_late()
            case "refused":
                held_until = now + hold
                pace.refused(now, now, held_until)
            case _ if pace.wait(now) == 0:
                # At the pace of that moment: it may quicken before the turn is over.
                turn = 1 / pace.rate
                pace.begin(now)
        assert pace.rate > 0
        assert pace.wait(now) <= max(held_until - now, 0) + turn + 1e-6
