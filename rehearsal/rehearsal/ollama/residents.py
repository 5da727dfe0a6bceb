"""
The memory of the Ollama stand-in: what is loaded, for whom, until when.

    (absent) ──load──▶ loading ──▶ ready ⇄ in use ──keep-alive over, evicted, reload──▶ leaving
       ▲                  │ failed, or the client who asked for it went away              │
       └──────────────────┴───────────────────────◀── unload_seconds later ──────────────┘

As in Ollama's scheduler (server/sched.go): one loader at a time, and whoever needs a load waits
behind it; a request for a loaded model passes; a model is reloaded when a request's load options
differ; the keep-alive timer runs from the end of the last request.
"""

import math
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial

import anyio

from rehearsal.ballast import Ballast
from rehearsal.errors import OutOfMemory, ProcessDied, Refusal, RunnerDied, ServerBusy
from rehearsal.faults import Faults
from rehearsal.pace import Pace
from rehearsal.record import EventKind, Record
from rehearsal.script import BYTES_PER_GB, OllamaLimits, ScriptedModel

FOREVER = math.inf
BROKE_OFF = "an error was encountered while running the model: unexpected EOF"
"""What Ollama says when the process of a model is gone in the middle of an answer."""


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """
    How a request wants its model in memory.

    `options` are the load-time options as sent: other ones mean a reload. `keep_alive` is in
    seconds; None leaves a loaded model's own setting, or the server's default on a load.
    """

    model: ScriptedModel
    options: tuple[tuple[str, object], ...]
    context: int
    keep_alive: float | None


@dataclass(slots=True, eq=False)
class Resident:
    """A model in memory. Moments are scripted seconds."""

    plan: LoadPlan
    keep_alive: float
    slots: anyio.Semaphore
    users: int = 0
    ready: bool = False
    leaving: bool = False
    expires_at: float = FOREVER
    gone_at: float | None = None
    dead: bool = False
    idle: anyio.Event = field(default_factory=anyio.Event)
    answers: set[anyio.CancelScope] = field(default_factory=set)

    @property
    def name(self) -> str:
        """The model's name."""
        return self.plan.model.name


def choose_victim(residents: Iterable[Resident]) -> Resident:
    """
    Who leaves for a newcomer: idle before busy, short-lived before pinned, then by name.

    This is Ollama's order, which is not "least recently used". At least one must be given.
    """
    return min(residents, key=lambda one: (one.users > 0, one.keep_alive, one.name))


