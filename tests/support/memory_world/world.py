"""
The core among make-believe servers that are slow, fail, forget, lie and die.

Whatever happens is an action with two numbers that say to whom and how, so that a list of them is
all there is to a run: it can be drawn at random, shortened, and played again.
"""

from collections import Counter
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from zlib import crc32

from brain.vram.core import Core
from brain.vram.events import (
    AbortLoad,
    Acquire,
    Answer,
    AskPlan,
    AskUnload,
    Effect,
    Event,
    Failure,
    Grant,
    Leave,
    LoadDone,
    Look,
    Lost,
    Probe,
    Reject,
    Sampled,
    Say,
    ServerAdded,
    ServerDrains,
    ServerGone,
    SetBreaker,
    Snapshot,
    Solve,
    Solved,
    StartLoad,
    StartUnload,
    Tell,
    Tick,
    Trouble,
    UnloadDone,
)
from brain.vram.memory.sample import MemorySample, Psi
from brain.vram.policies.planner import solve
from brain.vram.residents import Place
from memory_world.checks import Asked, Checks, Step, Was, state_of
from memory_world.servers import Box, Pending
from memory_world.setups import LOAD_TIMEOUT_SECONDS, MACHINE_GB, ROSTER, Setup

MODELS = ("big", "mid", "small", "tiny", "pinned", "giant", "nap", "remote", "unheard-of")
GAPS = (0.0, 0.1, 0.5, 1.0, 1.0, 2.0, 5.0, 15.0, 31.0, 70.0, 301.0, 601.0)
Action = Callable[["World", int, int], None]
HARMLESS = (Say, Probe, Tell, Solve, Answer)


