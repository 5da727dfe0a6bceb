"""Policies that put models into an order and take the first ones until there is room."""

from collections.abc import Callable, Iterator, Sequence
from heapq import heapify, heappop
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
    order = _in_order(view.held, rank)
    taken = take(order, view.need_gb)
    if not enough(taken, view.need_gb):
        return None
    victims = trim(taken, view.need_gb) if trimmed else taken
    others = [one for one in taken if one is not victims[-1]]
    others += take(order, view.need_gb - sum(one.gb for one in others))
    has_others = enough(others, view.need_gb)
    if has_others and trimmed:
        others = trim(others, view.need_gb)
    names = ", ".join(one.place.model for one in victims)
    return Choice(
        victims=places(victims),
        policy=policy,
        cost=loss_seconds(victims, view.rates),
        runner_up=places(others) if has_others else (),
        runner_up_cost=loss_seconds(others, view.rates) if has_others else None,
        reason=f"{why}: {names}",
    )


def _in_order(held: Sequence[Held], rank: Rank) -> Iterator[Held]:
    """A heap: of a thousand models only the first few are ever put into order."""
    heap = [
        (disturbance(one) if one.leased or one.wanted else 0, rank(one), one.place, number)
        for number, one in enumerate(held)
    ]
    heapify(heap)
    while heap:
        yield held[heappop(heap)[3]]
