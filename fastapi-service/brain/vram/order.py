"""
The order of work: who gets a model now, and what is loaded next.

Callers are served oldest first. A caller whose model is in memory gets it at once. The oldest
caller whose model is not there (the head) decides what is loaded next: it chooses its victims as a
whole, and loads when the last of them is gone. Until then later callers may still use those
victims, but only `MAX_OVERTAKES` times; then the victims drain.

Three promises follow from that: nobody's model leaves while it answers, a plan that cannot be
finished unloads nothing, and no caller waits for ever behind later ones.
"""

from brain.catalogue.models import ModelSpec
from brain.vram.books import Books
from brain.vram.events import Failure, StartUnload
from brain.vram.eviction import ROUNDING_GB, choose_victims
from brain.vram.moves import Moves
from brain.vram.residents import Place, Resident, Waiter

MAX_OVERTAKES = 8


class Order:
    """Decides on the books; `dispatch` after every event, so that no wake-up is lost."""

    def __init__(self, books: Books, moves: Moves) -> None:
        self._books = books
        self._moves = moves

    def dispatch(self, at: float) -> None:
        """Start everything that can start."""
        head: Waiter | None = None
        contested: tuple[Place, ...] = ()
        for waiter in list(self._books.waiters.values()):
            place = self._books.place_for(waiter.model)
            if isinstance(place, Failure):
                self._refuse(waiter, place)
                continue
            resident = self._resident_at(place, waiter)
            if resident is not None and resident.state == "ready":
                if head is None or place not in contested:
                    self._moves.grant(waiter, place, resident, at=at)
                elif head.overtaken < MAX_OVERTAKES:
                    head.overtaken += 1
                    self._moves.grant(waiter, place, resident, at=at)
                else:
                    self._moves.tell_waiting(waiter, f"{head.model} is next")
            elif resident is not None and resident.state == "loading":
                self._moves.tell_loading(waiter, place, at=at)
            elif head is not None:
                self._moves.tell_waiting(waiter, f"{head.model} is next")
            else:
                planned = self._advance(waiter, place, at)
                if planned is not None:
                    head, contested = waiter, planned

    def _advance(self, head: Waiter, place: Place, at: float) -> tuple[Place, ...] | None:
        """
        Bring the head's model one step nearer.

        Returns the models that have to leave for it (perhaps none that can be named yet), or None
        when it waits for none: it was refused, or its load has begun.
        """
        books, moves = self._books, self._moves
        spec = books.spec(place.model) or ModelSpec(name=place.model, size_gb=0.0)
        ceiling = books.ceiling_gb(place)
        need = books.estimates.need_gb(place, spec, ceiling_gb=ceiling)
        if need > ceiling + ROUNDING_GB:
            reason = "it is larger than the memory for models"
            failure = Failure("never_fits", reason, place.server, need_gb=need, ceiling_gb=ceiling)
            moves.reject(head, failure)
            return None
        if place in books.residents and books.residents[place].state == "unloading":
            moves.tell_waiting(head, "it is just being unloaded")
            return ()
        short = books.charged_gb(without=place) + need - books.hard_gb
        victims = choose_victims(books.candidates(wanted=place), need_gb=short - books.leaving_gb())
        if victims is None:
            return self._wait_or_give_up(head, place)
        if books.loading() is None and short <= ROUNDING_GB:
            moves.start_load(place, spec, need_gb=need, at=at)
            moves.tell_loading(head, place, at=at)
            return None
        return self._make_room(head, victims)

    def _make_room(self, head: Waiter, victims: tuple[Place, ...]) -> tuple[Place, ...]:
        """Unload the victims once nobody uses any of them and no other load is under way."""
        residents = self._books.residents
        busy = [place.model for place in victims if residents[place].leases]
        loading = self._books.loading()
        if loading is not None:
            detail = f"{loading.model} is being loaded first"
        elif busy:
            detail = f"{' and '.join(busy)} must finish first"
        else:
            detail = "making room in memory"
            for place in victims:
                epoch = self._moves.move(residents[place], "unloading")
                self._moves.do(StartUnload(place, epoch))
        self._moves.tell_waiting(head, detail)
        return victims

    def _wait_or_give_up(self, head: Waiter, place: Place) -> tuple[Place, ...] | None:
        """There is no set of victims now: either news are on their way, or something is stuck."""
        transit = self._books.in_transit()
        if transit is not None:
            self._moves.tell_waiting(head, f"{transit.model} is being loaded or unloaded first")
            return ()
        stuck = [one for one, resident in self._books.residents.items() if resident.stuck]
        for one in stuck:
            server = self._books.servers[one.server]
            if not server.healthy:
                self._moves.reject(head, Failure("unreachable", server.problem, server.name))
                return None
        reason = f"{' and '.join(one.model for one in stuck) or 'another model'} stays in memory"
        self._moves.reject(head, Failure("failed", reason, place.server))
        return None

    def _refuse(self, waiter: Waiter, failure: Failure) -> None:
        """What is not there now may be there in a moment: look again, for the next caller."""
        self._moves.reject(waiter, failure)
        for server in self._books.servers:
            self._moves.probe(server)

    def _resident_at(self, place: Place, waiter: Waiter) -> Resident | None:
        """A server whose models are always loaded has every model it lists in memory."""
        if place not in self._books.residents and not self._books.servers[place.server].loads:
            spec = self._books.spec(waiter.model) or ModelSpec(name=waiter.model, size_gb=0.0)
            resident = Resident(spec=spec, state="ready", charged_gb=0.0, epoch=0)
            resident.loaded_at = waiter.since
            self._moves.move(resident, "ready")
            self._books.residents[place] = resident
        return self._books.residents.get(place)
