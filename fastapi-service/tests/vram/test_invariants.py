"""
Any order of events whatever, against a make-believe server that is slow, fails and forgets.

The invariants are those of the design of the orchestrator: what must never happen, whatever does.
"""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from brain.catalogue.models import ModelSpec, Priority
from brain.vram.core import Core
from brain.vram.events import (
    Acquire,
    Effect,
    Event,
    Failure,
    Grant,
    Leave,
    LoadDone,
    Probe,
    Reject,
    Snapshot,
    StartLoad,
    StartUnload,
    UnloadDone,
)
from brain.vram.options import VramOptions
from brain.vram.residents import Inventory, ServerFacts

HARD_GB = 14.0
OPTIONS = VramOptions(soft_gb=12.0, hard_gb=HARD_GB, breaker_enabled=False)
MAX_OVERTAKES = OPTIONS.max_overtakes
ROSTER = {
    "big": ModelSpec(name="big", size_gb=13.0, priority=Priority.HIGH),
    "mid": ModelSpec(name="mid", size_gb=9.0),
    "small": ModelSpec(name="small", size_gb=5.0),
    "tiny": ModelSpec(name="tiny", size_gb=2.0, priority=Priority.LOW),
    "pinned": ModelSpec(name="pinned", size_gb=0.5, priority=Priority.CRITICAL),
    "giant": ModelSpec(name="giant", size_gb=70.0),
}
FAILURES = (
    Failure("failed", "out of memory", "ollama"),
    Failure("unreachable", "nothing answers there", "ollama"),
)
models = st.sampled_from([*ROSTER, "unheard-of"])


def new_core() -> Core:
    server = ServerFacts("ollama", "ollama", "http://o", loads=True)
    return Core(specs=ROSTER, servers=[server], options=OPTIONS)


