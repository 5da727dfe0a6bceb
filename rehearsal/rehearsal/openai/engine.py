"""
The one engine behind vLLM, SGLang and TensorRT-LLM: its models are in memory, or it sleeps.

    awake ⇄ in use ──sleep──▶ asleep (weights kept, or lost until they are read again) ──wake──▶
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import anyio

from rehearsal.errors import ProcessDied, Refusal, RunnerDied
from rehearsal.faults import Fault
from rehearsal.life import Life
from rehearsal.openai.shelf import Served, Shelf
from rehearsal.stage import Rehearsal

RESTART_SECONDS = 5.0
"""Scripted, from a death nobody gave a time for to the next start."""

UNLOAD_FAULTS = ("error", "hang", "ignore", "die")
LOAD_FAULTS = ("error", "hang", "oom", "die")


class Engine:
    """Who uses it, and what of it is in memory."""

    def __init__(self, stage: Rehearsal, shelf: Shelf, life: Life) -> None:
        self._stage = stage
        self._shelf = shelf
        self._life = life
        self._changed = anyio.Event()
        self._running: list[anyio.CancelScope] = []
        self.asleep = False
        self.has_weights = True

    async def remember(self) -> None:
        """The process starts awake, with its weights; the loads it began with are over."""
        self.asleep = False
        self.has_weights = True
        try:
            await self._board()
        except RunnerDied:
            self._life.die(RESTART_SECONDS)

    def forget(self) -> None:
        """The process ended."""
        self._disembark()
        self._notify()

    @property
    def name(self) -> str:
        """The model that faults and records mean."""
        return next((served.model.name for served in self._shelf.all()), "")

    @asynccontextmanager
    async def uses(self, _: Served) -> AsyncIterator[bool]:
        """A place in the engine once it is awake; false: there are no weights in it."""
        while self.asleep:
            await self._changed.wait()
        scope = anyio.CancelScope()
        self._running.append(scope)
        try:
            with scope:
                yield self.has_weights
        finally:
            self._running.remove(scope)
            self._notify()
        if scope.cancelled_caught:
            raise Refusal("The request was aborted.")

    @property
    def users(self) -> int:
        """How many requests are being answered."""
        return len(self._running)

    def abort(self) -> None:
        """Cut off every answer."""
        for scope in self._running:
            scope.cancel()

    async def until_idle(self) -> None:
        """Wait until nobody uses it."""
        while self.users:
            await self._changed.wait()

    async def sleep(self, *, keeps_weights: bool) -> None:
        """Give the memory back. Raises what a fault on `unload` asks for."""
        fault = self._stage.faults.take(UNLOAD_FAULTS, model=self.name, on="unload")
        if fault is not None:
            if fault.kind == "ignore":
                return
            await strike(fault)
        slowness = self._stage.faults.slowness(self.name, on="unload")
        await self._stage.pace.sleep(self._stage.script.openai.unload_seconds * slowness)
        self._disembark()
        self.asleep = True
        self.has_weights = self.has_weights and keeps_weights
        self._stage.record.happened("parked", self.name)

    async def read_weights(self) -> None:
        """Take the time of a load. Raises what a fault on `load` asks for."""
        await self._load(sum(served.model.seconds_to_load for served in self._shelf.all()))
        self.has_weights = True

    async def wake(self) -> None:
        """Be usable again, with whatever weights there are. Faults on `load` hit only those."""
        if not self.asleep:
            return
        if self.has_weights:
            await self._load(0.0)
        await self._board()
        self.asleep = False
        self._stage.record.happened("woken", self.name)
        self._notify()

    async def _load(self, seconds: float) -> None:
        fault = self._stage.faults.take(LOAD_FAULTS, model=self.name, on="load")
        if fault is not None:
            await strike(fault)
        slowness = self._stage.faults.slowness(self.name, on="load")
        await self._stage.pace.sleep(seconds * slowness)

    async def _board(self) -> None:
        """Take real memory for all models; a process of theirs that is killed kills the server."""
        for served in self._shelf.all():
            await self._stage.ballast.hold(
                served.model.name,
                served.model.size_gb,
                seconds=0.0,
                died=partial(self._life.die, RESTART_SECONDS),
            )

    def _disembark(self) -> None:
        for served in self._shelf.all():
            self._stage.ballast.drop(served.model.name)

    def _notify(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


async def strike(fault: Fault) -> None:
    """What a fault does to a load or an unload; never returns."""
    match fault.kind:
        case "hang":
            await anyio.sleep_forever()
        case "die":
            raise ProcessDied(fault.down_seconds)
        case "oom":
            raise Refusal(fault.message or "CUDA out of memory.")
        case _:
            raise Refusal(fault.message or "rehearsed failure", status=fault.status)
