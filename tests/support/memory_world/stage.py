"""A server of one machine, for short stories about what a scheduler does with it."""

from collections.abc import Callable, Mapping
from typing import Protocol

from brain.catalogue.models import ModelSpec
from brain.vram.core import Core
from brain.vram.events import (
    AbortLoad,
    Acquire,
    AskUnload,
    Effect,
    Event,
    Failure,
    Grant,
    Leave,
    LoadDone,
    Lost,
    Reject,
    Sampled,
    Snapshot,
    StartLoad,
    StartUnload,
    Tick,
    UnloadDone,
)
from brain.vram.memory.sample import MemorySample, Psi
from brain.vram.options import VramOptions
from brain.vram.policies.choice import PolicyName
from brain.vram.residents import Inventory, ServerFacts
from memory_world.setups import ROSTER

HARD_GB = 14.0
BROKEN = Failure("failed", "out of memory", "one")


class Scheduler(Protocol):
    """Our core, or a naive one."""

    def step(self, event: Event) -> list[Effect]: ...


Maker = Callable[[Mapping[str, ModelSpec], float], Scheduler]


def core(
    specs: Mapping[str, ModelSpec],
    hard_gb: float,
    *,
    soft_gb: float | None = None,
    keep_alive_seconds: float | None = None,
    policy: PolicyName = "planner",
    sleeps: bool = False,
) -> Core:
    """Ours, with one server."""
    given = VramOptions(
        soft_gb=hard_gb if soft_gb is None else soft_gb,
        hard_gb=hard_gb,
        keep_alive_seconds=keep_alive_seconds,
        policy=policy,
    )
    server = ServerFacts("one", "ollama", "http://one", loads=True, sleeps=sleeps)
    return Core(specs=specs, servers=[server], options=given)


class Stage:
    """What the server really holds, what was ordered, who got what."""

    def __init__(
        self,
        make: Maker,
        *,
        hard_gb: float = HARD_GB,
        loaded: Mapping[str, float] | None = None,
    ) -> None:
        self.scheduler = make(ROSTER, hard_gb)
        self.at = 1000.0
        self.tickets = 0
        self.memory: dict[str, float] = dict(loaded or {})
        self.loads: list[StartLoad] = []
        self.unloads: list[StartUnload | AbortLoad] = []
        self.loaded: list[str] = []
        """Every load that was ordered."""

        self.unloaded: list[str] = []
        self.granted: list[int] = []
        self.refused: dict[int, str] = {}
        self.lost: list[int] = []
        self.naps = False
        """Whoever asks for an unload gets sleep that frees nothing."""

        self.most_gb = 0.0
        """The most that was in memory, or on its way there, at once."""

        self.look()

    def play(self, event: Event) -> None:
        for effect in self.scheduler.step(event):
            match effect:
                case StartLoad():
                    self.loads.append(effect)
                    self.loaded.append(effect.place.model)
                case StartUnload() | AbortLoad():
                    self.unloads.append(effect)
                    self.unloaded.append(effect.place.model)
                case Grant():
                    self.granted.append(effect.ticket)
                case Reject():
                    self.refused[effect.ticket] = effect.failure.cause
                case Lost():
                    self.lost.append(effect.ticket)
        coming = sum(one.spec.size_gb for one in self.loads if one.place.model not in self.memory)
        self.most_gb = max(self.most_gb, sum(self.memory.values()) + coming)

    def ask(self, model: str) -> int:
        """One more caller; returns its ticket."""
        self.tickets += 1
        self.at += 0.1
        self.play(Acquire(self.tickets, model, self.at))
        return self.tickets

    def leave(self, ticket: int) -> None:
        self.at += 0.1
        self.play(Leave(ticket, self.at, True))

    def load_ends(self, *, failure: Failure | None = None) -> None:
        """The oldest load under way."""
        load = self.loads.pop(0)
        self.at += 2.0
        if failure is None:
            self.memory[load.place.model] = load.spec.size_gb
        self.play(LoadDone(load.place, load.epoch, self.at, 2.0, None, failure))

    def unload_ends(self, *, failure: Failure | None = None) -> None:
        """The oldest unload under way; a model that only sleeps stays where it is."""
        order = self.unloads.pop(0)
        self.at += 1.0
        sleeps = isinstance(order, StartUnload) and (order.park or self.naps)
        if failure is None and not sleeps:
            self.memory.pop(order.place.model, None)
        parked = self.memory.get(order.place.model, 0.0) if sleeps else None
        self.play(UnloadDone(order.place, order.epoch, self.at, failure, parked))

    def settle(self) -> None:
        """Everything that is under way ends well."""
        for _ in range(50):
            if self.unloads:
                self.unload_ends()
            elif self.loads:
                self.load_ends()

    def hold(self, model: str) -> int:
        """Ask and get."""
        ticket = self.ask(model)
        self.settle()
        assert ticket in self.granted
        return ticket

    def use(self, model: str) -> None:
        """Ask, get, and leave."""
        self.leave(self.hold(model))

    def look(self, *, answers: bool = True, version: int | None = None) -> None:
        """The server is asked what it has (long ago: at `version` of the books)."""
        installed = {name: one for name, one in ROSTER.items() if one.backend == "ollama"}
        inventory = Inventory(installed, dict(self.memory)) if answers else None
        asked = self.version() if version is None else version
        self.at += 1.0
        self.play(Snapshot("one", asked, self.at, inventory, "" if answers else "500"))

    def version(self) -> int:
        """Of the scheduler's books now, where it has any."""
        return self.scheduler.books.version if isinstance(self.scheduler, Core) else 0

    def sample(
        self, *, available: float | None = 30.0, stalls: float = 0.0, refaults: int = 0
    ) -> None:
        """The memory is read, a second later."""
        self.at += 1.0
        psi = Psi(stalls, stalls, stalls, stalls, stalls, stalls)
        total = None if available is None else 40.0
        self.play(Sampled(MemorySample(self.at, total, available, psi, refaults)))

    def pass_time(self, seconds: float) -> None:
        """In steps of ten seconds."""
        for _ in range(int(seconds // 10)):
            self.at += 10.0
            self.play(Tick(self.at))

    def unload(self, model: str) -> None:
        """An operator wants it out of memory."""
        self.tickets += 1
        self.play(AskUnload(self.tickets, model, self.at))
