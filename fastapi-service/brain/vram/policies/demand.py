"""How often each model is likely to be used, from when it was used."""

from collections.abc import Mapping
from math import exp

from brain.vram.residents import Place

HORIZONS_SECONDS = (150.0, 14_400.0)
"""
A conversation that is going on, and half a working day. Each counts half.

Tuned on seeds 0 to 2 of `benchmarks/memory.py`; two or five other horizons, horizons in uses
instead of seconds, and weights learned from the trace moved the result by less than 0.01.
"""

FOLLOWING_USES = 200.0
"""What followed a model is forgotten over about so many of its uses."""

FORGET = exp(-1.0 / FOLLOWING_USES)

FIRST_SECONDS = 30.0
"""What is seen before this long counts as if it had taken this long."""


class Demand:
    """
    Uses a second, a moving average over each horizon.

    An average over a horizon that has not passed yet is taken over what has passed of it. Beside
    that, what was used after what: conversations, stages of an answer and batches have an order.
    """

    def __init__(self) -> None:
        self._began: float | None = None
        self._weights: dict[Place, tuple[float, ...]] = {}
        self._at: dict[Place, float] = {}
        self._follows: dict[Place, dict[Place, float]] = {}
        self._last: Place | None = None

    def touch(self, place: Place, at: float) -> None:
        """The model was used. A clock that was set back counts as standing still."""
        if self._began is None:
            self._began = at
        self._weights[place] = tuple(weight + 1.0 for weight in self._now(place, at))
        self._at[place] = max(at, self._at.get(place, at))
        if self._last is not None and self._last != place:
            self._count(self._last, place)
        self._last = place

    def rates(self, at: float) -> Mapping[Place, float]:
        """Expected uses a second of every model that was ever used."""
        if self._began is None:
            return {}
        passed = max(at - self._began, FIRST_SECONDS)
        scale = [
            1.0 / (len(HORIZONS_SECONDS) * horizon * (1.0 - exp(-passed / horizon)))
            for horizon in HORIZONS_SECONDS
        ]
        return {
            place: sum(
                weight * one for weight, one in zip(self._now(place, at), scale, strict=True)
            )
            for place in self._weights
        }

    def follows(self) -> Mapping[Place, Mapping[Place, float]]:
        """How often each model was used next after each, the latest counting most."""
        return {place: dict(after) for place, after in self._follows.items()}

    def _count(self, before: Place, place: Place) -> None:
        after = self._follows.setdefault(before, {})
        for other in after:
            after[other] *= FORGET
        after[place] = after.get(place, 0.0) + 1.0

    def _now(self, place: Place, at: float) -> tuple[float, ...]:
        weights = self._weights.get(place)
        if weights is None:
            return (0.0,) * len(HORIZONS_SECONDS)
        passed = max(0.0, at - self._at[place])
        return tuple(
            weight * exp(-passed / horizon)
            for weight, horizon in zip(weights, HORIZONS_SECONDS, strict=True)
        )
