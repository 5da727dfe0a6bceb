"""Victims that stop taking callers, and what may go ahead meanwhile."""

from typing import Any

import pytest

from brain.catalogue.models import ModelSpec
from brain.vram.order import STARVED_SECONDS
from brain.vram.residents import Place

MAX_OVERTAKES = 8


def overtake(play: Any, model: str) -> list[int]:
    """As many later callers of a model as may pass somebody who waits for its memory."""
    return [play.ask(model) for _ in range(MAX_OVERTAKES)]


def test_a_victim_that_was_used_too_often_drains_and_gives_no_more_leases(play: Any) -> None:
    first = play.hold("big")
    play.ask("small")
    later = overtake(play, "big")
    assert play.state("big") == "draining"
    play.leave(first)
    assert play.ask("big") not in play.granted(), "a free place does not undo the drain"
    for ticket in later:
        play.leave(ticket)
    assert [one.place.model for one in play.unloads()] == ["big"]


def test_a_drain_is_called_off_when_the_caller_it_was_for_leaves(play: Any) -> None:
    play.hold("big")
    waiting = play.ask("small")
    overtake(play, "big")
    late = play.ask("big")
    assert late not in play.granted()
    play.leave(waiting)
    assert play.state("big") == "ready"
    assert late in play.granted(), "calling it off lets those begin who waited for it"


def test_a_caller_who_waited_for_five_minutes_is_overtaken_no_more(play: Any) -> None:
    play.hold("big")
    play.ask("small")
    play.tick(STARVED_SECONDS - 1)
    assert play.state("big") == "ready"
    play.tick(2)
    assert play.state("big") == "draining"


def test_a_slow_load_may_be_overtaken_for_twice_its_time(new_play: Any) -> None:
    roster = {
        "slow": ModelSpec(name="slow", size_gb=800.0),
        "other": ModelSpec(name="other", size_gb=790.0),
    }
    play = new_play(roster, hard_gb=850.0).stocked()
    play.hold("other")
    play.ask("slow")  # 400 s at 2 GB/s
    play.tick(790)
    assert play.state("other") == "ready"
    play.tick(20)
    assert play.state("other") == "draining"


def test_drained_models_wait_for_each_other_and_leave_together(play: Any) -> None:
    mid, small = play.hold("mid"), play.hold("small")
    play.ask("big")
    play.tick(STARVED_SECONDS + 1)
    play.leave(small)
    assert not play.unloads()
    assert play.ask("small") not in play.granted()
    play.leave(mid)
    assert {one.place.model for one in play.unloads()} == {"mid", "small"}


def test_a_load_that_disturbs_nobody_goes_ahead_of_one_that_has_to_wait(play: Any) -> None:
    play.hold("mid")
    play.ask("big")
    other = play.ask("small")
    assert [load.place.model for load in play.loads()] == ["small"]
    play.loaded()
    assert other in play.granted()


def test_loads_that_went_ahead_count_as_overtaking(play: Any) -> None:
    play.hold("mid")
    head = play.ask("big")
    play.ask("small")
    assert play.core.books.waiters[head].overtaken == 1


def test_work_that_arrived_earlier_goes_first_although_it_asks_later(play: Any) -> None:
    play.ask("small")
    play.ask("mid")
    play.ask("tiny", arrived=play.at - 100)
    play.loaded()
    assert [load.place.model for load in play.loads()] == ["small", "tiny"]


def test_models_that_callers_wait_for_are_spared(new_play: Any) -> None:
    play = new_play().stocked()
    play.core.books.servers["ollama"].parallel = 1
    first = play.hold("small")
    play.leave(play.hold("mid"))
    queued = play.ask("small")
    play.ask("big")
    assert not play.unloads(), "small has a caller waiting, so nothing leaves yet"
    play.leave(first)
    assert queued in play.granted()


@pytest.mark.parametrize("slots", [1, 2])
def test_a_server_is_used_by_so_many_at_once(new_play: Any, slots: int) -> None:
    play = new_play().stocked()
    play.core.books.servers["ollama"].slots = slots
    play.hold("small")
    tickets = [play.ask("small") for _ in range(3)]
    assert len([one for one in tickets if one in play.granted()]) == slots - 1
    play.leave(1)
    assert len([one for one in tickets if one in play.granted()]) == slots


def test_nothing_leaves_for_a_load_that_is_already_being_made_room_for(play: Any) -> None:
    play.leave(play.hold("big"))
    play.ask("small")
    play.ask("tiny")
    assert [one.place.model for one in play.unloads()] == ["big"]
    assert Place("ollama", "big") in play.core.books.residents
    play.unloaded()
    assert [load.place.model for load in play.loads()] == ["small"]


def test_work_that_arrived_earlier_overtakes_nobody(play: Any) -> None:
    play.hold("big")
    head = play.ask("small")
    early = play.ask("big", arrived=play.at - 100)
    assert early in play.granted()
    assert play.core.books.waiters[head].overtaken == 0


def test_nothing_goes_ahead_of_a_caller_whose_victims_drain(play: Any) -> None:
    play.hold("mid")
    play.ask("big")
    play.tick(STARVED_SECONDS + 1)
    play.ask("small")
    assert not play.loads()


def test_a_caller_who_gives_up_while_room_is_made_for_it_holds_nobody_back(new_play: Any) -> None:
    roster = {name: ModelSpec(name=name, size_gb=size)
              for name, size in {"a": 8.0, "b": 10.0, "c": 14.0, "d": 4.0}.items()}  # fmt: skip
    play = new_play(roster).stocked()
    play.leave(play.hold("a"))
    given_up = play.ask("b")
    play.leave(given_up)
    play.unloaded()
    play.hold("b")
    play.ask("c")
    play.ask("d")
    assert [load.place.model for load in play.loads()] == ["d"]


def two_of_three(new_play: Any) -> Any:
    """Both `a` and `b` are in use, and `c` needs the room of one of them."""
    roster = {name: ModelSpec(name=name, size_gb=6.0) for name in "abc"}
    play = new_play(roster).stocked()
    play.hold("a")
    play.hold("b")
    play.ask("c")
    play.tick(STARVED_SECONDS + 1)
    return play


def test_a_drain_keeps_its_victims_while_they_are_right(new_play: Any) -> None:
    play = two_of_three(new_play)
    drained = {name for name in "ab" if play.state(name) == "draining"}
    assert len(drained) == 1
    play.ask("a")
    play.ask("b")
    play.tick(100)
    assert {name for name in "ab" if play.state(name) == "draining"} == drained


def test_a_model_that_falls_idle_leaves_in_the_place_of_one_that_drains(new_play: Any) -> None:
    play = two_of_three(new_play)
    idle = next(name for name in "ab" if play.state(name) == "ready")
    play.leave(1 if idle == "a" else 2)
    assert [one.place.model for one in play.unloads()] == [idle]
    assert {play.state(name) for name in "ab"} == {"ready", "unloading"}
