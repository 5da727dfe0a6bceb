"""M3 and M4: load seconds and latencies with a queue, on the orchestrator's own core."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from statistics import mean

from memorybench.optimum import optimum
from memorybench.queueing import Order, Outcome, Run
from memorybench.verdict import Goal
from memorybench.workloads import Habits, accesses, talks
from memorybench.zoo import Machine

ORDERS = {
    "strict FIFO": Order(in_order=True),
    "k = 0": Order(overtakes=0),
    "k = 8": Order(),
    "k = 8, documents' policy": Order(policy="documents"),
    "unbounded": Order(overtakes=10**9),
}
RATES = (60, 120, 240)
"""Queries an hour: 0.17, 0.34 and 0.68 of what two generations at once can answer."""


@dataclass(frozen=True)
class Load:
    """One list of queries, by its rate and seed."""

    per_hour: int
    seed: int
    count: int


def measure(load: Load) -> tuple[Load, dict[str, tuple[float, Outcome]]]:
    """Every order: (load seconds over the in-order optimum, outcome)."""
    machine = Machine()
    zoo = machine.zoo()
    habits = Habits(per_hour=float(load.per_hour))
    queries = talks(Random(f"queue-{load.per_hour}-{load.seed}"), load.count, habits)
    best = optimum(zoo, machine.capacity_gb, [model for _, model in accesses(queries)])
    found = {}
    for name, order in ORDERS.items():
        outcome = Run(zoo, machine.capacity_gb, queries, order).run()
        if outcome.lost:
            raise AssertionError(f"{outcome.lost} queries were lost")
        found[name] = (outcome.load_seconds / best, outcome)
    return load, found


Results = Sequence[tuple[Load, dict[str, tuple[float, Outcome]]]]


def rows(results: Results) -> list[str]:
    """A table: rates × orders."""
    lines = [f"{'an hour, order':<34}{'vs opt':>8}{'mean s':>9}{'p95':>8}{'p99':>8}{'worst':>8}"]
    for rate in RATES:
        for name in ORDERS:
            some = [found[name] for load, found in results if load.per_hour == rate]
            latency = mean(mean(one.latencies) for _, one in some)
            tails = [mean(one.percentile(q) for _, one in some) for q in (0.95, 0.99, 1.0)]
            ratio = mean(value for value, _ in some)
            lines.append(
                f"{rate:>4}  {name:<28}{ratio:>8.2f}{latency:>9.0f}"
                + "".join(f"{tail:>8.0f}" for tail in tails)
            )
    return lines


def goals(results: Results) -> list[Goal]:
    """M3 and M4."""

    def ratio(rate: int) -> float:
        return mean(found["k = 8"][0] for load, found in results if load.per_hour == rate)

    def tail(rate: int, order: str, share: float) -> float:
        return mean(
            found[order][1].percentile(share) for load, found in results if load.per_hour == rate
        )

    return [
        Goal("M3 load seconds over the in-order optimum, 240 an hour", ratio(240), 0.70),
        Goal("M3 the same, 60 an hour", ratio(60), 1.10),
        Goal(
            "M4 p99 over strict FIFO, 120 an hour",
            tail(120, "k = 8", 0.99) / tail(120, "strict FIFO", 0.99),
            1 / 3,
        ),
        Goal(
            "M4 worst wait over unbounded, 120 an hour",
            tail(120, "k = 8", 1.0) / tail(120, "unbounded", 1.0),
            1.05,
        ),
    ]
