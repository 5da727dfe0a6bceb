"""Who leaves although nobody needs the room: after its use, after a while, down to a goal."""

from typing import Final

from brain.vram.books import FROZEN_AFTER, Books
from brain.vram.choosing import NOBODY, Chooser
from brain.vram.decisions import Decision, DecisionKind
from brain.vram.domains import Domain
from brain.vram.moves import Moves
from brain.vram.residents import Place

BELOW_SOFT_GB = 5.0
"""How far below the soft limit is gone to, so that the next load does not exceed it again."""

UNUSED_SECONDS: Final = 300.0
"""For so long nobody used a model that leaves only for the soft limit."""

MEDIUM_SHARE = 0.6
"""Under 60 % of the hard limit an operator's "optimize" is done (runbook: pressure is low)."""


class Idle:
    """Sends models out of memory that nobody uses; CRITICAL never."""

    def __init__(self, books: Books, moves: Moves, chooser: Chooser) -> None:
        self._books = books
        self._moves = moves
        self._chooser = chooser

    def after_use(self, place: Place, at: float) -> None:
        """A model was loaded, or a holder of it has left: see whether it leaves, too."""
        resident = self._books.residents[place]
        if resident.leaves_after and resident.leaves_after.isdisjoint(self._books.waiters):
            resident.leaves_after = frozenset()
            self._moves.drain(place, "admin")
        if resident.leases or self._is_frozen(place):
            return
        if resident.state == "draining" and resident.drain in ("admin", "pressure"):
            self._moves.start_unload(place, at=at)
        elif not self._books.is_movable(place) or self._books.waiting_for[place.model]:
            return
        elif self._books.servers[place.server].draining:
            self._moves.start_unload(place, at=at)
        elif resident.kept or not self._books.options.orchestrator_enabled:
            return
        elif self._books.options.conservative:
            self._leave(place, "conservative", "it was used, and memory is given back at once", at)
        elif self._books.options.keep_alive_seconds == 0:
            self._leave(place, "keep_alive", "it was used, and is not kept", at)

    def tick(self, at: float) -> None:
        """Time passed. Without the orchestrator only what an operator wants is done."""
        for place, resident in list(self._books.residents.items()):
            if resident.state == "draining" and resident.drain in ("admin", "pressure"):
                self.after_use(place, at)  # its server was silent when its last caller left
        for place in list(self._books.residents):
            if self._books.servers[place.server].draining and self._is_idle(place):
                self._leave(place, "admin", "its server is being drained", at)
        if not self._books.options.orchestrator_enabled:
            return
        limit = self._books.options.keep_alive_seconds
        if limit is not None:
            for place in self._unused(limit, at):
                self._leave(place, "keep_alive", f"nobody used it for {limit:g} s", at)
        for domain in self._books.domains.values():
            self._towards_soft_limit(domain, at)

    def optimize(self, at: float) -> tuple[tuple[str, float], ...]:
        """
        Send idle models out of memory until 60 % of the hard limit, and the soft limit less 5 GB,
        are not exceeded; returns them with their GB. An operator's call.
        """
        freed: list[tuple[str, float]] = []
        for domain in self._books.domains.values():
            goal = min(domain.soft_gb - BELOW_SOFT_GB, MEDIUM_SHARE * domain.hard_gb)
            places = [one.place for one in self._chooser.idle(domain)]
            freed += self._down_to(domain, goal, places, "admin", at)
        if freed:
            gigabytes = round(sum(gb for _, gb in freed), 1)
            names = [model for model, _ in freed]
            self._moves.say(
                "vram.optimized",
                f"Memory optimization freed {gigabytes} GB",
                grave=False,
                models=names,
            )
        return tuple(freed)

    def _towards_soft_limit(self, domain: Domain, at: float) -> None:
        """Only while nothing goes on, only what was long unused, and never the last model."""
        books = self._books
        if books.charged_gb(domain) <= domain.soft_gb or books.waiters:
            return
        if books.loading(domain) or books.unloading(domain):
            return
        newest = max(
            (place for place, _ in books.inside(domain)),
            key=lambda place: books.residents[place].used_order,
        )
        places = [
            one.place
            for one in self._chooser.idle(domain)
            if one.place != newest and self._seconds_unused(one.place, at) >= UNUSED_SECONDS
        ]
        self._down_to(domain, domain.soft_gb - BELOW_SOFT_GB, places, "soft_limit", at)

    def _down_to(
        self, domain: Domain, goal_gb: float, places: list[Place], kind: DecisionKind, at: float
    ) -> list[tuple[str, float]]:
        """As far towards the goal as those models allow; the policy says which go."""
        books = self._books
        held = tuple(
            one
            for one in self._chooser.idle(domain)
            if one.place in places and books.is_limited(one.place)
        )
        to_free = min(books.charged_gb(domain) - goal_gb, sum(one.gb for one in held))
        if to_free <= 0:
            return []
        choice = self._chooser.choose(domain, NOBODY, held, to_free_gb=to_free, at=at)
        if choice is None:
            return []
        self._chooser.record(kind, choice, at=at)
        freed = [(place.model, books.residents[place].charged_gb) for place in choice.victims]
        for place in choice.victims:
            self._moves.start_unload(place, at=at)
        return freed

    def _unused(self, seconds: float, at: float) -> list[Place]:
        return [
            place
            for place in self._books.residents
            if self._is_idle(place)
            and not self._books.residents[place].kept
            and self._seconds_unused(place, at) >= seconds
        ]

    def _is_frozen(self, place: Place) -> bool:
        return self._books.servers[place.server].silent >= FROZEN_AFTER

    def _is_idle(self, place: Place) -> bool:
        resident = self._books.residents[place]
        there = resident.state in ("ready", "adopted")
        return there and self._books.is_movable(place) and self._books.is_idle(place)

    def _seconds_unused(self, place: Place, at: float) -> float:
        resident = self._books.residents[place]
        return at - max(resident.last_used or 0.0, resident.loaded_at or 0.0)

    def _leave(self, place: Place, kind: DecisionKind, reason: str, at: float) -> None:
        self._books.decisions.appendleft(Decision(at, kind, "", (place.model,), reason))
        self._moves.start_unload(place, at=at)
