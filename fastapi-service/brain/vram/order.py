"""
The order of work: who gets a model now, and what is loaded next.

Callers are served oldest first. A caller whose model is in memory gets it at once. Of those whose
model is not, the head (one that is starved, else the oldest) decides what its memory is used for
next: it chooses its victims as a whole. While somebody uses or wants those, they are served on, and
another load that disturbs nobody may go ahead; but once the head has been overtaken `max_overtakes`
times, or has waited for ten minutes or twice its load time, the victims drain. When nobody uses
any of them they leave together, and the load begins when the last is gone.

Three promises follow from that: nobody's model leaves while it answers, a plan that cannot be
finished unloads nothing, and no caller waits for ever behind later ones.
"""

from brain.catalogue.models import Priority
from brain.vram.admission import DRAINED, HELD, Admission
from brain.vram.books import FROZEN_AFTER, Books
from brain.vram.choosing import Chooser
from brain.vram.domains import Domain
from brain.vram.events import Failure
from brain.vram.moves import Moves
from brain.vram.placing import Placing
from brain.vram.policies.view import ROUNDING_GB, Choice, Held, disturbance
from brain.vram.residents import Place, Resident, Waiter
from brain.vram.room import Room, room_at

STARVED_SECONDS = 600.0
"""Waits of a minute are usual on a busy box: draining at once then makes all wait longer."""
SPARE_ROUNDS = 4
"""Every round begins, ends or refuses something, so two for each model and caller are plenty."""
Absent = list[tuple[Waiter, Place]]


