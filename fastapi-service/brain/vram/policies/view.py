"""What a policy sees and what it answers, and what all policies share."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import exp, fsum
from typing import NamedTuple, Protocol

from brain.catalogue.models import Priority
from brain.vram.residents import Place

ROUNDING_GB = 1e-6
HORIZON_SECONDS = 900.0
"""How far ahead a model's next use counts when a set of victims is given a cost."""

PRICE: Mapping[Priority, float] = {
    Priority.LOW: 0.5,
    Priority.NORMAL: 1.0,
    Priority.HIGH: 4.0,
}
"""What a second of loading again counts, by priority. CRITICAL has no price: it never leaves."""


class Held(NamedTuple):
    """A model in memory that may leave: not CRITICAL, not being loaded, unloaded or stuck."""

    place: Place
    gb: float
    priority: Priority
    reload_seconds: float
    used_order: int
    """Rises with every use over all models; the lowest is the least recently used."""

    used_at: float | None
    uses: int
    leased: bool
    wanted: int
    """How many callers wait for it."""


class Known(NamedTuple):
    """A model that could be asked for in this memory, loaded or not."""

    place: Place
    gb: float
    reload_seconds: float
    priority: Priority


@dataclass(frozen=True, slots=True)
class View:
    """One memory at one moment. Every choice is a function of this alone."""

    at: float
    capacity_gb: float
    """What models of this memory may take, less what cannot leave now."""

    wanted: Known
    need_gb: float
    """What has to be freed for `wanted`; above 0."""

    held: tuple[Held, ...]
    rates: Mapping[Place, float] = field(default_factory=dict)
    """Expected uses a second; a model that is not in it is not expected."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Who leaves. `cost` is in expected seconds of loading again; by what scale is the policy's."""

    victims: tuple[Place, ...]
    policy: str
    cost: float
    runner_up: tuple[Place, ...]
    runner_up_cost: float | None
    reason: str


class Policy(Protocol):
    """A complete set of victims, or None when there is none; the same view, the same choice."""

    @property
    def name(self) -> str: ...

    def choose(self, view: View) -> Choice | None: ...


def disturbance(one: Held) -> int:
    """0: nobody would notice, 1: a caller waits for it, 2: it answers and must be waited for."""
    return 2 if one.leased else 1 if one.wanted else 0


def pools(view: View) -> Iterator[tuple[Held, ...]]:
    """
    The sets to choose from, the best first, each large enough: those nobody uses; also those that
    callers wait for; also those that answer. None at all when everything together is too small.
    """
    for most in (0, 1, 2):
        pool = tuple(one for one in view.held if disturbance(one) <= most)
        if enough(pool, view.need_gb):
            yield pool


def freed_gb(some: Iterable[Held]) -> float:
    """What leaves memory with them."""
    return fsum(one.gb for one in some)


def enough(some: Iterable[Held], need_gb: float) -> bool:
    """Whether they free what is needed."""
    return freed_gb(some) >= need_gb - ROUNDING_GB


def take(order: Iterator[Held], need_gb: float) -> list[Held]:
    """The first of `order` that free enough, or all when that is not enough."""
    taken: list[Held] = []
    missing = need_gb
    while missing > ROUNDING_GB and (one := next(order, None)) is not None:
        taken.append(one)
        missing -= one.gb
    return taken


def trim(victims: list[Held], need_gb: float) -> list[Held]:
    """Without those that a larger one made needless; the last, most valuable, is spared first."""
    kept = list(victims)
    for one in reversed(victims):
        rest = [other for other in kept if other is not one]
        if enough(rest, need_gb):
            kept = rest
    return kept


def loss_seconds(victims: Iterable[Held], rates: Mapping[Place, float]) -> float:
    """Seconds of loading again to expect within the horizon, when uses come independently."""
    return fsum(
        one.reload_seconds * (1 - exp(-rates.get(one.place, 0.0) * HORIZON_SECONDS))
        for one in victims
    )


def places(victims: Iterable[Held]) -> tuple[Place, ...]:
    return tuple(one.place for one in victims)
