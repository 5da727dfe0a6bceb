"""Models that crash: who learns of it, and when they are tried again."""

from typing import Any

from brain.catalogue.models import ModelSpec, Priority
from brain.vram.events import Failure, Lost, Probe, SetBreaker, Trouble
from brain.vram.residents import Inventory, ServerFacts

BROKEN = Failure("failed", "out of memory", "ollama")
DOWN = Failure("unreachable", "nothing answers there", "ollama")
PAUSE_SECONDS = 40.0  # the first pause is 30 s and up to a fifth more


def crash(play: Any, model: str, times: int = 2) -> None:
    for _ in range(times):
        play.ask(model)
        play.loaded(failure=BROKEN)


def settle(play: Any) -> None:
    """The server says that what failed is not in memory."""
    play.snapshot(Inventory(play.core.books.servers["ollama"].inventory.installed, {}))


def test_a_model_that_crashed_twice_rests_and_its_callers_are_told_for_how_long(
    play: Any,
) -> None:
    crash(play, "small")
    settle(play)
    ticket = play.ask("small")
    assert len(play.loads()) == 2
    assert play.told(ticket) == ["it crashed repeatedly and rests"]
    play.tick(PAUSE_SECONDS)
    assert len(play.loads()) == 3
    assert "🔄 Circuit breaker triggered" in play.said()
    play.loaded()
    assert ticket in play.granted()


def test_a_caller_who_will_not_wait_for_that_is_refused(play: Any) -> None:
    crash(play, "small")
    ticket = play.ask("small", patient=False)
    assert play.rejected()[ticket].cause == "breaker_open"
    assert 0 < play.rejected()[ticket].retry_seconds <= PAUSE_SECONDS


def test_a_server_that_is_down_is_no_crash_of_the_model(play: Any) -> None:
    for _ in range(3):
        play.ask("small")
        play.loaded(failure=DOWN)
    assert play.core.books.breaker.crashes() == {}


def test_others_go_on_while_a_model_rests(play: Any) -> None:
    crash(play, "small")
    settle(play)
    play.ask("small")
    play.hold("mid")


def test_a_probe_makes_room_for_the_buffer_without_touching_what_is_high_or_in_use(
    new_play: Any,
) -> None:
    roster = {
        "shaky": ModelSpec(name="shaky", size_gb=20.0),
        "high": ModelSpec(name="high", size_gb=10.0, priority=Priority.HIGH),
        "idle": ModelSpec(name="idle", size_gb=25.0),
        "used": ModelSpec(name="used", size_gb=25.0),
    }
    play = new_play(roster, hard_gb=100.0).stocked()
    crash(play, "shaky")
    settle(play)
    play.leave(play.hold("high"))
    play.leave(play.hold("idle"))
    play.hold("used")
    play.ask("shaky")
    play.tick(PAUSE_SECONDS)
    assert [one.place.model for one in play.unloads()] == [], "20 GB and 20 more fit beside them"
    play.loaded(failure=BROKEN)
    settle_with = {"high": 10.0, "idle": 25.0, "used": 25.0}
    installed = play.core.books.servers["ollama"].inventory.installed
    play.snapshot(Inventory(installed, settle_with))
    play.hold("high")
    more = ModelSpec(name="more", size_gb=5.0)
    play.core.books.roster["more"] = more
    play.snapshot(Inventory({**installed, "more": more}, {**settle_with, "more": 5.0}))
    play.ask("shaky")
    play.tick(2 * PAUSE_SECONDS)
    assert {one.place.model for one in play.unloads()} <= {"idle", "more"}
    assert play.unloads(), "only 15 GB would have been free beside it"


def test_a_probe_that_fails_rests_for_longer(play: Any) -> None:
    crash(play, "small")
    settle(play)
    play.ask("small")
    play.tick(PAUSE_SECONDS)
    play.loaded(failure=BROKEN)
    settle(play)
    play.ask("small")
    play.tick(PAUSE_SECONDS)
    assert len(play.loads()) == 3, "twice thirty seconds this time"
    play.tick(PAUSE_SECONDS)
    assert len(play.loads()) == 4


