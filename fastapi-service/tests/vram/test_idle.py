"""Models that leave although nobody needs their room, and what operators ask for."""

from typing import Any

import pytest

from brain.catalogue.models import ModelSpec, Priority
from brain.vram.decisions import Plan
from brain.vram.events import AbortLoad, Answer, AskPlan, AskUnload
from brain.vram.residents import Inventory


def gone(play: Any) -> list[str]:
    return [one.place.model for one in play.unloads()]


def answer(play: Any, event: Any) -> Any:
    (told,) = [one.value for one in play.step(event) if isinstance(one, Answer)]
    return told


def test_a_model_stays_when_nothing_says_otherwise(play: Any) -> None:
    play.leave(play.hold("small"))
    play.tick(100_000)
    assert gone(play) == []


def test_in_conservative_mode_a_model_leaves_after_each_request(new_play: Any) -> None:
    play = new_play(conservative=True).stocked()
    first, second = play.hold("small"), play.hold("small")
    play.leave(first)
    assert gone(play) == [], "somebody still uses it"
    play.leave(second)
    assert gone(play) == ["small"]


def test_in_conservative_mode_it_stays_for_who_waits_for_it(new_play: Any) -> None:
    play = new_play(conservative=True).stocked()
    play.core.books.servers["ollama"].parallel = 1
    first = play.hold("small")
    second = play.ask("small")
    play.leave(first)
    assert second in play.granted()
    assert gone(play) == []


def test_what_an_operator_brought_in_stays_until_it_was_used(new_play: Any) -> None:
    play = new_play(conservative=True, keep_alive_seconds=0).stocked()
    ticket = play.ask("small", speculative=True)
    play.loaded()
    play.leave(ticket)
    play.tick(1000)
    assert gone(play) == []
    play.leave(play.ask("small"))
    assert gone(play) == ["small"]


@pytest.mark.parametrize(
    ("keep", "after", "leaves"), [(0, 0, True), (60, 59, False), (60, 61, True)]
)
def test_a_model_leaves_when_it_was_idle_for_its_keep_alive(
    new_play: Any, keep: float, after: float, leaves: bool
) -> None:
    play = new_play(keep_alive_seconds=keep).stocked()
    play.leave(play.hold("small"))
    play.tick(after)
    assert bool(gone(play)) == leaves


def test_a_critical_model_never_leaves_by_itself(new_play: Any) -> None:
    roster = {"pinned": ModelSpec(name="pinned", size_gb=5.0, priority=Priority.CRITICAL)}
    play = new_play(roster, keep_alive_seconds=1, conservative=True).stocked()
    play.leave(play.hold("pinned"))
    play.tick(100)
    assert gone(play) == []
    assert answer(play, AskUnload(9, None, play.at)) == ()


def test_above_the_soft_limit_what_was_long_unused_leaves_down_to_five_below(
    new_play: Any,
) -> None:
    roster = {name: ModelSpec(name=name, size_gb=4.0) for name in "abcde"}
    play = new_play(roster, hard_gb=20.0).stocked()  # soft 18
    for name in roster:
        play.leave(play.hold(name))
    play.tick(250)
    assert gone(play) == []
    play.tick(60)
    assert gone(play) == ["a", "b"], "20 GB go down to 13 or less"


def test_the_soft_limit_never_costs_the_model_used_last(new_play: Any) -> None:
    play = new_play().stocked()  # soft 12, and big has 13
    play.leave(play.hold("big"))
    play.tick(10_000)
    assert gone(play) == []


def test_the_soft_limit_is_no_second_hard_limit(play: Any) -> None:
    play.hold("big")
    assert play.core.books.charged_gb() == 13.0


def test_optimize_frees_what_is_idle_and_says_how_much(play: Any) -> None:
    play.leave(play.hold("mid"))
    play.hold("small")
    assert answer(play, AskUnload(9, None, play.at)) == (("mid", 9.0),)
    assert "Memory optimization freed 9.0 GB" in play.said()


def test_an_idle_model_is_unloaded_when_an_operator_says_so(play: Any) -> None:
    play.leave(play.hold("small"))
    assert answer(play, AskUnload(9, "small", play.at)) == "unloading"
    assert answer(play, AskUnload(9, "small", play.at)) == "unloading"
    assert gone(play) == ["small"]


