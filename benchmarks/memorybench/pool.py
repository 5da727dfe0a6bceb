"""M5: two machines of 80 GB; where a model goes that neither has."""

from collections.abc import Sequence
from random import Random

from brain.vram.policies.demand import Demand
from brain.vram.policies.planner import SetPlanner, Values, problem, solve
from brain.vram.policies.view import loss_seconds
from brain.vram.residents import Place
from memorybench.replay import Memory
from memorybench.verdict import Goal
from memorybench.workloads import FIVE, accesses
from memorybench.zoo import Machine

EACH_GB = 80.0
MACHINES = 2


def load_seconds(uses: Sequence[tuple[float, str]], *, least_regret: bool) -> float:
    """Of both machines; else a missing model goes where the most memory is free."""
    zoo = Machine().zoo()
    by_name = {one.place.model: one for one in zoo}
    demand, planner = Demand(), SetPlanner()
    memories = [Memory(by_name, EACH_GB, demand) for _ in range(MACHINES)]
    values: Values | None = None
    for at, model in uses:
        having = [one for one in memories if model in one.loaded]
        if having:
            having[0].used(model, at)
            continue
        values = solve(problem(zoo, EACH_GB, demand.rates(at), demand.follows()), values)
        plans = [_plan(one, planner, values, model, at) for one in memories]
        memory, _, victims = min(plans, key=_regret if least_regret else _taken)
        memory.load(model, victims)
        memory.used(model, at)
    return sum(one.load_seconds for one in memories)


Plan = tuple[Memory, float, tuple[Place, ...]]
"""Where, seconds of loading that are lost by it, who leaves."""


def _plan(memory: Memory, planner: SetPlanner, values: Values, model: str, at: float) -> Plan:
    view = memory.view(model, at)
    choice = planner.choose(view, values) if view.need_gb > 1e-9 else None
    if choice is None:
        return memory, 0.0, ()
    leaving = [one for one in view.held if one.place in choice.victims]
    return memory, loss_seconds(leaving, view.rates), choice.victims


def _regret(plan: Plan) -> tuple[float, float]:
    return plan[1], _taken(plan)


def _taken(plan: Plan) -> float:
    return sum(plan[0].zoo[name].gb for name in plan[0].loaded)


def goals(seeds: Sequence[int], count: int) -> list[Goal]:
    """Least regret over most free memory, the mean of each workload."""
    found = []
    for name in ("sessions", "diurnal", "drift"):
        regret = free = 0.0
        for seed in seeds:
            uses = accesses(FIVE[name](Random(f"{name}-{seed}"), count))
            regret += load_seconds(uses, least_regret=True)
            free += load_seconds(uses, least_regret=False)
        found.append(Goal(f"M5 least regret over most free memory, {name}", regret / free, 0.65))
    return found
