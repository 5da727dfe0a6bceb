"""
Watches the machine's memory and posts a sample whenever there may be news.

  every second, ten times a second while a model is loaded or stalls were just seen ──┐
  PSI trigger: at once ───────────────────────────────────────────────────────────────┼▶ read ▶ post
  accelerator: asked in a thread, its newest answer is part of every sample ──────────┘

The files are read in place: together they take far less time than handing them to a thread.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio
import structlog

from brain.vram.memory.cgroup import GroupMemory, read_group
from brain.vram.memory.files import Unreadable
from brain.vram.memory.meminfo import Meminfo, read_meminfo
from brain.vram.memory.nvidia import GpuMemory, Nvidia
from brain.vram.memory.psi import PsiTriggers, open_triggers, read_psi
from brain.vram.memory.sample import MemorySample
from brain.vram.memory.vmstat import read_refaults
from shared.clock import Clock

log = structlog.get_logger(__name__)
T = TypeVar("T")

MEMINFO = Path("/proc/meminfo")
PRESSURE = Path("/proc/pressure/memory")
VMSTAT = Path("/proc/vmstat")

EVERY_SECONDS = 1.0
FAST_SECONDS = 0.1
ALERT_SECONDS = 10.0
"""How long it looks often after a trigger: the span of `avg10`."""

GPU_STALE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class MemoryFiles:
    """Where the facts are read. A plain file in the place of the kernel's own is believed."""

    meminfo: Path = MEMINFO
    pressure: Path = PRESSURE
    vmstat: Path = VMSTAT
    cgroups: Path | None = None
    """
    Where control groups are shown, if the limit of our own counts: when models run in the same
    one. None where they run in containers of their own, or where `meminfo` is a plain file.
    """


def never() -> bool:
    """Nothing is being loaded."""
    return False


class MemoryWatch:
    """`run` posts for ever; `read` is one look, at any time."""

    def __init__(
        self,
        *,
        clock: Clock,
        files: MemoryFiles | None = None,
        gpu: Nvidia | None = None,
    ) -> None:
        self._clock = clock
        self._files = files or MemoryFiles()
        self._gpu = gpu
        self._gpu_at = clock.monotonic()
        self._gpu_known = GpuMemory("unknown") if gpu is None else gpu.newest
        """Its newest answer that was one: what kind it is does not change while it is silent."""

        self._loading: Callable[[], bool] = never
        self._failing: set[str] = set()
        self._alert_until = -math.inf
        self._wake = anyio.Event()

    def read(self) -> MemorySample:
        """What is so now. What cannot be read is None and has a sentence in `problem`."""
        problems: dict[str, str] = {}
        memory = _try(problems, "meminfo", partial(read_meminfo, self._files.meminfo))
        if memory and memory.available_gb is None:
            problems["meminfo"] = f"{self._files.meminfo} does not tell MemAvailable"
        psi = _try(problems, "pressure", partial(read_psi, self._files.pressure))
        refaults = _try(problems, "vmstat", partial(read_refaults, self._files.vmstat))
        group = read_group(root=self._files.cgroups) if self._files.cgroups else None
        if memory and group and group.limit_gb < memory.total_gb:
            memory, psi, refaults = _within(memory, group), group.psi or psi, group.refaults
        gpu = self._gpu_now(problems)
        self._tell(problems)
        return MemorySample(
            at=self._clock.now(),
            total_gb=memory.total_gb if memory else None,
            available_gb=memory.available_gb if memory else None,
            psi=psi,
            refaults=refaults,
            kind=gpu.kind,
            gpu_total_gb=gpu.total_gb,
            gpu_free_gb=gpu.free_gb,
            problem="; ".join(problems.values()),
        )

    async def run(
        self, post: Callable[[MemorySample], None], loading: Callable[[], bool] = never
    ) -> None:
        """Post samples until cancelled, the first at once; often while `loading` says so."""
        self._loading = loading
        triggers = open_triggers(self._files.pressure)
        try:
            async with anyio.create_task_group() as tasks:
                if triggers is not None:
                    tasks.start_soon(self._watch_triggers, triggers)
                if self._gpu is not None:
                    tasks.start_soon(self._watch_gpu, self._gpu)
                while True:
                    post(self.read())
                    await self._pause()
        finally:
            if triggers is not None:
                triggers.close()

    def _pace(self) -> float:
        alert = self._clock.monotonic() < self._alert_until
        return FAST_SECONDS if alert or self._loading() else EVERY_SECONDS

    async def _pause(self) -> None:
        async with anyio.create_task_group() as race:
            race.start_soon(self._woken, race.cancel_scope)
            await self._clock.sleep(self._pace())
            race.cancel_scope.cancel()

    async def _woken(self, scope: anyio.CancelScope) -> None:
        await self._wake.wait()
        self._wake = anyio.Event()
        scope.cancel()

    async def _watch_triggers(self, triggers: PsiTriggers) -> None:
        while await triggers.wait():
            self._alert_until = self._clock.monotonic() + ALERT_SECONDS
            self._wake.set()

    async def _watch_gpu(self, gpu: Nvidia) -> None:
        while True:
            await anyio.to_thread.run_sync(gpu.read, abandon_on_cancel=True)
            self._gpu_at = self._clock.monotonic()
            await self._clock.sleep(self._pace())

    def _gpu_now(self, problems: dict[str, str]) -> GpuMemory:
        if self._gpu is None:
            return self._gpu_known
        problem = self._gpu.newest.problem
        if self._clock.monotonic() - self._gpu_at > GPU_STALE_SECONDS:
            problem = "the accelerator does not answer"
        if not problem:
            self._gpu_known = self._gpu.newest
            return self._gpu_known
        problems["gpu"] = problem
        return replace(self._gpu_known, free_gb=None)

    def _tell(self, problems: dict[str, str]) -> None:
        """One line when a fact becomes unknown and one when it is known again."""
        for source in problems.keys() - self._failing:
            log.warning("memory.unknown", source=source, problem=problems[source])
        for source in self._failing - problems.keys():
            log.info("memory.known", source=source)
        self._failing = set(problems)


def _within(memory: Meminfo, group: GroupMemory) -> Meminfo:
    available_gb = group.available_gb
    if memory.available_gb is not None:
        available_gb = min(memory.available_gb, available_gb)
    return Meminfo(group.limit_gb, available_gb)


def _try(problems: dict[str, str], source: str, read: Callable[[], T]) -> T | None:
    try:
        return read()
    except Unreadable as failure:
        problems[source] = str(failure)
        return None
