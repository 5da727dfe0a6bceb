"""
The one task that steps the core, and everything it makes happen.

  post(event) ──▶ inbox ──▶ core ──▶ effects: loads, unloads, looks (tasks of their own)
                    ▲         │                     │
                    └─────────│─────────────────────┘  LoadDone, UnloadDone, Snapshot
       mailbox of each caller ◀── Tell, Grant, Reject, Answer
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import anyio
import anyio.to_thread
import structlog
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from brain.vram.backends.base import Backend
from brain.vram.core import Core
from brain.vram.errors import Ended
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
    Look,
    Lost,
    Probe,
    Progress,
    Reject,
    Say,
    Snapshot,
    Solve,
    Solved,
    StartLoad,
    StartUnload,
    Tell,
    Tick,
)
from brain.vram.leases import Lease, Server
from brain.vram.policies.planner import Values, solve
from brain.vram.refusals import error_of
from brain.vram.servers import Servers
from shared.clock import Clock

log = structlog.get_logger(__name__)
TICK_SECONDS = 1.0
MOST_FAULTS = 20
"""Steps in a row that broke, after which the books are not to be trusted any more."""

Work = StartLoad | StartUnload | AbortLoad | Probe | Solve
Mail = Progress | Grant | Reject | Answer


class Owner:
    """`post` from anywhere; only `run` lets anything happen."""

    def __init__(
        self,
        core: Core,
        backends: Sequence[Backend],
        *,
        clock: Clock,
        load_timeout_seconds: float,
    ) -> None:
        self._core = core
        self._clock = clock
        # Unbounded, so that giving a lease back never waits; it holds one or two events a caller.
        self._inbox, self._events = anyio.create_memory_object_stream[Event](math.inf)
        self.servers = Servers(
            backends, post=self.post, clock=clock, load_timeout_seconds=load_timeout_seconds
        )
        self._callers: dict[int, MemoryObjectSendStream[Mail]] = {}
        self._held: dict[int, Lease] = {}
        self._looks: dict[str, list[anyio.Event]] = {}
        self._faults = 0
        self._has_ended = False

    async def run(self) -> None:
        """Own the state until cancelled; loads under way are given up then. Runs once."""
        with self._inbox, self._events:
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._tick)
                    async for event in self._events:
                        self._take(event, tasks)
            finally:
                self._end()
                await self.servers.aclose()

    def close(self) -> None:
        """For an owner that never ran: let go of its inbox. Twice is once."""
        self._inbox.close()
        self._events.close()

    def _end(self) -> None:
        """Nobody is answered any more."""
        self._has_ended = True
        for caller in self._callers.values():
            caller.close()
        for seen in self._looks.values():
            for event in seen:
                event.set()

    def post(self, event: Event) -> None:
        """Tell the core."""
        try:
            self._inbox.send_nowait(event)
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            log.debug("vram.event_dropped", kind=type(event).__name__)  # the owner has ended

    async def look(self) -> None:
        """
        Ask every server what it has; returns when each has answered or failed to.

        Raises `Ended`.
        """
        if self._has_ended:
            raise Ended
        seen = []
        for name in self._core.books.servers:
            event = anyio.Event()
            self._looks.setdefault(name, []).append(event)
            self.post(Look(name, self._clock.now()))
            seen.append(event)
        for event in seen:
            await event.wait()

    async def granted(self, acquire: Acquire, tell: Callable[[Progress], None]) -> Lease:
        """
        Wait for the lease, passing on the news.

        Raises what the rejection says, and `Ended`.
        """
        with self._mailbox(acquire.ticket) as mail:
            self.post(acquire)
            async for news in mail:
                match news:
                    case Progress():
                        tell(news)
                    case Reject():
                        raise error_of(news.failure, news.model, self._core.books.servers)
                    case Grant():
                        return self._held[acquire.ticket]
        raise Ended

    async def asked(self, event: AskPlan | AskUnload) -> Any:
        """The answer to a question of an operator. Raises what a failure says, and `Ended`."""
        with self._mailbox(event.ticket) as mail:
            self.post(event)
            async for answer in mail:
                assert isinstance(answer, Answer)
                if isinstance(answer.value, Failure):
                    raise error_of(answer.value, event.model or "", self._core.books.servers)
                return answer.value
        raise Ended

    @contextmanager
    def _mailbox(self, ticket: int) -> Iterator[MemoryObjectReceiveStream[Mail]]:
        if self._has_ended:
            raise Ended
        send, mail = anyio.create_memory_object_stream[Mail](math.inf)
        with send, mail:
            self._callers[ticket] = send
            try:
                yield mail
            finally:
                del self._callers[ticket]

    def give_up(self, ticket: int) -> None:
        """The caller is not to be told of a loss any more."""
        self._held.pop(ticket, None)

    async def _tick(self) -> None:
        while True:
            await self._clock.sleep(TICK_SECONDS)
            self.post(Tick(self._clock.now()))

    def _take(self, event: Event, tasks: TaskGroup) -> None:
        for effect in self._step(event):
            self._perform(effect, tasks)
        if isinstance(event, Snapshot):
            for seen in self._looks.pop(event.server, ()):
                seen.set()

    def _step(self, event: Event) -> list[Effect]:
        """What to do now; a step that breaks ends neither running answers nor the ones after it."""
        try:
            effects = self._core.step(event)
        except Exception:
            self._faults += 1
            log.exception("vram.fault", event_kind=type(event).__name__, in_a_row=self._faults)
            if self._faults >= MOST_FAULTS:
                raise
            return self._core.recover(event)
        self._faults = 0
        return effects

    def _perform(self, effect: Effect, tasks: TaskGroup) -> None:
        match effect:
            case Tell():
                self._deliver(effect.ticket, effect.progress)
            case Grant() if effect.ticket in self._callers:
                self._held[effect.ticket] = self._lease(effect)
                self._deliver(effect.ticket, effect)
            case Grant():
                pass  # its caller has left; its Leave is in the inbox
            case Reject() | Answer():
                self._deliver(effect.ticket, effect)
            case Lost():
                lease = self._held.get(effect.ticket)
                if lease is not None:
                    lease.loss.happen(effect.reason)
            case Say():
                tell = log.warning if effect.grave else log.info
                tell(effect.event, message=effect.message, **effect.facts)
            case _:
                self._start(effect, tasks)

    def _start(self, effect: Work, tasks: TaskGroup) -> None:
        """What takes time has a task of its own."""
        match effect:
            case StartLoad():
                log.info("vram.load", model=effect.place.model, server=effect.place.server)
                tasks.start_soon(self.servers.load, effect)
            case StartUnload():
                log.info("vram.unload", model=effect.place.model, server=effect.place.server)
                tasks.start_soon(self.servers.unload, effect)
            case AbortLoad():
                tasks.start_soon(self.servers.abort, effect)
            case Probe():
                tasks.start_soon(self.servers.look, effect)
            case Solve():
                tasks.start_soon(self._solve, effect)

    async def _solve(self, order: Solve) -> None:
        """Compute a plan in a thread: the owner's loop relays every token meanwhile."""
        values: Values | None = None
        try:
            values = await anyio.to_thread.run_sync(solve, order.problem, order.warm)
        except Exception:  # the end of a task: without a plan the policy falls back
            log.exception("vram.plan_failed", domain=order.domain)
        self.post(Solved(order.domain, values, self._clock.now()))

    def _lease(self, grant: Grant) -> Lease:
        facts = self._core.books.servers[grant.place.server]
        rehearsal = facts.inventory is not None and facts.inventory.rehearsal
        server = Server(facts.name, facts.kind, facts.url, rehearsal)
        return Lease(grant.spec, server, grant.load_seconds)

    def _deliver(self, ticket: int, news: Mail) -> None:
        caller = self._callers.get(ticket)
        if caller is not None:  # else it has left
            caller.send_nowait(news)
