"""
The single owner of what is in memory.

  lease(), refresh()          run(): the one task that steps the core
        │  Acquire, Leave, Look        │
        └──────────▶ inbox ──────────▶ core ──▶ effects: loads, unloads, looks (their own tasks)
                       ▲                 │                      │
                       └─────────────────│──────────────────────┘  LoadDone, UnloadDone, Snapshot
                  mailbox of each caller ◀── Tell, Grant, Reject

Callers, loads and servers only ever send events; nothing outside the owner decides by looking.
"""

import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count

import anyio
import structlog
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectSendStream

from brain.catalogue.models import ModelSpec
from brain.vram.backends.base import Backend
from brain.vram.core import Core
from brain.vram.errors import (
    BackendUnreachable,
    LoadFailed,
    ModelNeverFits,
    ModelUnavailable,
    ServerKind,
)
from brain.vram.events import (
    Acquire,
    Effect,
    Event,
    Failure,
    Grant,
    Leave,
    Look,
    Probe,
    Progress,
    Reject,
    Snapshot,
    StartLoad,
    StartUnload,
    Tell,
)
from brain.vram.residents import ServerFacts
from brain.vram.servers import Servers
from brain.vram.status import Status, status_of
from shared.clock import Clock
from shared.errors import BoundaryError

log = structlog.get_logger(__name__)
__all__ = ["Lease", "Orchestrator", "Progress", "Server", "Status", "ignore"]


@dataclass(frozen=True, slots=True)
class Server:
    """Where a leased model is to be spoken to."""

    name: str
    kind: ServerKind
    url: str
    rehearsal: bool
    """Its answers are scripted; whoever shows one says so."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to use a model: it stays in memory for as long as this is held."""

    spec: ModelSpec
    server: Server
    load_seconds: float
    """How long the load took that this caller waited for; 0 when the model was in memory."""


def ignore(_: Progress) -> None:
    """For callers who want no news while they wait."""