class Order:
    """Decides on the books; `dispatch` after every event, so that no wake-up is lost."""

    def __init__(self, books: Books, moves: Moves, chooser: Chooser) -> None:
        self._books = books
        self._moves = moves
        self._chooser = chooser
        self._placing = Placing(books, chooser)
        self._admission = Admission(books, moves)

    def dispatch(self, at: float) -> None:
        """Start everything that can start, and tell everybody else what they wait for."""
        books = self._books
        rounds = SPARE_ROUNDS + 2 * (len(books.waiters) + len(books.residents))
        while self._pass(at):
            rounds -= 1
            if not rounds:  # the next event goes on from here
                self._moves.say("vram.unsettled", "The order of work did not settle")
                break
        for waiter in books.waiters.values():  # who was told nothing would not lend its slot
            if not waiter.told:
                self._moves.tell_waiting(waiter, "others are being answered first")

    def _pass(self, at: float) -> bool:
        """One round; True when something happened that may let more begin."""
        absent = self._serve(at)
        again = False
        for domain in self._books.domains.values():
            head, contested = domain.head, domain.contested
            again = self._advance(domain, absent.get(domain.name, []), at) or again
            if contested and (head, contested) != (domain.head, domain.contested):
                again = True  # another's turn: who stood back may go
        return again

    # ------------------------------------------------------------ what is there

    def _serve(self, at: float) -> dict[str, Absent]:
        """Give out what is in memory; returns who asks for what is not, by memory."""
        absent: dict[str, Absent] = {}
        for waiter in self._books.in_order():
            place = self._placing.place(waiter, at=at)
            if isinstance(place, Failure):
                self._refuse(waiter, place)
                continue
            resident = self._resident_at(place, at)
            match resident.state if resident is not None else "absent":
                case "ready":
                    assert resident is not None
                    self._use(waiter, place, resident, at)
                case "loading":
                    assert resident is not None
                    resident.speculative = resident.speculative and waiter.speculative
                    self._moves.tell_loading(waiter, place, at=at)
                case "draining":
                    self._moves.tell_waiting(waiter, self._why_draining(place))
                case "unloading":
                    self._moves.tell_waiting(waiter, "it is just being unloaded")
                case _:
                    domain = self._books.servers[place.server].domain
                    absent.setdefault(domain, []).append((waiter, place))
        return absent

    def _use(self, waiter: Waiter, place: Place, resident: Resident, at: float) -> None:
        if not self._books.has_slot(place, resident):
            drained = self._books.servers[place.server].draining
            self._moves.tell_waiting(
                waiter, DRAINED if drained else "others are being answered first"
            )
        elif self._may_overtake(waiter, place):
            resident.kept = waiter.speculative
            self._moves.dismiss(waiter)
            seconds = waiter.load_seconds
            self._moves.grant(waiter.ticket, place, resident, at=at, load_seconds=seconds)
        else:
            self._moves.tell_waiting(waiter, self._why_draining(place))

    def _may_overtake(self, waiter: Waiter, place: Place) -> bool:
        """Whether it may use what the head waits for; if so that is counted."""
        domain = self._books.domain_at(place)
        head = self._books.waiters.get(domain.head) if domain.head is not None else None
        if head is None or place not in domain.contested or waiter.rank < head.rank:
            return True
        if head.overtaken >= self._books.options.max_overtakes:
            return False
        head.overtaken += 1
        return True

    def _why_draining(self, place: Place) -> str:
        head = self._books.waiters.get(self._books.domain_at(place).head or 0)
        resident = self._books.residents[place]
        if resident.drain in ("admin", "pressure") or head is None:
            return "it is about to be unloaded"
        return f"{head.model} is next"

    def _resident_at(self, place: Place, at: float) -> Resident | None:
        """A model that we do not move is in memory as long as its server lists it."""
        books = self._books
        if place not in books.residents and not books.servers[place.server].loads:
            spec = books.spec_at(place)
            charged = spec.size_gb if books.is_ours(place) else 0.0
            resident = Resident(spec=spec, state="ready", charged_gb=charged, epoch=0)
            resident.loaded_at = at
            self._moves.move(resident, "ready")
            books.residents[place] = resident
        return books.residents.get(place)

    def _refuse(self, waiter: Waiter, failure: Failure) -> None:
        """What is not there now may be there in a moment: look again, for the next caller."""
        self._moves.reject(waiter, failure)
        for server in self._books.servers:
            self._moves.probe(server)

    # ------------------------------------------------------------ what is not there

    def _advance(self, domain: Domain, absent: Absent, at: float) -> bool:
        """Bring what is asked for one step nearer; True when something may begin by that."""
        if not self._books.options.orchestrator_enabled:
            return self._load_everything(absent, at)
        eligible = [one for one in absent if self._admission.admits(*one, at=at)]
        places = {place for _, place in eligible}
        if domain.pending is not None and domain.pending not in places:
            domain.pending = None
        if domain.head is not None and domain.head not in self._books.waiters:
            domain.forget_head()
        order = self._by_turn(domain, eligible, at)
        while order:
            waiter, place = order[0]
            outcome = self._bring(domain, waiter, place, at)
            self._moves.tell_same(waiter, [one for one, there in order if there == place])
            if outcome is HELD:
                order = [one for one in order if one[1] != place]
                continue
            for other, there in order:
                if there != place:
                    self._moves.tell_waiting(other, f"{waiter.model} is next")
            if outcome is False and domain.head == waiter.ticket and domain.contested:
                outcome = self._meanwhile(domain, waiter, eligible, at)
            return bool(outcome)
        domain.forget_head()
        return self._undrain(domain)

    def _load_everything(self, absent: Absent, at: float) -> bool:
        """Without the orchestrator the server decides what leaves for it."""
        for waiter, place in absent:
            resident = self._books.residents.get(place)
            if resident is None or resident.state != "loading":
                self._moves.start_load(place, need_gb=self._books.need_gb(place), at=at)
            self._moves.tell_loading(waiter, place, at=at)
        return False

    def _by_turn(self, domain: Domain, eligible: Absent, at: float) -> Absent:
        """Whom room is being made for, then who is starved, then the oldest."""

        def turn(one: tuple[Waiter, Place]) -> tuple[bool, bool]:
            return (one[1] != domain.pending, not self._is_starved(*one, at))

        return sorted(eligible, key=turn)

    def _is_starved(self, waiter: Waiter, place: Place, at: float) -> bool:
        if waiter.overtaken >= self._books.options.max_overtakes:
            return True
        limit = max(2 * self._books.load_seconds(place), STARVED_SECONDS)
        return at - waiter.since >= limit

    def _bring(self, domain: Domain, waiter: Waiter, place: Place, at: float) -> bool | None:
        """
        One step nearer for one caller: its load, its victims' leaving, or waiting for them.

        True: dispatch again; False: it waits; `HELD`: it waits for what no dispatch can bring, so
        that the next caller may be looked at.
        """
        books, moves = self._books, self._moves
        probe_gb = self._admission.probe_extra_gb(domain, place, self._chooser)
        if probe_gb is None:
            moves.tell_waiting(waiter, "it crashed before and is tried when there is more room")
            return HELD
        room = room_at(books, place, extra_gb=probe_gb)
        loading = books.loading(domain)
        if loading is None and room.short_gb <= ROUNDING_GB:
            self._start(domain, waiter, place, room.need_gb, at)
            return True
        if room.to_free_gb <= ROUNDING_GB:  # it is on its way
            first = f"{loading.model} is being loaded first" if loading else "making room in memory"
            moves.tell_waiting(waiter, first)
            if domain.pending != place:
                self._set_head(domain, waiter, frozenset())
            return self._undrain(domain)
        below = Priority.HIGH if self._admission.is_probe(place) else Priority.CRITICAL
        held = self._chooser.held(domain, without=place, below=below)
        choice = self._choice(domain, waiter, place, held, room, at)
        if choice is None:
            return self._wait_or_give_up(domain, waiter, place, room)
        if loading is not None:
            moves.tell_waiting(waiter, f"{loading.model} is being loaded first")
            if domain.pending != place:
                self._set_head(domain, waiter, frozenset(choice.victims))
            return self._undrain(domain)
        if books.servers[place.server].silent >= FROZEN_AFTER:
            problem = books.servers[place.server].problem
            moves.reject(waiter, Failure("unreachable", problem, place.server))
            return True
        return self._make_room(domain, waiter, place, choice, held, at)

    def _choice(
        self,
        domain: Domain,
        waiter: Waiter,
        place: Place,
        held: tuple[Held, ...],
        room: Room,
        at: float,
    ) -> Choice | None:
        """What drains for it stays the choice while it is right, unless others could leave now."""
        to_free = room.to_free_gb
        fresh = self._chooser.choose(domain, place, held, to_free_gb=to_free, at=at)
        before = domain.drained if domain.head == waiter.ticket else None
        if fresh is None or before is None:
            return fresh
        waits = any(self._books.residents[victim].leases for victim in fresh.victims)
        keeps = waits and self._chooser.still_right(before, held, to_free_gb=to_free)
        return before if keeps else fresh

    def _start(
        self, domain: Domain, waiter: Waiter, place: Place, need_gb: float, at: float
    ) -> None:
        books, moves = self._books, self._moves
        self._admission.load_begins(place, at)
        speculative = all(
            one.speculative for one in books.waiters.values() if one.model == place.model
        )
        moves.start_load(place, need_gb=need_gb, at=at, speculative=speculative)
        moves.tell_loading(waiter, place, at=at)
        domain.pending = None
        if domain.head == waiter.ticket:
            domain.forget_head()
        self._undrain(domain)

    def _make_room(
        self,
        domain: Domain,
        waiter: Waiter,
        place: Place,
        choice: Choice,
        held: tuple[Held, ...],
        at: float,
    ) -> bool:
        """Unload the victims once nobody uses any of them; until then serve them on, or drain."""
        moves = self._moves
        starved = self._is_starved(waiter, place, at)
        victims = [one for one in held if one.place in choice.victims]
        busy = [one.place.model for one in victims if one.leased]
        if not busy and (starved or not any(one.wanted for one in victims)):
            for victim in choice.victims:
                moves.start_unload(victim, at=at)
            self._chooser.record(
                "probe" if self._admission.is_probe(place) else "swap",
                choice,
                at=at,
                wanted=place,
            )
            domain.pending = place
            if domain.head == waiter.ticket:
                domain.forget_head()
            moves.tell_waiting(waiter, "making room in memory")
            return self._undrain(domain)
        self._set_head(domain, waiter, frozenset(choice.victims))
        if starved:
            for victim in choice.victims:
                moves.drain(victim, "swap")
            domain.drained = choice
        names = busy or [one.place.model for one in victims if one.wanted]
        moves.tell_waiting(waiter, f"{' and '.join(names)} must finish first")
        return self._undrain(domain, keep=choice.victims if starved else ())

    def _set_head(self, domain: Domain, waiter: Waiter, contested: frozenset[Place]) -> None:
        domain.head, domain.contested = waiter.ticket, contested

    def _undrain(self, domain: Domain, *, keep: tuple[Place, ...] = ()) -> bool:
        """What no longer drains for a swap may be used again; True when that is so for any."""
        if not keep:
            domain.drained = None
        called_off = [
            place
            for place, one in self._books.inside(domain)
            if one.drain == "swap" and place not in keep
        ]
        for place in called_off:
            self._moves.undrain(place)
        return bool(called_off)

    def _meanwhile(self, domain: Domain, head: Waiter, eligible: Absent, at: float) -> bool:
        """While the head waits for those who use its victims: a load that disturbs nobody."""
        books = self._books
        if books.loading(domain) or domain.pending or domain.drained:
            return False
        if head.overtaken >= books.options.max_overtakes:
            return False
        for waiter, place in eligible:
            if place.model == head.model or self._admission.is_probe(place):
                continue
            if books.servers[place.server].silent >= FROZEN_AFTER:
                continue
            room = room_at(books, place)
            if room.short_gb <= ROUNDING_GB:
                head.overtaken += 1
                self._start(domain, waiter, place, room.need_gb, at)
                return True
            if room.to_free_gb <= ROUNDING_GB:
                continue  # it waits for what is leaving already
            held = tuple(
                one for one in self._chooser.held(domain, without=place) if not disturbance(one)
            )
            choice = self._chooser.choose(domain, place, held, to_free_gb=room.to_free_gb, at=at)
            if choice is not None:
                head.overtaken += 1
                return self._make_room(domain, waiter, place, choice, held, at)
        return False

    def _wait_or_give_up(
        self, domain: Domain, waiter: Waiter, place: Place, room: Room
    ) -> bool | None:
        """There is no set of victims now: either news are on their way, or something is stuck."""
        books, moves = self._books, self._moves
        transit = books.loading(domain) or books.unloading(domain)
        if transit is not None:
            moves.tell_waiting(waiter, f"{transit.model} is being loaded or unloaded first")
            if domain.pending != place:
                self._set_head(domain, waiter, frozenset())
            return self._undrain(domain)
        if domain.pending == place:
            domain.pending = None
        if room.machine_short_gb > ROUNDING_GB and self._limit_could_do(domain, place, room):
            moves.tell_waiting(waiter, self._admission.why_machine(room))
            return HELD
        if self._admission.is_probe(place):
            moves.tell_waiting(waiter, "it crashed before and is tried when there is more room")
            return HELD
        stuck = [one for one, resident in books.inside(domain) if resident.state == "stuck"]
        frozen = [one for one, _ in books.inside(domain)
                  if books.servers[one.server].silent >= FROZEN_AFTER]  # fmt: skip
        for one in (*stuck, *frozen):
            server = books.servers[one.server]
            if not server.healthy:
                moves.reject(waiter, Failure("unreachable", server.problem, server.name))
                return True
        reason = f"{' and '.join(one.model for one in stuck) or 'another model'} stays in memory"
        moves.reject(waiter, Failure("failed", reason, place.server))
        return True

    def _limit_could_do(self, domain: Domain, place: Place, room: Room) -> bool:
        """Whether only the machine stands in the way."""
        held = self._chooser.held(domain, without=place)
        return sum(one.gb for one in held) >= room.limit_short_gb - ROUNDING_GB
