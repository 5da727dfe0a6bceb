"""
The orchestrator's decisions: an event in, effects out; no I/O, no clock, nothing to wait for.

The order of work. Callers are served oldest first. A caller whose model is in memory gets it at
once. The oldest caller whose model is not there (the head) decides what is loaded next: it chooses
its victims as a whole, and loads when the last of them is gone. Until then later callers may still
use those victims, but only `MAX_OVERTAKES` times; then the victims drain.

Three promises follow from that: nobody's model leaves while it answers, a plan that cannot be
finished unloads nothing, and no caller waits for ever behind later ones.
"""

from collections.abc import Mapping, Sequence

from brain.catalogue.models import ModelSpec
from brain.vram.books import Books
from brain.vram.events import (
    Acquire,
    Effect,
    Event,
    Failure,
    Grant,
    Leave,
    LoadDone,
    Look,
    Probe,
    Progress,
    Reject,
    Snapshot,
    StartLoad,
    StartUnload,
    Tell,
    UnloadDone,
)
from brain.vram.eviction import ROUNDING_GB, choose_victims
from brain.vram.reconcile import apply_snapshot
from brain.vram.residents import Place, Resident, ServerFacts, State, Waiter

MAX_OVERTAKES = 8


class Core:
    """Deterministic: the same events give the same effects."""

    def __init__(
        self, *, specs: Mapping[str, ModelSpec], servers: Sequence[ServerFacts], hard_gb: float
    ) -> None:
        self.books = Books(specs=specs, servers=servers, hard_gb=hard_gb)
        self._effects: list[Effect] = []

    def step(self, event: Event) -> list[Effect]:
        """What to do now. Late, doubled and unknown news change nothing."""
        self._effects = []
        match event:
            case Acquire():
                self.books.waiters[event.ticket] = Waiter(event.ticket, event.model, event.at)
                self._dispatch(event.at)
            case Leave():
                self._leave(event)
                self._dispatch(event.at)
            case LoadDone():
                self._load_done(event)
                self._dispatch(event.at)
            case UnloadDone():
                self._unload_done(event)
                self._dispatch(event.at)
            case Look():
                self._effects.append(Probe(event.server, self.books.version))
            case Snapshot():
                apply_snapshot(self.books, event)
                self._dispatch(event.at)
        return self._effects

    # ------------------------------------------------------------ events

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
            self._effects.append(Probe(server.name, self.books.version))
        if not resident.claimed:
            self.books.estimates.learn(
                event.place, seconds=event.seconds, measured_gb=event.measured_gb
            )
        if event.measured_gb:
            resident.charged_gb, resident.measured = event.measured_gb, True
        resident.loaded_at, resident.missing, resident.stuck = event.at, 0, False
        self._move(resident, "ready")
        for waiter in self._waiting_for(event.place):
            waiter.load_seconds = min(event.seconds, max(0.0, event.at - waiter.since))

    def _load_failed(self, place: Place, resident: Resident, failure: Failure) -> None:
        server = self.books.servers[place.server]
        if failure.cause == "unreachable":
            server.healthy, server.problem = False, failure.reason
        for waiter in self._waiting_for(place):
            self._reject(waiter, failure)
        if failure.cause == "missing":
            self._remove(place)
        else:
            self._move(resident, "uncertain")
        self._effects.append(Probe(place.server, self.books.version))

    def _unload_done(self, event: UnloadDone) -> None:
        resident = self._current(event.place, event.epoch, "unloading")
        if resident is None:
            return
        if event.failure is None:
            self._remove(event.place)
            return
        server = self.books.servers[event.place.server]
        if event.failure.cause == "unreachable":
            server.healthy, server.problem = False, event.failure.reason
        resident.stuck = True
        self._move(resident, "uncertain")
        self._effects.append(Probe(event.place.server, self.books.version))

    # ------------------------------------------------------------ the order of work

    def _dispatch(self, at: float) -> None:
        """Start everything that can start. Every event ends here: no wake-up is lost."""
        head: Waiter | None = None
        contested: tuple[Place, ...] = ()
        for waiter in list(self.books.waiters.values()):
            place = self.books.place_for(waiter.model)
            if isinstance(place, Failure):
                self._refuse(waiter, place)
                continue
            resident = self._resident_at(place, waiter)
            if resident is not None and resident.state == "ready":
                self._pass_or_wait(waiter, place, resident, head, contested, at)
            elif resident is not None and resident.state == "loading":
                self._tell_loading(waiter, place, at)
            elif head is not None:
                self._tell(waiter, Progress("waiting", waiter.model, None, _behind(head)))
            else:
                planned = self._advance(waiter, place, at)
                if planned is not None:
                    head, contested = waiter, planned

    def _pass_or_wait(
        self,
        waiter: Waiter,
        place: Place,
        resident: Resident,
        head: Waiter | None,
        contested: tuple[Place, ...],
        at: float,
    ) -> None:
        if head is not None and place in contested:
            if head.overtaken >= MAX_OVERTAKES:
                self._tell(waiter, Progress("waiting", waiter.model, None, _behind(head)))
                return
            head.overtaken += 1
        self._grant(waiter, place, resident, at)

    def _advance(self, head: Waiter, place: Place, at: float) -> tuple[Place, ...] | None:
        """
        Bring the head's model one step nearer.

        Returns the models it waits for (perhaps none that can be named), or None when it waits for
        nobody: it was refused, or its load has begun.
        """
        books = self.books
        spec = books.spec(place.model) or ModelSpec(name=place.model, size_gb=0.0)
        ceiling = books.ceiling_gb(place)
        need = books.estimates.need_gb(place, spec, ceiling_gb=ceiling)
        if need > ceiling + ROUNDING_GB:
            reason = "it is larger than the memory for models"
            self._reject(
                head, Failure("never_fits", reason, place.server, need_gb=need, ceiling_gb=ceiling)
            )
            return None
        own = books.residents.get(place)
        if own is not None and own.state == "unloading":
            self._tell(head, Progress("waiting", head.model, None, "it is just being unloaded"))
            return ()
        short = books.charged_gb(without=place) + need - books.hard_gb
        victims = choose_victims(books.candidates(wanted=place), need_gb=short - books.leaving_gb())
        if victims is None:
            return self._wait_or_give_up(head, place)
        if books.loading() is None and short <= ROUNDING_GB:
            self._start_load(place, spec, need, at)
            for waiter in self._waiting_for(place):
                self._tell_loading(waiter, place, at)
            return None
        return self._make_room(head, victims)

    def _make_room(self, head: Waiter, victims: tuple[Place, ...]) -> tuple[Place, ...]:
        """Unload the victims once nobody uses any of them and no other load is under way."""
        residents = self.books.residents
        busy = [place.model for place in victims if residents[place].leases]
        loading = self.books.loading()
        if loading is not None:
            detail = f"{loading.model} is being loaded first"
        elif busy:
            detail = f"{' and '.join(busy)} must finish first"
        else:
            detail = "making room in memory"
            for place in victims:
                epoch = self._move(residents[place], "unloading")
                self._effects.append(StartUnload(place, epoch))
        self._tell(head, Progress("waiting", head.model, None, detail))
        return victims

    def _wait_or_give_up(self, head: Waiter, place: Place) -> tuple[Place, ...] | None:
        transit = self.books.in_transit()
        if transit is not None:
            detail = f"{transit.model} is being loaded or unloaded first"
            self._tell(head, Progress("waiting", head.model, None, detail))
            return ()
        stuck = [one for one, resident in self.books.residents.items() if resident.stuck]
        for one in stuck:
            server = self.books.servers[one.server]
            if not server.healthy:
                self._reject(head, Failure("unreachable", server.problem, server.name))
                return None
        reason = f"{' and '.join(one.model for one in stuck) or 'another model'} stays in memory"
        self._reject(head, Failure("failed", reason, place.server))
        return None

    def _start_load(self, place: Place, spec: ModelSpec, need_gb: float, at: float) -> None:
        books = self.books
        resident = books.residents.get(place)
        if resident is None:
            resident = Resident(spec=spec, state="loading", charged_gb=need_gb, epoch=0)
            books.residents[place] = resident
        else:
            resident.claimed = True
            resident.charged_gb = max(resident.charged_gb, need_gb)
        resident.loading_since = at
        self._effects.append(StartLoad(place, self._move(resident, "loading"), spec))

    # ------------------------------------------------------------ small steps

    def _resident_at(self, place: Place, waiter: Waiter) -> Resident | None:
        """A server whose models are always loaded has every model it lists in memory."""
        if place not in self.books.residents and not self.books.servers[place.server].loads:
            spec = self.books.spec(waiter.model) or ModelSpec(name=waiter.model, size_gb=0.0)
            resident = Resident(spec=spec, state="ready", charged_gb=0.0, epoch=0)
            resident.loaded_at = waiter.since
            self._move(resident, "ready")
            self.books.residents[place] = resident
        return self.books.residents.get(place)

    def _grant(self, waiter: Waiter, place: Place, resident: Resident, at: float) -> None:
        books = self.books
        del books.waiters[waiter.ticket]
        books.granted[waiter.ticket] = place
        books.uses += 1
        resident.used_order = books.uses
        resident.use_count += 1
        resident.last_used = at
        resident.leases.add(waiter.ticket)
        self._effects.append(Grant(waiter.ticket, place, resident.spec, waiter.load_seconds))

    def _refuse(self, waiter: Waiter, failure: Failure) -> None:
        """What is not there now may be there in a moment: ask again, for the next caller."""
        self._reject(waiter, failure)
        for server in self.books.servers.values():
            probe = Probe(server.name, self.books.version)
            if probe not in self._effects:
                self._effects.append(probe)

    def _reject(self, waiter: Waiter, failure: Failure) -> None:
        del self.books.waiters[waiter.ticket]
        self._effects.append(Reject(waiter.ticket, waiter.model, failure))

    def _tell_loading(self, waiter: Waiter, place: Place, at: float) -> None:
        left = self.books.load_eta_seconds(place, at=at)
        self._tell(waiter, Progress("loading_model", waiter.model, left))

    def _tell(self, waiter: Waiter, progress: Progress) -> None:
        news = (progress.stage, progress.detail)
        if waiter.told != news:
            waiter.told = news
            self._effects.append(Tell(waiter.ticket, progress))

    def _waiting_for(self, place: Place) -> list[Waiter]:
        return [
            waiter
            for waiter in list(self.books.waiters.values())
            if self.books.place_for(waiter.model) == place
        ]

    def _current(self, place: Place, epoch: int, state: State) -> Resident | None:
        resident = self.books.residents.get(place)
        if resident is None or resident.epoch != epoch or resident.state != state:
            return None
        return resident

    def _move(self, resident: Resident, state: State) -> int:
        self.books.version += 1
        resident.state, resident.epoch = state, self.books.version
        return resident.epoch

    def _remove(self, place: Place) -> None:
        self.books.version += 1
        self.books.gone[place] = self.books.version
        del self.books.residents[place]


def _behind(head: Waiter) -> str:
    return f"{head.model} is next"
