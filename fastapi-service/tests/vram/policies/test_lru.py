"""Least recently used, in the order of priority."""

from brain.catalogue.models import Priority
from brain.vram.policies.choice import policy_named
from memory_views import chosen, held, view

LRU = policy_named("lru")
DOCUMENTS = policy_named("documents")


def test_the_least_recently_used_leaves_first() -> None:
    assert chosen(LRU, view(held("new", 5, used=2), held("old", 5, used=1), need=3)) == ["old"]


def test_low_priority_leaves_before_anything_older() -> None:
    low = held("low", 5, priority=Priority.LOW, used=9)
    assert chosen(LRU, view(held("old", 5), low, need=3)) == ["low"]


def test_an_idle_high_leaves_before_a_leased_low() -> None:
    high = held("high", 5, priority=Priority.HIGH)
    low = held("low", 5, priority=Priority.LOW, leased=True)
    assert chosen(LRU, view(high, low, need=3)) == ["high"]


def test_one_that_nobody_waits_for_leaves_before_one_that_somebody_does() -> None:
    wanted = held("wanted", 5, used=1, wanted=1)
    assert chosen(LRU, view(wanted, held("idle", 5, used=2), need=3)) == ["idle"]


def test_a_victim_that_a_larger_one_made_needless_is_spared() -> None:
    small, big = held("small", 1, used=1), held("big", 9, used=2)
    assert chosen(LRU, view(small, big, need=8)) == ["big"]


def test_one_that_somebody_waits_for_leaves_before_one_that_answers() -> None:
    answers, wanted = held("answers", 5, used=1, leased=True), held("wanted", 5, used=2, wanted=1)
    assert chosen(LRU, view(answers, wanted, need=3)) == ["wanted"]


def test_of_several_needless_victims_the_most_valuable_is_spared() -> None:
    oldest, newer, big = held("oldest", 2, used=1), held("newer", 2, used=2), held("big", 8, used=3)
    assert chosen(LRU, view(oldest, newer, big, need=10)) == ["big", "oldest"]


def test_the_documents_spare_nobody() -> None:
    small, big = held("small", 1, used=1), held("big", 9, used=2)
    assert chosen(DOCUMENTS, view(small, big, need=8)) == ["big", "small"]


def test_it_is_all_or_nothing() -> None:
    assert chosen(LRU, view(held("a", 2), held("b", 2), need=5)) is None


def test_the_runner_up_is_what_would_leave_if_the_last_victim_stayed() -> None:
    old, new = held("old", 5, used=1), held("new", 5, used=2)
    choice = LRU.choose(view(old, new, need=3))
    assert choice is not None
    assert [place.model for place in choice.runner_up] == ["new"]