class Machine(RuleBasedStateMachine):
    """The world around the core: what the server really holds, and who asked for what."""

    def __init__(self) -> None:
        super().__init__()
        self.core = new_core()
        self.events: list[Event] = []
        self.effects: list[list[Effect]] = []
        self.at = 0.0
        self.memory: set[str] = set()
        self.loads: list[StartLoad] = []
        self.unloads: list[StartUnload] = []
        self.looks: list[tuple[Probe, Inventory]] = []
        self.past: list[LoadDone | UnloadDone] = []
        self.waiting: set[int] = set()
        self.holding: dict[int, str] = {}
        self.tickets = 0

    # ------------------------------------------------------------ the world

    def play(self, event: Event) -> None:
        books = self.core.books
        before = books.charged_gb()
        self.at += 1
        effects = self.core.step(event)
        self.events.append(event)
        self.effects.append(list(effects))
        if books.charged_gb() < before:
            assert isinstance(event, UnloadDone | Snapshot | LoadDone), "charge fell for nothing"
        for effect in effects:
            self.perform(effect)

    def perform(self, effect: Effect) -> None:
        residents = self.core.books.residents
        match effect:
            case Grant():
                assert effect.ticket in self.waiting, "answered twice, or never asked"
                self.waiting.remove(effect.ticket)
                self.holding[effect.ticket] = effect.place.model
                assert residents[effect.place].state in ("ready", "draining")  # from now on
            case Reject():
                assert effect.ticket in self.waiting, "answered twice, or never asked"
                self.waiting.remove(effect.ticket)
            case StartLoad():
                assert self.core.books.charged_gb() <= HARD_GB + 0.001
                self.loads.append(effect)
            case StartUnload():
                assert effect.place.model not in self.holding.values(), "unloaded while leased"
                assert residents[effect.place].spec.priority < Priority.CRITICAL
                self.unloads.append(effect)
            case Probe():
                self.looks.append((effect, self.truth()))

    def truth(self) -> Inventory:
        known = {name: spec for name, spec in ROSTER.items() if name != "giant"}
        loaded = {name: ROSTER[name].size_gb for name in self.memory}
        return Inventory(installed=known | {"giant": ROSTER["giant"]}, loaded=loaded)

    # ------------------------------------------------------------ what can happen

    @rule(model=models)
    def ask(self, model: str) -> None:
        self.tickets += 1
        self.waiting.add(self.tickets)
        self.play(Acquire(self.tickets, model, self.at))

    @precondition(lambda self: self.waiting or self.holding)
    @rule(data=st.data())
    def leave(self, data: Any) -> None:
        ticket = data.draw(st.sampled_from(sorted(self.waiting | self.holding.keys())))
        self.waiting.discard(ticket)
        self.holding.pop(ticket, None)
        self.play(Leave(ticket, self.at))

    @precondition(lambda self: self.tickets)
    @rule(data=st.data())
    def leave_again(self, data: Any) -> None:
        gone = set(range(1, self.tickets + 1)) - self.waiting - self.holding.keys()
        if gone:
            books = self.core.books
            before = (repr(books.residents), repr(books.granted))
            self.play(Leave(data.draw(st.sampled_from(sorted(gone))), self.at))
            assert (repr(books.residents), repr(books.granted)) == before

    @precondition(lambda self: self.loads)
    @rule(failure=st.sampled_from([None, None, None, *FAILURES]))
    def load_ends(self, failure: Failure | None) -> None:
        load = self.loads.pop(0)
        if failure is None:
            self.memory.add(load.place.model)
        done = LoadDone(load.place, load.epoch, self.at, 1.0, None, failure)
        self.past.append(done)
        self.play(done)

    @precondition(lambda self: self.unloads)
    @rule(data=st.data(), failure=st.sampled_from([None, None, None, *FAILURES]))
    def unload_ends(self, data: Any, failure: Failure | None) -> None:
        order = self.unloads.pop(data.draw(st.integers(0, len(self.unloads) - 1)))
        if failure is None:
            self.memory.discard(order.place.model)
        done = UnloadDone(order.place, order.epoch, self.at, failure)
        self.past.append(done)
        self.play(done)

    @precondition(lambda self: self.past)
    @rule(data=st.data())
    def old_news_come_again(self, data: Any) -> None:
        old = data.draw(st.sampled_from(self.past))
        before = repr(self.core.books.residents)
        self.play(old)
        assert repr(self.core.books.residents) == before

    @precondition(lambda self: self.looks)
    @rule(data=st.data(), answers=st.booleans())
    def a_look_ends(self, data: Any, answers: bool) -> None:
        asked, seen = self.looks.pop(data.draw(st.integers(0, len(self.looks) - 1)))
        before = repr(self.core.books.residents)
        unknown = not answers and not self.waiting
        self.play(
            Snapshot(
                "ollama",
                asked.version,
                self.at,
                seen if answers else None,
                "" if answers else "late",
            )
        )
        if unknown:
            assert repr(self.core.books.residents) == before, "silence changed the books"

    @rule()
    def look(self) -> None:
        probe = Probe("ollama", self.core.books.version)
        self.looks.append((probe, self.truth()))

    # ------------------------------------------------------------ what must always hold

    @invariant()
    def leases_are_those_of_the_callers(self) -> None:
        books = self.core.books
        held = {ticket for one in books.residents.values() for ticket in one.leases}
        assert held == set(self.holding) == set(books.granted)
        assert set(books.waiters) == self.waiting

    @invariant()
    def at_most_one_load_is_under_way(self) -> None:
        states = [one.state for one in self.core.books.residents.values()]
        assert states.count("loading") <= 1
        assert states.count("loading") == len(self.loads)
        assert states.count("unloading") == len(self.unloads)

    @invariant()
    def nobody_is_overtaken_for_ever(self) -> None:
        assert all(one.overtaken <= MAX_OVERTAKES for one in self.core.books.waiters.values())

    @invariant()
    def whoever_waits_waits_for_something(self) -> None:
        if self.waiting:
            assert self.loads or self.unloads or self.holding, "a wake-up was lost"

    @invariant()
    def what_is_ready_is_granted_unless_it_drains(self) -> None:
        books = self.core.books
        drained = any(one.overtaken >= MAX_OVERTAKES for one in books.waiters.values())
        ready = {place.model for place, one in books.residents.items() if one.state == "ready"}
        assert drained or not any(one.model in ready for one in books.waiters.values())

    def teardown(self) -> None:
        """Let everything end well: then nobody waits, and a replay gives the same effects."""
        for _ in range(1000):
            if self.loads:
                load = self.loads.pop()
                self.play(LoadDone(load.place, load.epoch, self.at, 1.0))
            elif self.unloads:
                order = self.unloads.pop()
                self.play(UnloadDone(order.place, order.epoch, self.at))
            elif self.holding:
                ticket = min(self.holding)
                del self.holding[ticket]
                self.play(Leave(ticket, self.at))
            else:
                break
        assert not self.waiting
        again = new_core()
        assert [again.step(event) for event in self.events] == self.effects


TestInvariants = Machine.TestCase
TestInvariants.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
