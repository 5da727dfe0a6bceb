"""
The one task that steps the core, and everything it makes happen.

  post(event) ──▶ inbox ──▶ core ──▶ effects: loads, unloads, looks (tasks of their own)
                    ▲         │                     │
                    └─────────│─────────────────────┘  LoadDone, UnloadDone, Snapshot
       mailbox of each caller ◀── Tell, Grant, Reject, Answer
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import anyio
import anyio.to_thread
import structlog
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectSendStream

from brain.vram.backends.base import Backend
from brain.vram.core import Core
from brain.vram.events import (
    AbortLoad,
    Acquire,
    Answer,
    DropFileCache,
    Effect,
    Event,
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
from brain.vram.leases import Loss
from brain.vram.policies.planner import Values, solve
from brain.vram.refusals import error_of
from brain.vram.servers import Servers
from shared.clock import Clock

log = structlog.get_logger(__name__)
TICK_SECONDS = 1.0
Work = StartLoad | StartUnload | AbortLoad | Probe | DropFileCache | Solve
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
        drop_file_cache: Callable[[], None] | None,
    ) -> None:
        self._core = core
        self._clock = clock
        self._drop_file_cache = drop_file_cache
        # Unbounded, so that giving a lease back never waits; it holds one or two events a caller.
        self._inbox, self._events = anyio.create_memory_object_stream[Event](math.inf)
        self.servers = Servers(
            backends, post=self.post, clock=clock, load_timeout_seconds=load_timeout_seconds
        )
        self._callers: dict[int, MemoryObjectSendStream[Mail]] = {}
        self._held: dict[int, Loss] = {}
        self._looks: dict[str, list[anyio.Event]] = {}

    async def run(self) -> None:
        """Own the state until cancelled; loads under way are given up then. Runs once."""
        with self._inbox, self._events:
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._tick)
                    async for event in self._events:
                        self._take(event, tasks)
            finally:
                await self.servers.aclose()

    def post(self, event: Event) -> None:
        """Tell the core."""
        try:
            self._inbox.send_nowait(event)
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            log.debug("vram.event_dropped", kind=type(event).__name__)  # the owner has ended

    async def look(self) -> None:
        """Ask every server what it has; returns when each has answered or failed to."""
        seen = []
        for name in self._core.books.servers:
            event = anyio.Event()
            self._looks.setdefault(name, []).append(event)
            self.post(Look(name, self._clock.now()))
            seen.append(event)
        for event in seen:
            await event.wait()

    async def granted(
        self, acquire: Acquire, tell: Callable[[Progress], None]
    ) -> tuple[Grant, Loss]:
        """Wait for the grant, passing on the news. Raises what the rejection says."""
        send, mail = anyio.create_memory_object_stream[Mail](math.inf)
        with send, mail:
            self._callers[acquire.ticket] = send
            try:
                self.post(acquire)
                async for news in mail:
                    match news:
                        case Progress():
                            tell(news)
                        case Reject():
                            raise error_of(news.failure, news.model, self._core.books.servers)
                        case Grant():
                            return news, self._held[acquire.ticket]
            finally:
                del self._callers[acquire.ticket]
        raise AssertionError("a caller is answered with a grant or a rejection")

    async def asked(self, ticket: int, event: Event) -> Any:
        """The answer to a question of an operator."""
        send, mail = anyio.create_memory_object_stream[Mail](1)
        with send, mail:
            self._callers[ticket] = send
            try:
                self.post(event)
                answer = await mail.receive()
            finally:
                del self._callers[ticket]
        assert isinstance(answer, Answer)
        return answer.value

    def give_up(self, ticket: int) -> None:
        """The caller is not to be told of a loss any more."""
        self._held.pop(ticket, None)

    async def _tick(self) -> None:
        while True:
            await self._clock.sleep(TICK_SECONDS)
            self.post(Tick(self._clock.now()))

    def _take(self, event: Event, tasks: TaskGroup) -> None:
        for effect in self._core.step(event):
            self._perform(effect, tasks)
        if isinstance(event, Snapshot):
            for seen in self._looks.pop(event.server, ()):
                seen.set()

    def _perform(self, effect: Effect, tasks: TaskGroup) -> None:
        match effect:
            case Tell():
                self._deliver(effect.ticket, effect.progress)
            case Grant():
                self._held[effect.ticket] = Loss()
                self._deliver(effect.ticket, effect)
            case Reject() | Answer():
                self._deliver(effect.ticket, effect)
            case Lost():
                loss = self._held.get(effect.ticket)
                if loss is not None:
                    loss.happen(effect.reason)
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
            case DropFileCache():
                assert self._drop_file_cache is not None
                tasks.start_soon(anyio.to_thread.run_sync, self._drop_file_cache)
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

    def _deliver(self, ticket: int, news: Mail) -> None:
        caller = self._callers.get(ticket)
        if caller is not None:  # else it has left; its Leave is in the inbox
            caller.send_nowait(news)
