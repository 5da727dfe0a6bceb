"""The order of work, event by event."""

from typing import Any

import pytest

from brain.catalogue.models import ModelSpec, Priority
from brain.vram.events import Failure, Grant, LoadDone, Lost, Probe, Progress, Tell, UnloadDone
from brain.vram.residents import Inventory, Place

MAX_OVERTAKES = 8
DOWN = Failure("unreachable", "nothing answers there", "ollama")
BROKEN = Failure("failed", "out of memory", "ollama")


def told(play: Any, ticket: int) -> list[Progress]:
    return [one.progress for one in play.effects if isinstance(one, Tell) and one.ticket == ticket]


def test_a_model_is_loaded_once_however_many_ask(play: Any) -> None:
    tickets = [play.ask("big") for _ in range(5)]
    assert len(play.loads()) == 1
    play.loaded()
    assert play.granted() == tickets


def test_a_caller_who_waited_for_a_load_learns_how_long_it_took(play: Any) -> None:
    play.ask("big")
    play.loaded()
    play.ask("big")
    grants = [one for one in play.effects if isinstance(one, Grant)]
    assert [one.load_seconds for one in grants] == [2.0, 0.0]


def test_waiting_for_a_load_is_told_with_an_estimate_learned_from_the_last_one(play: Any) -> None:
    first = play.ask("big")
    assert told(play, first) == [Progress("loading_model", "big", 6.5)]
    play.loaded()
    play.leave(first)
    play.hold("small")
    play.leave(play.tickets)
    second = play.ask("big")
    play.unloaded()
    assert told(play, second)[-1] == Progress("loading_model", "big", 2.0)


def test_an_idle_model_makes_room(play: Any) -> None:
    play.leave(play.hold("big"))
    ticket = play.ask("small")
    assert [one.place.model for one in play.unloads()] == ["big"]
    assert not play.loads()
    play.unloaded()
    play.loaded()
    assert play.granted() == [ticket]


def test_two_models_that_fit_live_together(play: Any) -> None:
    play.hold("mid")
    play.hold("small")
    assert play.core.books.charged_gb() == 14.0


def test_a_leased_model_stays_until_its_last_lease_is_back(play: Any) -> None:
    first, second = play.hold("big"), play.hold("big")
    play.ask("small")
    play.leave(first)
    assert not play.unloads()
    play.leave(second)
    assert [one.place.model for one in play.unloads()] == ["big"]


def test_part_of_a_plan_is_never_carried_out(play: Any) -> None:
    play.leave(play.hold("small"))
    holder = play.hold("mid")
    play.ask("big")
    assert not play.unloads(), "small is idle, but mid is not"
    play.leave(holder)
    assert {one.place.model for one in play.unloads()} == {"mid", "small"}


def test_later_callers_overtake_a_waiting_load_only_so_often(play: Any) -> None:
    holders = [play.hold("big")]
    waiting = play.ask("small")
    for _ in range(MAX_OVERTAKES):
        holders.append(play.ask("big"))
        assert holders[-1] in play.granted()
    late = play.ask("big")
    assert late not in play.granted()
    for holder in holders:
        play.leave(holder)
    play.unloaded()
    play.loaded()
    assert waiting in play.granted()
    assert late not in play.granted()


def test_a_caller_behind_the_next_load_is_told_what_it_waits_for(play: Any) -> None:
    play.hold("big")
    head, behind = play.ask("small"), play.ask("mid")
    assert told(play, head) == [Progress("waiting", "small", None, "big must finish first")]
    assert told(play, behind) == [Progress("waiting", "mid", None, "small is next")]


def test_one_load_at_a_time(play: Any) -> None:
    play.ask("small")
    play.ask("mid")
    assert [load.place.model for load in play.loads()] == ["small"]
    play.loaded()
    assert [load.place.model for load in play.loads()] == ["small", "mid"]


def test_what_can_never_fit_is_refused_before_anything_is_touched(play: Any) -> None:
    play.leave(play.hold("big"))
    ticket = play.ask("giant")
    failure = play.rejected()[ticket]
    assert (failure.cause, failure.need_gb, failure.ceiling_gb) == ("never_fits", 70.0, 14.0)
    assert not play.unloads()


def test_what_never_leaves_lowers_the_ceiling(new_play: Any) -> None:
    roster = {
        "pinned": ModelSpec(name="pinned", size_gb=8.0, priority=Priority.CRITICAL),
        "other": ModelSpec(name="other", size_gb=7.0),
    }
    play = new_play(roster).stocked()
    play.leave(play.hold("pinned"))
    ticket = play.ask("other")
    assert play.rejected()[ticket].ceiling_gb == 6.0


