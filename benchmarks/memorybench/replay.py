"""Plays a trace on a policy: every miss is waited for, nothing overlaps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from brain.vram.policies.demand import Demand
from brain.vram.policies.planner import SetPlanner, Values, problem, solve
from brain.vram.policies.view import Choice, Held, Known, View
from brain.vram.residents import Place

Chooser = Callable[[View], Choice | None]


@dataclass
class Memory:
    """What is loaded; the load seconds so far."""

    zoo: dict[str, Known]
    capacity_gb: float
    demand: Demand = field(default_factory=Demand)
    loaded: dict[str, tuple[int, float]] = field(default_factory=dict)
    """Model → (order of its last use, when)."""

    uses: int = 0
    load_seconds: float = 0.0
    loads: int = 0

    def used(self, model: str, at: float) -> None:
        self.uses += 1
        self.loaded[model] = (self.uses, at)
        self.demand.touch(self.zoo[model].place, at)

    def view(self, model: str, at: float) -> View:
        wanted = self.zoo[model]
        held = tuple(
            Held(one.place, one.gb, one.priority, one.reload_seconds, order, used_at, 1, False, 0)
            for one, order, used_at in (
                (self.zoo[name], *self.loaded[name]) for name in self.loaded
            )
        )
        need = sum(one.gb for one in held) + wanted.gb - self.capacity_gb
        rates = self.demand.rates(at) if need > 1e-9 else {}
        return View(at, self.capacity_gb, wanted, need, held, rates)

    def load(self, model: str, victims: Sequence[Place]) -> None:
        for place in victims:
            del self.loaded[place.model]
        taken = sum(self.zoo[name].gb for name in self.loaded) + self.zoo[model].gb
        if taken > self.capacity_gb + 1e-6:
            raise AssertionError(f"{taken} GB in a memory of {self.capacity_gb} GB")
        self.load_seconds += self.zoo[model].reload_seconds
        self.loads += 1


def replay(
    zoo: Sequence[Known], capacity_gb: float, uses: list[tuple[float, str]], choose: Chooser
) -> Memory:
    """Load seconds of a policy that needs no plan."""
    memory = Memory({one.place.model: one for one in zoo}, capacity_gb)
    for at, model in uses:
        if model not in memory.loaded:
            _miss(memory, model, at, choose)
        memory.used(model, at)
    return memory


def replay_planner(
    zoo: Sequence[Known], capacity_gb: float, uses: list[tuple[float, str]], *, fresh: bool = False
) -> Memory:
    """
    Load seconds of the planner. Its values are solved after a miss and read at the next one, as in
    the running orchestrator; `fresh` solves them at the miss itself, as if a caller waited for it.
    """
    memory = Memory({one.place.model: one for one in zoo}, capacity_gb)
    planner = SetPlanner()
    values: Values | None = None

    def plan(at: float, before: Values | None) -> Values:
        demand = memory.demand
        return solve(problem(zoo, capacity_gb, demand.rates(at), demand.follows()), before)

    def choose(view: View) -> Choice | None:
        return planner.choose(view, values)

    for at, model in uses:
        missed = model not in memory.loaded
        if missed:
            values = plan(at, values) if fresh else values
            _miss(memory, model, at, choose)
        memory.used(model, at)
        if missed and not fresh:
            values = plan(at, values)
    return memory


def _miss(memory: Memory, model: str, at: float, choose: Chooser) -> None:
    view = memory.view(model, at)
    victims: Sequence[Place] = ()
    if view.need_gb > 1e-9:
        choice = choose(view)
        if choice is None:
            raise AssertionError(f"{model} never fits")
        victims = choice.victims
    memory.load(model, victims)
