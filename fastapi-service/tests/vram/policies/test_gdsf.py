"""Whoever is worth least for the memory it takes leaves first."""

from brain.catalogue.models import Priority
from brain.vram.policies.choice import policy_named
from memory_views import chosen, held, view

GDSF = policy_named("gdsf")


def test_the_one_that_is_used_less_leaves() -> None:
    rates = {"often": 0.01, "seldom": 0.001}
    assert chosen(GDSF, view(held("often", 5), held("seldom", 5), need=5, rates=rates)) == [
        "seldom"
    ]


def test_of_two_as_popular_the_one_that_loads_faster_leaves() -> None:
    slow, fast = held("slow", 5, reload_seconds=50, used=1), held("fast", 5, used=2)
    assert chosen(GDSF, view(slow, fast, need=5, rates={"slow": 0.01, "fast": 0.01})) == ["fast"]


def test_a_priority_is_a_price_and_no_wall() -> None:
    high, low = held("high", 5, priority=Priority.HIGH), held("low", 5, priority=Priority.LOW)
    assert chosen(GDSF, view(high, low, need=5, rates={"high": 0.01, "low": 0.01})) == ["low"]
    assert chosen(GDSF, view(high, low, need=5, rates={"high": 0.001, "low": 0.1})) == ["high"]


def test_without_any_rates_the_least_recently_used_leaves() -> None:
    assert chosen(GDSF, view(held("new", 5, used=2), held("old", 5, used=1), need=5)) == ["old"]