def test_a_caller_who_leaves_while_waiting_leaves_no_trace(play: Any) -> None:
    play.hold("big")
    waiting = play.ask("small")
    play.leave(waiting)
    assert not play.core.books.waiters
    play.leave(1)
    assert not play.unloads(), "nobody wants small any more"


def test_a_load_goes_on_when_its_last_caller_left_and_is_kept(play: Any) -> None:
    play.leave(play.ask("small"))
    play.loaded()
    later = play.ask("small")
    assert later in play.granted()
    assert len(play.loads()) == 1


def test_a_failed_load_ends_everybody_who_waited_for_it_and_nobody_else(play: Any) -> None:
    waiting = [play.ask("small"), play.ask("small")]
    other = play.ask("mid")
    play.loaded(failure=BROKEN)
    assert set(play.rejected()) == set(waiting)
    assert play.rejected()[waiting[0]] == BROKEN
    assert other not in play.rejected()


def test_memory_of_a_failed_load_stays_charged_until_the_server_says_it_is_free(play: Any) -> None:
    play.ask("small")
    play.loaded(failure=BROKEN)
    assert play.core.books.charged_gb() == 5.0
    assert any(isinstance(effect, Probe) for effect in play.effects)
    play.snapshot(Inventory(installed=ROSTER_LOCAL, loaded={}))
    assert play.core.books.charged_gb() == 0.0


def test_a_model_no_server_has_is_refused_and_the_servers_are_asked_again(play: Any) -> None:
    ticket = play.ask("unheard-of")
    assert play.rejected()[ticket].cause == "missing"
    assert {one.server for one in play.effects if isinstance(one, Probe)} == {"ollama", "sglang"}


def test_before_a_server_was_seen_a_roster_model_is_tried(new_play: Any) -> None:
    play = new_play()
    ticket = play.ask("small")
    play.loaded(failure=DOWN)
    assert play.rejected()[ticket] == DOWN
    assert not play.core.books.servers["ollama"].healthy
    play.ask("small")
    play.loaded()
    assert play.core.books.servers["ollama"].healthy


def test_before_a_server_was_seen_an_unlisted_model_waits_for_it_not_for_an_install(
    new_play: Any,
) -> None:
    play = new_play()
    assert play.rejected() == {}
    ticket = play.ask("unheard-of")
    assert play.rejected()[ticket].cause == "unreachable"


def test_a_model_that_is_always_loaded_is_granted_and_charges_nothing(play: Any) -> None:
    ticket = play.ask("remote")
    assert play.granted() == [ticket]
    assert play.core.books.charged_gb() == 0.0


def test_a_found_model_is_charged_and_claimed_before_it_is_used(new_play: Any) -> None:
    play = new_play().stocked(big=12.5)
    assert play.core.books.charged_gb() == 12.5
    ticket = play.ask("big")
    assert [load.place.model for load in play.loads()] == ["big"], "it fixes its options"
    play.loaded()
    assert play.granted() == [ticket]


def test_a_found_model_makes_room_like_any_other(new_play: Any) -> None:
    play = new_play().stocked(big=12.5)
    play.ask("small")
    assert [one.place.model for one in play.unloads()] == ["big"]


def test_a_server_that_does_not_answer_keeps_what_it_had_and_is_marked_down(play: Any) -> None:
    play.leave(play.hold("big"))
    play.snapshot(None, problem="it does not answer in time")
    assert play.core.books.available() >= {"big", "small"}
    assert not play.core.books.servers["ollama"].healthy
    assert play.ask("big") in play.granted()


def test_a_loaded_model_is_believed_gone_after_two_snapshots_without_it(play: Any) -> None:
    play.leave(play.hold("big"))
    empty = Inventory(installed=ROSTER_LOCAL, loaded={})
    play.snapshot(empty)
    assert play.core.books.charged_gb() == 13.0
    play.snapshot(empty)
    assert play.core.books.charged_gb() == 0.0


def test_a_leased_model_that_is_gone_is_lost_to_those_who_hold_it(play: Any) -> None:
    holder = play.hold("big")
    gone = Inventory(installed=ROSTER_LOCAL, loaded={})
    play.snapshot(gone)
    assert not [one for one in play.effects if isinstance(one, Lost)], "once is no proof"
    play.snapshot(gone)
    assert [one.ticket for one in play.effects if isinstance(one, Lost)] == [holder]
    assert Place("ollama", "big") not in play.core.books.residents
    assert play.leave(holder) == []


