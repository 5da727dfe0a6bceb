import pytest

from auth.errors import TooManyAttempts
from auth.throttle import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Throttle
from shared.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def pause_after(throttle: Throttle, *key: str) -> float:
    with pytest.raises(TooManyAttempts) as refusal:
        throttle.attempt(*key)
    return refusal.value.retry_after_seconds


def test_the_first_failures_cost_nothing(clock: ManualClock) -> None:
    throttle = Throttle(clock=clock, free=3)
    for _ in range(3):
        throttle.attempt("ada")
    assert pause_after(throttle, "ada") == FIRST_PAUSE_SECONDS


async def test_each_further_failure_doubles_the_pause_up_to_a_limit(clock: ManualClock) -> None:
    throttle = Throttle(clock=clock, free=1)
    pauses = []
    for _ in range(8):
        throttle.attempt("ada")
        pauses.append(pause_after(throttle, "ada"))
        await clock.advance(pauses[-1])
    assert pauses == [30, 60, 120, 240, 480, LONGEST_PAUSE_SECONDS, 900, 900]


async def test_the_pause_runs_down(clock: ManualClock) -> None:
    throttle = Throttle(clock=clock, free=1)
    throttle.attempt("ada")
    await clock.advance(29)
    assert pause_after(throttle, "ada") == 1


def test_being_refused_does_not_make_the_pause_longer(clock: ManualClock) -> None:
    throttle = Throttle(clock=clock, free=1)
    throttle.attempt("ada")
    assert {pause_after(throttle, "ada") for _ in range(50)} == {FIRST_PAUSE_SECONDS}


def test_keys_do_not_know_each_other(clock: ManualClock) -> None:
    throttle = Throttle(clock=clock, free=1)
    throttle.attempt("ada", "home")
    throttle.attempt("ada", "work")
    throttle.attempt("eve", "home")


def test_a_success_is_a_new_start(clock: ManualClock) -> None:
    throttle = Throttle(clock=clock, free=1)
    for _ in range(5):
        throttle.attempt("ada")
        throttle.forgive("ada")


async def test_old_failures_are_forgotten(clock: ManualClock) -> None:
    throttle = Throttle(clock=clock, free=2)
    throttle.attempt("ada")
    await clock.advance(3601)
    throttle.attempt("ada")
    throttle.attempt("ada")
    assert pause_after(throttle, "ada") == FIRST_PAUSE_SECONDS


def test_of_more_keys_than_are_remembered_the_oldest_gives_way(clock: ManualClock) -> None:
    throttle = Throttle(clock=clock, free=1, size=2)
    throttle.attempt("first")
    throttle.attempt("second")
    throttle.attempt("third")
    throttle.attempt("first")
    assert pause_after(throttle, "third") == FIRST_PAUSE_SECONDS
