"""
What must never happen, by the numbers of the design of the orchestrator.

   1 a load fits both tests         9 CRITICAL stays              17 twice and late is once
   2 nobody in use leaves          10 all of a plan or nothing    18 a load for nobody goes
   3 granted only what is ready    11 nobody leaves needlessly    19 no wake-up is lost
   4 leases are the callers'       12 old news change nothing     20 same events, same effects
   5 one load at a time            13 unknown is not empty        21 a restart finds the same
   6 one answer each               14 charges fall on evidence    22 released twice is once
   7 nobody waits for ever         15 one probe, with an end
   8 overtaking is bounded         16 one action, then its effect

12, 13, 17 and 22 are tried by `World.nothing_changes`, 7 by `World.calm_down`, 20 and 21 by
`World.replay` and `World.restart`; the others are looked at after every event, here.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from brain.catalogue.models import Priority
from brain.vram.books import Books
from brain.vram.decisions import Decision
from brain.vram.domains import Domain
from brain.vram.events import (
    AbortLoad,
    AskUnload,
    Effect,
    Event,
    Grant,
    LoadDone,
    Reject,
    Sampled,
    ServerGone,
    SetBreaker,
    Snapshot,
    StartLoad,
    StartUnload,
    UnloadDone,
)
from brain.vram.memory.sample import MemorySample
from brain.vram.pressure import Level
from brain.vram.residents import Place, Resident
from memory_world.servers import Box, Pending
from memory_world.setups import LOAD_TIMEOUT_SECONDS, Setup

EPS = 1e-3
Kind = TypeVar("Kind")
SETTLED_SECONDS = 60.0


class Violation(AssertionError):
    """One of the invariants does not hold."""

    def __init__(self, number: int, what: str) -> None:
        self.number = number
        super().__init__(f"invariant {number}: {what}")


class Was(NamedTuple):
    """A model before an event."""

    state: str
    charged_gb: float
    epoch: int
    claimed: bool


class Asked(NamedTuple):
    """A caller who waits."""

    model: str
    rank: tuple[float, int]
    since: float
    speculative: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One event and what came of it; `books` are those after it."""

    event: Event
    effects: Sequence[Effect]
    before: Mapping[Place, Was]
    breakers: Mapping[str, str]
    """State by model before, `open!` when a load may be tried."""

    books: Books
    at: float
    given_up: str
    """The model that a waiter who left with this event had waited for."""

    def of(self, kind: type[Kind]) -> list[Kind]:
        """The effects of a kind."""
        return [effect for effect in self.effects if isinstance(effect, kind)]


@dataclass(slots=True)
class _Action:
    at: float
    gb: float
    free_gb: float | None


