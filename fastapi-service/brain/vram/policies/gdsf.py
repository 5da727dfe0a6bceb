"""Greedy by what a GB is worth: for zoos too large to plan, and until a plan exists."""

from collections.abc import Callable

from brain.vram.policies.ranked import first_in_order
from brain.vram.policies.view import PRICE, ROUNDING_GB, Choice, Held, View


class Gdsf:
    """
    Whoever is worth least per GB leaves first: uses a second × seconds to load again × price.

    GreedyDual-Size-Frequency (Cherkasova 1998) with its frequency aged by `Demand` instead of by an
    inflation value, so that a choice depends on the view alone. Then nobody needless.
    """

    name = "gdsf"

    def choose(self, view: View) -> Choice | None:
        """A complete set of victims, or None."""
        return first_in_order(
            view,
            policy=self.name,
            rank=_worth(view),
            trimmed=True,
            why="worth least for the memory taken",
        )


def _worth(view: View) -> Callable[[Held], tuple[float, int]]:
    rates, prices = view.rates, {int(priority): price for priority, price in PRICE.items()}

    def rank(one: Held) -> tuple[float, int]:
        place, gb, priority, reload_seconds, used_order, *_ = one
        worth = rates.get(place, 0.0) * reload_seconds * prices[priority]
        return (worth / (gb + ROUNDING_GB), used_order)

    return rank
