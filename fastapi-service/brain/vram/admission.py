"""Who may be brought into memory at all right now, before anything is touched for it."""

from math import inf
from typing import Final

from brain.catalogue.models import Priority
from brain.vram.books import Books
from brain.vram.choosing import Chooser
from brain.vram.domains import Domain
from brain.vram.events import Failure
from brain.vram.moves import Moves
from brain.vram.policies.view import ROUNDING_GB
from brain.vram.pressure import Level
from brain.vram.residents import Place, Waiter
from brain.vram.room import Room, is_unknown, room_at

UNKNOWN_SECONDS = 600.0
"""How long a caller waits for the machine's memory to be known again."""

HELD: Final = None
"""A caller who waits for what no order of work can bring: memory of others, time, an operator."""
UNKNOWN: Final = "the free memory of this machine is not known"
DRAINED: Final = "its server is being taken out of use"
TIGHT: Final = "memory is tight, or was a minute ago, and this model can wait"


class Admission:
    """In this order: the breaker, whether it could ever fit, and whether loads are held back."""

    def __init__(self, books: Books, moves: Moves) -> None:
        self._books = books
        self._moves = moves

    def admits(self, waiter: Waiter, place: Place, *, at: float) -> bool:
        """Whether a load for this caller may be planned; else it is told or refused."""
        return (
            self._breaker_admits(waiter, place, at)
            and self._fits_ever(waiter, place)
            and not self._is_held_back(waiter, place, at)
        )

    def is_probe(self, place: Place) -> bool:
        """Whether a load of it would be the one attempt that its breaker allows."""
        return self._books.breaker.retry_at(place.model) is not None

    def probe_extra_gb(self, domain: Domain, place: Place, chooser: Chooser) -> float | None:
        """
        Room to be free beside a probe: the buffer, or what can be freed of it without touching
        HIGH models or those in use. None: not even the model itself gets room so. 0 for no probe.

        What is leaving counts: it was sent out for this, so it is waited for.
        """
        if not self.is_probe(place):
            return 0.0
        books = self._books
        free = domain.hard_gb - books.charged_gb(domain, without=place)
        idle = chooser.idle(domain, without=place, below=Priority.HIGH)
        coming = [(one.place, one.gb) for one in idle] + books.leaving(domain)
        beyond = free + sum(gb for _, gb in coming) - books.need_gb(place)
        if books.is_limited(place) and beyond < -ROUNDING_GB:
            return None
        lacking = room_at(books, place).machine_short_gb
        there = sum(gb for one, gb in coming if books.takes_memory(one))
        if not books.is_limited(place):
            beyond = inf
        beyond = min(beyond, there + books.machine.returning_gb - lacking)
        return min(books.options.breaker_buffer_gb, max(0.0, beyond))

    def load_begins(self, place: Place, at: float) -> None:
        """A load of it begins; a probe is told to the breaker."""
        if self.is_probe(place):
            self._moves.say(
                "vram.breaker_probe",
                "🔄 Circuit breaker triggered",
                model=place.model,
                buffer_gb=self._books.options.breaker_buffer_gb,
            )
            self._books.breaker.probe_started(place.model, at)

    def why_machine(self, room: Room) -> str:
        """Why the machine's own memory stands in the way."""
        free = self._books.machine.free_gb or 0.0
        return (
            f"other programs use the memory: {free:.1f} GB are free, "
            f"{max(0.0, room.machine_short_gb):.1f} GB too little"
        )

    def _breaker_admits(self, waiter: Waiter, place: Place, at: float) -> bool:
        breaker = self._books.breaker
        if breaker.may_load(place.model, at):
            if not (self.is_probe(place) and self._is_loading_elsewhere(place)):
                return True
            self._moves.tell_waiting(waiter, "another server is just trying to load it")
            return False
        retry_at = breaker.retry_at(place.model)
        seconds = None if retry_at is None else round(max(0.0, retry_at - at), 1)
        if not waiter.patient:
            reason = "it crashed repeatedly"
            failure = Failure("breaker_open", reason, place.server, retry_seconds=seconds)
            self._moves.reject(waiter, failure)
            return False
        self._moves.tell_waiting(waiter, "it crashed repeatedly and rests", seconds)
        return False

    def _is_loading_elsewhere(self, place: Place) -> bool:
        """Begun before the breaker opened; it would be a second probe."""
        return any(
            other.model == place.model and one.state == "loading"
            for other, one in self._books.residents.items()
        )

    def _fits_ever(self, waiter: Waiter, place: Place) -> bool:
        books = self._books
        need, ceiling = books.need_gb(place), books.ceiling_gb(place)
        machine, server = books.machine.ceiling_gb, books.servers[place.server]
        if machine is not None and books.takes_memory(place) and need <= ceiling + ROUNDING_GB:
            if server.inventory is None and need > machine + ROUNDING_GB:
                # It may be a stand-in, whose models take none: that is not final.
                problem = server.problem or "it was not reached yet"
                self._moves.reject(waiter, Failure("unreachable", problem, server.name))
                self._moves.probe(server.name)
                return False
            ceiling = min(ceiling, machine)
        if need <= ceiling + ROUNDING_GB:
            return True
        reason = "it is larger than the memory for models"
        failure = Failure("never_fits", reason, place.server, need_gb=need, ceiling_gb=ceiling)
        self._moves.reject(waiter, failure)
        return False

    def _is_held_back(self, waiter: Waiter, place: Place, at: float) -> bool:
        books = self._books
        if books.servers[place.server].draining:
            self._moves.tell_waiting(waiter, DRAINED)
            return True
        if is_unknown(books, place):
            if at - waiter.since >= UNKNOWN_SECONDS:
                self._moves.reject(waiter, Failure("failed", UNKNOWN, place.server))
            else:
                self._moves.tell_waiting(waiter, f"{UNKNOWN} now")
            return True
        if not books.takes_memory(place):
            return False
        pressure = books.machine.pressure
        if pressure.pressing is Level.CRIT:
            self._moves.tell_waiting(waiter, "this machine is short of memory")
            return True
        if books.spec_at(place).priority is Priority.LOW and pressure.refuses_low(at):
            self._moves.tell_waiting(waiter, TIGHT)
            return True
        if waiter.speculative and pressure.level > Level.CALM:
            self._moves.tell_waiting(waiter, "memory is tight")
            return True
        return False
