"""The orchestrator as it is shown."""

from typing import Any

import anyio

from brain.catalogue.models import ModelSpec
from brain.vram.errors import ServerKind
from brain.vram.options import VramOptions
from brain.vram.orchestrator import Orchestrator
from brain.vram.residents import Inventory, ServerFacts
from brain.vram.status import MemoryStatus, status_of
from shared.clock import SystemClock

MODEL = ModelSpec(name="m", size_gb=9.0)


class Server:
    """Has all it lists, and has nothing to be told."""

    kind: ServerKind = "ollama"
    sleeps, unloads_reason = False, ""

    def __init__(self, name: str, *, loads: bool) -> None:
        self.name, self.url, self.loads = name, "http://127.0.0.1:1", loads

    async def look(self) -> Inventory:
        return Inventory({"m": MODEL}, {"m": 9.0})

    async def load(self, spec: ModelSpec) -> float | None:
        return None

    async def unload(self, model: str) -> None: ...

    async def park(self, model: str) -> None: ...

    async def aclose(self) -> None: ...


def test_models_on_other_machines_take_memory_too_and_each_memory_has_its_limits(
    new_play: Any,
) -> None:
    servers = [
        ServerFacts("here", "ollama", "http://o", loads=True),
        ServerFacts("far", "ollama", "http://f", loads=True, domain="far", hard_gb=64.0),
    ]
    play = new_play({"m": MODEL}, servers=servers)
    play.snapshot(Inventory({"m": MODEL}, {}), server="here")
    play.snapshot(Inventory({"m": MODEL}, {"m": 9.0}), server="far")
    status = status_of(play.core.books, at=play.at)
    assert status.used_gb == 9.0
    assert status.memories == (
        MemoryStatus("machine", 0.0, 12.0, 14.0),
        MemoryStatus("far", 9.0, 12.0, 64.0),
    )


def test_a_sleeping_model_that_takes_nothing_shows_nothing(new_play: Any) -> None:
    servers = [ServerFacts("vllm", "openai", "http://v", loads=False)]
    play = new_play({"m": MODEL}, servers=servers)
    asleep = Inventory({"m": MODEL}, {}, parked={"m": 0.0}, sleeps=True)
    play.snapshot(asleep, server="vllm")
    assert [one.size_gb for one in status_of(play.core.books, at=play.at).loaded] == [0.0]


async def test_servers_whose_models_never_leave_are_no_difference() -> None:
    vram = Orchestrator(
        specs={},
        backends=[Server("ollama", loads=True), Server("fixed", loads=False)],
        options=VramOptions(soft_gb=12.0, hard_gb=14.0),
        clock=SystemClock(),
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(vram.run)
        await vram.refresh()
        found = await vram.reconcile()
        tasks.cancel_scope.cancel()
    assert (found.registry_count, found.backend_count) == (1, 1)
