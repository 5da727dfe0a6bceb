"""M1 and M2: load seconds of each policy over the exact optimum, nothing overlapping."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

from brain.catalogue.models import Priority
from brain.vram.policies.choice import policy_named
from brain.vram.policies.view import Known
from memorybench.baselines import lru_trimmed, ollama_order, plain_lru
from memorybench.optimum import optimum
from memorybench.others import OTHERS, Case
from memorybench.replay import replay, replay_planner
from memorybench.verdict import Goal, geomean
from memorybench.workloads import FIVE, Habits, accesses, talks, trace
from memorybench.zoo import DOCUMENTS, Machine

Ratios = dict[str, float]
POLICIES = {
    "LRU": plain_lru,
    "Ollama's order": ollama_order,
    "documents": policy_named("documents").choose,
    "lru": policy_named("lru").choose,
    "lru, no priorities": lru_trimmed,
    "gdsf": policy_named("gdsf").choose,
}
PLANNERS = ("planner", "planner, fresh", "planner, no prices", "planner, documents' classes")


@dataclass(frozen=True)
class Job:
    """One trace: which set of the report it belongs to, and how it is made."""

    group: str
    name: str
    seed: int
    build: Callable[[], Case]


def jobs(seeds: Sequence[int], count: int) -> Iterator[Job]:
    """Every trace of the report."""
    for seed in seeds:
        for name in FIVE:
            yield Job("five", name, seed, partial(_five, name, seed, count, Machine()))
            small = Machine(capacity_gb=100.0)
            yield Job("100 GB", name, seed, partial(_five, name, seed, count // 2, small))
            fast = Machine(gb_per_second=5.0, fixed_seconds=4.0)
            yield Job("5 GB/s", name, seed, partial(_five, name, seed, count // 2, fast))
        yield Job("rare", "20 an hour", seed, partial(_rare, seed, count))
        for other in OTHERS:
            build = partial(other, Random(f"{other.__name__}-{seed}"), count)
            yield Job("others", other.__name__, seed, build)


def _five(name: str, seed: int, count: int, machine: Machine) -> Case:
    queries = trace(FIVE[name], name, seed, count)
    return Case(name, machine.zoo(), machine.capacity_gb, accesses(queries))


def _rare(seed: int, count: int) -> Case:
    queries = talks(Random(f"rare-{seed}"), count, Habits(per_hour=20.0))
    return Case("20 an hour", Machine().zoo(), 110.0, accesses(queries))


def measure(job: Job) -> tuple[Job, Ratios]:
    """Every policy on one trace."""
    case = job.build()
    zoo, capacity, uses = case.zoo, case.capacity_gb, case.uses
    best = optimum(zoo, capacity, [model for _, model in uses])
    seconds = {"planner": replay_planner(zoo, capacity, uses).load_seconds}
    if job.group in ("five", "others"):
        fresh = replay_planner(zoo, capacity, uses, fresh=True)
        seconds["planner, fresh"] = fresh.load_seconds
        for name, classes in (("no prices", {}), ("documents' classes", DOCUMENTS)):
            priced = _priced(zoo, classes)
            seconds[f"planner, {name}"] = replay_planner(priced, capacity, uses).load_seconds
    for name, choose in POLICIES.items():
        seconds[name] = replay(zoo, capacity, uses, choose).load_seconds
    if min(seconds.values()) < best - 1e-6:
        raise AssertionError(f"{job.name}: better than the optimum")
    return job, {name: value / best for name, value in seconds.items()}


def _priced(zoo: Sequence[Known], classes: Mapping[str, Priority]) -> tuple[Known, ...]:
    return tuple(
        one._replace(priority=classes.get(one.place.model, Priority.NORMAL)) for one in zoo
    )


def rows(results: Sequence[tuple[Job, Ratios]], group: str) -> list[str]:
    """A table: policies × traces, geomean and worst."""
    mine = [(job.name, ratios) for job, ratios in results if job.group == group]
    names = list(dict.fromkeys(name for name, _ in mine))
    lines = [f"{group:<28}" + "".join(f"{name[:11]:>12}" for name in names) + "     geomean  worst"]
    for policy in dict.fromkeys((*PLANNERS, *POLICIES)):
        values = {
            name: [one[policy] for n, one in mine if n == name and policy in one] for name in names
        }
        if not all(values.values()):
            continue
        whole = [value for some in values.values() for value in some]
        cells = "".join(f"{geomean(some):>12.3f}" for some in values.values())
        lines.append(f"  {policy:<26}{cells}{geomean(whole):>12.3f}{max(whole):>7.3f}")
    return lines


def goals(results: Sequence[tuple[Job, Ratios]]) -> list[Goal]:
    """M1, M2, and the traces of another structure."""
    found = {
        group: [ratios["planner"] for job, ratios in results if job.group == group]
        for group in ("five", "100 GB", "5 GB/s", "rare", "others")
    }
    return [
        Goal("M1 load seconds over the optimum, five workloads", geomean(found["five"]), 1.10),
        Goal("M1 worst trace", max(found["five"]), 1.15),
        Goal("M2 at 100 GB", geomean(found["100 GB"]), 1.13),
        Goal("M2 at 5 GB/s", geomean(found["5 GB/s"]), 1.12),
        Goal("M2 rare traffic", geomean(found["rare"]), 1.12),
        Goal("other structures", geomean(found["others"]), 1.12),
        Goal("other structures, worst trace", max(found["others"]), 1.25),
    ]
