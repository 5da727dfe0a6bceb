"""What an operator may ask of the orchestrator: a plan, an unload."""

from typing import Literal

from brain.vram.books import Books
from brain.vram.choosing import Chooser
from brain.vram.decisions import Decision, Leaving, Plan
from brain.vram.events import Failure
from brain.vram.moves import Moves
from brain.vram.placing import Placing
from brain.vram.policies.view import ROUNDING_GB, disturbance
from brain.vram.residents import Place, Waiter
from brain.vram.room import room_at

Unloading = Literal["unloading", "draining", "absent"]
OFF = "the orchestrator is off: it is loaded as asked, and the model server decides who leaves"
DOING = ("idle", "others wait for it", "answers now")


class Admin:
    """Plans change nothing; unloads are carried out at once, or when nobody uses the model."""

    def __init__(self, books: Books, moves: Moves, chooser: Chooser) -> None:
        self._books = books
        self._moves = moves
        self._chooser = chooser
        self._placing = Placing(books, chooser)

    def plan(self, model: str, at: float) -> Plan | Failure:
        """What a load of it would do now; a failure when it can be loaded nowhere."""
        books = self._books
        place = self._placing.place(Waiter(0, model, at, at), at=at)
        if isinstance(place, Failure):
            return place
        domain = books.domain_at(place)
        free = round(max(0.0, domain.hard_gb - books.charged_gb(domain, without=place)), 3)
        resident = books.residents.get(place)
        if not books.is_ours(place) or (resident is not None and resident.state == "ready"):
            need = resident.charged_gb if resident is not None else 0.0
            return Plan(model, place.server, True, need, free, (), (), "it is in memory", ())
        room = room_at(books, place)
        if not books.options.orchestrator_enabled:
            fits = room.short_gb <= ROUNDING_GB
            return Plan(model, place.server, fits, room.need_gb, free, (), (), OFF, ())
        coming = [
            one.model for one in (books.loading(domain), books.unloading(domain)) if one is not None
        ]

        def plan(why: str, *, fits: bool = False) -> Plan:
            return Plan(model, place.server, fits, room.need_gb, free, (), (), why, tuple(coming))

        if room.need_gb > books.ceiling_gb(place) + ROUNDING_GB:
            return plan(f"it can never fit: at most {books.ceiling_gb(place):.1f} GB can be free")
        if room.to_free_gb <= ROUNDING_GB:
            return plan("there is room", fits=room.short_gb <= ROUNDING_GB)
        held = self._chooser.held(domain, without=place)
        choice = self._chooser.choose(domain, place, held, to_free_gb=room.to_free_gb, at=at)
        if choice is None:
            return plan("nobody who could leave would make enough room now")
        victims = [one for one in held if one.place in choice.victims]
        return Plan(
            model=model,
            server=place.server,
            fits=False,
            need_gb=room.need_gb,
            free_gb=free,
            victims=tuple(
                Leaving(one.place.model, one.gb, DOING[disturbance(one)]) for one in victims
            ),
            runner_up=tuple(one.model for one in choice.runner_up),
            why=choice.reason,
            would_wait_for=(*coming, *(one.place.model for one in victims if one.leased)),
        )

    def unload(self, model: str, at: float) -> Unloading:
        """Send it out of memory wherever it is; CRITICAL too."""
        books, moves = self._books, self._moves
        places = [
            place
            for place, one in books.residents.items()
            if place.model == model
            and books.is_ours(place)
            and one.state != "unloading"
            and (one.state != "parked" or books.servers[place.server].loads)
        ]
        states = [self._unload(place, at) for place in places]
        if any(one.state == "unloading" for p, one in books.residents.items() if p.model == model):
            states.append("unloading")
        if places:
            books.decisions.appendleft(
                Decision(at, "admin", "", (model,), "an operator unloads it")
            )
            moves.say("vram.unload_asked", "an operator unloads it", grave=False, model=model)
        if "draining" in states:
            return "draining"
        return "unloading" if states else "absent"

    def _unload(self, place: Place, at: float) -> Unloading:
        resident = self._books.residents[place]
        if resident.state == "loading":
            waiting = [w.ticket for w in self._books.waiters.values() if w.model == place.model]
            if waiting:
                resident.leaves_after = frozenset(waiting)
                return "draining"
            self._moves.abort_load(place, at=at)
            return "unloading"
        if resident.leases:
            self._moves.drain(place, "admin")
            return "draining"
        self._moves.start_unload(place, at=at)
        return "unloading"
