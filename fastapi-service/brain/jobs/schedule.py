"""
Who waits, who runs, and who is to start: all that the queue decides, without a store.

A free slot is for whoever goes first (`brain.jobs.overtaking`). A lent one, whose owner will want
it back, is for somebody whose model is known to be in memory, else for one whose model nobody waits
for yet: so models that cannot be loaded for now hold up nobody who wants another.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

import anyio

from brain.jobs.job import Job
from brain.jobs.order import Line, Place
from brain.jobs.overtaking import Start, ranked, starts
from brain.jobs.slots import Slots


@dataclass(slots=True)
class Signal:
    """Wakes the one who waits for somebody who may start."""

    event: anyio.Event = field(default_factory=anyio.Event)

    def set(self) -> None:
        """Somebody may start."""
        self.event.set()

    async def wait(self) -> None:
        """Return once it was set since the last time."""
        await self.event.wait()
        self.event = anyio.Event()


class Schedule:
    """
    Those in the line and those who were started; `freed` is called when somebody may start.

    `likely` is the model that a job will probably want, None when nobody can tell; `resident` are
    the models in memory. Both answer at once.
    """

    def __init__(
        self,
        *,
        workers: int,
        likely: Callable[[Job], str | None],
        resident: Callable[[], Collection[str]],
        freed: Callable[[], None],
    ) -> None:
        self.line = Line()
        self.slots = Slots(workers, freed=freed)
        self._likely = likely
        self._resident = resident

    def __iter__(self) -> Iterator[Place]:
        return chain(self.slots.started.values(), self.line)

    def next(self, now: float, *, new: Place | None = None) -> Start | None:
        """Who is to start now; `new` stands behind the line."""
        ready = self.line.ready(self._busy(), now)
        return self._first(ready if new is None else [*ready, new])

    def start(self, start: Start) -> None:
        """It runs from now on."""
        self.line.start(start.place, passed=start.passed)
        self.slots.start(start.place)

    def rejoin(self, place: Place) -> None:
        """It ran and waits again."""
        self.line.rejoin(place)
        self.slots.leave(place.job.request_id)

    def withdraw(self, place: Place) -> None:
        """It waited and is only to be ended."""
        self.line.leave(place)
        self.slots.start(place)

    def waiting(self, now: float) -> list[Place]:
        """The line in the order in which work would start now."""
        return ranked(self.line, self._busy(), now, self._is_there())

    def _first(self, ready: Sequence[Place]) -> Start | None:
        free = next((place for place in ready if not place.needs_worker), None)
        if free is not None:
            return Start(free)
        room = self.slots.room
        if not ready or room == "none":
            return None
        is_there = self._is_there(known=room == "lent")
        first = next(starts(ready, is_there))
        if room == "own" or is_there(first.place):
            return first
        return self._for_another_model(starts(ready, is_there))

    def _for_another_model(self, in_turn: Iterable[Start]) -> Start | None:
        """The first whose model is known and nobody waits for yet; it passes those before it."""
        waited_for = {None, *(self._likely(place.job) for place in self.slots.lenders())}
        passed: list[Place] = []
        for start in in_turn:
            if self._likely(start.place.job) not in waited_for:
                return Start(start.place, passed)
            if not start.place.patience:
                break
            passed.append(start.place)
        return None

    def _is_there(self, *, known: bool = False) -> Callable[[Place], bool]:
        """Whether the model of a place is in memory; one nobody can tell is, unless `known`."""
        resident: Collection[str] | None = None

        def is_there(place: Place) -> bool:
            nonlocal resident
            if not place.needs_worker:
                return True
            model = self._likely(place.job)
            if model is None:
                return not known
            if resident is None:
                resident = self._resident()
            return model in resident

        return is_there

    def _busy(self) -> set[str]:
        """Conversations in which somebody is being answered."""
        return {place.job.conversation for place in self.slots.started.values()}
