"""
In which order those who wait are served.

First come, first served, with one exception: a person who has had, or waits for, more turns than
another lets that other go first. That is start-time fair queueing with one turn a question
(Goyal, Vin, Cheng: "Start-time Fair Queueing", SIGCOMM 1996), decided once, when a question joins
the line. Nobody is overtaken more than `MAX_OVERTAKEN` times, and a conversation keeps its order.
Whose model is in memory may go before their turn (`brain.jobs.overtaking`).

Nothing here waits, reads a clock or talks to a store.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from brain.jobs.job import Job

MAX_OVERTAKEN = 8
"""Promise 6 of the protocol: a position rises at most so often because others go first."""

WITHOUT_MODEL = ("reset", "close")
"""Kinds of jobs that need no worker; they wait for their own conversation only."""


@dataclass(slots=True, eq=False)
class Place:
    """
    A job that has not ended. `turn` counts the rounds of its asker; the line sets it.

    `overtaken` is how many have gone first, `ahead` how far in front of its place in the line it
    was ever told to be.
    """

    job: Job
    attempts: int = 0
    not_before: float = 0.0
    heartbeat_at: float = 0.0
    cancelled: bool = False
    turn: int | None = None
    overtaken: int = 0
    ahead: int = 0

    @property
    def needs_worker(self) -> bool:
        """Whether it takes one of the places of those being answered."""
        return self.job.kind not in WITHOUT_MODEL

    @property
    def patience(self) -> int:
        """How many more may go first without its position rising by more than `MAX_OVERTAKEN`."""
        return MAX_OVERTAKEN - self.overtaken - self.ahead


class Line:
    """Those who wait, in the order in which they are served once nothing else keeps them."""

    def __init__(self) -> None:
        self._places: list[Place] = []
        self._round = 0
        self._next_turn: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Place]:
        return iter(self._places)

    def __contains__(self, place: Place) -> bool:
        return place in self._places

    def join(self, place: Place) -> None:
        """A new question: behind everybody, or in front of those whose asker had more turns."""
        turn = self._give_turn(place)
        index = len(self._places)
        overtaken = []
        while index > 0:
            ahead = self._places[index - 1]
            if ahead.job.order < place.job.order:
                if not _lets_go_first(ahead, place, turn):
                    break
                overtaken.append(ahead)
            index -= 1
        for passed in overtaken:
            passed.overtaken += 1
        self._places.insert(index, place)

    def rejoin(self, place: Place) -> None:
        """One that was here before, or in the line of an earlier brain: in front of all later."""
        self._give_turn(place)
        later = (i for i, other in enumerate(self._places) if other.job.order > place.job.order)
        self._places.insert(next(later, len(self._places)), place)

    def leave(self, place: Place) -> None:
        """It is withdrawn and has had no turn."""
        self._places.remove(place)

    def start(self, place: Place, *, passed: Sequence[Place] = ()) -> None:
        """It has its turn now, before `passed`, whether it stood in the line or came just now."""
        for other in passed:
            other.overtaken += 1
        if place in self._places:
            self._places.remove(place)
        if not place.needs_worker:
            return
        turn = self._give_turn(place)
        waiting = [other.turn for other in self._places if other.turn is not None]
        self._round = max(self._round, min([turn, *waiting]))
        user_id = place.job.user_id
        self._next_turn[user_id] = max(self._next_turn.get(user_id, 0), turn + 1)
        if not waiting:
            self._next_turn = {u: t for u, t in self._next_turn.items() if t > self._round}

    def ready(self, busy: Collection[str], now: float) -> list[Place]:
        """Those that may start, in order: neither paused nor behind another of `busy` or theirs."""
        taken = set(busy)
        found = []
        for place in self._places:
            if place.job.conversation not in taken and place.not_before <= now:
                found.append(place)
            taken.add(place.job.conversation)
        return found

    def _give_turn(self, place: Place) -> int:
        if place.turn is None:
            user_id = place.job.user_id
            own = [other.turn for other in self._places if other.job.user_id == user_id]
            last = max((turn for turn in own if turn is not None), default=-1)
            place.turn = max(self._round, last + 1, self._next_turn.get(user_id, 0))
        return place.turn


def _lets_go_first(ahead: Place, place: Place, turn: int) -> bool:
    return (
        ahead.turn is not None
        and ahead.turn > turn
        and ahead.patience > 0
        and ahead.job.conversation != place.job.conversation
    )
