"""Servers of fixed models that can sleep: found out by looking, beside the limit, woken for use."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from brain.catalogue.models import ModelSpec, Priority
from brain.vram.errors import ServerKind
from brain.vram.events import Snapshot, StartUnload, UnloadDone
from brain.vram.options import VramOptions
from brain.vram.orchestrator import Orchestrator
from brain.vram.residents import Inventory, Place, ServerFacts
from shared.clock import SystemClock

ROUTER = ModelSpec(name="router", size_gb=9.0)
GIANT = ModelSpec(name="giant", size_gb=84.0, backend="sglang")
PINNED = ModelSpec(name="pinned", size_gb=84.0, backend="sglang", priority=Priority.CRITICAL)
THERE = Place("vllm", "giant")


class Asleep:
    """A server whose sleep is only known once somebody has looked."""

    name, url, loads, unloads_reason = "vllm", "http://127.0.0.1:1", False, ""
    kind: ServerKind = "openai"

    def __init__(self) -> None:
        self.sleeps = False
        self.asleep = True

    async def look(self) -> Inventory:
        self.sleeps = True
        parked = {"giant": 8.4} if self.asleep else {}
        return Inventory({"giant": GIANT}, {}, parked=parked, sleeps=True)

    async def load(self, spec: ModelSpec) -> float | None:
        self.asleep = False
        return None

    async def unload(self, model: str) -> None:
        raise AssertionError("it can only sleep")

    async def park(self, model: str) -> None:
        self.asleep = True

    async def aclose(self) -> None:
        pass


@pytest.fixture
async def vram() -> AsyncIterator[tuple[Orchestrator, Asleep]]:
    server = Asleep()
    vram = Orchestrator(
        specs={"giant": GIANT},
        backends=[server],
        options=VramOptions(soft_gb=10.0, hard_gb=12.0),
        clock=SystemClock(),
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(vram.run)
        await vram.refresh()
        yield vram, server
        tasks.cancel_scope.cancel()


async def test_a_model_found_asleep_is_woken_before_it_is_used(
    vram: tuple[Orchestrator, Asleep],
) -> None:
    owner, server = vram
    assert [one.state for one in owner.status().loaded] == ["parked"]
    with anyio.fail_after(2):
        async with owner.lease("giant"):
            assert not server.asleep


async def test_and_goes_to_sleep_when_an_operator_says_so(
    vram: tuple[Orchestrator, Asleep],
) -> None:
    owner, server = vram
    with anyio.fail_after(2):
        async with owner.lease("giant"):
            pass
        assert await owner.unload("giant") == "unloading"
        while not server.asleep:
            await anyio.sleep(0.005)


@pytest.fixture
def play(new_play: Any) -> Any:
    """The performance profile: 12 GB for Ollama, and a server of 84 GB beside it."""
    servers = [
        ServerFacts("ollama", "ollama", "http://o", loads=True),
        ServerFacts("vllm", "openai", "http://v", loads=False),
    ]
    roster = {"router": ROUTER, "giant": GIANT, "pinned": PINNED}
    play = new_play(roster, hard_gb=12.0, servers=servers)
    play.snapshot(Inventory({"router": ROUTER}, {}))
    return play


def seen(play: Any, **what: Any) -> None:
    play.snapshot(Inventory({"giant": GIANT}, sleeps=True, **what), server="vllm")


def test_a_server_of_fixed_models_takes_its_memory_beside_the_limit(play: Any) -> None:
    seen(play, loaded={"giant": 84.0})
    play.sample(40.0)
    both = [play.ask("giant"), play.ask("router")]
    play.loaded()
    assert play.granted() == both
    assert not play.unloads()


def test_a_model_that_sleeps_wakes_where_the_limit_is_smaller_than_it(play: Any) -> None:
    seen(play, loaded={}, parked={"giant": 8.4})
    play.sample(100.0)
    ticket = play.ask("giant")
    play.loaded()
    assert ticket in play.granted()
    assert not play.rejected()


def test_it_sleeps_for_a_load_that_only_the_machine_has_no_room_for(play: Any) -> None:
    seen(play, loaded={"giant": 84.0})
    play.sample(10.0)
    play.ask("router")
    (order,) = [one for one in play.effects if isinstance(one, StartUnload)]
    assert (order.place, order.park) == (THERE, True)
    play.step(UnloadDone(order.place, order.epoch, play.at, None, parked_gb=8.4))
    play.sample(85.0)
    assert [load.place.model for load in play.loads()] == ["router"]


def test_and_is_left_alone_where_the_limit_is_in_the_way(new_play: Any) -> None:
    servers = [
        ServerFacts("ollama", "ollama", "http://o", loads=True),
        ServerFacts("vllm", "openai", "http://v", loads=False),
    ]
    other = ModelSpec(name="other", size_gb=9.0)
    play = new_play({"router": ROUTER, "other": other}, hard_gb=12.0, servers=servers)
    play.snapshot(Inventory({"router": ROUTER, "other": other}, {}))
    seen(play, loaded={"giant": 84.0})
    play.sample(40.0)
    play.leave(play.hold("router"))
    play.ask("other")
    assert [one.place.model for one in play.unloads()] == ["router"]


def test_waking_needs_room_in_the_machine_and_others_leave_for_it(play: Any) -> None:
    seen(play, loaded={}, parked={"giant": 8.4})
    play.sample(90.0)
    play.leave(play.hold("router"))
    play.sample(81.0)  # 84 - 8.4 + a reserve of 6.4 are 82
    ticket = play.ask("giant")
    assert [one.place.model for one in play.unloads()] == ["router"]
    play.unloaded()
    play.sample(90.0)
    play.loaded()
    assert ticket in play.granted()


def test_a_critical_one_that_somebody_put_to_sleep_is_woken(play: Any) -> None:
    inventory = Inventory({"pinned": PINNED}, {}, parked={"pinned": 8.4}, sleeps=True)
    play.step(Snapshot("vllm", play.core.books.version, play.at, inventory))
    ticket = play.ask("pinned")
    assert [load.place.model for load in play.loads()] == ["pinned"]
    play.loaded()
    assert ticket in play.granted()
    assert not [one for one in play.unloads() if one.place.model == "pinned"]


def test_one_that_somebody_else_woke_answers_at_once(play: Any) -> None:
    seen(play, loaded={}, parked={"giant": 8.4})
    seen(play, loaded={"giant": 84.0})
    assert play.ask("giant") in play.granted()
    assert not play.loads()


def test_what_it_takes_awake_is_what_its_operator_says(new_play: Any) -> None:
    unknown = ModelSpec(name="giant", size_gb=0.0, backend="sglang")
    servers = [ServerFacts("vllm", "openai", "http://v", loads=False, hard_gb=60.0)]
    play = new_play({}, servers=servers)
    inventory = Inventory({"giant": unknown}, {}, parked={"giant": 6.0}, sleeps=True)
    play.snapshot(inventory, server="vllm")
    play.sample(50.0)
    play.ask("giant")
    assert not play.loads(), "60 less 6 and the reserve are more than 50"
    play.sample(70.0)
    assert play.loads()
