"""A core to play events on, and what happened."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from brain.catalogue.models import ModelSpec, Priority
from brain.vram.core import Core
from brain.vram.events import (
    AbortLoad,
    Acquire,
    Effect,
    Event,
    Failure,
    Grant,
    Leave,
    LoadDone,
    Reject,
    Sampled,
    Say,
    Snapshot,
    StartLoad,
    StartUnload,
    Tell,
    Tick,
    UnloadDone,
)
from brain.vram.memory.sample import MemorySample, Psi
from brain.vram.options import VramOptions
from brain.vram.residents import Inventory, Place, ServerFacts

ROSTER = {
    "big": ModelSpec(name="big", size_gb=13.0, priority=Priority.HIGH),
    "mid": ModelSpec(name="mid", size_gb=9.0),
    "small": ModelSpec(name="small", size_gb=5.0),
    "tiny": ModelSpec(name="tiny", size_gb=2.0, priority=Priority.LOW),
    "giant": ModelSpec(name="giant", size_gb=70.0),
    "remote": ModelSpec(name="remote", size_gb=84.0, backend="sglang"),
}


class Play:
    """Plays events on a core of 14 GB and remembers the effects."""

    def __init__(
        self, roster: Mapping[str, ModelSpec] = ROSTER, *, hard_gb: float = 14.0, **more: Any
    ) -> None:
        self.roster = roster
        servers = more.pop("servers", None) or [
            ServerFacts("ollama", "ollama", "http://o", loads=True),
            ServerFacts("sglang", "openai", "http://s", loads=False),
        ]
        options = VramOptions(soft_gb=hard_gb - 2, hard_gb=hard_gb, **more)
        self.core = Core(specs=roster, servers=servers, options=options)
        self.effects: list[Effect] = []
        self.at = 1000.0
        self.tickets = 0

    def step(self, event: Event) -> list[Effect]:
        effects = self.core.step(event)
        self.effects += effects
        return effects

    def stocked(self, **loaded: float) -> "Play":
        """Both servers have told what they have; `loaded` models are in Ollama's memory."""
        local = {name: spec for name, spec in self.roster.items() if spec.backend == "ollama"}
        self.snapshot(Inventory(installed=local, loaded=loaded))
        remote = {name: spec for name, spec in self.roster.items() if spec.backend == "sglang"}
        self.snapshot(Inventory(installed=remote, loaded={}), server="sglang")
        self.effects.clear()
        return self

    def snapshot(
        self,
        inventory: Inventory | None,
        *,
        server: str = "ollama",
        version: int | None = None,
        problem: str = "",
    ) -> list[Effect]:
        """A server answers, or does not, a second after whatever was before."""
        self.at += 1
        asked = self.core.books.version if version is None else version
        return self.step(Snapshot(server, asked, self.at, inventory, problem))

    def ask(self, model: str, **more: Any) -> int:
        self.tickets += 1
        self.at += 1
        self.step(Acquire(self.tickets, model, self.at, **more))
        return self.tickets

    def leave(self, ticket: int, *, ok: bool | None = None) -> list[Effect]:
        self.at += 1
        return self.step(Leave(ticket, self.at, ok))

    def tick(self, seconds: float = 1.0) -> list[Effect]:
        self.at += seconds
        return self.step(Tick(self.at))

    def sample(
        self, available_gb: float | None, *, full: float = 0.0, seconds: float = 1.0, **more: Any
    ) -> list[Effect]:
        """The machine's memory is read: 128 GB in all."""
        self.at += seconds
        psi = Psi(0, 0, 0, full, full, full)
        facts: dict[str, Any] = {"total_gb": 128.0, "psi": psi, "kind": "unified"} | more
        return self.step(Sampled(MemorySample(self.at, available_gb=available_gb, **facts)))

    def state(self, model: str, server: str = "ollama") -> str:
        resident = self.core.books.residents.get(Place(server, model))
        return "absent" if resident is None else resident.state

    def told(self, ticket: int) -> list[str]:
        """What a caller was told it waits for."""
        news = [one for one in self.effects if isinstance(one, Tell) and one.ticket == ticket]
        return [one.progress.detail or one.progress.stage for one in news]

    def said(self) -> list[str]:
        return [one.message for one in self.effects if isinstance(one, Say)]

    def loads(self) -> list[StartLoad]:
        return [effect for effect in self.effects if isinstance(effect, StartLoad)]

    def unloads(self) -> list[StartUnload]:
        return [effect for effect in self.effects if isinstance(effect, StartUnload)]

    def granted(self) -> list[int]:
        return [effect.ticket for effect in self.effects if isinstance(effect, Grant)]

    def rejected(self) -> dict[int, Failure]:
        return {one.ticket: one.failure for one in self.effects if isinstance(one, Reject)}

    def loaded(
        self, *, failure: Failure | None = None, measured_gb: float | None = None
    ) -> list[Effect]:
        """The newest load ended after two seconds."""
        load = self.loads()[-1]
        self.at += 2
        return self.step(LoadDone(load.place, load.epoch, self.at, 2.0, measured_gb, failure))

    def landed(self, load: StartLoad) -> None:
        """That load has ended."""
        self.at += 1
        self.step(LoadDone(load.place, load.epoch, self.at, 2.0))

    def unloaded(self, *, failure: Failure | None = None) -> None:
        """Every unload that was started has ended."""
        for order in self.unloads():
            self.at += 1
            self.step(UnloadDone(order.place, order.epoch, self.at, failure))

    def gone(self, order: AbortLoad | StartUnload, *, failure: Failure | None = None) -> None:
        """That unload has ended."""
        self.at += 1
        self.step(UnloadDone(order.place, order.epoch, self.at, failure))

    def hold(self, model: str) -> int:
        """Ask for a model and get it, whatever it takes."""
        ticket = self.ask(model)
        if ticket not in self.granted():
            self.unloaded()
            self.loaded()
        assert ticket in self.granted()
        self.effects.clear()
        return ticket


@pytest.fixture
def play() -> Play:
    return Play().stocked()


@pytest.fixture
def new_play() -> Callable[..., Play]:
    return Play
