"""
Traces of another structure than the five: other hours, other zoos, disks of different speed, habits
that change at once, and one that is made to hurt.

No number was tuned on them. That the planner looks at what follows what came from seeds 0 and 1 of
them, so for reports their seeds are unseen, their structure is not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, log
from random import Random

from brain.catalogue.models import Priority
from brain.vram.policies.view import Known
from brain.vram.residents import Place
from memorybench.workloads import DAY, Habits, accesses, daily_mix, talks, usual
from memorybench.zoo import SERVER, SIZES_GB, Machine


@dataclass(frozen=True)
class Case:
    """A memory, the models that may be asked for, and who asked when."""

    name: str
    zoo: tuple[Known, ...]
    capacity_gb: float
    uses: list[tuple[float, str]]


def office_week(rng: Random, count: int) -> Case:
    """Mondays to Fridays, nine to six with a break; at night and at weekends next to nothing."""

    def rate(at: float) -> float:
        hour, day = at / 3600.0 % 24, int(at // DAY) % 7
        if day > 4 or not 8 <= hour < 19:
            return 0.03
        return 0.6 if 12 <= hour < 13 else 2.0

    habits = Habits(per_hour=60.0, questions=3.0, think_seconds=240.0, mix=daily_mix, rate=rate)
    return Case("office week", Machine().zoo(), 110.0, accesses(talks(rng, count, habits)))


def loop(rng: Random, count: int) -> Case:
    """Always the same round through more than fits, now and then one out of turn."""
    round_trip = ["gpt-oss:20b", "deepseek-r1:70b", "nemotron-3-nano:30b", "ministral-3:14b"]
    round_trip += ["devstral-small-2:24b", "rnj-1:8b", "deepseek-ocr:3b", "qwen3-embedding:4b"]
    uses, at = [], 0.0
    for number in range(2 * count):
        at += rng.uniform(5.0, 40.0)
        strays = rng.random() < 0.05
        model = rng.choice(list(SIZES_GB)) if strays else round_trip[number % len(round_trip)]
        uses.append((at, model))
    return Case("loop", Machine().zoo(), 100.0, uses)


def flash_crowd(rng: Random, count: int) -> Case:
    """Calm hours, and now and then twenty minutes in which everybody wants one model."""
    usual_uses = talks(rng, count, Habits(per_hour=40.0))
    uses = accesses(usual_uses)
    at = 3600.0
    while at < uses[-1][0]:
        model = rng.choice(list(SIZES_GB))
        uses += [(at + rng.uniform(0.0, 1200.0), model) for _ in range(60)]
        at += rng.uniform(2.0, 6.0) * 3600.0
    return Case("flash crowd", Machine().zoo(), 110.0, sorted(uses))


def two_disks(rng: Random, count: int) -> Case:
    """Half of the models lie on a disk that is ten times slower."""
    zoo = []
    for one in Machine().zoo():
        speed = rng.choice((0.5, 5.0))
        zoo.append(one._replace(reload_seconds=2.0 + one.gb / speed))
    return Case("two disks", tuple(zoo), 110.0, accesses(talks(rng, count, Habits())))


def other_zoo(rng: Random, count: int) -> Case:
    """Twelve models of other sizes, in chains: each is followed by one of its two favourites."""
    sizes = [round(exp(rng.uniform(log(2.0), log(60.0))), 1) for _ in range(12)]
    machine = Machine()
    zoo = tuple(
        Known(Place(SERVER, f"m{i:02}"), gb, machine.load_seconds(gb), Priority.NORMAL)
        for i, gb in enumerate(sizes)
    )
    after = [(rng.randrange(12), rng.randrange(12)) for _ in sizes]
    uses, at, now = [], 0.0, 0
    for _ in range(2 * count):
        at += rng.expovariate(1 / 25.0)
        x = rng.random()
        now = after[now][0] if x < 0.5 else after[now][1] if x < 0.8 else rng.randrange(12)
        uses.append((at, f"m{now:02}"))
    return Case("chains, other zoo", zoo, max(90.0, max(sizes)), uses)


def one_asker(rng: Random, count: int) -> Case:
    """One person, one conversation after the other, each long and loyal to its model."""
    habits = Habits(per_hour=15.0, questions=12.0, think_seconds=60.0, loyalty=0.9)
    return Case("one asker", Machine().zoo(), 110.0, accesses(talks(rng, count, habits)))


def moves_house(rng: Random, count: int) -> Case:
    """From one day to the next other models are liked, in an order that nobody could know."""
    shares = usual(0.0)
    orders = [rng.sample(shares, len(shares)) for _ in range(100)]
    habits = Habits(per_hour=50.0, mix=lambda at: orders[int(at // DAY) % 100])
    return Case("moves house", Machine().zoo(), 110.0, accesses(talks(rng, count, habits)))


OTHERS = (office_week, loop, flash_crowd, two_disks, other_zoo, one_asker, moves_house)


def others(seed: int, count: int) -> Iterator[Case]:
    """All of them for a seed."""
    for build in OTHERS:
        yield build(Random(f"{build.__name__}-{seed}"), count)
