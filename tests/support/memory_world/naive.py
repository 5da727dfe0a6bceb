"""
Schedulers as they are written at first: each line is a mistake that shipped somewhere.

They speak the core's events and effects, so that the same story can be played on them. None of
them is copied from anywhere; they do what is told about the programs named in the tests.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from brain.catalogue.models import ModelSpec, Priority
from brain.vram.events import (
    Acquire,
    AskUnload,
    Effect,
    Event,
    Grant,
    Leave,
    LoadDone,
    Sampled,
    Snapshot,
    StartLoad,
    StartUnload,
    Tick,
    UnloadDone,
)
from brain.vram.residents import Place

SERVER = "one"


class Careless:
    """Nobody counts who uses a model, and what was asked for is believed to have happened."""

    def __init__(
        self,
        specs: Mapping[str, ModelSpec],
        hard_gb: float,
        *,
        one_load_for_all: bool = True,
        looks_every_seconds: float = 0.0,
        keeps_seconds: float = 600.0,
    ) -> None:
        self._specs = specs
        self._hard_gb = hard_gb
        self._one_load_for_all = one_load_for_all
        self._looks_every_seconds = looks_every_seconds
        self._keeps_seconds = keeps_seconds
        self._registry: dict[str, float] = {}
        """Model and when it was last asked for."""

        self._ready: set[str] = set()
        self._waiting: list[Acquire] = []
        self._crashes: dict[str, int] = {}
        self._looked_at = 0.0
        self._effects: list[Effect] = []

    def step(self, event: Event) -> list[Effect]:
        """As `Core.step`."""
        self._effects = []
        match event:
            case Acquire():
                self._acquire(event)
            case LoadDone(place=place, failure=failure):
                if failure is not None:
                    self._crashes[place.model] = self._crashes.get(place.model, 0) + 1
                self._ready.add(place.model)
                self._grant(place.model)
            case Snapshot(inventory=inventory):
                loaded = inventory.loaded if inventory is not None else {}
                self._registry = {m: at for m, at in self._registry.items() if m in loaded}
            case Sampled(sample=sample):
                stalls = sample.psi.full_avg10 if sample.psi is not None else 0.0
                available = 28.0 if sample.available_gb is None else sample.available_gb
                self._pressure(sample.at, stalls > 15.0 or available < 2.0)
            case Tick(at=at):
                for model, asked in list(self._registry.items()):
                    if at - asked > self._keeps_seconds:
                        self._unload(model)
            case AskUnload(model=str(model)):
                self._unload(model)
        return self._effects

    def _acquire(self, event: Acquire) -> None:
        model = event.model
        if model in self._registry and (self._one_load_for_all or model in self._ready):
            self._registry[model] = event.at
            self._effects.append(Grant(event.ticket, self._place(model), self._specs[model], 0.0))
            return
        self._make_room(self._specs[model].size_gb + 20.0 * (self._crashes.get(model, 0) >= 2))
        self._registry[model] = event.at
        self._waiting.append(event)
        self._effects.append(StartLoad(self._place(model), event.ticket, self._specs[model]))

    def _make_room(self, need_gb: float) -> None:
        order = sorted(self._registry, key=lambda m: (self._specs[m].priority, self._registry[m]))
        for model in order:
            if sum(self._specs[m].size_gb for m in self._registry) + need_gb <= self._hard_gb:
                return
            self._unload(model)

    def _pressure(self, at: float, is_short: bool) -> None:
        if not is_short or at - self._looked_at < self._looks_every_seconds:
            return
        self._looked_at = at
        if self._registry:
            self._unload(min(self._registry, key=lambda model: self._registry[model]))

    def _unload(self, model: str) -> None:
        if self._registry.pop(model, None) is not None:
            self._ready.discard(model)
            self._effects.append(StartUnload(self._place(model), 0))

    def _grant(self, model: str) -> None:
        for one in [one for one in self._waiting if one.model == model]:
            self._waiting.remove(one)
            self._effects.append(Grant(one.ticket, self._place(model), self._specs[model], 0.0))

    def _place(self, model: str) -> Place:
        return Place(SERVER, model)


class OneLock(Careless):
    """Careless, and whoever comes while a model leaves waits until it has left."""

    def __init__(self, specs: Mapping[str, ModelSpec], hard_gb: float) -> None:
        super().__init__(specs, hard_gb)
        self._behind: list[Acquire] = []
        self._leaving = 0

    def step(self, event: Event) -> list[Effect]:
        """As `Core.step`."""
        if isinstance(event, Acquire) and self._leaving:
            self._behind.append(event)
            return []
        self._leaving -= isinstance(event, UnloadDone)
        effects = super().step(event)
        self._leaving += sum(isinstance(one, StartUnload) for one in effects)
        return effects


class Trusting(Careless):
    """Careless, and whatever a server says is so, however old it is."""

    def step(self, event: Event) -> list[Effect]:
        """As `Core.step`."""
        if isinstance(event, Snapshot) and event.inventory is not None:
            self._registry |= dict.fromkeys(event.inventory.loaded, event.at)
        return super().step(event)


class Tripping(Careless):
    """Careless, with a breaker that is half open until a load succeeds."""

    def __init__(self, specs: Mapping[str, ModelSpec], hard_gb: float, *, one_probe: bool) -> None:
        super().__init__(specs, hard_gb, one_load_for_all=False)
        self._one_probe = one_probe
        self._failures = 0
        self._opened_at = 0.0
        self._probing = False

    def step(self, event: Event) -> list[Effect]:
        """As `Core.step`."""
        if isinstance(event, LoadDone) and event.failure is not None:
            self._failures += 1
            self._opened_at = event.at
            self._registry.pop(event.place.model, None)
            return []
        if isinstance(event, Acquire) and self._failures >= 2:
            waits = event.at - self._opened_at < 30.0 or (self._probing and self._one_probe)
            self._probing = self._probing or not waits
            if waits:
                return []
        return super().step(event)


@dataclass
class _Runner:
    gb: float
    state: str = "loading"
    uses: int = 0
    waiting: list[int] = field(default_factory=list)


class Counting:
    """It counts uses, and handles one request that needs a load after the other."""

    def __init__(self, specs: Mapping[str, ModelSpec], hard_gb: float) -> None:
        self._specs = specs
        self._hard_gb = hard_gb
        self._runners: dict[str, _Runner] = {}
        self._queue: list[Acquire] = []
        self._holds: dict[int, str] = {}
        self._expiring: set[str] = set()
        self._effects: list[Effect] = []

    def step(self, event: Event) -> list[Effect]:
        """As `Core.step`."""
        self._effects = []
        match event:
            case Acquire():
                self._acquire(event)
            case Leave():
                self._leave(event)
            case LoadDone(place=place):
                self._loaded(place.model)
            case UnloadDone():  # whose it was is not looked at
                for model in [m for m, one in self._runners.items() if one.state == "leaving"]:
                    del self._runners[model]
                self._expire()
            case AskUnload(model=str(model)) if model in self._runners:
                self._expiring.add(model)
                self._expire()
            case Sampled(sample=sample) if sample.available_gb is not None:
                if sample.available_gb < 2.0:
                    self._expiring |= self._runners.keys()
                    self._expire()
        self._next()
        return self._effects

    def _leave(self, event: Leave) -> None:
        model = self._holds.pop(event.ticket, None)
        if model in self._runners:
            self._runners[model].uses -= 1
            self._expire()

    def _loaded(self, model: str) -> None:
        runner = self._runners[model]
        runner.state = "ready"
        for ticket in runner.waiting:
            self._grant(ticket, model)
        runner.waiting = []

    def _acquire(self, event: Acquire) -> None:
        runner = self._runners.get(event.model)
        if runner is None:
            self._queue.append(event)
        elif runner.state == "ready":
            self._grant(event.ticket, event.model)
        else:
            runner.waiting.append(event.ticket)

    def _grant(self, ticket: int, model: str) -> None:
        self._holds[ticket] = model
        self._runners[model].uses += 1
        self._effects.append(Grant(ticket, Place(SERVER, model), self._specs[model], 0.0))

    def _expire(self) -> None:
        for model in sorted(self._expiring):
            runner = self._runners.get(model)
            if runner is not None and runner.state == "ready" and not runner.uses:
                self._expiring.discard(model)
                runner.state = "leaving"
                self._effects.append(StartUnload(Place(SERVER, model), 0))

    def _next(self) -> None:
        if not self._queue or any(one.state != "ready" for one in self._runners.values()):
            return
        first = self._queue[0]
        gb = self._specs[first.model].size_gb
        if sum(one.gb for one in self._runners.values()) + gb > self._hard_gb and self._runners:
            victims = [m for m in self._runners if self._specs[m].priority < Priority.CRITICAL]
            self._expiring |= set(victims)
            self._expire()
            return
        self._queue.pop(0)
        self._runners[first.model] = _Runner(gb, waiting=[first.ticket])
        self._effects.append(
            StartLoad(Place(SERVER, first.model), first.ticket, self._specs[first.model])
        )


class Draining(Counting):
    """Counting, with a drain that nobody is told of when it is called off."""

    def __init__(self, specs: Mapping[str, ModelSpec], hard_gb: float) -> None:
        super().__init__(specs, hard_gb)
        self._overtaken = 0

    def step(self, event: Event) -> list[Effect]:
        """As `Core.step`."""
        if isinstance(event, Acquire) and self._queue and event.model in self._runners:
            self._overtaken += 1
            if self._overtaken > 8:
                self._runners[event.model].waiting.append(event.ticket)
                return []
        if isinstance(event, Leave):
            self._queue = [one for one in self._queue if one.ticket != event.ticket]
            self._overtaken *= bool(self._queue)
        return super().step(event)
