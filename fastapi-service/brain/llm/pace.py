"""
How often the pieces of an answer are handed on while many answers are given at once.

A token that travels alone costs an event, a walk up to the turn, a frame and its acknowledgement.
One reader follows text as it comes; a hundred at once do not notice that each of theirs comes in
ten pieces a second, and the box notices very much: it answers more than twice as many people.
"""

from collections.abc import Iterator
from contextlib import contextmanager

HAND_OVERS_PER_SECOND = 1_000
"""Of all answers together."""

LONGEST_SECONDS = 0.1
SHORTEST_SECONDS = 0.004
"""Below this a rest costs more than it saves."""


class Pace:
    """Shared by all answers under way."""

    def __init__(self) -> None:
        self._answers = 0

    @contextmanager
    def answer(self) -> Iterator[None]:
        """One more answer is given inside."""
        self._answers += 1
        try:
            yield
        finally:
            self._answers -= 1

    @property
    def rest_seconds(self) -> float:
        """How long an answer that has begun rests between two pieces, 0 with a handful of them."""
        rest = min(LONGEST_SECONDS, self._answers / HAND_OVERS_PER_SECOND)
        return rest if rest >= SHORTEST_SECONDS else 0.0