class Checks:
    """Looks at every step; `tried` counts how often each invariant had something to look at."""

    def __init__(self, setup: Setup, tried: Counter[int]) -> None:
        self.setup = setup
        self.tried = tried
        self._overtaken: Counter[int] = Counter()
        self._asked_out: set[str] = set()
        self._newest: Decision | None = None
        self._sample: MemorySample | None = None
        self._loaded_since: list[tuple[float, float]] = []
        self._action: _Action | None = None
        self._half_open: dict[str, float] = {}
        self._head: dict[str, tuple[int | None, frozenset[Place]]] = {}
        self._seen: set[str] = set()
        self._gone: dict[Place, int] = {}
        """The version of the books at which a place was emptied."""

    def expect(self, number: int, holds: bool, what: object) -> None:
        """Count the try; raise when it failed."""
        self.tried[number] += 1
        if not holds:
            raise Violation(number, str(what))

    def after(
        self,
        step: Step,
        waiting: Mapping[int, Asked],
        holding: Mapping[int, Place],
        pending: Pending,
        boxes: Mapping[str, Box],
    ) -> None:
        """Everything that can be seen from one step."""
        decisions = self._new_decisions(step.books)
        self._note(step)
        self._loads_fit(step)
        self._nobody_in_use_leaves(step, holding)
        self._granted_only_what_is_ready(step)
        self._leases_are_the_callers(step, holding)
        self._one_load_at_a_time(step, pending)
        self.expect(6, step.books.waiters.keys() == waiting.keys(), "waiters are not the callers")
        self._overtaking_is_bounded(step, waiting)
        self._critical_stays(step)
        self._plans(step, decisions)
        self._charges_fall_on_evidence(step, boxes)
        self._old_looks_bring_nothing_back(step)
        self._one_probe(step)
        self._one_action(step, decisions, waiting)
        self._a_load_for_nobody_goes(step, waiting)
        self._no_wake_up_is_lost(step, waiting)
        self._remember(step)

    # ------------------------------------------------------------ 1 to 5

    def _loads_fit(self, step: Step) -> None:
        books = step.books
        for load in step.of(StartLoad):
            domain = books.domain_at(load.place)
            # What is there already may have measured more than the limit: that is no reservation.
            reserved = books.residents[load.place].estimate_gb
            total = books.charged_gb(domain, without=load.place) + reserved
            within = total <= domain.hard_gb + EPS or not books.is_limited(load.place)
            self.expect(1, within, f"{total} GB of {domain.hard_gb} GB")
            if not books.takes_memory(load.place) or self._sample is None:
                continue
            free = self._free_gb()
            self.expect(1, free is not None, f"{load.place} loaded on unknown memory")
            assert free is not None
            there = self._there_gb(step, load.place)
            takes = max(0.0, books.residents[load.place].estimate_gb - there)
            reserve = books.machine.reserve_gb
            self.expect(1, takes <= free - reserve + EPS, f"{takes} GB of {free} - {reserve} free")

    def _there_gb(self, step: Step, place: Place) -> float:
        if place in step.before:
            return step.before[place].charged_gb
        event = step.event
        if isinstance(event, Snapshot) and event.inventory and event.server == place.server:
            return event.inventory.loaded.get(place.model, 0.0)
        return 0.0

    def _free_gb(self) -> float | None:
        sample = self._sample
        assert sample is not None
        read = sample.gpu_free_gb if sample.kind == "discrete" else sample.available_gb
        return None if read is None else read - sum(gb for _, gb in self._loaded_since)

    def _nobody_in_use_leaves(self, step: Step, holding: Mapping[int, Place]) -> None:
        for effect in step.effects:
            if isinstance(effect, StartUnload | AbortLoad):
                used = effect.place in holding.values()
                self.expect(2, not used, f"{effect.place} leaves while it answers")

    def _granted_only_what_is_ready(self, step: Step) -> None:
        for grant in step.of(Grant):
            resident = step.books.residents.get(grant.place)
            self.expect(3, resident is not None, f"{grant.place} is not there")
            assert resident is not None
            was = step.before.get(grant.place)
            same = was is not None and was.epoch == resident.epoch
            fine = resident.state == "ready" or (resident.state == "draining" and not same)
            self.expect(3, fine, f"{grant.place} was granted {resident.state}")

    def _leases_are_the_callers(self, step: Step, holding: Mapping[int, Place]) -> None:
        books = step.books
        held = {t: place for place, one in books.residents.items() for t in one.leases}
        self.expect(4, held == dict(holding), f"leases {held}, callers {dict(holding)}")
        self.expect(4, books.granted == held, "the list of leases is another")
        counted = Counter(place.server for place in holding.values())
        for name, server in books.servers.items():
            self.expect(4, server.leases == counted[name], f"{name} counts {server.leases}")
            limit = server.slots
            self.expect(4, limit is None or counted[name] <= limit, f"{name} has {limit} slots")

    def _one_load_at_a_time(self, step: Step, pending: Pending) -> None:
        books = step.books
        loads = {(one.place, one.epoch) for one in pending.loads}
        unloads = {(one.place, one.epoch) for one in pending.unloads}
        for domain in books.domains.values():
            some = [place for place, one in books.inside(domain) if one.state == "loading"]
            self.expect(5, len(some) <= 1, f"{some} are loaded at once")
        for place, one in books.residents.items():
            if one.state == "loading":
                self.expect(5, (place, one.epoch) in loads, f"nobody loads {place}")
            elif one.state == "unloading":
                self.expect(5, (place, one.epoch) in unloads, f"nobody unloads {place}")

    # ------------------------------------------------------------ 8 to 11

    def _overtaking_is_bounded(self, step: Step, waiting: Mapping[int, Asked]) -> None:
        books = step.books
        for name, (head, contested) in self._head.items():
            domain = books.domains[name]
            if head is None or head not in waiting or domain.head != head:
                continue
            rank = waiting[head].rank
            for grant in step.of(Grant):
                if grant.place in contested & domain.contested and grant.ticket > rank[1]:
                    self._overtaken[head] += 1
            slots = sum(one.slots or 1 for one in books.servers.values())
            limit = books.options.max_overtakes + slots
            passed = self._overtaken[head]
            self.expect(8, passed <= limit, f"{head} was overtaken {passed} times")

    def _critical_stays(self, step: Step) -> None:
        if isinstance(step.event, AskUnload) and step.event.model is not None:
            self._asked_out.add(step.event.model)
        for effect in step.effects:
            if not isinstance(effect, StartUnload | AbortLoad):
                continue
            was = step.before.get(effect.place)
            new = isinstance(effect, AbortLoad) and was is not None and not was.claimed
            spec = step.books.spec_at(effect.place)
            if spec.priority is Priority.CRITICAL and not new:
                asked = effect.place.model in self._asked_out
                self.expect(9, asked, f"{effect.place} is CRITICAL")
        self.tried[9] += any(
            one.spec.priority is Priority.CRITICAL for one in step.books.residents.values()
        )

    def _plans(self, step: Step, decisions: Sequence[Decision]) -> None:
        made = {one.model for one in decisions if one.kind in ("swap", "probe")}
        for decision in decisions:
            if decision.kind in ("swap", "probe"):
                self._plan(step, decision)
        for reject in step.of(Reject):
            if reject.failure.cause == "never_fits":
                what = f"room was made for {reject.model}, then it was refused"
                self.expect(10, reject.model not in made, what)
            if self.setup.is_responsive:
                fine = reject.failure.cause in ("never_fits", "missing", "unreachable")
                self.expect(10, fine, f"{reject.model} was refused: {reject.failure}")

    def _plan(self, step: Step, decision: Decision) -> None:
        books = step.books
        left = [one.place for one in step.of(StartUnload) if one.place.model in decision.victims]
        for domain in books.domains.values():
            place = domain.pending
            victims = [one for one in left if books.servers[one.server].domain == domain.name]
            named = sorted(one.model for one in victims)
            wanted = place is not None and place.model == decision.model
            if place is not None and wanted and named == sorted(decision.victims):
                self._plan_in(step, domain, place, victims, decision)
                return
        # Of two copies of a model one may have left by another rule: then nobody can tell.
        self.expect(10, len(left) > len(decision.victims), f"{decision}, but {left} left")

    def _plan_in(
        self, step: Step, domain: Domain, place: Place, victims: list[Place], decision: Decision
    ) -> None:
        books = step.books
        need, ceiling = books.need_gb(place), books.ceiling_gb(place)
        self.expect(10, need <= ceiling + EPS, f"room is made for {place}, which never fits")
        gb = [self._freed_gb(books, one) for one in victims]
        short = self._short_gb(books, domain, place, without=victims)
        self.expect(10, short <= sum(gb) + EPS, f"{decision} frees {gb}, {short} GB are short")
        if decision.kind == "swap" and books.options.policy != "documents":
            late = [one.place for one in step.of(StartUnload)]  # by other rules, after the plan
            short = self._short_gb(books, domain, place, without=late)
            for one, size in zip(victims, gb, strict=True):
                needed = sum(gb) - size < short - EPS / 2
                self.expect(11, needed, f"{one} leaves for nothing: {decision}")

    def _freed_gb(self, books: Books, place: Place) -> float:
        resident = books.residents[place]
        stays = 0.0
        if books.servers[place.server].sleeps:
            stays = books.estimates.parked_gb(place, resident.spec)
        return max(0.0, resident.charged_gb - stays)

    def _short_gb(
        self, books: Books, domain: Domain, place: Place, *, without: Iterable[Place]
    ) -> float:
        """What has to be freed for a load, beyond what others leave already."""
        need = books.need_gb(place)
        leaving = [
            (other, one.charged_gb)
            for other, one in books.inside(domain)
            if one.state == "unloading" and other not in without
        ]
        gone = sum(gb for other, gb in leaving if books.is_limited(other))
        short = -math.inf
        if books.is_limited(place):
            short = books.charged_gb(domain, without=place) + need - domain.hard_gb - gone
        if self._sample is not None and domain.is_machine:
            free = self._free_gb()
            there = books.residents[place].charged_gb if place in books.residents else 0.0
            takes = max(0.0, need - there) if books.takes_memory(place) else 0.0
            if free is not None:
                coming = sum(gb for other, gb in leaving if books.takes_memory(other))
                lacking = takes + books.machine.reserve_gb - free
                short = max(short, lacking - coming - books.machine.returning_gb)
        return short

    # ------------------------------------------------------------ 14 to 16

    def _charges_fall_on_evidence(self, step: Step, boxes: Mapping[str, Box]) -> None:
        books, event = step.books, step.event
        for place, was in step.before.items():
            one = books.residents.get(place)
            now = one.charged_gb if one is not None else 0.0
            if one is None or now < was.charged_gb - EPS:
                fine = _is_evidence(event, place, was)
                self.expect(14, fine, f"{place} fell to {now} GB after {type(event).__name__}")
        if isinstance(event, Snapshot) and event.inventory is not None:
            self._seen.add(event.server)
        if not self.setup.is_honest:
            return
        for name, box in boxes.items():
            server = books.servers.get(name)
            if server is None or name not in self._seen or not (server.loads or server.sleeps):
                continue
            for model in {*box.memory, *box.parked}:
                resident = books.residents.get(Place(name, model))
                charged = resident.charged_gb if resident is not None else 0.0
                taken = box.taken_gb(model)
                what = f"{model} takes {taken} GB on {name}, the books say {charged}"
                self.expect(14, taken <= charged + EPS, what)

    def _old_looks_bring_nothing_back(self, step: Step) -> None:
        books, event = step.books, step.event
        if isinstance(event, Snapshot):
            for place in books.residents.keys() - step.before.keys():
                found = books.residents[place].state in ("adopted", "parked")
                older = found and event.version < self._gone.get(place, 0)
                self.expect(12, not older, f"{place} came back with news from before it left")
        for place in step.before.keys() - books.residents.keys():
            self._gone[place] = books.version

    def _one_probe(self, step: Step) -> None:
        books = step.books
        cleared = isinstance(step.event, SetBreaker)
        for load in step.of(StartLoad):
            model = load.place.model
            before = step.breakers.get(model, "closed")
            ended = _ends_a_load(step, model)
            fine = before in ("closed", "open!") or cleared or (before == "half_open" and ended)
            self.expect(15, fine, f"{model} is loaded while its breaker is {before}")
        for model in list(step.breakers):
            state = books.breaker.state(model, step.at)
            if state != "half_open":
                self._half_open.pop(model, None)
                continue
            began = self._half_open.setdefault(model, step.at)
            limit = LOAD_TIMEOUT_SECONDS + SETTLED_SECONDS
            self.expect(15, step.at - began <= limit + EPS, f"{model} is half open for ever")
            loads = [p for p, one in books.residents.items()
                     if p.model == model and one.state == "loading"]  # fmt: skip
            self.expect(15, len(loads) <= 1, f"{loads} are probes of one model")

    def _one_action(
        self, step: Step, decisions: Iterable[Decision], waiting: Mapping[int, Asked]
    ) -> None:
        books = step.books
        victims = [one.victims[0] for one in decisions if one.kind == "pressure"]
        self.expect(16, len(victims) <= 1, f"{victims} at once")
        free = books.machine.free_gb
        if books.machine.pressure.level is Level.CALM:
            self._action = None
        for name in victims:
            last = self._action
            if last is not None:
                self._had_its_time(last, step.at, free)
            effects = [e for e in step.effects if isinstance(e, StartUnload | AbortLoad)]
            gb = sum(step.before[e.place].charged_gb for e in effects
                     if e.place.model == name and e.place in step.before)  # fmt: skip
            self._action = _Action(step.at, gb, free)
            if isinstance(step.event, Sampled) and books.machine.pressure.pressing is Level.WARN:
                real = [one for one in waiting.values() if one.model == name]
                aborted = any(isinstance(e, AbortLoad) for e in effects)
                needed = aborted and any(not one.speculative for one in real)
                self.expect(16, not needed, f"the load of {name} is waited for")

    def _had_its_time(self, last: _Action, at: float, free: float | None) -> None:
        passed = at - last.at
        back = None if free is None or last.free_gb is None else free - last.free_gb
        fine = passed >= 15.0
        if back is not None and last.gb > 0:
            fine = fine or back >= 0.75 * last.gb - EPS or (passed >= 5.0 and back > 0)
        elif back is not None:
            fine = fine or (passed >= 5.0 and back > 0)
        self.expect(16, fine, f"a second action after {passed} s, {back} GB of {last.gb} are back")

    # ------------------------------------------------------------ 18, 19

    def _a_load_for_nobody_goes(self, step: Step, waiting: Mapping[int, Asked]) -> None:
        if not step.given_up or step.given_up in {one.model for one in waiting.values()}:
            return
        for place, one in step.books.residents.items():
            if place.model == step.given_up and one.state == "loading":
                self.expect(18, not one.speculative, f"{place} is loaded for nobody")

    def _no_wake_up_is_lost(self, step: Step, waiting: Mapping[int, Asked]) -> None:
        books = step.books
        for ticket, asked in waiting.items():
            for server in books.servers.values():
                place = Place(server.name, asked.model)
                one = books.residents.get(place)
                if one is None or one.state != "ready" or not books.has_slot(place, one):
                    continue
                if server.inventory is None or asked.model not in server.inventory.installed:
                    continue
                if not server.healthy and len(books.having(asked.model)) > 1:
                    continue
                fine = self._stands_back(books, ticket, asked, place)
                self.expect(19, fine, f"{asked.model} is ready, and {ticket} waits for it")
        for domain in books.domains.values():
            self._starts_what_it_can(step, domain, waiting)

    def _stands_back(self, books: Books, ticket: int, asked: Asked, place: Place) -> bool:
        """Whether it waits for its model because an earlier one was overtaken often enough."""
        domain = books.domain_at(place)
        head = books.waiters.get(domain.head) if domain.head is not None else None
        if head is None or head.ticket == ticket or place not in domain.contested:
            return False
        return asked.rank > head.rank and head.overtaken >= books.options.max_overtakes

    def _starts_what_it_can(self, step: Step, domain: Domain, waiting: Mapping[int, Asked]) -> None:
        """A model that only one server has, that fits, and that nothing stands in the way of."""
        books = step.books
        if books.loading(domain) or domain.pending is not None or domain.drained is not None:
            return
        head = books.waiters.get(domain.head) if domain.head is not None else None
        if head is not None and head.overtaken >= books.options.max_overtakes:
            return
        for ticket, asked in waiting.items():
            having = books.having(asked.model)
            if len(having) != 1 or having[0].domain != domain.name or having[0].silent >= 3:
                continue
            place = Place(having[0].name, asked.model)
            if place in books.residents or not having[0].loads or having[0].draining:
                continue
            if books.breaker.state(asked.model, step.at) != "closed":
                continue
            if domain.is_machine and self._is_tight(books):
                continue
            if self._short_gb(books, domain, place, without=()) > EPS:
                continue
            leaving = sum(o.charged_gb for _, o in books.inside(domain) if o.state == "unloading")
            total = books.charged_gb(domain) + books.need_gb(place)
            fits = total <= domain.hard_gb + EPS and not leaving
            self.expect(19, not fits, f"{asked.model} fits, and {ticket} waits for its load")

    def _is_tight(self, books: Books) -> bool:
        machine = books.machine
        return machine.sample is not None and (
            machine.pressure.level > Level.CALM
            or machine.free_gb is None
            or machine.pressure.refuses_low(machine.sample.at)
            or machine.returning_gb > 0
        )

    # ------------------------------------------------------------ memory of the checks

    def _note(self, step: Step) -> None:
        event, books = step.event, step.books
        if isinstance(event, Sampled):
            self._sample = event.sample
            self._loaded_since = [one for one in self._loaded_since if one[0] > event.at]
        if isinstance(event, LoadDone):
            was, one = step.before.get(event.place), books.residents.get(event.place)
            arrived = was is not None and was.state == "loading" and was.epoch == event.epoch
            if arrived and was is not None and event.failure is None and not was.claimed:
                gb = one.charged_gb if one is not None else was.charged_gb
                if books.takes_memory(event.place):
                    self._loaded_since.append((event.at, gb))

    def _remember(self, step: Step) -> None:
        books = step.books
        self._head = {
            name: (domain.head, domain.contested) for name, domain in books.domains.items()
        }
        self._asked_out &= {place.model for place in books.residents}

    def _new_decisions(self, books: Books) -> list[Decision]:
        new = []
        for decision in books.decisions:
            if decision is self._newest:
                break
            new.append(decision)
        if books.decisions:
            self._newest = books.decisions[0]
        return new


