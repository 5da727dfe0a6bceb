"""
The orchestrator's own core in virtual time: callers, leases, loads, unloads, plans, no waiting.

    queries ──▶ Acquire ──▶ core ──▶ Grant ──▶ (seconds pass) ──▶ Leave ──▶ the next stage
                             │ └──▶ StartLoad, StartUnload ──▶ LoadDone, UnloadDone
                             └────▶ Solve ──▶ Solved at once
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

from brain.catalogue.models import ModelSpec
from brain.vram.core import Core
from brain.vram.events import (
    Acquire,
    Effect,
    Event,
    Grant,
    Leave,
    LoadDone,
    Reject,
    Snapshot,
    Solve,
    Solved,
    StartLoad,
    StartUnload,
    Tick,
    UnloadDone,
)
from brain.vram.options import VramOptions
from brain.vram.policies.choice import PolicyName
from brain.vram.policies.planner import solve
from brain.vram.policies.view import Known
from brain.vram.residents import Inventory, ServerFacts
from memorybench.workloads import Query
from memorybench.zoo import SERVER

SLOTS = 2
"""Generations at once, as in the design's simulation; each model takes so many leases too."""

UNLOAD_SECONDS = 0.5
TICK_SECONDS = 5.0


@dataclass(frozen=True)
class Order:
    """How work is ordered: by the core with a bound on overtakes, or strictly one by one."""

    policy: PolicyName = "planner"
    overtakes: int = 8
    in_order: bool = False
    """Strict FIFO: a stage is not asked for before the one in front has begun."""


@dataclass
class Outcome:
    """What a run cost and how long each query took."""

    load_seconds: float = 0.0
    loads: int = 0
    latencies: list[float] = field(default_factory=list)
    lost: int = 0

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Run:
    """One machine and one list of queries."""

    def __init__(
        self, zoo: Sequence[Known], capacity_gb: float, queries: Sequence[Query], order: Order
    ) -> None:
        self._seconds = {one.place.model: one.reload_seconds for one in zoo}
        self._order = order
        specs = {
            one.place.model: ModelSpec(name=one.place.model, size_gb=one.gb, priority=one.priority)
            for one in zoo
        }
        server = ServerFacts(SERVER, "ollama", "http://machine", loads=True)
        server.slots, server.parallel = SLOTS, SLOTS
        options = VramOptions(
            soft_gb=capacity_gb,
            hard_gb=capacity_gb,
            policy=order.policy,
            max_overtakes=order.overtakes,
        )
        self._core = Core(specs=specs, servers=[server], options=options)
        self._heap: list[tuple[float, int, Event | tuple[int, int]]] = []
        self._number = count()
        self._stage: dict[int, tuple[int, int]] = {}
        self._queries = queries
        self._line: list[tuple[float, int, int]] = []
        self._asking = False
        self._open = 0
        self.outcome = Outcome()
        self._now = 0.0
        self._take(Snapshot(SERVER, 0, 0.0, Inventory(installed=specs, loaded={})))

    def run(self) -> Outcome:
        """Play everything to its end."""
        for number, query in enumerate(self._queries):
            self._later(query.at, (number, 0))
        self._later(TICK_SECONDS, Tick(TICK_SECONDS))
        while self._heap and len(self.outcome.latencies) + self.outcome.lost < len(self._queries):
            self._now, _, what = heappop(self._heap)
            match what:
                case (int(number), int(stage)):
                    self._ask(number, stage)
                case Tick():
                    if self._stage:
                        self._take(what)
                    self._later(self._now + TICK_SECONDS, Tick(self._now + TICK_SECONDS))
                case Leave():
                    self._take(what)
                    self._done(what.ticket)
                case _:
                    self._take(what)
        return self.outcome

    def _ask(self, number: int, stage: int) -> None:
        heappush(self._line, (self._queries[number].at, number, stage))
        self._next_in_line()

    def _next_in_line(self) -> None:
        """In strict order only the first of the line may ask, and nobody while it waits."""
        while self._line and not (self._order.in_order and self._asking):
            arrived, number, stage = heappop(self._line)
            ticket = next(self._number)
            self._stage[ticket] = (number, stage)
            self._asking = True
            model = self._queries[number].stages[stage][0]
            self._take(Acquire(ticket, model, self._now, arrived=arrived))

    def _done(self, ticket: int) -> None:
        number, stage = self._stage.pop(ticket)
        query = self._queries[number]
        if stage + 1 < len(query.stages):
            self._ask(number, stage + 1)
        else:
            self.outcome.latencies.append(self._now - query.at)

    def _take(self, event: Event) -> None:
        for effect in self._core.step(event):
            self._perform(effect)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Grant():
                number, stage = self._stage[effect.ticket]
                end = self._now + self._queries[number].stages[stage][1]
                self._later(end, Leave(effect.ticket, end, ok=True))
                self._asking = False
                self._next_in_line()
            case Reject():
                del self._stage[effect.ticket]
                self.outcome.lost += 1
                self._asking = False
                self._next_in_line()
            case StartLoad():
                seconds = self._seconds[effect.place.model]
                self.outcome.load_seconds += seconds
                self.outcome.loads += 1
                end = self._now + seconds
                gb = effect.spec.size_gb
                self._later(end, LoadDone(effect.place, effect.epoch, end, seconds, gb))
            case StartUnload():
                end = self._now + UNLOAD_SECONDS
                self._later(end, UnloadDone(effect.place, effect.epoch, end))
            case Solve():
                values = solve(effect.problem, effect.warm)
                self._take(Solved(effect.domain, values, self._now))

    def _later(self, at: float, what: Event | tuple[int, int]) -> None:
        heappush(self._heap, (at, next(self._number), what))
