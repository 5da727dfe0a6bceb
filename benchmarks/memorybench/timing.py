"""
M6: how long a decision takes, and what the event loop feels of a plan beside it.

Decisions are measured in CPU seconds of their thread, as other programs may use this machine.
"""

from collections.abc import Callable
from functools import partial
from math import exp, log
from random import Random
from threading import Thread
from time import perf_counter, sleep, thread_time

from brain.catalogue.models import ModelSpec, Priority
from brain.vram.core import Core
from brain.vram.events import Acquire, Grant, Leave, LoadDone, Snapshot, StartLoad
from brain.vram.options import VramOptions
from brain.vram.policies.choice import PolicyName, policy_named
from brain.vram.policies.planner import Problem, SetPlanner, Values, problem, solve
from brain.vram.policies.sets import sets_of
from brain.vram.policies.view import Held, Known, View
from brain.vram.residents import Inventory, Place, ServerFacts
from memorybench.verdict import Goal, percentile

MICRO = 1e6
MILLI = 1e3


def goals(*, quick: bool) -> list[Goal]:
    """Every figure of M6 but the asyncio one."""
    times = 1 if quick else 4
    found = [Goal("M6 hit path in the core, p50", percentile(_hits(), 0.5) * MICRO, 10.0, " us")]
    names: tuple[PolicyName, ...] = ("gdsf", "lru")
    for name in names:
        choose = policy_named(name).choose
        view = _many(1000)
        taken = _timed(partial(choose, view), 200 * times)
        label = f"M6 eviction among 1000 models, {name}, p99"
        found.append(Goal(label, percentile(taken, 0.99) * MICRO, 250.0, " us"))
    for models, aim in ((12, 20.0), (16, 70.0)):
        plans, choices, _ = _planning(models, 40 * times)
        label = f"M6 plan for {models} models, p99"
        found.append(Goal(label, percentile(plans, 0.99) * MILLI, aim, " ms"))
        label = f"M6 choice with it, {models} models, p99"
        found.append(Goal(label, percentile(choices, 0.99) * MICRO, 250.0, " us"))
    found.append(Goal("M6 stall of the loop while planning, p99", _stall() * MILLI, 2.0, " ms"))
    return found


def _timed(work: Callable[[], object], times: int) -> list[float]:
    taken = []
    for _ in range(times):
        before = thread_time()
        work()
        taken.append(thread_time() - before)
    return taken


def _hits() -> list[float]:
    spec = ModelSpec(name="m", size_gb=5.0)
    server = ServerFacts("s", "ollama", "http://s", loads=True)
    core = Core(specs={"m": spec}, servers=[server], options=VramOptions(soft_gb=9.0, hard_gb=10.0))
    core.step(Snapshot("s", 0, 0.0, Inventory(installed={"m": spec}, loaded={})))
    for effect in core.step(Acquire(0, "m", 1.0)):
        if isinstance(effect, StartLoad):
            core.step(LoadDone(effect.place, effect.epoch, 2.0, 1.0, 5.0))
    taken = []
    for ticket in range(1, 5000):
        before = thread_time()
        effects = core.step(Acquire(ticket, "m", 3.0 + ticket))
        taken.append(thread_time() - before)
        if not isinstance(effects[0], Grant):
            raise AssertionError("not a hit")
        core.step(Leave(ticket, 3.5 + ticket))
    return taken


def _zoo(models: int, seed: int) -> tuple[Known, ...]:
    """Sizes like those of a public catalogue: log-uniform between 4 and 80 GB."""
    rng = Random(seed)
    sizes = [round(exp(rng.uniform(log(4.0), log(80.0))), 1) for _ in range(models)]
    return tuple(
        Known(Place("s", f"m{i:04}"), gb, 2 + gb / 1.5, Priority.NORMAL)
        for i, gb in enumerate(sizes)
    )


def _many(models: int) -> View:
    rng = Random(1)
    held = tuple(
        Held(one.place, one.gb, one.priority, one.reload_seconds, i, 0.0, 1, False, 0)
        for i, one in enumerate(_zoo(models, 1))
    )
    rates = {one.place: rng.random() / 600 for one in held}
    return View(0.0, 1e5, Known(Place("s", "x"), 76.0, 52.0, Priority.NORMAL), 76.0, held, rates)


def _problem(zoo: tuple[Known, ...], rng: Random) -> Problem:
    rates = {one.place: rng.random() ** 3 / 600 for one in zoo}
    follows = {
        one.place: {other.place: rng.random() ** 3 * 20 for other in zoo if other != one}
        for one in zoo
    }
    return problem(zoo, 110.0, rates, follows)


def _feasible(models: int) -> tuple[Known, ...]:
    for seed in range(100):
        zoo = _zoo(models, seed)
        if sets_of(tuple(one.gb for one in zoo), 110.0) is not None:
            return zoo
    raise AssertionError("no zoo of that size can be planned")


def _planning(models: int, times: int) -> tuple[list[float], list[float], Values]:
    """Plans for demand that changes from one to the next, and choices with them."""
    zoo, rng = _feasible(models), Random(models)
    values = solve(_problem(zoo, rng))
    old = _problem(zoo, rng)
    plans, choices = [], []
    for number in range(times):
        # A tenth of the demand changes at a time; everything at once is a cold start.
        new = _problem(zoo, Random(number))
        mixed = Problem(
            old.zoo,
            old.capacity_gb,
            tuple(
                tuple(0.9 * a + 0.1 * b for a, b in zip(x, y, strict=True))
                for x, y in zip(old.chances, new.chances, strict=True)
            ),
        )
        before = thread_time()
        values = solve(mixed, values)
        plans.append(thread_time() - before)
        old = mixed
        view = _full(zoo, rng)
        before = thread_time()
        SetPlanner().choose(view, values)
        choices.append(thread_time() - before)
    return plans, choices, values


def _full(zoo: tuple[Known, ...], rng: Random) -> View:
    """A memory filled at random, and one that does not fit any more."""
    order = rng.sample(zoo, len(zoo))
    held: list[Held] = []
    for number, one in enumerate(order):
        taken = sum(other.gb for other in held)
        if taken + one.gb > 110.0:
            need = taken + one.gb - 110.0
            return View(0.0, 110.0, one, need, tuple(held), {})
        held.append(
            Held(one.place, one.gb, one.priority, one.reload_seconds, number, 0.0, 1, False, 0)
        )
    raise AssertionError("everything fits")


def _stall() -> float:
    """How much later than it should a thread that sleeps 1 ms wakes while plans are made, p99."""
    zoo, rng = _feasible(16), Random(7)
    problems = [_problem(zoo, rng) for _ in range(6)]

    def plan() -> None:
        for one in problems:
            solve(one)

    def late() -> float:
        before = perf_counter()
        sleep(0.001)
        return perf_counter() - before - 0.001

    calm = percentile([late() for _ in range(300)], 0.99)
    worker = Thread(target=plan)
    worker.start()
    lateness = []
    while worker.is_alive():
        lateness.append(late())
    worker.join()
    return max(0.0, percentile(lateness, 0.99) - calm)
