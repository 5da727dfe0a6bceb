"""The small steps by which the books change, each with the effect that belongs to it."""

from brain.catalogue.models import ModelSpec
from brain.vram.books import Books
from brain.vram.events import Effect, Failure, Grant, Probe, Progress, Reject, StartLoad, Tell
from brain.vram.residents import Place, Resident, State, Waiter


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

    def probe(self, server: str) -> None:
        """Ask the server what it has now."""
        self.do(Probe(server, self._books.version))

    def move(self, resident: Resident, state: State) -> int:
        """Change a model's state; returns the new epoch."""
        self._books.version += 1
        resident.state, resident.epoch = state, self._books.version
        return resident.epoch

    def remove(self, place: Place) -> None:
        """The model is certainly not in memory."""
        self._books.version += 1
        self._books.gone[place] = self._books.version
        del self._books.residents[place]

    def start_load(self, place: Place, spec: ModelSpec, *, need_gb: float, at: float) -> None:
        """Reserve the memory and begin; a model that may be there already is claimed."""
        resident = self._books.residents.get(place)
        if resident is None:
            resident = Resident(spec=spec, state="loading", charged_gb=need_gb, epoch=0)
            self._books.residents[place] = resident
        else:
            resident.claimed = True
            resident.charged_gb = max(resident.charged_gb, need_gb)
        resident.loading_since = at
        self.do(StartLoad(place, self.move(resident, "loading"), spec))

    def grant(self, waiter: Waiter, place: Place, resident: Resident, *, at: float) -> None:
        """A waiter becomes a holder."""
        books = self._books
        del books.waiters[waiter.ticket]
        books.granted[waiter.ticket] = place
        books.uses += 1
        resident.used_order = books.uses
        resident.use_count += 1
        resident.last_used = at
        resident.leases.add(waiter.ticket)
        self.do(Grant(waiter.ticket, place, resident.spec, waiter.load_seconds))

    def reject(self, waiter: Waiter, failure: Failure) -> None:
        """A waiter will not get its model."""
        del self._books.waiters[waiter.ticket]
        self.do(Reject(waiter.ticket, waiter.model, failure))

    def tell_waiting(self, waiter: Waiter, detail: str) -> None:
        """News for a waiter, unless it has them."""
        self._tell(waiter, Progress("waiting", waiter.model, None, detail))

    def tell_loading(self, waiter: Waiter, place: Place, *, at: float) -> None:
        """Its model is being loaded."""
        left = self._books.load_eta_seconds(place, at=at)
        self._tell(waiter, Progress("loading_model", waiter.model, left))

    def _tell(self, waiter: Waiter, progress: Progress) -> None:
        news = (progress.stage, progress.detail)
        if waiter.told != news:
            waiter.told = news
            self.do(Tell(waiter.ticket, progress))
