"""
The single owner of what is in memory, as the rest of the brain sees it.

Callers, loads and servers only ever send events to the one task that owns the state; nothing
outside it decides by looking.
"""

import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import structlog

from brain.catalogue.models import ModelSpec
from brain.vram.admin import Unloading
from brain.vram.backends.base import Backend
from brain.vram.breaker import Crash
from brain.vram.core import Core
from brain.vram.decisions import Plan, Reconciled
from brain.vram.domains import ServerLimits
from brain.vram.errors import BackendFailed, BackendUnreachable, ModelLost, ModelUnavailable
from brain.vram.events import (
    Acquire,
    AskPlan,
    AskUnload,
    Failure,
    Leave,
    Progress,
    Sampled,
    ServerAdded,
    ServerDrains,
    ServerGone,
    SetBreaker,
    Trouble,
)
from brain.vram.leases import Lease, Loss, Server
from brain.vram.memory.here import is_here
from brain.vram.memory.sample import MemorySample
from brain.vram.options import VramOptions
from brain.vram.owner import Owner
from brain.vram.placing import place_for
from brain.vram.pressure import Level
from brain.vram.reconcile import APART_SECONDS
from brain.vram.refusals import error_of
from brain.vram.residents import MACHINE, ServerFacts
from brain.vram.status import Status, status_of
from shared.clock import Clock, SteadyClock

log = structlog.get_logger(__name__)
__all__ = ["Lease", "Level", "Loss", "Orchestrator", "Progress", "Server", "Status", "ignore"]
RETIRE_SECONDS = 600.0
"""Longer than nearly every answer; a server that is listed no more may stop at any time."""

RETIRE_POLL_SECONDS = 0.1


def ignore(_: Progress) -> None:
    """For callers who want no news while they wait."""


