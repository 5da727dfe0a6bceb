import pytest

from auth.errors import TooManyAttempts
from auth.throttle import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Throttle, Tries, place_of
from shared.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def tries(*key: str, free: int = 1) -> Tries:
    return Tries(key, free)


def pause_after(throttle: Throttle, *what: Tries) -> float:
    with pytest.raises(TooManyAttempts) as refusal:
        throttle.attempt(*what)
    return refusal.value.retry_after_seconds


def test_the_first_failures_cost_nothing(clock: ManualClock) -> None:
    throttle = Throttle(clock=clock)
    for _ in range(3):
        throttle.attempt(tries("ada", free=3))
    assert pause_after(throttle, tries("ada", free=3)) == FIRST_PAUSE_SECONDS


async def test_each_further_failure_doubles_the_pause_up_to_a_limit(clock: ManualClock) -> None:
    throttle = Throttle(clock=clock)
    pauses = []
    for _ in range(8):
        throttle.attempt(tries("ada"))
        pauses.append(pause_after(throttle, tries("ada")))
        await clock.advance(pauses[-1])
    assert pauses == [30, 60, 120, 240, 480, LONGEST_PAUSE_SECONDS, 900, 900]


async def test_the_pause_runs_down(clock: ManualClock) -> None:
    throttle = Throttle(clock=clock)
    throttle.attempt(tries("ada"))
    await clock.advance(29)
    assert pause_after(throttle, tries("ada")) == 1


def test_being_refused_does_not_make_the_pause_longer(clock: ManualClock) -> None:
    throttle = Throttle(clock=clock)
    throttle.attempt(tries("ada"))
    assert {pause_after(throttle, tries("ada")) for _ in range(50)} == {FIRST_PAUSE_SECONDS}


def test_keys_do_not_know_each_other(clock: ManualClock) -> None:
    throttle = Throttle(clock=clock)
    throttle.attempt(tries("ada", "home"))
    throttle.attempt(tries("ada", "work"))
    throttle.attempt(tries("eve", "home"))


def test_a_success_is_a_new_start(clock: ManualClock) -> None:
    throttle = Throttle(clock=clock)
    for _ in range(5):
        throttle.attempt(tries("ada"))
        throttle.forgive(tries("ada"))


async def test_old_failures_are_forgotten(clock: ManualClock) -> None:
    throttle = Throttle(clock=clock)
    throttle.attempt(tries("ada", free=2))
    await clock.advance(3601)
    throttle.attempt(tries("ada", free=2))
    throttle.attempt(tries("ada", free=2))
    assert pause_after(throttle, tries("ada", free=2)) == FIRST_PAUSE_SECONDS


def test_of_more_keys_than_are_remembered_the_oldest_gives_way(clock: ManualClock) -> None:
    throttle = Throttle(clock=clock, size=2)
    throttle.attempt(tries("first"))
    throttle.attempt(tries("second"))
    throttle.attempt(tries("third"))
    throttle.attempt(tries("first"))
    assert pause_after(throttle, tries("third")) == FIRST_PAUSE_SECONDS


def test_what_is_paused_for_one_reason_counts_for_no_other(clock: ManualClock) -> None:
    throttle = Throttle(clock=clock)
    throttle.attempt(tries("ada"))
    for _ in range(5):
        assert pause_after(throttle, tries("ada"), tries("home", free=2)) == FIRST_PAUSE_SECONDS
    throttle.attempt(tries("home", free=2))
    throttle.attempt(tries("home", free=2))
    assert pause_after(throttle, tries("home", free=2)) == FIRST_PAUSE_SECONDS


def test_an_attempt_taken_back_does_not_clear_the_others(clock: ManualClock) -> None:
    throttle = Throttle(clock=clock)
    home = tries("home", free=3)
    throttle.attempt(home)
    throttle.attempt(home)
    for _ in range(20):  # somebody's own right passwords among their guesses at others'
        throttle.attempt(home)
        throttle.undo(home)
    throttle.attempt(home)
    assert pause_after(throttle, home) == FIRST_PAUSE_SECONDS


def test_a_long_name_takes_no_more_room_than_a_short_one(clock: ManualClock) -> None:
    assert len(tries("x" * 10_000).digest) == len(tries("x").digest) == 16
    assert tries("a", "b").digest != tries("ab").digest
    Throttle(clock=clock).attempt(tries("\ud800"))


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:0:7:1:2:3:4", "2001:db8:0:7::/64"),
        ("2001:db8:0:8::", "2001:db8:0:8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_what_is_counted_as_one_address(address: str, place: str) -> None:
    assert place_of(address) == place
