"""How often each model is likely to be used."""

import pytest

from brain.vram.policies.demand import HORIZONS_SECONDS, Demand
from memory_views import place

A, B = place("a"), place("b")


def test_before_any_use_nothing_is_expected() -> None:
    assert Demand().rates(100.0) == {}


def test_a_steady_use_is_its_rate() -> None:
    demand = Demand()
    for number in range(2000):
        demand.touch(A, 60.0 * number)
    assert demand.rates(60.0 * 2000)[A] == pytest.approx(1 / 60, rel=0.25)


def test_a_young_average_is_taken_over_what_has_passed() -> None:
    demand = Demand()
    for number in range(20):
        demand.touch(A, 60.0 * number)
    assert demand.rates(1200.0)[A] == pytest.approx(1 / 60, rel=0.25)


def test_what_was_used_just_now_is_expected_more_than_what_was_used_as_often_before() -> None:
    demand = Demand()
    demand.touch(A, 0.0)
    demand.touch(B, HORIZONS_SECONDS[0])
    rates = demand.rates(HORIZONS_SECONDS[0] + 1)
    assert rates[B] > 1.5 * rates[A] > 0


def test_a_clock_that_was_set_back_counts_as_standing_still() -> None:
    demand = Demand()
    demand.touch(A, 1000.0)
    demand.touch(A, 10.0)
    assert demand.rates(5.0)[A] == pytest.approx(demand.rates(1000.0)[A], rel=0.01)


def test_what_follows_what_is_counted_and_a_repetition_is_not() -> None:
    demand = Demand()
    for one in (A, A, B, A, B):
        demand.touch(one, 0.0)
    follows = demand.follows()
    assert follows[A] == {B: pytest.approx(2.0, rel=0.01)}
    assert follows[B] == {A: pytest.approx(1.0)}
