"""Policies that put models into an order and take the first ones until there is room."""

from collections.abc import Callable, Iterable
from typing import Any

from brain.vram.policies.view import (
    Choice,
    Held,
    View,
    disturbance,
    enough,
    loss_seconds,
    places,
    take,
    trim,
)

Rank = Callable[[Held], Any]


def first_in_order(
    view: View, *, policy: str, rank: Rank, trimmed: bool, why: str
) -> Choice | None:
    """
    The first models by `rank` that free enough; those that disturb nobody before all others.

    The runner-up is what would leave if the last of them, the most valuable, had to stay.
    """
    order = sorted(view.held, key=lambda one: (disturbance(one), rank(one), one.place))
    victims = _first(order, view.need_gb, trimmed=trimmed)
    if victims is None:
        return None
    spared = victims[-1]
    others = _first((one for one in order if one is not spared), view.need_gb, trimmed=trimmed)
    names = ", ".join(one.place.model for one in victims)
    return Choice(
        victims=places(victims),
        policy=policy,
        cost=loss_seconds(victims, view.rates),
        runner_up=places(others or ()),
        runner_up_cost=None if others is None else loss_seconds(others, view.rates),
        reason=f"{why}: {names}",
    )


def _first(order: Iterable[Held], need_gb: float, *, trimmed: bool) -> list[Held] | None:
    taken = take(order, need_gb)
    if not enough(taken, need_gb):
        return None
    return trim(taken, need_gb) if trimmed else taken
