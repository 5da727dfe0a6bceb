"""What leaves when the machine runs short of memory, and what does not."""

from typing import Any

import pytest

from brain.catalogue.models import ModelSpec, Priority
from brain.vram.events import AbortLoad, Failure
from brain.vram.residents import Inventory

STALLED = 40.0
ROSTER = {
    name: ModelSpec(name=name, size_gb=size, priority=priority)
    for name, size, priority in (
        ("low", 10.0, Priority.LOW),
        ("low-too", 10.0, Priority.LOW),
        ("normal", 10.0, Priority.NORMAL),
        ("high", 10.0, Priority.HIGH),
        ("pinned", 10.0, Priority.CRITICAL),
    )
}


@pytest.fixture
def full(new_play: Any) -> Any:
    """A machine with every model in memory, used in that order, and idle."""
    play = new_play(ROSTER, hard_gb=100.0).stocked()
    for name in ROSTER:
        play.leave(play.hold(name))
    play.sample(60.0)
    return play


def squeeze(play: Any, *, available: float = 8.0, full: float = 12.0, seconds: int = 5) -> None:
    """Stalls of a warning, with memory under the soft reserve of 12.8 GB."""
    for _ in range(seconds):
        play.sample(available, full=full)


def gone(play: Any) -> list[str]:
    return [one.place.model for one in play.unloads()]


def test_a_warning_sends_one_idle_low_model_away_and_says_so(full: Any) -> None:
    squeeze(full)
    assert gone(full) == ["low"]
    assert "⚠️  WARNING PSI" in full.said()


def test_the_next_leaves_at_once_when_the_bytes_of_the_first_were_measured_back(
    new_play: Any,
) -> None:
    play = new_play(ROSTER, hard_gb=100.0, reserve_gb=10.0).stocked()
    play.leave(play.hold("low"))
    play.leave(play.hold("low-too"))
    squeeze(play, available=11.0, seconds=4)
    play.unloaded()
    play.sample(17.0, full=12.0)
    assert gone(play) == ["low"], "6 of 10 GB are back"
    play.sample(18.6, full=12.0)
    assert gone(play) == ["low", "low-too"]


def test_stalls_that_ended_with_the_first_model_take_no_second_one(full: Any) -> None:
    squeeze(full, full=30.0, seconds=2)
    full.unloaded()
    full.at -= 1
    for still in (30.0, 30.0, 24.6, 24.6, 20.2, 20.2, 16.6):
        full.sample(19.0, full=still, refaults=int(full.at))
    assert gone(full) == ["low"]


def test_where_memory_is_still_short_the_next_leaves_at_once(new_play: Any) -> None:
    play = new_play(ROSTER, hard_gb=100.0, reserve_gb=20.0).stocked()
    play.leave(play.hold("low"))
    play.leave(play.hold("low-too"))
    play.sample(1.0)
    play.unloaded()
    play.sample(9.0)
    assert gone(play) == ["low", "low-too"]


def test_when_nothing_comes_back_it_waits_for_fifteen_seconds(full: Any) -> None:
    squeeze(full)
    full.unloaded()
    squeeze(full, seconds=10)
    assert gone(full) == ["low"]
    squeeze(full, seconds=10)
    assert gone(full) == ["low", "low-too"]


def test_a_warning_never_touches_what_is_not_low(full: Any) -> None:
    for _ in range(10):
        squeeze(full, seconds=20)
        full.unloaded()
    assert gone(full) == ["low", "low-too"]


def test_stalls_without_short_memory_evict_nobody(full: Any) -> None:
    squeeze(full, available=60.0, full=STALLED, seconds=60)
    assert gone(full) == []


def test_a_critical_level_takes_normal_models_too_and_says_so(full: Any) -> None:
    for _ in range(6):
        squeeze(full, full=30.0, seconds=20)
        full.unloaded()
    assert gone(full) == ["low", "low-too", "normal"]
    assert "🚨 CRITICAL PSI" in full.said()


def test_a_model_that_does_not_leave_holds_up_no_other_and_has_its_turn_again(full: Any) -> None:
    stays = Failure("failed", "it did not go")
    for _ in range(70):
        before = len(full.unloads())
        squeeze(full, full=30.0, seconds=1)
        for order in full.unloads()[before:]:
            full.gone(order, failure=stays if order.place.model == "low" else None)
            there = set(ROSTER) - set(gone(full)) | {"low"}
            full.snapshot(Inventory(ROSTER, dict.fromkeys(there, 10.0)))
    assert gone(full)[:4] == ["low", "low-too", "normal", "low"]


def test_a_high_model_leaves_when_unused_for_half_an_hour_and_nothing_else_is_left(
    full: Any,
) -> None:
    full.at += 1800
    for _ in range(6):
        squeeze(full, full=30.0, seconds=20)
        full.unloaded()
    assert gone(full) == ["low", "low-too", "normal", "high"]


