"""
Keeps the set of models after which the least loading is to be expected.

When the next use depends on the last one only, with known probabilities, the best victims are the
solution of a Markov decision process whose states are the set of models in memory and the model
used last (value iteration, Bellman 1957). `problem` and `solve` prepare it, `choose` reads it:

    zoo, demand ──problem──▶ Problem ──solve, beside the owner──▶ Values ──choose──▶ Choice

Values may be a load old when they are read; what that costs is on the decision page about plans
that lag. Without values, or for a zoo with too many sets, the choice is GDSF's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from brain.catalogue.models import Priority
from brain.vram.policies.gdsf import Gdsf
from brain.vram.policies.sets import Numbers, Sets, sets_of
from brain.vram.policies.view import (
    PRICE,
    ROUNDING_GB,
    Choice,
    Held,
    Known,
    View,
    disturbance,
    freed_gb,
    places,
    pools,
    trim,
)
from brain.vram.residents import Place

DISCOUNT = 0.95
"""How much the loading after the next use counts beside the loading for it: about twenty uses."""

TOLERANCE_SECONDS = 0.3
"""Loads take ten seconds and more."""

MAX_SWEEPS = 150

ORDER_WEIGHT = 0.7
"""How much of the next use is foretold by the model used last; the rest by how often each is."""

LEARNED_AFTER = 2.0
"""What followed a model counts half after so many observations."""

UNSEEN_SHARE = 1e-4
"""Every model is expected a little, so that more in memory is better than less."""

CLOSEST = 8
"""How many of the next best sets are looked at for a runner-up."""


@dataclass(frozen=True, slots=True)
class Problem:
    """
    What a plan depends on.

    `chances[i][j]` is the probability that model j is used next after model i; rows sum to 1.
    """

    zoo: tuple[Known, ...]
    capacity_gb: float
    chances: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, eq=False, slots=True)
class Values:
    """
    For every set that fits and every model used last: seconds of loading to expect, above those of
    the best of all.

    `sets` is None when the zoo has too many. An opaque answer of `solve`, for `choose` and as the
    start of the next `solve`.
    """

    problem: Problem
    sets: Sets | None
    future: Numbers


def problem(
    zoo: Iterable[Known],
    capacity_gb: float,
    rates: Mapping[Place, float],
    follows: Mapping[Place, Mapping[Place, float]] = MappingProxyType({}),
) -> Problem:
    """
    The plan to make, from `Demand`. Models that never leave or can never come are no part of it.
    """
    part = tuple(
        sorted(
            one
            for one in zoo
            if one.priority < Priority.CRITICAL and one.gb <= capacity_gb + ROUNDING_GB
        )
    )
    names = [one.place for one in part]
    shares = _normalised([rates.get(place, 0.0) for place in names])
    rows = (_chances(names, shares, follows.get(place, {})) for place in names)
    return Problem(part, capacity_gb, tuple(rows))


def _chances(
    names: list[Place], shares: list[float], after: Mapping[Place, float]
) -> tuple[float, ...]:
    seen = [after.get(place, 0.0) for place in names]
    total = sum(seen) + LEARNED_AFTER
    learned = [
        (one + LEARNED_AFTER * share) / total for one, share in zip(seen, shares, strict=True)
    ]
    return tuple(
        _normalised(
            [
                ORDER_WEIGHT * one + (1.0 - ORDER_WEIGHT) * share
                for one, share in zip(learned, shares, strict=True)
            ]
        )
    )


def _normalised(weights: list[float]) -> list[float]:
    """Shares that sum to 1, each at least a little."""
    total = sum(weights) or 1.0
    shares = [weight / total + UNSEEN_SHARE for weight in weights]
    return [share / sum(shares) for share in shares]


def solve(problem: Problem, warm: Values | None = None) -> Values:
    """
    The values of all sets, by value iteration from those of `warm` when its sets are the same.

    A sweep costs one look at every move and one small matrix product, most of it without the
    interpreter's lock: milliseconds for ten models, a tenth of a second for sixteen.
    """
    sets = sets_of(tuple(one.gb for one in problem.zoo), problem.capacity_gb)
    if sets is None:
        return Values(problem, None, np.empty((0, 0)))
    models = len(problem.zoo)
    cost = np.array([one.reload_seconds * PRICE[one.priority] for one in problem.zoo])
    chances = DISCOUNT * np.array(problem.chances).reshape(models, models).T
    used = np.repeat(sets.model, np.diff(sets.first, append=len(sets.target)))
    targets = sets.target * models + used
    absent = sets.source * models + sets.model
    price = cost[sets.model]
    future = np.zeros((len(sets.bits), models))
    if warm is not None and warm.sets is sets:
        future = warm.future
    for _ in range(MAX_SWEEPS):
        served = future.copy()
        served.ravel()[absent] = price + np.minimum.reduceat(future.ravel()[targets], sets.first)
        newer = served @ chances
        change = newer - future
        future = newer
        if change.max() - change.min() < TOLERANCE_SECONDS:
            break
    return Values(problem, sets, future - future.min())


class SetPlanner:
    """The default policy."""

    name = "planner"

    def __init__(self) -> None:
        self._until_then = Gdsf()

    def choose(self, view: View, values: Values | None = None) -> Choice | None:
        """
        A complete set of victims, or None. A quarter of a millisecond.

        The values may be of an older zoo: a model they do not know is worth nothing to them.
        """
        if values is not None and values.sets is not None:
            for pool in pools(view):
                choice = _best(view, pool, values, values.sets)
                if choice is not None:
                    return choice
        return self._until_then.choose(view)


def _best(view: View, pool: tuple[Held, ...], values: Values, sets: Sets) -> Choice | None:
    """The best of the sets that keep everything outside of `pool`."""
    number = {one.place: place for place, one in enumerate(values.problem.zoo)}
    gb, extra = np.zeros(len(number)), np.zeros(len(number))
    leaving = {one.place for one in pool}
    staying = freed_gb(view.held) - view.need_gb + ROUNDING_GB
    coming = 1 << number[view.wanted.place] if view.wanted.place in number else 0
    may, must = coming, coming
    for one in view.held:
        at = number.get(one.place)
        if at is None:
            staying -= 0.0 if one.place in leaving else one.gb
            continue
        may |= 1 << at
        must |= 0 if one.place in leaving else 1 << at
        gb[at] = one.gb
        extra[at] = _asked_again(one)
    rows = np.flatnonzero((sets.bits & ~may == 0) & (sets.bits & must == must))
    inside = sets.inside[rows]
    fits = inside @ gb <= staying
    rows, inside = rows[fits], inside[fits]
    if not len(rows):
        return None
    future = values.future[rows]
    last = number.get(view.wanted.place)
    ahead = future.mean(axis=1) if last is None else future[:, last]
    score = ahead + extra.sum() - inside @ extra
    order = np.argsort(score, kind="stable")
    victims: list[tuple[Held, ...]] = []
    costs: list[float] = []
    for row in order[:CLOSEST]:
        kept = int(sets.bits[rows[row]])
        out = _leaving(view, pool, kept, number)
        if out not in victims:
            victims.append(out)
            costs.append(float(score[row]))
        if len(victims) == 2:
            break
    return _choice(victims, costs)


def _asked_again(one: Held) -> float:
    """Somebody waits for it or uses it: if it leaves, it will be loaded again at once."""
    return one.reload_seconds * PRICE[one.priority] if disturbance(one) else 0.0


def _leaving(
    view: View, pool: tuple[Held, ...], kept: int, number: Mapping[Place, int]
) -> tuple[Held, ...]:
    out = [one for one in pool if one.place not in number or not kept >> number[one.place] & 1]
    out.sort(key=lambda one: (disturbance(one), one.place in number, one.used_order, one.place))
    return tuple(trim(out, view.need_gb))


def _choice(victims: list[tuple[Held, ...]], costs: list[float]) -> Choice:
    names = [" and ".join(one.place.model for one in some) for some in victims]
    reason = f"{names[0]} is least likely to be missed (about {costs[0]:.0f} s of loading later"
    reason += f"; {names[1]}: {costs[1]:.0f} s)" if len(victims) > 1 else ")"
    return Choice(
        victims=places(victims[0]),
        policy=SetPlanner.name,
        cost=costs[0],
        runner_up=places(victims[1]) if len(victims) > 1 else (),
        runner_up_cost=costs[1] if len(victims) > 1 else None,
        reason=reason,
    )
