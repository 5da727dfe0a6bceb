"""Several servers, and several memories."""

from typing import Any

import pytest

from brain.catalogue.models import ModelSpec
from brain.vram.events import (
    Acquire,
    Failure,
    Lost,
    ServerAdded,
    ServerDrains,
    ServerGone,
    UnloadDone,
)
from brain.vram.residents import Inventory, Place, ServerFacts

ROSTER = {
    "a": ModelSpec(name="a", size_gb=8.0),
    "b": ModelSpec(name="b", size_gb=8.0),
    "c": ModelSpec(name="c", size_gb=8.0),
}


@pytest.fixture
def two(new_play: Any) -> Any:
    """A server here and one elsewhere, 10 GB each, with the same three models."""
    servers = [
        ServerFacts("here", "ollama", "http://o", loads=True),
        ServerFacts("there", "ollama", "http://t", loads=True, domain="there", hard_gb=10.0),
    ]
    play = new_play(ROSTER, hard_gb=10.0, servers=servers)
    for name in ("here", "there"):
        play.snapshot(Inventory(ROSTER, {}), server=name)
    play.effects.clear()
    return play


def finish(play: Any) -> None:
    """Every load that is under way ends."""
    for load in play.loads():
        play.landed(load)


def test_each_memory_loads_on_its_own(two: Any) -> None:
    tickets = [two.ask("a"), two.ask("b")]
    assert {load.place.server for load in two.loads()} == {"here", "there"}
    finish(two)
    assert sorted(two.granted()) == tickets


def test_a_server_that_has_the_model_is_used(two: Any) -> None:
    two.ask("a")
    two.ask("b")
    finish(two)
    two.ask("a")
    two.ask("b")
    assert len(two.loads()) == 2


def test_a_model_goes_where_the_least_has_to_leave(two: Any) -> None:
    first, second = two.ask("a"), two.ask("b")
    finish(two)
    for _ in range(5):
        two.leave(two.ask("a"))
    two.leave(first)
    two.leave(second)
    two.ask("c")
    assert [one.place.model for one in two.unloads()] == ["b"], "a is asked for more often"


def test_only_the_memory_of_this_machine_is_tested_against_its_readings(two: Any) -> None:
    two.sample(1.0)
    two.ask("a")
    two.ask("b")
    assert [load.place.server for load in two.loads()] == ["there"]


def test_a_second_copy_is_loaded_when_the_wait_is_longer_than_that(two: Any) -> None:
    for server in two.core.books.servers.values():
        server.parallel = 1
    two.ask("a")
    finish(two)
    waiting = two.ask("a")
    assert len(two.loads()) == 1
    two.tick(10)  # a load takes 4 s
    assert len(two.loads()) == 2
    finish(two)
    assert waiting in two.granted()


def test_a_server_elsewhere_may_be_given_another_limit(two: Any) -> None:
    two.step(ServerGone("here", two.at))
    facts = ServerFacts("there", "ollama", "http://t", loads=True, domain="there", hard_gb=20.0)
    two.step(ServerAdded(facts, two.at))
    two.snapshot(Inventory(ROSTER, {}), server="there")
    two.hold("a")
    two.hold("b")
    assert two.core.books.charged_gb() == 16.0


def test_a_limit_of_a_server_here_is_that_of_the_machine(new_play: Any) -> None:
    server = ServerFacts("here", "ollama", "http://o", loads=True, hard_gb=1.0)
    play = new_play(ROSTER, hard_gb=10.0, servers=[server])
    play.snapshot(Inventory(ROSTER, {}), server="here")
    play.hold("a")


def test_a_draining_server_gets_no_new_work_and_loses_its_idle_models(two: Any) -> None:
    two.leave(two.ask("a"))
    finish(two)
    (server,) = {load.place.server for load in two.loads()}
    two.step(ServerDrains(server, True, two.at))
    assert [one.place.model for one in two.unloads()] == ["a"]
    two.ask("b")
    assert two.loads()[-1].place.server != server


