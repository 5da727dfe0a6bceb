"""
The orchestrator's decisions: an event in, effects out; no I/O, no clock, nothing to wait for.

Every change goes through here, one event at a time, so the same events always give the same
effects, and a test can play any order of them.
"""

from collections.abc import Mapping, Sequence

from brain.catalogue.models import ModelSpec
from brain.vram.books import Books
from brain.vram.events import (
    Acquire,
    Effect,
    Event,
    Failure,
    Leave,
    LoadDone,
    Look,
    Snapshot,
    UnloadDone,
)
from brain.vram.moves import Moves
from brain.vram.order import Order
from brain.vram.reconcile import apply_snapshot
from brain.vram.residents import Place, Resident, ServerFacts, State, Waiter


class Core:
    """Late, doubled and unknown news change nothing."""

    def __init__(
        self, *, specs: Mapping[str, ModelSpec], servers: Sequence[ServerFacts], hard_gb: float
    ) -> None:
        self.books = Books(specs=specs, servers=servers, hard_gb=hard_gb)
        self._moves = Moves(self.books)
        self._order = Order(self.books, self._moves)

    def step(self, event: Event) -> list[Effect]:
        """What to do now, in this order."""
        match event:
            case Look():
                self._moves.probe(event.server)
                return self._moves.take()
            case Acquire():
                self.books.waiters[event.ticket] = Waiter(event.ticket, event.model, event.at)
            case Leave():
                self._leave(event)
            case LoadDone():
                self._load_done(event)
            case UnloadDone():
                self._unload_done(event)
            case Snapshot():
                apply_snapshot(self.books, event)
        self._order.dispatch(event.at)
        return self._moves.take()

    def _leave(self, event: Leave) -> None:
        self.books.waiters.pop(event.ticket, None)
        place = self.books.granted.pop(event.ticket, None)
        if place is not None:
            resident = self.books.residents[place]
            resident.leases.discard(event.ticket)
            resident.last_used = event.at

    def _load_done(self, event: LoadDone) -> None:
        resident = self._current(event.place, event.epoch, "loading")
        if resident is None:
            return
        server = self.books.servers[event.place.server]
        if event.failure is not None:
            self._load_failed(event.place, resident, event.failure)
            return
        server.healthy, server.problem = True, ""
        if server.inventory is None:
            self._moves.probe(server.name)
        if not resident.claimed:
            self.books.estimates.learn(
                event.place, seconds=event.seconds, measured_gb=event.measured_gb
            )
        if event.measured_gb:
            resident.charged_gb, resident.measured = event.measured_gb, True
        resident.loaded_at, resident.missing, resident.stuck = event.at, 0, False
        self._moves.move(resident, "ready")
        for waiter in self._waiting_for(event.place):
            waiter.load_seconds = min(event.seconds, max(0.0, event.at - waiter.since))

    def _load_failed(self, place: Place, resident: Resident, failure: Failure) -> None:
        self._note_health(place, failure)
        for waiter in self._waiting_for(place):
            self._moves.reject(waiter, failure)
        if failure.cause == "missing":
            self._moves.remove(place)
        else:
            self._moves.move(resident, "uncertain")
        self._moves.probe(place.server)

    def _unload_done(self, event: UnloadDone) -> None:
        resident = self._current(event.place, event.epoch, "unloading")
        if resident is None:
            return
        if event.failure is None:
            self._moves.remove(event.place)
            return
        self._note_health(event.place, event.failure)
        resident.stuck = True
        self._moves.move(resident, "uncertain")
        self._moves.probe(event.place.server)

    def _note_health(self, place: Place, failure: Failure) -> None:
        if failure.cause == "unreachable":
            server = self.books.servers[place.server]
            server.healthy, server.problem = False, failure.reason

    def _waiting_for(self, place: Place) -> list[Waiter]:
        return [
            waiter
            for waiter in list(self.books.waiters.values())
            if self.books.place_for(waiter.model) == place
        ]

    def _current(self, place: Place, epoch: int, state: State) -> Resident | None:
        """The model the news is about, unless something happened to it since."""
        resident = self.books.residents.get(place)
        if resident is None or resident.epoch != epoch or resident.state != state:
            return None
        return resident