class Residents:
    """Who may use which loaded model; loads, evicts and expires as the limits say."""

    def __init__(
        self,
        limits: OllamaLimits,
        *,
        pace: Pace,
        record: Record,
        faults: Faults,
        ballast: Ballast,
    ) -> None:
        self._limits = limits
        self._pace = pace
        self._record = record
        self._faults = faults
        self._ballast = ballast
        self._loaded: dict[str, Resident] = {}
        self._loader = anyio.Lock()
        self._waiting = 0

    def listed(self) -> list[Resident]:
        """What is in memory now (also while it loads), longest-lived first as `/api/ps` sorts."""
        self._expire()
        return sorted(self._loaded.values(), key=self.expiry, reverse=True)

    def expiry(self, resident: Resident) -> float:
        """The scripted second at which `resident` would leave if nobody asked again."""
        if resident.users or not resident.ready:
            return self._pace.now() + resident.keep_alive
        return resident.expires_at

    @asynccontextmanager
    async def use(self, plan: LoadPlan) -> AsyncIterator[Resident]:
        """
        The model in memory as planned, and one of its parallel slots, until the end.

        Raises `OutOfMemory`, `ServerBusy` or the `Refusal` a fault asks for; `RunnerDied` when the
        process of the model dies meanwhile.
        """
        with self._in_queue():
            resident = await self._acquire(plan)
        try:
            with self._in_queue():
                await resident.slots.acquire()
            try:
                with anyio.CancelScope() as scope:
                    resident.answers.add(scope)
                    if resident.dead:
                        scope.cancel()
                    yield resident
            finally:
                resident.answers.discard(scope)
                resident.slots.release()
            if scope.cancelled_caught:
                raise RunnerDied(BROKE_OFF)
        finally:
            self._release(resident)

    async def load(self, plan: LoadPlan) -> None:
        """Return when the model is in memory as planned. Raises as `use` does."""
        with self._in_queue():
            resident = await self._acquire(plan)
        self._release(resident)

    def unload(self, name: str) -> None:
        """
        Let `name` go as soon as nobody uses it; true at once of an idle one.

        Raises the `Refusal` or `ProcessDied` a fault asks for.
        """
        resident = self._loaded.get(name)
        fault = self._faults.take(("error", "hang", "ignore", "die"), model=name, on="unload")
        match fault:
            case None:
                pass
            case _ if fault.kind == "die":
                raise ProcessDied(fault.down_seconds)
            case _ if fault.kind == "error":
                raise Refusal(fault.message or "rehearsed failure", status=fault.status)
            case _ if fault.kind == "hang" and resident is not None:
                resident.leaving, resident.gone_at = True, math.inf
                return
            case _:
                return
        if resident is not None:
            resident.keep_alive = 0.0
            if resident.ready and not resident.users:
                resident.expires_at = self._pace.now()
        self._expire()

    def crash(self, name: str) -> None:
        """The process of `name` died: its memory is free at once, and its answers break off."""
        resident = self._loaded.get(name)
        if resident is not None:
            resident.dead = True
            for answer in resident.answers:
                answer.cancel()
        if self._gone(name):
            self._record.happened("died", name)

    def crash_all(self) -> None:
        """The server died, and every model with it."""
        for name in list(self._loaded):
            self.crash(name)

    @contextmanager
    def _in_queue(self) -> Iterator[None]:
        if self._waiting >= self._limits.max_queue:
            raise ServerBusy
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    async def _acquire(self, plan: LoadPlan) -> Resident:
        resident = self._usable(plan)
        if resident is not None:
            return self._claimed(resident, plan)
        async with self._loader:
            return self._claimed(self._usable(plan) or await self._load(plan), plan)

    def _usable(self, plan: LoadPlan) -> Resident | None:
        self._expire()
        resident = self._loaded.get(plan.model.name)
        if resident is None or not resident.ready or resident.leaving:
            return None
        return resident if resident.plan.options == plan.options else None

    def _claimed(self, resident: Resident, plan: LoadPlan) -> Resident:
        if plan.keep_alive is not None:
            resident.keep_alive = plan.keep_alive
        if not resident.users:
            resident.idle = anyio.Event()
        resident.users += 1
        return resident

    def _release(self, resident: Resident) -> None:
        resident.users -= 1
        if not resident.users:
            stay = 0.0 if resident.leaving else resident.keep_alive
            resident.expires_at = self._pace.now() + stay
            resident.idle.set()
            self._expire()

    async def _load(self, plan: LoadPlan) -> Resident:
        """Only with the loader lock held; a client who leaves takes the load with them."""
        old = self._loaded.get(plan.model.name)
        if old is not None:
            if not old.leaving:
                self._record.happened("reloaded", old.name)
            await self._remove(old)
        default = self._limits.keep_alive_seconds
        resident = Resident(
            plan=plan,
            keep_alive=FOREVER if default < 0 else default,
            slots=anyio.Semaphore(self._limits.parallel),
        )
        outcome: EventKind = "load_aborted"
        try:
            await self._make_room(plan.model)
            self._loaded[plan.model.name] = resident
            self._record.happened("load_started", plan.model.name)
            await self._read_from_disk(plan.model)
            resident.ready = True
            outcome = "loaded"
        except Refusal:
            outcome = "load_failed"
            raise
        finally:
            if not resident.ready and self._loaded.get(plan.model.name) is resident:
                self._gone(plan.model.name)
            self._record.happened(outcome, plan.model.name)
        return resident

    async def _make_room(self, model: ScriptedModel) -> None:
        """Evict until `model` fits, waiting for busy victims. Raises `OutOfMemory`."""
        while True:
            self._expire()
            free_gb = self._free_gb()
            fits = model.size_gb <= free_gb
            if fits and len(self._loaded) < self._limits.max_loaded:
                return
            hopeless = model.size_gb > self._limits.memory_gb
            if hopeless or (not fits and self._limits.when_full == "fail"):
                raise OutOfMemory(needs_gb=model.size_gb, available_gb=free_gb)
            victim = choose_victim(self._loaded.values())
            self._record.happened("evicted", victim.name)
            await self._remove(victim)

    async def _read_from_disk(self, model: ScriptedModel) -> None:
        fault = self._faults.take(("error", "hang", "oom", "die"), model=model.name, on="load")
        seconds = model.seconds_to_load * self._faults.slowness(model.name, on="load")
        match fault:
            case None:
                await self._fill(model, seconds)
            case _ if fault.kind == "die":
                raise ProcessDied(fault.down_seconds)
            case _ if fault.kind == "hang":
                await anyio.sleep_forever()
            case _ if fault.kind == "oom":
                await self._pace.sleep(seconds / 2)
                raise self._out_of_memory(model, fault.message)
            case _:
                raise Refusal(fault.message or "rehearsed failure", status=fault.status)

    async def _fill(self, model: ScriptedModel, seconds: float) -> None:
        """Take its memory and its time, both spread over the same scripted `seconds`."""
        ready_at = self._pace.now() + seconds
        await self._ballast.hold(
            model.name,
            model.size_gb,
            seconds=self._pace.as_real(seconds),
            died=partial(self.crash, model.name),
        )
        await self._pace.sleep(max(ready_at - self._pace.now(), 0.0))

    def _gone(self, name: str) -> bool:
        """Out of memory, whatever it was doing; false when it was not there."""
        self._ballast.drop(name)
        return self._loaded.pop(name, None) is not None

    def _out_of_memory(self, model: ScriptedModel, message: str | None) -> Refusal:
        if message is not None:
            return Refusal(message)
        return OutOfMemory(needs_gb=model.size_gb, available_gb=self._free_gb())

    async def _remove(self, resident: Resident) -> None:
        """Wait until nobody uses `resident` and its memory is free."""
        if not resident.leaving:
            resident.leaving = True
            if not resident.users:
                resident.expires_at = self._pace.now()
        while resident.users:
            await resident.idle.wait()
        self._expire()
        while self._loaded.get(resident.name) is resident:
            assert resident.gone_at is not None
            await self._pace.sleep(max(resident.gone_at - self._pace.now(), 0.0))
            self._expire()

    def _expire(self) -> None:
        """Let go whom the time has come for; called before every look at the memory."""
        now = self._pace.now()
        for name, resident in list(self._loaded.items()):
            if resident.users or not resident.ready or resident.expires_at > now:
                continue
            resident.leaving = True
            if resident.gone_at is None:
                slowness = self._faults.slowness(name, on="unload")
                resident.gone_at = resident.expires_at + self._limits.unload_seconds * slowness
            if resident.gone_at <= now:
                self._gone(name)
                self._record.happened("unloaded", name, at=self._pace.as_real(resident.gone_at))

    def _free_gb(self) -> float:
        used = sum(resident.plan.model.size_bytes for resident in self._loaded.values())
        return self._limits.memory_gb - used / BYTES_PER_GB
