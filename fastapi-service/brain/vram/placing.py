"""On which server a model is used: where it is, else where the least has to leave for it."""

from brain.vram.books import FROZEN_AFTER, Books
from brain.vram.choosing import Chooser
from brain.vram.events import Failure
from brain.vram.policies.view import ROUNDING_GB, loss_seconds
from brain.vram.residents import Place, ServerFacts, Waiter
from brain.vram.room import room_at

NO_ROOM = float("inf")


def place_for(books: Books, model: str) -> Place | Failure:
    """Where the model would be used by its first mention; several servers are not compared."""
    having = books.having(model)
    return Place(having[0].name, model) if having else _guess(books, model)


def _guess(books: Books, model: str) -> Place | Failure:
    """No server is known to have it. One that never answered may still."""
    listed = books.roster.get(model)
    if listed is not None:
        kind = "ollama" if listed.backend == "ollama" else "openai"
        for server in books.servers.values():
            if server.inventory is None and server.kind == kind and server.loads:
                return Place(server.name, model)  # its load will tell
    return books.why_nowhere(model)


class Placing:
    """Places callers; it changes nothing."""

    def __init__(self, books: Books, chooser: Chooser) -> None:
        self._books = books
        self._chooser = chooser

    def place(self, waiter: Waiter, *, at: float) -> Place | Failure:
        """Where this caller is served, now or later."""
        having = self._books.having(waiter.model)
        if not having:
            return _guess(self._books, waiter.model)
        usable = [one for one in having if one.healthy and not one.draining] or having[:1]
        if len(usable) == 1:
            return Place(usable[0].name, waiter.model)
        return self._best(waiter, usable, at)

    def _best(self, waiter: Waiter, usable: list[ServerFacts], at: float) -> Place:
        """Servers that have it first; there the one with the fewest callers."""
        books = self._books
        places = [Place(one.name, waiter.model) for one in usable]
        there = [place for place in places if self._is_there(place)]
        free = [place for place in there if self._is_free(place)]
        if free:
            return min(
                free,
                key=lambda place: (
                    self._stands_back(waiter, place),
                    books.servers[place.server].leases,
                ),
            )
        coming = sorted(filter(self._is_coming, there), key=self._is_loading)
        if coming:
            return coming[0]  # where room is made for it, lest others leave for nothing
        absent = [place for place in places if place not in there]
        if there:
            absent = [place for place in absent if self._may_be_copied(place, there)]
        if there and not (absent and self._waited_long(waiter, absent, at)):
            return there[0]
        return min(absent, key=lambda place: self._regret(place, at))

    def _is_there(self, place: Place) -> bool:
        resident = self._books.residents.get(place)
        return self._is_coming(place) or (resident is not None and resident.state == "ready")

    def _is_coming(self, place: Place) -> bool:
        return self._books.domain_at(place).pending == place or self._is_loading(place)

    def _is_loading(self, place: Place) -> bool:
        resident = self._books.residents.get(place)
        return resident is not None and resident.state == "loading"

    def _is_free(self, place: Place) -> bool:
        resident = self._books.residents.get(place)
        ready = resident is not None and resident.state == "ready"
        return ready and resident is not None and self._books.has_slot(place, resident)

    def _stands_back(self, waiter: Waiter, place: Place) -> bool:
        """Whether an earlier caller that needs its room was overtaken often enough."""
        domain, books = self._books.domain_at(place), self._books
        head = books.waiters.get(domain.head) if domain.head is not None else None
        if head is None or place not in domain.contested or waiter.rank < head.rank:
            return False
        return head.overtaken >= books.options.max_overtakes

    def _may_be_copied(self, place: Place, there: list[Place]) -> bool:
        """A second copy in the memory of the first makes nobody leave, least of all the first."""
        domains = [self._books.domain_at(one).name for one in there]
        elsewhere = self._books.domain_at(place).name not in domains
        return elsewhere or room_at(self._books, place).to_free_gb <= ROUNDING_GB

    def _waited_long(self, waiter: Waiter, absent: list[Place], at: float) -> bool:
        """A second copy is worth it when the wait is longer than the load."""
        return at - waiter.since > min(self._books.load_seconds(place) for place in absent)

    def _regret(self, place: Place, at: float) -> tuple[bool, float, float]:
        """Where it is not preferred, what must go there for it, how long it takes to read."""
        books, chooser = self._books, self._chooser
        seconds, server = books.load_seconds(place), books.servers[place.server]
        elsewhere = server.preferred is not None and place.model not in server.preferred
        if server.silent >= FROZEN_AFTER:
            return (elsewhere, NO_ROOM, seconds)
        domain = books.domain_at(place)
        to_free = room_at(books, place).to_free_gb
        if to_free <= ROUNDING_GB:
            return (elsewhere, 0.0, seconds)
        held = chooser.held(domain, without=place)
        choice = chooser.choose(domain, place, held, to_free_gb=to_free, at=at)
        if choice is None:
            return (elsewhere, NO_ROOM, seconds)
        # By uses alone, which one measure has for all memories; plans of different ones differ.
        victims = [one for one in held if one.place in choice.victims]
        return (elsewhere, loss_seconds(victims, chooser.rates(at)), seconds)