class Orchestrator:
    """`lease` is the only way to use a model; `run` must be running for anything to happen."""

    def __init__(
        self,
        *,
        specs: Mapping[str, ModelSpec],
        backends: Sequence[Backend],
        soft_gb: float,
        hard_gb: float,
        clock: Clock,
        load_timeout_seconds: float = 600.0,
    ) -> None:
        facts = [ServerFacts(one.name, one.kind, one.url, one.loads) for one in backends]
        self._core = Core(specs=specs, servers=facts, hard_gb=hard_gb)
        self._soft_gb = soft_gb
        self._clock = clock
        # Unbounded, so that giving a lease back never waits; it holds one or two events a caller.
        self._inbox, self._events = anyio.create_memory_object_stream[Event](math.inf)
        self._servers = Servers(
            backends, post=self._post, clock=clock, load_timeout_seconds=load_timeout_seconds
        )
        self._tickets = count(1)
        self._callers: dict[int, MemoryObjectSendStream[Progress | Grant | Reject]] = {}
        self._looks: dict[str, list[anyio.Event]] = {}

    async def run(self) -> None:
        """Own the state until cancelled; loads under way are given up then. Runs once."""
        with self._inbox, self._events:
            try:
                async with anyio.create_task_group() as tasks:
                    async for event in self._events:
                        self._take(event, tasks)
            finally:
                await self._servers.aclose()

    def _take(self, event: Event, tasks: TaskGroup) -> None:
        for effect in self._core.step(event):
            self._perform(effect, tasks)
        if isinstance(event, Snapshot):
            for seen in self._looks.pop(event.server, ()):
                seen.set()

    @asynccontextmanager
    async def lease(
        self, model: str, *, tell: Callable[[Progress], None] = ignore
    ) -> AsyncIterator[Lease]:
        """
        Hold `model` in memory, waiting for it (and loading it) if need be.

        `tell` gets what the wait is for whenever that changes, and must not block. Raises
        `ModelUnavailable`, `ModelNeverFits`, `LoadFailed`, `BackendUnreachable`. A caller who is
        cancelled while waiting leaves no trace; a load it began goes on and is kept.
        """
        ticket = next(self._tickets)
        send, mail = anyio.create_memory_object_stream[Progress | Grant | Reject](math.inf)
        with send, mail:
            self._callers[ticket] = send
            try:
                self._post(Acquire(ticket, model, self._clock.now()))
                async for news in mail:
                    match news:
                        case Progress():
                            tell(news)
                        case Reject():
                            raise self._error(news)
                        case Grant():
                            break
                yield self._lease(news)
            finally:
                del self._callers[ticket]
                self._post(Leave(ticket, self._clock.now()))

    async def refresh(self) -> None:
        """Ask every server what it has; returns when each has answered or failed to."""
        seen = []
        for name in self._core.books.servers:
            event = anyio.Event()
            self._looks.setdefault(name, []).append(event)
            self._post(Look(name))
            seen.append(event)
        for event in seen:
            await event.wait()

    def available(self) -> frozenset[str]:
        """The models some server has, as last seen; empty when no server was seen yet."""
        return self._core.books.available()

    def lacks(self, model: str) -> bool:
        """Whether every server that could have `model` was seen and does not have it."""
        place = self._core.books.place_for(model)
        return isinstance(place, Failure) and place.cause == "missing"

    def could_fit(self, spec: ModelSpec) -> bool:
        """Whether the model may ever be used here, going by its listed size."""
        return spec.backend != "ollama" or spec.size_gb <= self._core.books.hard_gb

    def spec(self, model: str) -> ModelSpec:
        """
        What is known about `model`, in the roster or on a server.

        Raises `ModelUnavailable`, or `BackendUnreachable` while a server that may have it was not
        reached yet.
        """
        known = self._core.books.spec(model)
        if known is not None:
            return known
        place = self._core.books.place_for(model)
        if isinstance(place, Failure) and place.cause == "unreachable":
            server = self._core.books.servers[place.server or ""]
            raise BackendUnreachable(server.url, place.reason, kind=server.kind)
        raise ModelUnavailable(model)

    def status(self) -> Status:
        """Everything at this moment, for people and dashboards."""
        return status_of(self._core.books, soft_gb=self._soft_gb, at=self._clock.now())

    # ------------------------------------------------------------

    def _post(self, event: Event) -> None:
        try:
            self._inbox.send_nowait(event)
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            log.debug("vram.event_dropped", kind=type(event).__name__)  # the owner has ended

    def _perform(self, effect: Effect, tasks: TaskGroup) -> None:
        match effect:
            case Tell():
                self._deliver(effect.ticket, effect.progress)
            case Grant() | Reject():
                self._deliver(effect.ticket, effect)
            case StartLoad():
                log.info("vram.load", model=effect.place.model, server=effect.place.server)
                tasks.start_soon(self._servers.load, effect)
            case StartUnload():
                log.info("vram.unload", model=effect.place.model, server=effect.place.server)
                tasks.start_soon(self._servers.unload, effect)
            case Probe():
                tasks.start_soon(self._servers.look, effect)

    def _deliver(self, ticket: int, news: Progress | Grant | Reject) -> None:
        caller = self._callers.get(ticket)
        if caller is not None:  # else it has left; its Leave is in the inbox
            caller.send_nowait(news)

    def _lease(self, grant: Progress | Grant | Reject) -> Lease:
        assert isinstance(grant, Grant), "a caller is answered with a grant or a rejection"
        facts = self._core.books.servers[grant.place.server]
        rehearsal = facts.inventory is not None and facts.inventory.rehearsal
        server = Server(facts.name, facts.kind, facts.url, rehearsal)
        return Lease(grant.spec, server, grant.load_seconds)

    def _error(self, refused: Reject) -> BoundaryError:
        failure = refused.failure
        match failure.cause:
            case "missing":
                return ModelUnavailable(refused.model)
            case "never_fits":
                return ModelNeverFits(
                    refused.model, need_gb=failure.need_gb, ceiling_gb=failure.ceiling_gb
                )
            case "unreachable":
                server = self._core.books.servers[failure.server or ""]
                return BackendUnreachable(server.url, failure.reason, kind=server.kind)
            case "failed":
                return LoadFailed(refused.model, failure.reason)