def test_a_model_in_use_drains_and_leaves_with_its_last_lease(play: Any) -> None:
    holder = play.hold("small")
    assert answer(play, AskUnload(9, "small", play.at)) == "draining"
    late = play.ask("small")
    assert late not in play.granted()
    play.leave(holder)
    assert gone(play) == ["small"]
    play.unloaded()
    play.loaded()
    assert late in play.granted()


def test_unloading_what_is_not_there_says_so(play: Any) -> None:
    assert answer(play, AskUnload(9, "small", play.at)) == "absent"


def test_a_load_nobody_waits_for_is_given_up_with_its_last_caller(play: Any) -> None:
    play.leave(play.ask("small", speculative=True))
    assert [one.place.model for one in play.effects if isinstance(one, AbortLoad)] == ["small"]
    play.gone(next(one for one in play.effects if isinstance(one, AbortLoad)))
    assert play.core.books.charged_gb() == 0.0


def test_a_plan_names_who_would_leave_and_changes_nothing(play: Any) -> None:
    play.leave(play.hold("small"))
    play.hold("mid")
    before = repr(play.core.books.residents)
    plan = answer(play, AskPlan(9, "big", play.at))
    assert isinstance(plan, Plan)
    assert not plan.fits
    assert {(one.model, one.reason) for one in plan.victims} == {
        ("small", "idle"),
        ("mid", "answers now"),
    }
    assert plan.would_wait_for == ("mid",)
    assert (plan.need_gb, plan.free_gb) == (13.0, 0.0)
    assert repr(play.core.books.residents) == before
    assert not play.unloads()


def test_a_plan_says_what_fits_and_what_never_will(play: Any) -> None:
    assert answer(play, AskPlan(9, "small", play.at)).fits
    assert "never fit" in answer(play, AskPlan(9, "giant", play.at)).why
    play.hold("small")
    assert answer(play, AskPlan(9, "small", play.at)).why == "it is in memory"
    assert answer(play, AskPlan(9, "unheard-of", play.at)).cause == "missing"


def test_a_model_unloaded_while_it_loads_serves_those_who_waited_and_no_later_ones(
    play: Any,
) -> None:
    first = play.ask("mid")
    answer(play, AskUnload(99, "mid", play.at))
    play.loaded()
    assert play.granted() == [first]
    play.ask("mid")
    assert play.granted() == [first], "or it would never leave while it is asked for"
    play.leave(first)
    assert gone(play) == ["mid"]


def test_without_the_orchestrator_an_operator_still_unloads_what_is_in_use(new_play: Any) -> None:
    play = new_play(orchestrator_enabled=False).stocked()
    ticket = play.ask("mid")
    play.loaded()
    answer(play, AskUnload(99, "mid", play.at))
    late = play.ask("mid")
    play.leave(ticket)
    assert gone(play) == ["mid"]
    play.unloaded()
    play.loaded()
    assert late in play.granted()


def test_without_the_orchestrator_everything_is_loaded_and_nothing_unloaded(new_play: Any) -> None:
    play = new_play(orchestrator_enabled=False, keep_alive_seconds=1).stocked()
    tickets = [play.ask("big"), play.ask("giant"), play.ask("small")]
    assert len(play.loads()) == 3, "the server decides what fits"
    for load in list(play.loads()):
        play.landed(load)
    assert play.granted() == tickets
    for ticket in tickets:
        play.leave(ticket)
    play.tick(1000)
    play.sample(1.0, full=50.0)
    assert gone(play) == []


def test_without_the_orchestrator_what_the_server_sent_away_is_no_crash(new_play: Any) -> None:
    play = new_play(orchestrator_enabled=False).stocked()
    play.leave(play.hold("big"))
    installed = play.core.books.servers["ollama"].inventory.installed
    for _ in range(2):
        play.snapshot(Inventory(installed, {}))
    assert play.state("big") == "absent"
    assert play.core.books.breaker.crashes() == {}


def test_what_was_decided_is_remembered_with_its_reason(play: Any) -> None:
    play.leave(play.hold("big"))
    play.ask("small")
    decision = play.core.books.decisions[0]
    assert (decision.kind, decision.model, decision.victims) == ("swap", "small", ("big",))
    assert decision.reason