def test_two_answers_about_the_same_moment_are_no_proof(play: Any) -> None:
    play.hold("big")
    empty, asked = Inventory(installed=ROSTER_LOCAL, loaded={}), play.core.books.version
    play.snapshot(empty, version=asked)
    play.snapshot(empty, version=asked)
    assert play.state("big") == "ready", "both were asked before the first was answered"
    play.at -= 1.5
    play.snapshot(empty)
    assert play.state("big") == "ready", "the server may still be doing what it did then"
    play.snapshot(empty)
    assert play.state("big") == "absent"


def test_the_first_look_of_all_may_go_unanswered_too(new_play: Any) -> None:
    play = new_play()
    play.snapshot(None, version=0, problem="nothing answers there")
    assert play.core.books.servers["ollama"].silent == 1


def test_a_server_that_leaves_many_looks_at_once_unanswered_was_silent_once(play: Any) -> None:
    play.leave(play.hold("big"))
    asked = play.core.books.version
    for _ in range(3):
        play.snapshot(None, version=asked, problem="it does not answer in time")
    play.ask("small")
    assert [one.place.model for one in play.unloads()] == ["big"]


def test_a_snapshot_older_than_an_unload_does_not_bring_the_model_back(play: Any) -> None:
    play.leave(play.hold("big"))
    asked = play.core.books.version
    play.ask("small")
    play.unloaded()
    play.snapshot(Inventory(installed=ROSTER_LOCAL, loaded={"big": 13.0}), version=asked)
    assert Place("ollama", "big") not in play.core.books.residents


def test_a_measured_size_replaces_the_guess(play: Any) -> None:
    play.ask("small")
    play.loaded(measured_gb=6.5)
    assert play.core.books.charged_gb() == 6.5


def test_a_listed_model_that_measured_over_the_limit_may_still_run_alone(play: Any) -> None:
    ticket = play.ask("big")
    play.loaded(measured_gb=14.4)
    play.leave(ticket)
    play.leave(play.hold("small"))
    again = play.ask("big")
    play.unloaded()
    play.loaded(measured_gb=14.4)
    assert again in play.granted()


def test_a_failed_unload_keeps_the_charge_and_refuses_who_needed_the_room(play: Any) -> None:
    play.leave(play.hold("big"))
    ticket = play.ask("small")
    play.unloaded(failure=BROKEN)
    assert play.rejected()[ticket].cause == "failed"
    assert "big stays in memory" in play.rejected()[ticket].reason
    assert play.core.books.charged_gb() == 13.0


def test_an_unload_that_reached_nobody_says_that_the_server_is_down(play: Any) -> None:
    play.leave(play.hold("big"))
    ticket = play.ask("small")
    play.unloaded(failure=DOWN)
    assert play.rejected()[ticket].cause == "unreachable"


def test_a_stuck_model_can_be_used_again(play: Any) -> None:
    play.leave(play.hold("big"))
    play.ask("small")
    play.unloaded(failure=BROKEN)
    ticket = play.ask("big")
    play.loaded()
    assert ticket in play.granted()


def test_a_model_wanted_while_it_is_unloaded_comes_back(play: Any) -> None:
    play.leave(play.hold("big"))
    small = play.ask("small")
    big = play.ask("big")
    play.unloaded()
    play.loaded()
    play.leave(small)
    play.unloaded()
    play.loaded()
    assert play.granted() == [small, big]


def test_leaving_twice_is_leaving_once(play: Any) -> None:
    first = play.hold("big")
    play.hold("big")
    play.leave(first)
    play.leave(first)
    assert len(play.core.books.residents[Place("ollama", "big")].leases) == 1


@pytest.mark.parametrize("epoch", [-1, 0, 10_000])
def test_news_of_another_epoch_change_nothing(play: Any, epoch: int) -> None:
    play.ask("small")
    place = Place("ollama", "small")
    assert play.step(LoadDone(place, epoch, play.at, 1.0)) == []
    assert play.step(UnloadDone(place, epoch, play.at)) == []
    assert play.core.books.residents[place].state == "loading"


ROSTER_LOCAL = {
    name: ModelSpec(name=name, size_gb=size)
    for name, size in {"big": 13.0, "mid": 9.0, "small": 5.0, "tiny": 2.0}.items()
}