def test_an_operator_may_let_a_resting_model_go_on_at_once(play: Any) -> None:
    crash(play, "small")
    settle(play)
    play.ask("small")
    play.step(SetBreaker("small", play.at))
    assert len(play.loads()) == 3


def test_an_operator_may_shut_a_model_off(play: Any) -> None:
    play.step(SetBreaker("small", play.at, forced_open=True))
    ticket = play.ask("small")
    play.tick(10_000)
    assert not play.loads()
    assert play.told(ticket) == ["it crashed repeatedly and rests"]


def test_a_broken_connection_and_one_look_are_proof_of_a_crash(play: Any) -> None:
    holder, other = play.hold("small"), play.hold("small")
    play.step(Trouble(holder, play.at, "the server broke off"))
    assert any(isinstance(one, Probe) for one in play.effects)
    play.leave(holder)
    settle(play)
    assert [one.ticket for one in play.effects if isinstance(one, Lost)] == [other]
    assert list(play.core.books.breaker.crashes()) == ["small"]
    assert "Registry desync detected" in play.said()
    assert "Registry reconciliation: cleaned 1 models" in play.said()


def test_a_broken_connection_alone_is_no_crash(play: Any) -> None:
    holder = play.hold("small")
    play.step(Trouble(holder, play.at, "the server broke off"))
    installed = play.core.books.servers["ollama"].inventory.installed
    play.snapshot(Inventory(installed, {"small": 5.0}))
    assert play.core.books.breaker.crashes() == {}
    assert play.state("small") == "ready"


def test_an_unload_of_our_own_is_no_crash(play: Any) -> None:
    play.leave(play.hold("big"))
    play.ask("small")
    play.unloaded()
    settle(play)
    assert play.core.books.breaker.crashes() == {}


def test_silence_of_a_server_cleans_nothing(play: Any) -> None:
    play.hold("small")
    for _ in range(10):
        play.snapshot(None, problem="it does not answer in time")
    assert play.state("small") == "ready"
    assert not [one for one in play.effects if isinstance(one, Lost)]


def test_nothing_leaves_a_server_that_was_silent_three_times(play: Any) -> None:
    play.leave(play.hold("big"))
    for _ in range(3):
        play.snapshot(None, problem="it does not answer in time")
    ticket = play.ask("small")
    assert not play.unloads()
    assert play.rejected()[ticket].cause == "unreachable", "it may be tried again when it answers"


def test_without_the_breaker_crashes_are_only_counted(new_play: Any) -> None:
    play = new_play(breaker_enabled=False).stocked()
    crash(play, "small", times=5)
    assert len(play.loads()) == 5
    assert len(play.core.books.breaker.crashes()["small"]) == 5


def test_a_probe_waits_when_only_a_high_model_could_make_room(new_play: Any) -> None:
    roster = {
        "shaky": ModelSpec(name="shaky", size_gb=8.0),
        "high": ModelSpec(name="high", size_gb=8.0, priority=Priority.HIGH),
    }
    play = new_play(roster).stocked()
    crash(play, "shaky")
    settle(play)
    play.leave(play.hold("high"))
    ticket = play.ask("shaky")
    play.tick(PAUSE_SECONDS)
    assert not play.unloads()
    assert play.told(ticket)[-1] == "it crashed before and is tried when there is more room"


def test_nothing_leaves_a_silent_server_for_a_load_on_another(new_play: Any) -> None:
    roster = {name: ModelSpec(name=name, size_gb=8.0) for name in "ab"}
    servers = [ServerFacts(name, "ollama", f"http://{name}", loads=True) for name in ("s", "t")]
    play = new_play(roster, servers=servers)
    play.snapshot(Inventory({"a": roster["a"]}, {"a": 8.0}), server="s")
    play.snapshot(Inventory({"b": roster["b"]}, {}), server="t")
    for _ in range(3):
        play.snapshot(None, server="s", problem="it does not answer in time")
    play.ask("b")
    assert not play.unloads()
