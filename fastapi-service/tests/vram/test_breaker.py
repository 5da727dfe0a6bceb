"""A model that crashes again and again is left alone for a while."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brain.vram.breaker import Breaker, BreakerSettings, pause_seconds

SETTINGS = BreakerSettings(probe_seconds=120.0)


@pytest.fixture
def breaker() -> Breaker:
    return Breaker(SETTINGS)


def opened(settings: BreakerSettings = SETTINGS) -> Breaker:
    """Open since 10."""
    breaker = Breaker(settings)
    breaker.crash("m", 0.0, "exit 137")
    breaker.crash("m", 10.0, "out of memory")
    return breaker


def retry_of(breaker: Breaker) -> float:
    at = breaker.retry_at("m")
    assert at is not None
    return at


def probing() -> tuple[Breaker, float]:
    breaker = opened()
    at = retry_of(breaker)
    breaker.probe_started("m", at)
    return breaker, at


def test_a_model_nobody_heard_of_may_load(breaker: Breaker) -> None:
    assert breaker.state("m", 0.0) == "closed"
    assert breaker.may_load("m", 0.0)
    assert breaker.retry_at("m") is None
    assert breaker.report(0.0) == ()


def test_two_crashes_within_the_window_open_it(breaker: Breaker) -> None:
    assert breaker.crash("m", 0.0, "exit") == "closed"
    assert breaker.crash("m", 300.0, "exit") == "open"
    assert not breaker.may_load("m", 300.0)
    assert breaker.state("other", 300.0) == "closed"


def test_crashes_further_apart_do_not(breaker: Breaker) -> None:
    for number in range(10):
        assert breaker.crash("m", number * 300.1, "exit") == "closed"


def test_threshold_and_window_are_the_operators() -> None:
    breaker = Breaker(BreakerSettings(crash_threshold=3, crash_window_seconds=10.0))
    states = [breaker.crash("m", at, "exit") for at in (0.0, 1.0, 12.0, 13.0, 14.0)]
    assert states == ["closed", "closed", "closed", "closed", "open"]


def test_switched_off_it_only_remembers() -> None:
    breaker = opened(BreakerSettings(enabled=False))
    assert breaker.may_load("m", 10.0)
    assert [crash.reason for crash in breaker.crashes()["m"]] == ["exit 137", "out of memory"]


def test_it_stays_open_for_thirty_seconds_and_up_to_a_fifth_more() -> None:
    breaker = opened()
    at = retry_of(breaker)
    assert 40.0 <= at <= 46.0
    assert not breaker.may_load("m", at - 0.01)
    assert breaker.may_load("m", at)
    assert breaker.state("m", at) == "open"  # until a probe starts


def test_only_one_probe_at_a_time() -> None:
    breaker, at = probing()
    assert breaker.state("m", at) == "half_open"
    assert not breaker.may_load("m", at + 1)


def test_a_probe_before_its_time_changes_nothing() -> None:
    breaker = opened()
    breaker.probe_started("m", 11.0)
    assert breaker.state("m", 11.0) == "open"


def test_a_ready_model_has_to_stay_for_a_minute() -> None:
    breaker, at = probing()
    breaker.probe_ended("m", at + 20, ok=True)
    assert breaker.state("m", at + 79.9) == "half_open"
    assert breaker.state("m", at + 80) == "closed"
    assert breaker.may_load("m", at + 80)


def test_being_told_twice_that_it_is_ready_does_not_start_the_minute_again() -> None:
    breaker, at = probing()
    breaker.probe_ended("m", at, ok=True)
    breaker.probe_ended("m", at + 50, ok=True)
    assert breaker.state("m", at + 60) == "closed"


def test_or_has_to_do_three_pieces_of_work() -> None:
    breaker, at = probing()
    breaker.success("m", at + 1)  # of before: it is not ready yet
    breaker.probe_ended("m", at + 20, ok=True)
    for _ in range(2):
        breaker.success("m", at + 21)
    assert breaker.state("m", at + 21) == "half_open"
    breaker.success("m", at + 22)
    assert breaker.state("m", at + 22) == "closed"


@pytest.mark.parametrize("how", ["crash", "failed", "both", "both, other order", "late"])
def test_a_probe_that_fails_opens_it_for_twice_as_long(how: str) -> None:
    breaker, at = probing()
    match how:
        case "crash":
            breaker.probe_ended("m", at + 5, ok=True)
            breaker.crash("m", at + 5, "exit")
        case "failed":
            breaker.probe_ended("m", at + 5, ok=False)
        case "both":
            breaker.probe_ended("m", at + 5, ok=False)
            breaker.crash("m", at + 5, "exit")
        case "both, other order":
            breaker.crash("m", at + 5, "exit")
            breaker.probe_ended("m", at + 5, ok=False)
    end = at + (120 if how == "late" else 5)
    assert breaker.state("m", end) == "open"
    assert retry_of(breaker) == pytest.approx(end + pause_seconds("m", 1))


def test_a_probe_given_up_may_be_repeated_at_once() -> None:
    breaker, at = probing()
    breaker.probe_ended("m", at + 5, ok=None)
    assert breaker.state("m", at + 5) == "open"
    assert breaker.may_load("m", at + 5)


def test_crashes_of_before_it_closed_are_forgiven() -> None:
    breaker, at = probing()
    breaker.probe_ended("m", at, ok=True)
    assert breaker.crash("m", at + 61, "exit") == "closed"
    assert breaker.crash("m", at + 62, "exit") == "open"
    assert retry_of(breaker) == pytest.approx(at + 62 + pause_seconds("m", 0))


def test_a_crash_while_open_is_only_remembered() -> None:
    breaker = opened()
    before = breaker.retry_at("m")
    breaker.crash("m", 20.0, "killed")
    assert breaker.retry_at("m") == before
    assert len(breaker.crashes()["m"]) == 3


def test_an_operator_can_clear_it() -> None:
    breaker = opened()
    breaker.clear("m")
    assert breaker.may_load("m", 11.0)
    assert breaker.crashes() == {}


def test_forced_open_it_stays_open_until_cleared(breaker: Breaker) -> None:
    breaker.force_open("m", 5.0)
    assert not breaker.may_load("m", 1e9)
    assert breaker.retry_at("m") is None
    assert breaker.state("m", 1e9) == "open"
    breaker.clear("m")
    assert breaker.may_load("m", 1e9)


def test_an_operator_sees_why_and_until_when() -> None:
    breaker = opened()
    (row,) = breaker.report(11.0)
    assert (row.model, row.state, row.crashes, row.opened_at) == ("m", "open", 2, 10.0)
    assert row.reason == "out of memory"
    assert row.retry_at == breaker.retry_at("m")


def test_history_survives_a_restart() -> None:
    breaker, again = opened(), Breaker(SETTINGS)
    breaker.force_open("forced", 3.0)
    again.load(json.loads(json.dumps(breaker.dump())), at=11.0)
    assert again.report(11.0) == breaker.report(11.0)
    assert again.crashes() == breaker.crashes()
    assert not again.may_load("forced", 1e9)


def test_a_probe_does_not_survive_a_restart() -> None:
    breaker, at = probing()
    again = Breaker(SETTINGS)
    again.load(json.loads(json.dumps(breaker.dump())), at=at)
    assert again.state("m", at + 1) == "open"
    assert again.may_load("m", at + 1)


def test_a_breaker_switched_off_meanwhile_holds_nothing_back() -> None:
    breaker, off = opened(), Breaker(BreakerSettings(enabled=False))
    breaker.force_open("forced", 3.0)
    off.load(breaker.dump(), at=11.0)
    assert off.state("m", 11.0) == "closed"
    assert off.may_load("m", 11.0)
    assert off.retry_at("m") is None
    assert not off.may_load("forced", 11.0), "that was an operator's word"


def test_after_a_clock_was_set_back_no_pause_is_longer_than_any_is() -> None:
    before, again = Breaker(SETTINGS), Breaker(SETTINGS)
    for at in (86_400.0, 86_401.0):
        before.crash("m", at, "exit")
    again.load(before.dump(), at=100.0)
    assert retry_of(again) <= 100.0 + 600.0
    again.clear("m")
    assert again.crash("m", 101.0, "exit") == "closed"


def test_only_so_many_crashes_are_remembered(breaker: Breaker) -> None:
    for at in range(500):
        breaker.crash("m", at, "exit")
    assert [crash.at for crash in breaker.crashes()["m"]] == list(range(450, 500))


def test_pauses_double_up_to_ten_minutes_and_are_the_same_every_time() -> None:
    pauses = [pause_seconds("m", round_) for round_ in range(8)]
    for round_, pause in enumerate(pauses[:4]):
        assert 30 * 2**round_ <= pause <= 30 * 2**round_ * 1.2
    assert pauses[5:] == [600.0] * 3
    assert pauses == [pause_seconds("m", round_) for round_ in range(8)]
    assert pause_seconds("m", 0) != pause_seconds("n", 0)
    assert pause_seconds("m", 10_000) == 600.0


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["crash", "start", "ready", "failed", "given up", "success", "wait"]),
        st.floats(0.0, 200.0),
    ),
    max_size=60,
)


def play(breaker: Breaker, name: str, at: float) -> None:
    match name:
        case "crash":
            breaker.crash("m", at, "exit")
        case "start":
            breaker.probe_started("m", at)
        case "ready":
            breaker.probe_ended("m", at, ok=True)
        case "failed":
            breaker.probe_ended("m", at, ok=False)
        case "given up":
            breaker.probe_ended("m", at, ok=None)
        case "success":
            breaker.success("m", at)


@given(STEPS)
def test_half_open_has_one_probe_and_is_left_by_its_deadline(steps: list[Any]) -> None:
    breaker, at, begun = Breaker(SETTINGS), 0.0, 0.0
    for name, seconds in steps:
        at += seconds
        before, allowed = breaker.state("m", at), breaker.may_load("m", at)
        assert not (before == "half_open" and allowed)
        begun = at if before == "open" and allowed and name == "start" else begun
        play(breaker, name, at)
        if breaker.state("m", at) == "half_open":
            assert before == "half_open" or begun == at
            later = copy.deepcopy(breaker)
            assert later.state("m", begun + SETTINGS.probe_seconds + 60.0) != "half_open"


@given(STEPS)
def test_asking_changes_nothing(steps: list[Any]) -> None:
    """State, report and may_load give the same after any number of questions in between."""
    asked, silent, at = Breaker(SETTINGS), Breaker(SETTINGS), 0.0
    for name, seconds in steps:
        at += seconds
        asked.may_load("m", at)
        asked.report(at)
        play(asked, name, at)
        play(silent, name, at)
    assert asked.report(at) == silent.report(at)
