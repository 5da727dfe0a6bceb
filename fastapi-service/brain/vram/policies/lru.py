"""Least recently used, low priority first, nobody needlessly: the choice that is always there."""

from brain.vram.policies.ranked import first_in_order
from brain.vram.policies.view import Choice, Held, View


class Lru:
    """
    Priority first, then the least recently used, then whoever a larger victim made needless stays.

    `trimmed=False` is the policy as the documents describe it: nobody is spared again.
    """

    def __init__(self, *, name: str = "lru", trimmed: bool = True) -> None:
        self.name = name
        self._trimmed = trimmed

    def choose(self, view: View) -> Choice | None:
        """A complete set of victims, or None."""
        return first_in_order(
            view,
            policy=self.name,
            rank=_rank,
            trimmed=self._trimmed,
            why="least recently used of the lowest priority",
        )


def _rank(one: Held) -> tuple[int, int]:
    return (one.priority, one.used_order)
