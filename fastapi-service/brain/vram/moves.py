"""The small steps by which the books change, each with the effect that belongs to it."""

from collections.abc import Iterable

from brain.vram.books import Books
from brain.vram.decisions import Decision
from brain.vram.events import (
    AbortLoad,
    Effect,
    Failure,
    Grant,
    Lost,
    Probe,
    Progress,
    Reject,
    Say,
    StartLoad,
    StartUnload,
    Tell,
)
from brain.vram.residents import Drain, Place, Resident, State, Waiter


class Moves:
    """Collects the effects of one event; whoever made it takes them with `take`."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._effects: list[Effect] = []

    def take(self) -> list[Effect]:
        """The effects since the last time."""
        effects, self._effects = self._effects, []
        return effects

    def do(self, effect: Effect) -> None:
        """One more effect, unless it is there already."""
        if effect not in self._effects:
            self._effects.append(effect)

    def say(self, event: str, message: str, *, grave: bool = True, **facts: object) -> None:
        """A line for the log."""
        self.do(Say(event, message, grave, facts))

    def probe(self, server: str) -> None:
        """Ask the server what it has now."""
        self.do(Probe(server, self._books.version))

    # ------------------------------------------------------------ models

    def move(self, resident: Resident, state: State) -> int:
        """Change a model's state; returns the new epoch."""
        self._books.version += 1
        resident.state, resident.epoch = state, self._books.version
        return resident.epoch

    def start_load(
        self, place: Place, *, need_gb: float, at: float, speculative: bool = False
    ) -> None:
        """Reserve the memory and begin; a model that may be there already is claimed."""
        spec = self._books.spec_at(place)
        resident = self._books.residents.get(place)
        if resident is None:
            resident = Resident(spec=spec, state="loading", charged_gb=need_gb, epoch=0)
            self._books.residents[place] = resident
        else:
            resident.woken = resident.state == "parked"
            resident.claimed = not resident.woken
            resident.charged_gb = max(resident.charged_gb, need_gb)
        resident.estimate_gb = need_gb
        self._books.domain_at(place).is_stale = True
        # What is there already is not for nobody: to give the load up would be to unload it.
        resident.speculative = speculative and not (resident.claimed or resident.woken)
        resident.loading_since, resident.free_before_gb = at, self._books.machine.free_gb
        self.do(StartLoad(place, self.move(resident, "loading"), spec))

    def abort_load(self, place: Place, *, at: float) -> None:
        """Give up a load; what it took stays charged until the server says it is gone."""
        self._books.breaker.probe_ended(place.model, at, ok=None)
        epoch = self.move(self._books.residents[place], "unloading")
        self.do(AbortLoad(place, epoch))

    def start_unload(self, place: Place, *, at: float) -> None:
        """
        Send a model nobody uses out of memory; where it can sleep, to sleep.

        That is no crash: if it was proving itself after one, another probe may follow.
        """
        books = self._books
        resident = books.residents[place]
        assert not resident.leases, "a model in use never leaves"
        books.breaker.probe_ended(place.model, at, ok=None)
        server = books.servers[place.server]
        awake = resident.state in ("ready", "draining", "adopted")
        park = server.sleeps and (awake or not server.loads)
        resident.drain, resident.leaves_after = "", frozenset()
        self.do(StartUnload(place, self.move(resident, "unloading"), park))

    def drain(self, place: Place, why: Drain) -> None:
        """Let nobody begin to use it any more."""
        resident = self._books.residents[place]
        if resident.state == "ready":
            self.move(resident, "draining")
        resident.drain = why

    def undrain(self, place: Place) -> None:
        """It may be used again."""
        resident = self._books.residents[place]
        if resident.state == "draining":
            self.move(resident, "ready")
        resident.drain = ""

    def remove(self, place: Place) -> None:
        """The model is certainly not in memory; whoever used it has lost it."""
        books = self._books
        resident = books.residents[place]
        for ticket in sorted(resident.leases):
            self.lose(ticket, "it is no longer in memory")
        books.version += 1
        books.gone[place] = books.version
        del books.residents[place]

    def crashed(self, place: Place, reason: str, at: float) -> None:
        """A model went away without being asked to."""
        breaker = self._books.breaker
        before = breaker.state(place.model, at)
        after = breaker.crash(place.model, at, reason)
        self._books.decisions.appendleft(Decision(at, "crash", "", (place.model,), reason))
        opened = after == "open" and before != "open"
        self.say(
            "vram.crash",
            "Circuit breaker opened" if opened else "A model crashed",
            model=place.model,
            server=place.server,
            reason=reason,
        )

    # ------------------------------------------------------------ callers

    def admit(self, waiter: Waiter) -> None:
        """One more who waits."""
        self._books.waiters[waiter.ticket] = waiter
        self._books.waiting_for[waiter.model] += 1

    def dismiss(self, waiter: Waiter) -> None:
        """It waits no more."""
        books = self._books
        del books.waiters[waiter.ticket]
        books.waiting_for[waiter.model] -= 1
        if not books.waiting_for[waiter.model]:
            del books.waiting_for[waiter.model]

    def grant(
        self,
        ticket: int,
        place: Place,
        resident: Resident,
        *,
        at: float,
        load_seconds: float = 0.0,
    ) -> None:
        """A caller becomes a holder."""
        books = self._books
        books.granted[ticket] = place
        books.servers[place.server].leases += 1
        books.uses += 1
        books.demand.touch(place, at)
        resident.used_order = books.uses
        resident.use_count += 1
        resident.last_used = at
        resident.leases.add(ticket)
        self._effects.append(Grant(ticket, place, resident.spec, load_seconds))

    def release(self, ticket: int) -> Place | None:
        """A holder is one no more; None when it was none."""
        books = self._books
        place = books.granted.pop(ticket, None)
        if place is not None:
            books.servers[place.server].leases -= 1
            books.residents[place].leases.discard(ticket)
        return place

    def lose(self, ticket: int, reason: str) -> None:
        """What a holder held is gone."""
        place = self.release(ticket)
        if place is not None:
            self.do(Lost(ticket, place, reason))

    def reject(self, waiter: Waiter, failure: Failure) -> None:
        """A waiter will not get its model."""
        self.dismiss(waiter)
        self.do(Reject(waiter.ticket, waiter.model, failure))

    def tell_waiting(self, waiter: Waiter, detail: str, eta_seconds: float | None = None) -> None:
        """News for a waiter, unless it has them."""
        self._tell(waiter, Progress("waiting", waiter.model, eta_seconds, detail))

    def tell_same(self, first: Waiter, others: Iterable[Waiter]) -> None:
        """What one waits for, those wait for too."""
        stage, detail = first.told or ("", "")
        if stage == "waiting":
            for other in others:
                self.tell_waiting(other, detail)

    def tell_loading(self, waiter: Waiter, place: Place, *, at: float) -> None:
        """Its model is being loaded."""
        left = self._books.load_eta_seconds(place, at=at)
        self._tell(waiter, Progress("loading_model", waiter.model, left))

    def _tell(self, waiter: Waiter, progress: Progress) -> None:
        news = (progress.stage, progress.detail)
        if waiter.told != news:
            waiter.told = news
            self.do(Tell(waiter.ticket, progress))