def _ends_a_load(step: Step, model: str) -> bool:
    """Whether the step was the end of a probe, so that another could begin in it."""
    event = step.event
    given_up = [one.place.model for one in step.effects if isinstance(one, StartUnload | AbortLoad)]
    return model in given_up or (isinstance(event, LoadDone) and event.place.model == model)


def _is_evidence(event: Event, place: Place, was: Was) -> bool:
    """Whether that event can show that a model takes less than before."""
    match event:
        case UnloadDone():
            current = event.place == place and event.epoch == was.epoch
            return current and was.state == "unloading" and event.failure is None
        case LoadDone():
            current = event.place == place and event.epoch == was.epoch
            missing = event.failure is not None and event.failure.cause == "missing"
            return current and was.state == "loading" and (event.failure is None or missing)
        case Snapshot():
            newer = event.version >= was.epoch and was.state not in ("loading", "unloading")
            return event.server == place.server and newer and event.inventory is not None
        case ServerGone():
            return event.server == place.server
    return False


def state_of(books: Books) -> str:
    """Everything about models, leases, waiters and crashes that an event could change."""
    return repr(
        (
            sorted((place, _row(one)) for place, one in books.residents.items()),
            sorted(books.granted.items()),
            sorted((one.ticket, one.overtaken) for one in books.waiters.values()),
            [(one.name, one.head, sorted(one.contested), one.pending)
             for one in books.domains.values()],
            sorted((one.name, one.leases) for one in books.servers.values()),
            books.breaker.dump(),
        )
    )  # fmt: skip


def _row(one: Resident) -> tuple[object, ...]:
    return (one.state, round(one.charged_gb, 9), one.epoch, sorted(one.leases), one.drain,
            one.missing, one.suspect, one.speculative, one.claimed)  # fmt: skip
