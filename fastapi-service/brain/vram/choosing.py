"""Puts the question "who leaves?" to the policy, and remembers what it answered."""

from collections.abc import Iterable, Mapping

from brain.catalogue.models import Priority
from brain.vram.books import Books
from brain.vram.decisions import Decision, DecisionKind
from brain.vram.domains import Domain
from brain.vram.events import Solve
from brain.vram.policies.choice import policy_named
from brain.vram.policies.planner import SetPlanner, problem
from brain.vram.policies.view import (
    ROUNDING_GB,
    Choice,
    Held,
    Known,
    View,
    disturbance,
    enough,
)
from brain.vram.residents import Place
from brain.vram.room import room_at

NOBODY = Place("", "")
MAX_ZOO = 24
"""More models than that have too many sets for a plan in nearly every memory."""


class Chooser:
    """Choices on the books as they are; it changes nothing but the list of decisions."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._policy = policy_named(books.options.policy)

    def held(
        self, domain: Domain, *, without: Place = NOBODY, below: Priority = Priority.CRITICAL
    ) -> tuple[Held, ...]:
        """
        What may leave that memory at all, of a priority under `below`.

        Where the limit stands in the way of a load of `without`, only what counts against it.
        """
        books = self._books
        limited = without != NOBODY and room_at(books, without).limit_short_gb > ROUNDING_GB
        return tuple(
            self._held(place)
            for place, one in books.inside(domain)
            if place != without
            and one.spec.priority < below
            and books.is_movable(place)
            and (books.is_limited(place) or not limited)
        )

    def idle(
        self, domain: Domain, *, without: Place = NOBODY, below: Priority = Priority.CRITICAL
    ) -> tuple[Held, ...]:
        """Of those the ones nobody would miss now: not used, not waited for, not draining."""
        return tuple(
            one
            for one in self.held(domain, without=without, below=below)
            if disturbance(one) == 0 and self._books.residents[one.place].state != "draining"
        )

    def choose(
        self, domain: Domain, wanted: Place, held: tuple[Held, ...], *, to_free_gb: float, at: float
    ) -> Choice | None:
        """Who of `held` leaves so that `to_free_gb` come free; None: all together is too little."""
        if not enough(held, to_free_gb):
            return None
        books = self._books
        leaving = sum(one.gb for one in held if books.is_limited(one.place))
        fixed = books.charged_gb(domain) - leaving
        view = View(
            at=at,
            capacity_gb=domain.hard_gb - fixed,
            wanted=self._known(wanted),
            need_gb=to_free_gb,
            held=held,
            rates=self.rates(at),
        )
        if isinstance(self._policy, SetPlanner):
            touched = {one.place for one in held} | ({wanted} - {NOBODY})
            planned = all(books.is_limited(place) for place in touched)
            return self._policy.choose(view, domain.values if planned else None)
        return self._policy.choose(view)

    def solve_next(self, domain: Domain, at: float) -> Solve | None:
        """
        The plan to be computed beside the owner: after a load, one at a time.

        Until its answer is there the one before is used, which may lag a load behind: no caller
        waits for a plan.
        """
        if not isinstance(self._policy, SetPlanner) or not domain.is_stale or domain.is_solving:
            return None
        domain.is_stale = False
        fixed = sum(
            one.charged_gb
            for place, one in self._books.inside(domain)
            if one.spec.priority is Priority.CRITICAL and self._books.is_limited(place)
        )
        zoo = self._zoo(domain, at)
        if len(zoo) > MAX_ZOO:
            return None
        plan = problem(
            [self._known(one) for one in zoo],
            domain.hard_gb - fixed,
            self.rates(at),
            self._books.demand.follows(),
        )
        if not plan.zoo:
            return None
        domain.is_solving = True
        return Solve(domain.name, plan, domain.values)

    def _zoo(self, domain: Domain, at: float) -> list[Place]:
        """Every model of the roster that is installed there, and what was used or found there."""
        books = self._books
        places = {place for place, _ in books.inside(domain)}
        for server in books.servers.values():
            if server.domain == domain.name and server.inventory is not None:
                names = books.roster.keys() & server.inventory.installed.keys()
                places |= {Place(server.name, name) for name in names}
        places |= {
            place
            for place in self.rates(at)
            if place.server in books.servers and books.servers[place.server].domain == domain.name
        }
        return [place for place in sorted(places) if books.is_limited(place)]

    def rates(self, at: float) -> Mapping[Place, float]:
        """Expected uses a second of each model."""
        return self._books.demand.rates(at)

    def still_right(self, choice: Choice, held: Iterable[Held], *, to_free_gb: float) -> bool:
        """Whether an earlier choice would still free enough, with nobody in it needlessly."""
        by_place = {one.place: one for one in held}
        if not all(place in by_place for place in choice.victims):
            return False
        victims = [by_place[place] for place in choice.victims]
        freed = sum(one.gb for one in victims)
        least = min((one.gb for one in victims), default=0.0)
        return to_free_gb - ROUNDING_GB <= freed and freed - least < to_free_gb - ROUNDING_GB

    def record(
        self, kind: DecisionKind, choice: Choice, *, at: float, wanted: Place = NOBODY
    ) -> None:
        """Keep it for people to look at."""
        self._books.decisions.appendleft(
            Decision(
                at=at,
                kind=kind,
                model=wanted.model,
                victims=tuple(place.model for place in choice.victims),
                reason=choice.reason,
                runner_up=tuple(place.model for place in choice.runner_up),
                cost=choice.cost,
            )
        )

    def _known(self, place: Place) -> Known:
        books = self._books
        if place == NOBODY:
            return Known(NOBODY, 0.0, 0.0, Priority.NORMAL)
        priority = books.spec_at(place).priority
        gb = round(books.need_gb(place), 1)  # so that its sets need not be made anew for a byte
        return Known(place, gb, books.load_seconds(place), priority)

    def _held(self, place: Place) -> Held:
        books = self._books
        resident = books.residents[place]
        stays_gb = 0.0
        if books.servers[place.server].sleeps and resident.state != "parked":
            stays_gb = books.estimates.parked_gb(place, resident.spec)
        return Held(
            place=place,
            gb=max(0.0, resident.charged_gb - stays_gb),
            priority=resident.spec.priority,
            reload_seconds=books.load_seconds(place),
            used_order=resident.used_order,
            used_at=resident.last_used,
            uses=resident.use_count,
            leased=bool(resident.leases),
            wanted=books.waiting_for[place.model],
        )
