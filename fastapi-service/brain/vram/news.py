"""What loads, unloads, servers and the machine report, taken into the books."""

from brain.vram.books import Books
from brain.vram.estimates import note_size
from brain.vram.events import (
    Failure,
    LoadDone,
    Sampled,
    ServerAdded,
    ServerDrains,
    ServerGone,
    SetBreaker,
    Snapshot,
    Trouble,
    UnloadDone,
)
from brain.vram.moves import Moves
from brain.vram.reconcile import Difference, apply_snapshot
from brain.vram.residents import Place, Resident, State, Waiter


class News:
    """
    Each method takes in one event; nothing here gives out or plans anything.

    Ends of loads and unloads are to be `is_current`.
    """

    def __init__(self, books: Books, moves: Moves) -> None:
        self._books = books
        self._moves = moves
        self.differences: dict[str, Difference] = {}
        """What the newest snapshot of each server changed."""

    # ------------------------------------------------------------ loads and unloads

    def is_current(self, event: LoadDone | UnloadDone) -> bool:
        """Whether it is about what the books say goes on, and not late or doubled."""
        state: State = "loading" if isinstance(event, LoadDone) else "unloading"
        resident = self._books.residents.get(event.place)
        return resident is not None and resident.epoch == event.epoch and resident.state == state

    def load_done(self, event: LoadDone) -> None:
        """A model is in memory now, or its load failed."""
        books, place = self._books, event.place
        resident = books.residents[place]
        if event.failure is not None:
            self._load_failed(place, resident, event.failure, event.at)
            return
        server = books.servers[place.server]
        server.healthy, server.problem, server.silent = True, "", 0
        if server.inventory is None:
            self._moves.probe(server.name)
        self._learn(place, resident, event)
        if event.measured_gb:
            resident.peak_gb = 0.0
            note_size(resident, event.measured_gb, at=event.at)
        resident.loaded_at, resident.missing, resident.suspect = event.at, 0, False
        resident.speculative = False
        self._moves.move(resident, "ready")
        if books.takes_memory(place) and not resident.claimed:
            books.machine.moved(resident.charged_gb, at=event.at)
        resident.claimed = resident.woken = False
        books.breaker.probe_ended(place.model, event.at, ok=True)
        for waiter in self._waiting_at(place):
            waiter.load_seconds = min(event.seconds, max(0.0, event.at - waiter.since))

    def _learn(self, place: Place, resident: Resident, event: LoadDone) -> None:
        estimates, spec = self._books.estimates, resident.spec
        if resident.woken:
            estimates.learn_wake(place, spec, seconds=event.seconds)
        elif resident.claimed:
            if event.measured_gb:
                estimates.learn_size(place, spec, event.measured_gb)
        else:
            estimates.learn(place, spec, seconds=event.seconds, measured_gb=event.measured_gb)

    def _load_failed(self, place: Place, resident: Resident, failure: Failure, at: float) -> None:
        self._note_health(place, failure)
        if not (failure.cause == "unreachable" and self._has_another(place)):
            for waiter in self._waiting_at(place):
                self._moves.reject(waiter, failure)
        resident.claimed = resident.woken = resident.speculative = False
        resident.leaves_after = frozenset()
        if failure.cause == "missing":
            self._books.breaker.probe_ended(place.model, at, ok=None)
            self._moves.remove(place)
        else:
            self._moves.move(resident, "failed")
            if failure.cause == "failed":
                self._moves.crashed(place, failure.reason, at)
            else:
                self._books.breaker.probe_ended(place.model, at, ok=None)
        self._moves.probe(place.server)

    def unload_done(self, event: UnloadDone) -> None:
        """A model is gone, or sleeps, or stayed."""
        books, place = self._books, event.place
        resident = books.residents[place]
        if event.failure is not None:
            self._note_health(place, event.failure)
            self._moves.move(resident, "stuck")
            self._moves.say(
                "vram.stuck", "A model did not leave memory", model=place.model,
                server=place.server, reason=event.failure.reason,
            )  # fmt: skip
            self._moves.probe(place.server)
            return
        stays_gb = event.parked_gb or 0.0
        if books.takes_memory(place):
            books.machine.moved(stays_gb - resident.charged_gb, at=event.at)
        if event.parked_gb is None:
            self._moves.remove(place)
            return
        if resident.measured:
            books.estimates.learn_size(place, resident.spec, resident.charged_gb)
        books.estimates.learn_parked(place, resident.spec, stays_gb)
        resident.charged_gb, resident.peak_gb = stays_gb, stays_gb
        self._moves.move(resident, "parked")

    def nobody_waits(self, waiter: Waiter, at: float) -> None:
        """A caller gave up waiting; with the last of them goes a load that was speculative."""
        if waiter.model in self._books.waiting_for:
            return
        for place, resident in self._books.residents.items():
            if place.model == waiter.model and resident.state == "loading" and resident.speculative:
                self._moves.abort_load(place, at=at)

    # ------------------------------------------------------------ servers

    def snapshot(self, event: Snapshot) -> None:
        """A server told what it has, or did not answer."""
        books = self._books
        server = books.servers.get(event.server)
        if server is None or event.version < server.since:
            return
        first = server.inventory is None
        states = {place: one.state for place, one in books.residents.items()}
        difference = apply_snapshot(books, event)
        self.differences[event.server] = difference
        if not books.options.orchestrator_enabled:  # the server decides who leaves
            for place in difference.gone:
                if not books.residents[place].leases:
                    self._moves.remove(place)
            return
        sure = [place for place in difference.gone if states[place] in ("ready", "draining")]
        unexpected = () if first else difference.found
        if sure or difference.missed or unexpected:
            self._moves.say(
                "vram.desync", "Registry desync detected", server=event.server,
                missing=[place.model for place in (*sure, *difference.missed)],
                unexpected=[place.model for place in unexpected],
            )  # fmt: skip
        # An idle one was put away by its server, to have room or at its own bound (three models in
        # an Ollama by default), or by somebody else: that is no crash.
        used = [
            place
            for place in sure
            if books.residents[place].leases or books.residents[place].suspect
        ]
        for place in difference.gone:
            self._moves.remove(place)
        for place in used:
            if books.servers[place.server].loads:
                self._moves.crashed(place, "it was no longer in memory", event.at)
        if difference.gone:
            names = [place.model for place in difference.gone]
            self._moves.say(
                "vram.cleaned",
                f"Registry reconciliation: cleaned {len(names)} models",
                models=names,
            )

    def trouble(self, event: Trouble) -> None:
        """An answer broke off: look at once whether the model is still there."""
        place = self._books.granted.get(event.ticket)
        if place is not None:
            self._books.residents[place].suspect = True
            self._moves.probe(place.server)

    def server_changed(self, event: ServerAdded | ServerDrains | ServerGone) -> None:
        """A server is ours to use, to be left alone, or not ours any more."""
        books = self._books
        match event:
            case ServerAdded(facts):
                if facts.name not in books.servers:
                    books.version += 1
                    facts.since = books.version
                books.add_server(facts)
                self._moves.probe(facts.name)
            case ServerDrains(server, draining) if server in books.servers:
                books.servers[server].draining = draining
            case ServerGone(server) if server in books.servers:
                for place in [place for place in books.residents if place.server == server]:
                    self._moves.remove(place)
                del books.servers[server]
                self.differences.pop(server, None)

    # ------------------------------------------------------------ the machine, operators

    def sampled(self, event: Sampled) -> None:
        """The machine's memory was read."""
        books = self._books
        real = [(one.state, one.charged_gb) for place, one in books.residents.items()
                if books.takes_memory(place)]  # fmt: skip
        models_gb = sum(gb for _, gb in real)
        loading = any(state == "loading" for state, _ in real)
        books.machine.note(event.sample, models_gb=models_gb, loading=loading)

    def set_breaker(self, event: SetBreaker) -> None:
        """An operator's word on a model that crashed."""
        if event.forced_open:
            self._books.breaker.force_open(event.model, event.at)
        else:
            self._books.breaker.clear(event.model)

    # ------------------------------------------------------------

    def _note_health(self, place: Place, failure: Failure) -> None:
        if failure.cause == "unreachable":
            server = self._books.servers[place.server]
            server.healthy, server.problem = False, failure.reason

    def _waiting_at(self, place: Place) -> list[Waiter]:
        """Callers who wait for this model, unless it is (coming) somewhere else too."""
        books = self._books
        elsewhere = any(
            other.model == place.model and other != place and one.state in ("ready", "loading")
            for other, one in books.residents.items()
        )
        return [] if elsewhere else [w for w in books.waiters.values() if w.model == place.model]

    def _has_another(self, place: Place) -> bool:
        """Whether another server that answers has the model."""
        return any(
            one.healthy and one.name != place.server for one in self._books.having(place.model)
        )