class Orchestrator:
    """`lease` is the only way to use a model; `run` must be running for anything to happen."""

    def __init__(
        self,
        *,
        specs: Mapping[str, ModelSpec],
        backends: Sequence[Backend],
        options: VramOptions,
        clock: Clock,
        limits: Mapping[str, ServerLimits] | None = None,
        load_timeout_seconds: float = 600.0,
    ) -> None:
        """`limits` by name of server."""
        given = limits or {}
        clock = SteadyClock(clock)  # nothing here is to wait for an hour that comes twice
        self._core = Core(
            specs=specs,
            servers=[_facts(one, given.get(one.name, ServerLimits())) for one in backends],
            options=options,
            load_timeout_seconds=load_timeout_seconds,
        )
        self._clock = clock
        self._tickets = count(1)
        self._problems: Callable[[], tuple[str, ...]] = tuple
        self._owner = Owner(
            self._core,
            backends,
            clock=clock,
            load_timeout_seconds=load_timeout_seconds,
        )
        self._post = self._owner.post

    async def run(self) -> None:
        """Own the state until cancelled; loads under way are given up then. Runs once."""
        await self._owner.run()

    def close(self) -> None:
        """When it may not have run: leave nothing open. Twice is once."""
        self._owner.close()

    # ------------------------------------------------------------ using models

    @asynccontextmanager
    async def lease(
        self,
        model: str,
        *,
        tell: Callable[[Progress], None] = ignore,
        arrived: float | None = None,
        patient: bool = True,
    ) -> AsyncIterator[Lease]:
        """
        Hold `model` in memory, waiting for it (and loading it) if need be.

        `tell` gets what the wait is for whenever that changes, and must not block. `arrived` is
        when the question arrived that this is a part of, by which callers are ordered. A model that
        crashed repeatedly is waited for, unless `patient` is false.

        Raises `ModelUnavailable`, `ModelNeverFits`, `LoadFailed`, `BackendUnreachable`,
        `BreakerOpen`, `Ended`; and `ModelLost` out of the block when its model left memory
        meanwhile. A caller who is cancelled while waiting leaves no trace; a load it began goes on
        and is kept.
        """
        ticket = next(self._tickets)
        ok: bool | None = None
        try:
            acquire = Acquire(ticket, model, self._clock.now(), arrived, patient)
            lease = await self._owner.granted(acquire, tell)
            try:
                yield lease
            except (BackendFailed, BackendUnreachable) as failure:
                self._post(Trouble(ticket, self._clock.now(), failure.message))
                if lease.loss.reason:
                    raise ModelLost(model, lease.loss.reason) from failure
                raise
            ok = True
        finally:
            self._owner.give_up(ticket)
            self._post(Leave(ticket, self._clock.now(), ok))

    async def refresh(self) -> None:
        """Ask every server what it has; returns when each has answered or failed to."""
        await self._owner.look()

    def available(self) -> frozenset[str]:
        """The models some server has, as last seen; empty when no server was seen yet."""
        return self._core.books.available()

    def lacks(self, model: str) -> bool:
        """Whether every server that could have `model` was seen and does not have it."""
        place = place_for(self._core.books, model)
        return isinstance(place, Failure) and place.cause == "missing"

    def could_fit(self, spec: ModelSpec) -> bool:
        """Whether the model may ever be used here, going by its listed size."""
        books = self._core.books
        return (
            spec.backend != "ollama"
            or not books.options.orchestrator_enabled
            or any(spec.size_gb <= domain.hard_gb for domain in books.domains.values())
        )

    def spec(self, model: str) -> ModelSpec:
        """
        What is known about `model`, in the roster or on a server.

        Raises `ModelUnavailable`, or `BackendUnreachable` while a server that may have it was not
        reached yet.
        """
        known = self._core.books.spec(model)
        if known is not None:
            return known
        place = place_for(self._core.books, model)
        if isinstance(place, Failure) and place.cause == "unreachable":
            raise error_of(place, model, self._core.books.servers)
        raise ModelUnavailable(model)

    # ------------------------------------------------------------ what is so

    def status(self) -> Status:
        """Everything at this moment, for people and dashboards."""
        return status_of(self._core.books, at=self._clock.now(), problems=self._problems())

    def report_problems(self, problems: Callable[[], tuple[str, ...]]) -> None:
        """Ask `problems` for those of `Status` from now on."""
        self._problems = problems

    @property
    def pressure(self) -> Level:
        """How short of memory the machine is."""
        return self._core.books.machine.pressure.level

    def resident(self) -> frozenset[str]:
        """The models that answer at once: in memory, and not on their way out."""
        return self._core.books.resident_models()

    def moving(self) -> bool:
        """Whether a model is on its way in or out: the time to read the memory often."""
        books = self._core.books
        return any(books.loading(one) or books.unloading(one) for one in books.domains.values())

    def rests(self, model: str) -> float | None:
        """Seconds until a model that crashed repeatedly is tried again; None: it may be used."""
        books, now = self._core.books, self._clock.now()
        if books.breaker.may_load(model, now) or any(
            place.model == model and one.state in ("ready", "loading")
            for place, one in books.residents.items()
        ):
            return None
        retry_at = books.breaker.retry_at(model)
        return math.inf if retry_at is None else max(0.0, retry_at - now)

    def crashes(self) -> Mapping[str, tuple[Crash, ...]]:
        """Remembered crashes by model, the oldest first."""
        return self._core.books.breaker.crashes()

    def learned(self) -> dict[str, Any]:
        """Crashes, sizes and load times, as plain JSON to be kept over a restart."""
        books = self._core.books
        return {"breaker": books.breaker.dump(), "estimates": books.estimates.dump()}

    def recall(self, learned: Mapping[str, Any]) -> None:
        """Take over what `learned` gave; before `run`."""
        self._core.books.breaker.load(learned["breaker"], at=self._clock.now())
        self._core.books.estimates.load(learned["estimates"])

    # ------------------------------------------------------------ what operators want

    def observe(self, sample: MemorySample) -> None:
        """The machine's memory was read just now, which is what its moment becomes."""
        self._post(Sampled(replace(sample, at=self._clock.now())))

    async def plan(self, model: str) -> Plan:
        """What a load of `model` would do now. Raises `ModelUnavailable`, `BackendUnreachable`."""
        ticket = next(self._tickets)
        plan: Plan = await self._owner.asked(AskPlan(ticket, model, self._clock.now()))
        return plan

    async def load(self, model: str) -> None:
        """Bring `model` into memory as if somebody asked for it. Raises as `lease` does."""
        ticket = next(self._tickets)
        try:
            now = self._clock.now()
            await self._owner.granted(
                Acquire(ticket, model, now, None, False, speculative=True), ignore
            )
        finally:
            self._owner.give_up(ticket)
            self._post(Leave(ticket, self._clock.now()))

    async def unload(self, model: str) -> Unloading:
        """Send `model` out of memory, once nobody uses it (`draining`) or at once."""
        ticket = next(self._tickets)
        state: Unloading = await self._owner.asked(AskUnload(ticket, model, self._clock.now()))
        return state

    async def optimize(self) -> tuple[tuple[str, float], ...]:
        """Send idle models out of memory down to a goal; returns them with their GB."""
        ticket = next(self._tickets)
        freed: tuple[tuple[str, float], ...] = await self._owner.asked(
            AskUnload(ticket, None, self._clock.now())
        )
        return freed

    async def reconcile(self) -> Reconciled:
        """Compare the books with every server; what is missing is looked for twice."""
        books = self._core.books
        count_before = sum(books.is_ours(place) for place in books.residents)
        await self.refresh()
        first = self._core.differences()
        if any(one.missed for one in first):
            await self._clock.sleep(APART_SECONDS)
            await self.refresh()
        seen = [*first, *self._core.differences()] if any(one.missed for one in first) else first
        servers = books.servers.values()
        return Reconciled(
            registry_count=count_before,
            backend_count=sum(
                len(one.inventory.loaded.keys() | one.inventory.parked.keys())
                for one in servers
                if one.inventory is not None and (one.loads or one.sleeps)
            ),
            cleaned_models=tuple(sorted({p.model for one in seen for p in one.gone})),
            adopted_models=tuple(sorted({p.model for one in seen for p in one.found})),
        )

    def clear_crashes(self, model: str) -> None:
        """Forget the crashes of a model: it may be loaded again."""
        self._post(SetBreaker(model, self._clock.now()))

    def force_open(self, model: str) -> None:
        """Let nobody load a model until its crashes are cleared."""
        self._post(SetBreaker(model, self._clock.now(), forced_open=True))

    def add_server(self, backend: Backend, limits: ServerLimits | None = None) -> None:
        """Use one more server, or the one of that name with other limits: nothing there ends."""
        self._owner.servers.add(backend)
        self._post(ServerAdded(_facts(backend, limits or ServerLimits()), self._clock.now()))

    def drain_server(self, name: str, *, draining: bool = True) -> None:
        """Begin nothing there any more and let idle models leave it, or use it again."""
        self._post(ServerDrains(name, draining, self._clock.now()))

    async def retire_server(self, name: str, *, within_seconds: float = RETIRE_SECONDS) -> None:
        """Use a server no more, once nobody uses a model there or `within_seconds` are over."""
        self.drain_server(name)
        until = self._clock.monotonic() + within_seconds
        servers = self._core.books.servers
        while (one := servers.get(name)) is not None and (one.leases or not one.draining):
            if self._clock.monotonic() >= until:
                log.warning("vram.server_cut_off", server=name, leases=one.leases)
                break
            await self._clock.sleep(RETIRE_POLL_SECONDS)
        await self.remove_server(name)

    async def remove_server(self, name: str) -> None:
        """Use a server no more; who uses a model there has lost it."""
        self._post(ServerGone(name, self._clock.now()))
        await self._owner.servers.remove(name)


def _facts(backend: Backend, limits: ServerLimits) -> ServerFacts:
    apart = backend.loads and limits.memory_gb is not None
    facts = ServerFacts(
        backend.name,
        backend.kind,
        backend.url,
        backend.loads,
        sleeps=backend.sleeps,
        domain=backend.name if apart or not is_here(backend.url) else MACHINE,
        hard_gb=limits.memory_gb,
        slots=limits.slots,
        parallel=limits.parallel,
        preferred=limits.preferred,
    )
    if limits.disk_gb_per_second is not None:
        facts.disk_gb_per_second = limits.disk_gb_per_second
    return facts
