"""
Synthetic days of use: five kinds on which the planner was tuned (seeds 0 to 2 only; reports use
100 and later), as lists of queries.

A query goes through stages, each on one model: the router, sometimes the embedding model, the model
of its route, sometimes the one that polishes the answer, sometimes a summary.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import pi, sin
from random import Random

from memorybench.zoo import AFTERWARDS, EMBEDDING, ROUTER, SIZES_GB

DAY = 86400.0


@dataclass(frozen=True)
class Query:
    """`stages` are models and the seconds each of them generates."""

    at: float
    session: int
    stages: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Route:
    model: str
    share: float
    day: float
    evening: float
    night: float
    seconds: float
    polished: float
    embedded: float


ROUTES = (
    Route("gpt-oss:20b", 0.30, 0.20, 0.48, 0.10, 8.0, 0.05, 0.05),
    Route("rnj-1:8b", 0.17, 0.25, 0.10, 0.05, 8.0, 0.35, 0.0),
    Route("gpt-oss:120b", 0.20, 0.22, 0.16, 0.20, 30.0, 0.20, 0.40),
    Route("devstral-small-2:24b", 0.08, 0.12, 0.03, 0.02, 18.0, 0.35, 0.0),
    Route("devstral-2:123b", 0.06, 0.09, 0.02, 0.03, 45.0, 0.35, 0.0),
    Route("deepseek-r1:70b", 0.05, 0.03, 0.04, 0.30, 50.0, 0.05, 0.10),
    Route("nemotron-3-nano:30b", 0.05, 0.02, 0.07, 0.20, 15.0, 0.05, 0.0),
    Route("ministral-3:14b", 0.05, 0.03, 0.06, 0.02, 8.0, 0.0, 0.0),
    Route("deepseek-ocr:3b", 0.04, 0.04, 0.04, 0.08, 6.0, 0.10, 0.0),
)
SECONDS = {route.model: route.seconds for route in ROUTES} | {EMBEDDING: 0.5}

Mix = Callable[[float], list[float]]
Rate = Callable[[float], float]
Workload = Callable[[Random, int], list[Query]]


def usual(_at: float) -> list[float]:
    return [route.share for route in ROUTES]


@dataclass(frozen=True)
class Habits:
    """How people ask: questions an hour, questions a session, pauses, loyalty to a route."""

    per_hour: float = 100.0
    questions: float = 5.0
    think_seconds: float = 90.0
    loyalty: float = 0.75
    mix: Mix = usual
    rate: Rate = lambda _at: 1.0
    """The busyness at a time, at most 2."""


def generation(rng: Random, mean: float) -> float:
    """Seconds an answer takes: gamma of shape 2."""
    return rng.gammavariate(2.0, mean / 2.0)


def query(rng: Random, at: float, session: int, route: Route) -> Query:
    stages = [(ROUTER, 1.0 + rng.expovariate(1.0))]
    if rng.random() < route.embedded:
        stages.append((EMBEDDING, 0.3 + rng.expovariate(5.0)))
    stages.append((route.model, generation(rng, route.seconds)))
    if rng.random() < route.polished:
        stages.append((AFTERWARDS, generation(rng, 5.0)))
    if rng.random() < 0.08:
        stages.append((ROUTER, generation(rng, 6.0)))
    return Query(at, session, tuple(stages))


def talks(rng: Random, count: int, habits: Habits) -> list[Query]:
    """People who come, ask a few questions, mostly of one kind, and go; `count` queries."""
    begins_per_second = habits.per_hour / habits.questions / 3600.0
    queries: list[Query] = []
    at, session = 0.0, 0
    while len(queries) < count * 1.05:
        at += rng.expovariate(begins_per_second * 2.0)
        if rng.random() > habits.rate(at) / 2.0:
            continue
        session += 1
        queries += _talk(rng, at, session, habits)
    return sorted(queries, key=lambda one: one.at)[:count]


def _talk(rng: Random, at: float, session: int, habits: Habits) -> list[Query]:
    queries = []
    route = rng.choices(ROUTES, habits.mix(at))[0]
    while True:
        queries.append(query(rng, at, session, route))
        if rng.random() < 1.0 / habits.questions:
            return queries
        at += 8.0 + rng.expovariate(1.0 / habits.think_seconds)
        if rng.random() > habits.loyalty:
            route = rng.choices(ROUTES, habits.mix(at))[0]


def zipf(rng: Random, count: int) -> list[Query]:
    """Independent requests every 30 s, Zipf 0.9 over the models in random order of popularity."""
    models = list(SIZES_GB)
    rng.shuffle(models)
    weights = [(rank + 1) ** -0.9 for rank in range(len(models))]
    queries, at = [], 0.0
    for session in range(count):
        at += rng.expovariate(1 / 30.0)
        model = rng.choices(models, weights)[0]
        queries.append(Query(at, session, ((model, SECONDS[model]),)))
    return queries


def sessions(rng: Random, count: int) -> list[Query]:
    return talks(rng, count, Habits())


def daily_mix(at: float) -> list[float]:
    hour = at / 3600.0 % 24
    if hour < 6:
        return [route.night for route in ROUTES]
    return [route.day if hour < 18 else route.evening for route in ROUTES]


def daily_rate(at: float) -> float:
    return 1.0 + 0.85 * sin(2 * pi * (at / DAY - 0.25))


def diurnal(rng: Random, count: int) -> list[Query]:
    """Other questions by day, in the evening and at night, and fewer at night."""
    return talks(rng, count, Habits(mix=daily_mix, rate=daily_rate))


def drift(rng: Random, count: int) -> list[Query]:
    """What is popular changes every three hours."""
    mixes: dict[int, list[float]] = {}
    seed = rng.getrandbits(32)

    def mix(at: float) -> list[float]:
        period = int(at // 10800)
        if period not in mixes:
            shares = usual(at)
            Random(seed + period).shuffle(shares)
            mixes[period] = shares
        return mixes[period]

    return talks(rng, count, Habits(mix=mix))


def scan(rng: Random, count: int) -> list[Query]:
    """Sessions, and every four hours a batch job that uses every model twice."""
    queries = sessions(rng, count)
    at = 7200.0
    while at < queries[count - 1].at:
        for number, model in enumerate(SIZES_GB):
            for turn in (1, 2):
                begin = at + 20.0 * (2 * number + turn)
                queries.append(Query(begin, -1, ((model, SECONDS[model]),)))
        at += 14400.0
    return sorted(queries, key=lambda one: one.at)


FIVE: Mapping[str, Workload] = {
    "zipf": zipf,
    "sessions": sessions,
    "diurnal": diurnal,
    "drift": drift,
    "scan": scan,
}


def trace(workload: Workload, name: str, seed: int, count: int) -> list[Query]:
    """The same name and seed give the same queries everywhere."""
    return workload(Random(f"{name}-{seed}"), count)


def accesses(queries: list[Query]) -> list[tuple[float, str]]:
    """Every stage as (when it would begin if nothing had to wait, model), in order of time."""
    flat: list[tuple[float, str]] = []
    for one in queries:
        at = one.at
        for model, seconds in one.stages:
            flat.append((at, model))
            at += seconds
    return sorted(flat)