class World:
    """`do` is one action; every event that comes of it is checked."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.tried: Counter[int] = Counter()
        self.boxes = {one.name: Box(one) for one in setup.servers}
        self.at = 1_000_000.0
        self.tickets = 0
        self.steps = 0
        self.refused: Counter[str] = Counter()
        self.record = 0
        """A checksum over everything the core did."""

        self.begin()

    def begin(self) -> None:
        """A core that knows nothing yet."""
        self.core = self.new_core()
        self.checks = Checks(self.setup, self.tried)
        self.log: list[Event] = []
        self.effects: list[list[Effect]] = []
        self.pending = Pending()
        self.solves: list[Solve] = []
        self.past: list[Event] = []
        self.waiting: dict[int, Asked] = {}
        self.holding: dict[int, Place] = {}
        self.ended: list[int] = []
        self.answers: dict[int, object] = {}

    def new_core(self) -> Core:
        """As it was at the beginning."""
        return Core(
            specs=ROSTER,
            servers=[one.facts() for one in self.setup.servers],
            options=self.setup.options,
            load_timeout_seconds=LOAD_TIMEOUT_SECONDS,
        )

    def do(self, name: str, first: int, second: int) -> None:
        """One of `ACTIONS`; one that is impossible now does nothing."""
        ACTIONS[name](self, first, second)

    # ------------------------------------------------------------ one event

    def play(self, event: Event) -> list[Effect]:
        """Let the core take it in, carry out what it wants, and check everything."""
        books = self.core.books
        before = {
            place: Was(one.state, one.charged_gb, one.epoch, one.claimed)
            for place, one in books.residents.items()
        }
        breakers = {model: self._breaker(model) for model in ROSTER}
        waiter = books.waiters.get(event.ticket) if isinstance(event, Leave) else None
        given_up = waiter.model if waiter is not None else ""
        self.log.append(fresh(event))
        effects = self.core.step(event)
        self.effects.append(effects)
        self.steps += 1
        done = [(type(one).__name__, getattr(one, "place", "")) for one in effects]
        self.record = crc32(repr(done).encode(), self.record)
        for effect in effects:
            self._perform(effect)
        step = Step(event, effects, before, breakers, books, self.at, given_up)
        self.checks.after(step, self.waiting, self.holding, self.pending, self.boxes)
        return effects

    def _breaker(self, model: str) -> str:
        breaker = self.core.books.breaker
        state = breaker.state(model, self.at)
        return "open!" if state == "open" and breaker.may_load(model, self.at) else state

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Grant() | Reject() | Lost():
                self._answered(effect)
            case StartLoad():
                self.pending.loads.append(effect)
            case StartUnload():
                self.pending.unloads.append(effect)
            case AbortLoad():
                self._abort(effect)
            case Probe(server=server):
                if server in self.boxes and len(self.pending.looks) < 20:
                    self.pending.looks.append((effect, self.boxes[server].inventory()))
            case Solve():
                self.solves.append(effect)
            case Answer():
                self.answers[effect.ticket] = effect.value

    def _answered(self, effect: Grant | Reject | Lost) -> None:
        ticket = effect.ticket
        if isinstance(effect, Lost):
            self.checks.expect(4, ticket in self.holding, f"{ticket} lost what it had not")
            del self.holding[ticket]
            self.ended.append(ticket)
            return
        self.checks.expect(6, ticket in self.waiting, f"{ticket} was answered unasked")
        del self.waiting[ticket]
        if isinstance(effect, Grant):
            self.holding[ticket] = effect.place
        else:
            self.refused[effect.failure.cause] += 1
            self.ended.append(ticket)

    def _abort(self, order: AbortLoad) -> None:
        """The load says nothing more, unless it was done just before."""
        for load in [one for one in self.pending.loads if one.place == order.place]:
            self.pending.loads.remove(load)
            if order.epoch % 2 and self.boxes[order.place.server].up:
                self._arrive(load)
                self.past.append(LoadDone(load.place, load.epoch, self.at, 1.0))
        self.pending.unloads.append(order)

    def _arrive(self, load: StartLoad, gb: float | None = None) -> None:
        box = self.boxes[load.place.server]
        box.put(load.place.model, ROSTER[load.place.model].size_gb if gb is None else gb)

    def nothing_changes(self, event: Event, number: int) -> None:
        """Play an event that must not matter, after what time alone has to say."""
        self.play(Tick(self.at))
        before = state_of(self.core.books)
        effects = [one for one in self.play(event) if not isinstance(one, HARMLESS)]
        same = before == state_of(self.core.books)
        self.checks.expect(number, same and not effects, f"{event} changed the books: {effects}")

    # ------------------------------------------------------------ callers

    def ask(self, first: int, second: int) -> None:
        """Somebody wants a model; now and then for nobody who waits, or late in the work."""
        if len(self.waiting) >= (30 if second % 64 == 0 else 10):
            return
        model = MODELS[first % len(MODELS)] if first % 7 else MODELS[first % 4]
        if self.setup.is_crashy:
            model = ("small", "tiny", "mid")[first % 3]
        self.tickets += 1
        arrived = self.at - 40.0 if second % 11 == 1 else None
        rank = (self.at if arrived is None else arrived, self.tickets)
        speculative = second % 9 == 2
        self.waiting[self.tickets] = Asked(model, rank, self.at, speculative)
        patient = second % 5 > 0
        self.play(Acquire(self.tickets, model, self.at, arrived, patient, speculative))

    def leave(self, first: int, second: int) -> None:
        """A holder or waiter is done; some say how it went, some say it twice."""
        live = sorted(self.waiting.keys() | self.holding.keys())
        if not live:
            return
        ticket = live[first % len(live)]
        self.waiting.pop(ticket, None)
        self.holding.pop(ticket, None)
        self.ended.append(ticket)
        self.play(Leave(ticket, self.at, (True, True, None, False)[second % 4]))
        if second % 3 == 0:
            self.nothing_changes(Leave(ticket, self.at, True), 22)

    def leave_again(self, first: int, second: int) -> None:
        """Somebody who is gone already, or never was."""
        ticket = self.ended[first % len(self.ended)] if self.ended and second % 4 else 10**6
        self.nothing_changes(Leave(ticket, self.at, bool(second % 2)), 22)

    def trouble(self, first: int, second: int) -> None:
        """An answer broke off; half the time because its model died."""
        if not self.holding:
            return
        ticket = sorted(self.holding)[first % len(self.holding)]
        place = self.holding[ticket]
        if second % 2 and not self.setup.is_responsive:
            self.boxes[place.server].drop(place.model)
        self.play(Trouble(ticket, self.at, "the connection broke"))

    # ------------------------------------------------------------ loads and unloads

    def load_ends(self, first: int, second: int) -> None:
        """In any order; well, badly, or well without anybody knowing."""
        if not self.pending.loads:
            return
        load = self.pending.loads.pop(first % len(self.pending.loads))
        how = 7 if self.setup.is_crashy and second % 24 > 11 else second % 12
        done = self.load(load, 0 if self.setup.is_responsive else how)
        self._tell(done, twice=second % 5 == 0)

    def load(self, load: StartLoad, how: int) -> LoadDone:
        """What becomes of a load, and what is said about it; 0: it goes well."""
        box, size = self.boxes[load.place.server], load.spec.size_gb
        failure: Failure | None = None
        measured: float | None = None
        if not box.up:
            failure = Failure("unreachable", "nothing answers there", load.place.server)
        elif how in (7, 8):
            failure = Failure("failed", "out of memory", load.place.server)
        elif how == 9:  # it is there, and its answer was lost
            self._arrive(load)
            failure = Failure("failed", "it took too long", load.place.server)
        elif how == 10 and not box.taken_gb(load.place.model):
            failure = Failure("missing", "the server does not have it", load.place.server)
        else:
            if how in (4, 5, 6):
                measured = size if self.setup.is_honest else size * (0.7, 1.1, 1.3)[how - 4]
            self._arrive(load, measured)
            if how == 11 and not self.setup.is_honest:
                box.drop(load.place.model)
        seconds = 1.0 + load.epoch % 4
        return LoadDone(load.place, load.epoch, self.at, seconds, measured, failure)

    def unload_ends(self, first: int, second: int) -> None:
        """In any order; gone, still there, or gone without anybody knowing."""
        if not self.pending.unloads:
            return
        order = self.pending.unloads.pop(first % len(self.pending.unloads))
        done = self.unload(order, 0 if self.setup.is_responsive else second % 10)
        self._tell(done, twice=second % 3 == 0)

    def unload(self, order: StartUnload | AbortLoad, how: int) -> UnloadDone:
        """What becomes of an unload; 0: it goes well."""
        place, box = order.place, self.boxes[order.place.server]
        used = place in self.holding.values()
        self.checks.expect(2, not used, f"{place} is taken away while it answers")
        parked: float | None = None
        failure: Failure | None = None
        if not box.up:
            failure = Failure("unreachable", "nothing answers there", place.server)
        elif how == 7:
            failure = Failure("failed", "it did not leave", place.server)
        else:
            if isinstance(order, StartUnload) and order.park:
                parked = box.park(place.model)
            elif box.setup.loads:
                box.drop(place.model)
            else:
                failure = Failure("failed", "it can only sleep", place.server)
            if how == 8:
                failure = Failure("failed", "it took too long", place.server)
        parked = None if failure is not None else parked
        return UnloadDone(place, order.epoch, self.at, failure, parked)

    def _tell(self, done: LoadDone | UnloadDone, *, twice: bool) -> None:
        self.past.append(done)
        self.play(done)
        if twice:
            self.nothing_changes(done, 17)

    def old_news(self, first: int, second: int) -> None:
        """Completions of long ago, or of an epoch that never was."""
        del second
        if self.past:
            self.nothing_changes(self.past[first % len(self.past)], 12)

    def forged_news(self, first: int, second: int) -> None:
        """A completion for what is there, of another epoch."""
        self.play(Tick(self.at))
        places = sorted(self.core.books.residents)
        if not places:
            return
        place = places[first % len(places)]
        epoch = self.core.books.residents[place].epoch + (-1, 1, 1000)[second % 3]
        if second % 2:
            self.nothing_changes(LoadDone(place, epoch, self.at, 1.0), 12)
        else:
            self.nothing_changes(UnloadDone(place, epoch, self.at), 12)

    # ------------------------------------------------------------ servers

    def look(self, first: int, second: int) -> None:
        """Somebody wants to know what a server has."""
        del second
        names = sorted(self.boxes)
        name = names[first % len(names)]
        if name in self.core.books.servers:
            self.play(Look(name, self.at))

    def look_ends(self, first: int, second: int) -> None:
        """With what was so when it was asked, or is now; incomplete; not at all; lost."""
        if not self.pending.looks:
            return
        probe, then = self.pending.looks.pop(first % len(self.pending.looks))
        box = self.boxes[probe.server]
        how = second % 10
        if how == 9:
            return
        if not box.up or (how == 8 and not self.setup.is_responsive):
            self._silence(probe)
            return
        seen = then if how % 2 else box.inventory()
        if how == 7 and not self.setup.is_honest and box.memory:
            seen = box.inventory(without=sorted(box.memory)[first % len(box.memory)])
        self.play(Snapshot(probe.server, probe.version, self.at, seen))

    def _silence(self, probe: Probe) -> None:
        """A look that failed is no news about models."""
        books = self.core.books
        self.play(Tick(self.at))
        before = {
            place: (one.charged_gb, set(one.leases)) for place, one in books.residents.items()
        }
        quiet, same = not self.waiting, state_of(books)
        self.play(Snapshot(probe.server, probe.version, self.at, None, "it does not answer"))
        if quiet:
            self.checks.expect(13, same == state_of(books), f"{probe.server} is silent: it matters")
        for place, (gb, leases) in before.items():
            one = books.residents.get(place)
            kept = one is not None and one.charged_gb >= gb and leases <= one.leases
            self.checks.expect(13, kept, f"{probe.server} is silent, and {place} counts for less")

    def disaster(self, first: int, second: int) -> None:
        """A model is killed, a server goes, comes or begins anew, somebody else loads one."""
        if self.setup.is_responsive:
            return
        names = sorted(self.boxes)
        box = self.boxes[names[first % len(names)]]
        match second % 6:
            case 0 | 1 if box.memory and box.setup.loads:
                box.drop(sorted(box.memory)[second % len(box.memory)])
            case 2:
                box.up = False
            case 3 | 4:
                box.up = True
            case 5 if not self.setup.is_honest and box.setup.loads:
                if second % 4 == 1:
                    box.restart()
                else:
                    model = box.setup.models[second % len(box.setup.models)]
                    box.put(model, ROSTER[model].size_gb)

    def server_changes(self, first: int, second: int) -> None:
        """It is drained, used again, taken away, or brought (back) with other limits."""
        names = sorted(self.boxes)
        name = names[first % len(names)]
        if second % 4 < 2:
            self.play(ServerDrains(name, second % 4 == 0, self.at))
        elif self.setup.is_honest:
            return
        elif second % 4 == 2 and len(self.core.books.servers) > 1:
            self.pending.looks = [one for one in self.pending.looks if one[0].server != name]
            self.play(ServerGone(name, self.at))
        elif name not in self.core.books.servers:
            facts = self.boxes[name].setup.facts()
            facts.slots = (None, 2)[second % 2]
            self.play(ServerAdded(facts, self.at))

    # ------------------------------------------------------------ the machine

    def sample(self, first: int, second: int) -> None:
        """True, unknown, short, contradictory; with stalls or without."""
        kind = first % 12
        free: float | None = self.truly_free_gb()
        total: float | None = MACHINE_GB
        if not self.setup.is_responsive:
            if kind == 9:
                free, total = None, (None if second % 2 else MACHINE_GB)
            elif kind == 10:
                free = 1.0 + second % 3
            elif kind == 11 and not self.setup.is_honest:
                free, total = (MACHINE_GB + 10.0, 12.0) if second % 2 else (20.0, None)
        stall = (0.0, 0.0, 0.0, 12.0, 20.0, 40.0)[second % 6] if kind > 5 else 0.0
        if self.setup.is_responsive:
            stall = 0.0
        psi = Psi(stall, stall, stall, stall, stall, stall) if second % 7 else None
        sample = MemorySample(self.at, total, free, psi, second if kind > 5 else 0)
        if free is None:
            self._unknown(sample)
        else:
            self.play(Sampled(sample))

    def _unknown(self, sample: MemorySample) -> None:
        self.play(Tick(self.at))
        level = self.core.books.machine.pressure.level
        if sample.psi is None and not self.waiting:
            self.nothing_changes(Sampled(sample), 13)
            same = self.core.books.machine.pressure.level is level
            self.checks.expect(13, same, "nothing is known, and the level changed")
        else:
            self.play(Sampled(sample))

    def truly_free_gb(self) -> float:
        """What a true reading would show."""
        return MACHINE_GB - sum(
            box.taken_gb(model)
            for name, box in self.boxes.items()
            if box.setup.domain == "machine" and self._is_real(name)
            for model in {*box.memory, *box.parked}
        )

    def _is_real(self, server: str) -> bool:
        scripted = self.boxes[server].setup.rehearsal
        return not scripted or self.setup.options.rehearsal_takes_memory

    def tick(self, first: int, second: int) -> None:
        """Time passes, or only seems to: then nothing can begin that could not before."""
        gap = GAPS[first % len(GAPS)] if second % 3 else 0.0
        if gap == 0.0:
            self._tick_again()
            return
        self.at += gap
        self.play(Tick(self.at))

    def _tick_again(self) -> None:
        """Looking once more, without news, brings nothing: no wake-up was lost."""
        count = len(self.core.books.decisions)
        newest = self.core.books.decisions[0] if count else None
        effects = self.play(Tick(self.at))
        books = self.core.books
        if books.decisions and books.decisions[0] is not newest:
            idle = books.decisions[0].kind in ("keep_alive", "soft_limit", "admin")
            self.checks.expect(19, idle, f"only now: {books.decisions[0]}")
            return
        late = [one for one in effects if isinstance(one, Grant | Reject | StartLoad)]
        self.checks.expect(19, not late, f"only now: {late}")

    def solved(self, first: int, second: int) -> None:
        """The plan that was asked for is ready, or could not be made."""
        if not self.solves:
            return
        order = self.solves.pop(first % len(self.solves))
        values = None if second % 8 == 1 else solve(order.problem, order.warm)
        if order.domain in self.core.books.domains:
            self.play(Solved(order.domain, values, self.at))

    # ------------------------------------------------------------ operators

    def operator(self, first: int, second: int) -> None:
        """Asks for a plan, an unload, less memory taken, or has a word on the breaker."""
        model = MODELS[first % len(MODELS)]
        self.tickets += 1
        match second % 8:
            case 0 | 1 | 2:
                self.nothing_changes(AskPlan(self.tickets, model, self.at), 10)
            case 3 | 4:
                self.play(AskUnload(self.tickets, model, self.at))
            case 5:
                self.play(AskUnload(self.tickets, None, self.at))
            case 6:
                self.play(SetBreaker(model, self.at))
            case 7:
                forced = second % 5 == 0 and not self.setup.is_responsive
                self.play(SetBreaker(model, self.at, forced_open=forced))


ACTIONS: dict[str, Action] = {
    "ask": World.ask,
    "leave": World.leave,
    "leave_again": World.leave_again,
    "trouble": World.trouble,
    "load_ends": World.load_ends,
    "unload_ends": World.unload_ends,
    "old_news": World.old_news,
    "forged_news": World.forged_news,
    "look": World.look,
    "look_ends": World.look_ends,
    "disaster": World.disaster,
    "server_changes": World.server_changes,
    "sample": World.sample,
    "tick": World.tick,
    "solved": World.solved,
    "operator": World.operator,
}
"""What can happen, by name."""


def fresh(event: Event) -> Event:
    """A copy that the core cannot write into."""
    match event:
        case ServerAdded(facts):
            return replace(event, facts=copy(facts))
    return event
