"""
The orchestrator's decisions: an event in, effects out; no I/O, no clock, nothing to wait for.

Every change goes through here, one event at a time, so the same events always give the same
effects, and a test can play any order of them.
"""

from collections.abc import Mapping, Sequence

from brain.catalogue.models import ModelSpec
from brain.vram.admin import Admin
from brain.vram.books import Books
from brain.vram.choosing import Chooser
from brain.vram.events import (
    Acquire,
    Answer,
    AskPlan,
    AskUnload,
    Effect,
    Event,
    Failure,
    Leave,
    LoadDone,
    Look,
    Reject,
    Sampled,
    ServerAdded,
    ServerDrains,
    ServerGone,
    SetBreaker,
    Snapshot,
    Solved,
    Tick,
    Trouble,
    UnloadDone,
)
from brain.vram.idle import Idle
from brain.vram.ladder import Ladder
from brain.vram.moves import Moves
from brain.vram.news import News
from brain.vram.options import VramOptions
from brain.vram.order import Order
from brain.vram.reconcile import Difference
from brain.vram.residents import ServerFacts, State, Waiter

Asked = Look | Solved | AskPlan | AskUnload | SetBreaker | ServerAdded | ServerDrains | ServerGone


class Core:
    """Late, doubled and unknown news change nothing."""

    def __init__(
        self,
        *,
        specs: Mapping[str, ModelSpec],
        servers: Sequence[ServerFacts],
        options: VramOptions,
        load_timeout_seconds: float = 600.0,
    ) -> None:
        self.books = Books(
            specs=specs,
            servers=servers,
            options=options,
            load_timeout_seconds=load_timeout_seconds,
        )
        self._moves = Moves(self.books)
        self._chooser = Chooser(self.books)
        self._order = Order(self.books, self._moves, self._chooser)
        self._news = News(self.books, self._moves)
        self._idle = Idle(self.books, self._moves, self._chooser)
        self._admin = Admin(self.books, self._moves, self._chooser)
        self._ladder = Ladder(self.books, self._moves, self._chooser)

    def differences(self) -> tuple[Difference, ...]:
        """What the newest snapshot of each server changed."""
        return tuple(self._news.differences.values())

    def step(self, event: Event) -> list[Effect]:
        """What to do now, in this order."""
        match event:
            case Acquire():
                self._acquire(event)
            case Leave():
                self._leave(event)
            case LoadDone() | UnloadDone() if not self._news.is_current(event):
                return []
            case LoadDone() | UnloadDone() | Snapshot() | Trouble() | Sampled() | Tick():
                self._learn(event)
                self._order.dispatch(event.at)
                if isinstance(event, LoadDone) and event.place in self.books.residents:
                    self._idle.after_use(event.place, event.at)
            case _:
                self._asked(event)
                self._order.dispatch(event.at)
        for domain in self.books.domains.values():
            if domain.is_stale:
                plan = self._chooser.solve_next(domain, event.at)
                if plan is not None:
                    self._moves.do(plan)
        return self._moves.take()

    def recover(self, event: Event) -> list[Effect]:
        """
        After a `step` that raised: carry out what it did get done, as the books have that already,
        end what the event was about, and look at every server.
        """
        broken = Failure("failed", "an internal error, see the log")
        match event:
            case Acquire() if event.ticket in self.books.waiters:
                self._moves.reject(self.books.waiters[event.ticket], broken)
            case Acquire() if event.ticket not in self.books.granted:
                self._moves.do(Reject(event.ticket, event.model, broken))
            case AskPlan() | AskUnload():
                self._moves.do(Answer(event.ticket, broken))
            case LoadDone() | UnloadDone() if self._news.is_current(event):
                ended: State = "failed" if isinstance(event, LoadDone) else "stuck"
                self._moves.move(self.books.residents[event.place], ended)
        for server in self.books.servers:
            self._moves.probe(server)
        return self._moves.take()

    def _learn(self, event: LoadDone | UnloadDone | Snapshot | Trouble | Sampled | Tick) -> None:
        """What happened out there."""
        match event:
            case LoadDone():
                self._news.load_done(event)
            case UnloadDone():
                self._news.unload_done(event)
            case Snapshot():
                self._news.snapshot(event)
            case Trouble():
                self._news.trouble(event)
            case Sampled():
                self._news.sampled(event)
                if self.books.options.orchestrator_enabled:
                    self._ladder.step(event.at)
            case Tick():
                self._idle.tick(event.at)

    def _asked(self, event: Asked) -> None:
        """What operators, the wiring and the planner want."""
        match event:
            case Look():
                self._moves.probe(event.server)
            case Solved():
                domain = self.books.domains[event.domain]
                domain.values, domain.is_solving = event.values or domain.values, False
            case AskPlan():
                self._moves.do(Answer(event.ticket, self._admin.plan(event.model, event.at)))
            case AskUnload(ticket=ticket, model=None):
                self._moves.do(Answer(ticket, self._idle.optimize(event.at)))
            case AskUnload(ticket=ticket, model=str(model)):
                self._moves.do(Answer(ticket, self._admin.unload(model, event.at)))
            case SetBreaker():
                self._news.set_breaker(event)
            case ServerAdded() | ServerDrains() | ServerGone():
                self._news.server_changed(event)
                self._idle.tick(event.at)

    def _acquire(self, event: Acquire) -> None:
        arrived = event.at if event.arrived is None else event.arrived
        self._moves.admit(
            Waiter(
                event.ticket,
                event.model,
                event.at,
                arrived,
                patient=event.patient,
                speculative=event.speculative,
            )
        )
        self._order.dispatch(event.at)

    def _leave(self, event: Leave) -> None:
        books = self.books
        waiter = books.waiters.get(event.ticket)
        if waiter is not None:
            self._moves.dismiss(waiter)
            self._news.nobody_waits(waiter, event.at)
            self._order.dispatch(event.at)
            return
        place = self._moves.release(event.ticket)
        if place is None:
            return
        books.residents[place].last_used = event.at
        if event.ok:
            books.breaker.success(place.model, event.at)
        self._idle.after_use(place, event.at)
        if books.waiters:
            self._order.dispatch(event.at)
