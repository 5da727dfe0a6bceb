"""
Who has been started, and who of them holds one of the few places of those being answered.

    started ──▶ holds a slot ──lend──▶ waits for its model ──regain──▶ holds a slot ──▶ left
                                             │   a slot is free, oldest first  ▲
                                             └─────────────────────────────────┘

Whoever waits for a model lends the slot, so whoever holds one is at work and will give it up: that
is why nobody waits for a slot for ever. At most `MAX_LENT` are started beyond the number of slots.
"""

from collections.abc import Callable, Mapping
from typing import Literal

import anyio

from brain.jobs.order import Place

MAX_LENT = 8
Room = Literal["none", "lent", "own"]
"""Whether somebody may start, and on what: a slot of nobody, or one that another will want back."""


class Slots:
    """`count` slots; `freed` is called whenever somebody may perhaps start."""

    def __init__(self, count: int, *, freed: Callable[[], None]) -> None:
        self._count = count
        self._freed = freed
        self._started: dict[str, Place] = {}
        self._lent: set[str] = set()
        self._returning: dict[str, anyio.Event] = {}

    @property
    def started(self) -> Mapping[str, Place]:
        """Everybody who has been started, by request id."""
        return self._started

    def lenders(self) -> list[Place]:
        """Those who wait for their model or for a slot."""
        return [self._started[request_id] for request_id in self._lent]

    @property
    def room(self) -> Room:
        """What is free now."""
        started = self._workers()
        if started < self._count:
            return "own"
        if self._at_work() < self._count and started < self._count + MAX_LENT:
            return "lent"
        return "none"

    def start(self, place: Place) -> None:
        """It holds a slot from now on, if it needs one."""
        self._started[place.job.request_id] = place

    def leave(self, request_id: str) -> None:
        """It needs no slot any more; unknown is nothing."""
        if self._started.pop(request_id, None) is None:
            return
        self._lent.discard(request_id)
        self._pass_on()

    def lend(self, request_id: str) -> None:
        """It waits for something else than a slot; twice is once."""
        place = self._started.get(request_id)
        if place is not None and place.needs_worker and request_id not in self._lent:
            self._lent.add(request_id)
            self._pass_on()

    def must_wait(self, request_id: str) -> bool:
        """Whether it lent its slot and would have to wait for another."""
        return request_id in self._lent and self._at_work() >= self._count

    async def regain(self, request_id: str) -> None:
        """Return when it holds a slot again, at once if it never lent it or one is free."""
        if request_id not in self._lent:
            return
        self._returning[request_id] = back = anyio.Event()
        try:
            self._hand_out()
            await back.wait()
        finally:
            self._returning.pop(request_id, None)

    def _pass_on(self) -> None:
        self._hand_out()
        self._freed()

    def _hand_out(self) -> None:
        """Those who want a slot back go before everybody who was not started yet."""
        while self._returning and self._at_work() < self._count:
            oldest = min(self._returning, key=lambda one: self._started[one].job.order)
            self._lent.discard(oldest)
            self._returning.pop(oldest).set()

    def _at_work(self) -> int:
        return self._workers() - len(self._lent)

    def _workers(self) -> int:
        return sum(place.needs_worker for place in self._started.values())


class Slot:
    """The slot of one attempt, as it is known to whoever works on it."""

    def __init__(self, slots: Slots, request_id: str) -> None:
        self._slots = slots
        self._request_id = request_id

    def lend(self) -> None:
        """Let another be answered meanwhile; twice is once."""
        self._slots.lend(self._request_id)

    @property
    def must_wait(self) -> bool:
        """Whether it was lent and is needed by those who have one."""
        return self._slots.must_wait(self._request_id)

    async def regain(self) -> None:
        """Wait until it is this one's turn again; at once if the slot was not lent."""
        await self._slots.regain(self._request_id)