def test_nothing_is_loaded_on_a_draining_server_although_it_is_the_only_one(play: Any) -> None:
    play.step(ServerDrains("ollama", True, play.at))
    ticket = play.ask("small")
    assert not play.loads()
    assert play.told(ticket) == ["its server is being taken out of use"]
    play.step(ServerDrains("ollama", False, play.at))
    assert play.loads()


def test_a_server_that_is_preferred_for_a_model_gets_it(two: Any) -> None:
    two.core.books.servers["here"].preferred = frozenset({"b"})
    two.ask("a")
    two.ask("b")
    places = [load.place for load in two.loads()]
    assert places == [Place("there", "a"), Place("here", "b")]


def test_with_a_server_its_leases_are_lost(two: Any) -> None:
    ticket = two.ask("a")
    finish(two)
    server = two.loads()[0].place.server
    effects = two.step(ServerGone(server, two.at))
    assert [one.ticket for one in effects if isinstance(one, Lost)] == [ticket]
    assert two.leave(ticket) == []
    two.ask("a")
    assert two.loads()[-1].place.server != server


def test_what_was_asked_of_a_server_is_no_news_about_the_next_of_its_name(two: Any) -> None:
    asked = two.core.books.version
    two.step(ServerGone("there", two.at))
    two.step(ServerAdded(ServerFacts("there", "ollama", "http://other", loads=True), two.at))
    two.snapshot(Inventory(two.roster, {"mid": 9.0}), server="there", version=asked)
    assert two.state("mid", "there") == "absent"
    two.snapshot(Inventory(two.roster, {"mid": 9.0}), server="there")
    assert two.state("mid", "there") == "adopted"


def test_a_server_that_is_gone_leaves_no_differences(two: Any) -> None:
    two.snapshot(Inventory(two.roster, {"mid": 9.0}), server="there")
    assert any(one.found for one in two.core.differences())
    two.step(ServerGone("there", two.at))
    assert not any(one.found for one in two.core.differences())


def test_a_load_that_finds_its_server_down_goes_to_another(two: Any) -> None:
    ticket = two.ask("a")
    first = two.loads()[0].place.server
    two.loaded(failure=Failure("unreachable", "nothing answers there", first))
    assert two.loads()[-1].place.server != first
    two.loaded()
    assert ticket in two.granted()


def test_a_server_that_can_sleep_parks_its_victims_and_wakes_them(new_play: Any) -> None:
    servers = [ServerFacts("vllm", "openai", "http://v", loads=True, sleeps=True)]
    play = new_play(ROSTER, hard_gb=10.0, servers=servers)
    play.snapshot(Inventory(ROSTER, {}), server="vllm")
    play.leave(play.hold("a"))
    play.ask("b")
    (order,) = play.unloads()
    assert order.park
    play.step(UnloadDone(order.place, order.epoch, play.at, None, parked_gb=0.5))
    assert play.state("a", "vllm") == "parked"
    assert play.core.books.charged_gb() == pytest.approx(8.5)
    play.loaded()
    play.leave(play.tickets)
    play.effects.clear()
    again = play.ask("a")
    (order,) = play.unloads()
    play.step(UnloadDone(order.place, order.epoch, play.at, None, parked_gb=0.5))
    play.loaded()
    assert again in play.granted()


def test_two_servers_on_this_machine_load_one_after_the_other(new_play: Any) -> None:
    servers = [ServerFacts(name, "ollama", f"http://{name}", loads=True) for name in ("one", "two")]
    play = new_play(ROSTER, hard_gb=20.0, servers=servers)
    play.snapshot(Inventory({"a": ROSTER["a"]}, {}), server="one")
    play.snapshot(Inventory({"b": ROSTER["b"], "c": ROSTER["c"]}, {}), server="two")
    play.ask("a")
    play.ask("b")
    assert len(play.loads()) == 1
    play.loaded()
    assert len(play.loads()) == 2
    play.loaded()
    play.step(Acquire(99, "c", play.at))
    assert not play.unloads(), "both are in use, and together they fill the memory"
    assert Place("two", "c") not in play.core.books.residents