def test_a_model_in_use_is_drained_under_critical_pressure_and_never_taken_away(full: Any) -> None:
    holder = full.hold("normal")
    for _ in range(6):
        squeeze(full, full=30.0, seconds=20)
        full.unloaded()
    assert "normal" not in gone(full)
    assert full.state("normal") == "draining"
    full.leave(holder)
    assert "normal" in gone(full)


def test_a_drain_for_pressure_ends_when_the_machine_is_calm(full: Any) -> None:
    full.hold("normal")
    for _ in range(4):
        squeeze(full, full=30.0, seconds=20)
        full.unloaded()
    assert full.state("normal") == "draining"
    for _ in range(130):
        full.sample(90.0)
    assert full.state("normal") == "ready"


def test_a_load_under_way_is_given_up_last_and_begins_again_when_there_is_memory(
    new_play: Any,
) -> None:
    play = new_play(ROSTER, hard_gb=100.0).stocked()
    play.sample(60.0)
    ticket = play.ask("normal")
    squeeze(play, available=3.0)
    assert [one.place.model for one in play.effects if isinstance(one, AbortLoad)] == ["normal"]
    assert play.state("normal") == "unloading"
    assert play.core.books.charged_gb() == 10.0, "charged until it is certainly gone"
    order = next(one for one in play.effects if isinstance(one, AbortLoad))
    play.gone(order)
    assert len(play.loads()) == 1
    for _ in range(130):
        play.sample(90.0)
    assert len(play.loads()) == 2
    play.loaded()
    assert ticket in play.granted()


def greedy(play: Any, *, seconds: int) -> int:
    """A load takes nearly all there is, and gives it back when given up; returns the attempts."""
    for _ in range(seconds):
        loading = play.state("normal") == "loading"
        aborts = [
            one for one in play.sample(3.0 if loading else 40.0) if isinstance(one, AbortLoad)
        ]
        if aborts:
            play.gone(aborts[0])
    return len(play.loads())


def test_a_load_that_was_given_up_is_tried_again_with_the_room_it_took(new_play: Any) -> None:
    play = new_play(ROSTER, hard_gb=100.0).stocked()
    play.leave(play.hold("high"))
    play.sample(40.0)
    play.ask("normal")
    assert greedy(play, seconds=60) == 1
    assert gone(play) == ["high"], "10 GB were free for it, but it took 37"
    play.unloaded()
    play.sample(50.0)
    assert len(play.loads()) == 2


def test_a_load_that_is_given_up_again_and_again_rests(new_play: Any) -> None:
    play = new_play(ROSTER, hard_gb=10.0).stocked()  # it may have no more than it is listed with
    play.sample(40.0)
    play.ask("normal")
    assert greedy(play, seconds=300) <= 2 + 4, "after two at most one each 30, 60, 120 s"
    assert len(play.core.books.breaker.crashes()["normal"]) == len(play.loads())


def test_what_others_take_during_a_load_makes_no_model_too_large_for_ever(new_play: Any) -> None:
    play = new_play(ROSTER, hard_gb=120.0).stocked()
    for _ in range(700):
        play.sample(100.0)
    play.ask("normal")
    play.sample(1.0)
    play.gone(next(one for one in play.effects if isinstance(one, AbortLoad)))
    for _ in range(700):
        play.sample(100.0)
    assert not play.rejected()
    assert len(play.loads()) == 2


def test_low_models_wait_while_memory_is_tight(full: Any) -> None:
    squeeze(full)
    full.unloaded()
    ticket = full.ask("low")
    full.sample(60.0)
    assert not full.loads()
    assert full.told(ticket)[-1] == "memory is tight, or was a minute ago, and this model can wait"
    for _ in range(100):
        full.sample(60.0)
    assert full.loads()


def test_scripted_models_are_not_sent_away_for_real_pressure(full: Any) -> None:
    installed = full.core.books.servers["ollama"].inventory.installed
    full.snapshot(Inventory(installed, dict.fromkeys(ROSTER, 10.0), rehearsal=True))
    squeeze(full, available=3.0, full=30.0, seconds=30)
    assert gone(full) == []


def test_an_unknown_reading_evicts_nobody(full: Any) -> None:
    for _ in range(60):
        full.sample(None, psi=None)
    assert gone(full) == []


def test_nothing_is_loaded_while_the_stalls_are_critical(new_play: Any) -> None:
    play = new_play({"mid": ModelSpec(name="mid", size_gb=5.0)}, hard_gb=100.0).stocked()
    play.sample(60.0)
    squeeze(play, available=12.0, full=30.0)
    ticket = play.ask("mid")
    assert not play.loads()
    assert play.told(ticket) == ["this machine is short of memory"]
    for _ in range(100):
        play.sample(60.0)
    assert play.loads()


def test_a_load_for_nobody_is_given_up_first_until_somebody_joins_it(new_play: Any) -> None:
    for joins in (False, True):
        play = new_play(ROSTER, hard_gb=100.0).stocked()
        play.sample(60.0)
        play.ask("normal", speculative=True, patient=False)
        if joins:
            play.ask("normal")
        squeeze(play)
        aborts = [one for one in play.effects if isinstance(one, AbortLoad)]
        assert bool(aborts) is not joins
