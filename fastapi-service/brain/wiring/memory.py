"""The parts that have to do with memory: profile, orchestrator, facts of the machine."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

import anyio
import anyio.to_thread

from brain.catalogue.choice import open_profile
from brain.catalogue.profile import Profile
from brain.config import Settings
from brain.vram.backends.base import Backend
from brain.vram.backends.listed import open_backend
from brain.vram.backends.ollama import OllamaBackend
from brain.vram.backends.sglang import SglangBackend
from brain.vram.errors import BackendUnreachable
from brain.vram.fleet import Fleet
from brain.vram.keepsake import Keepsake
from brain.vram.memory.cgroup import CGROUPS, is_top_group
from brain.vram.memory.nvidia import open_nvidia
from brain.vram.memory.watch import MEMINFO, MemoryFiles, MemoryWatch
from brain.vram.options import VramOptions
from brain.vram.orchestrator import Orchestrator
from brain.vram.servers_file import ServersFile
from shared.background import keep_running
from shared.clock import Clock
from shared.errors import StoreUnavailable
from shared.store import Store

INVENTORY_EVERY_SECONDS = 10.0
LEARNED_EVERY_SECONDS = 5.0
FIRST_LOOK_SECONDS = 3.0
LAST_KEEP_SECONDS = 2.0
AGAIN_SECONDS = 1.0


async def open_memory(settings: Settings, clock: Clock) -> tuple[Profile, MemoryWatch]:
    """The profile for this machine, and who watches the machine. Raises `ProfileError`."""
    files = MemoryFiles(
        settings.meminfo_file,
        settings.pressure_file,
        settings.vmstat_file,
        cgroups=CGROUPS if _shares_our_group(settings) else None,
    )
    # A file in the place of the machine's facts is believed: no accelerator is asked beside it.
    gpu = await anyio.to_thread.run_sync(open_nvidia) if files.meminfo == MEMINFO else None
    watch = MemoryWatch(clock=clock, files=files, gpu=gpu)
    profile = open_profile(
        settings.vram_profile,
        total_gb=watch.read().total_gb,
        sglang_healthy=await _sglang_answers(settings),
    )
    if settings.ollama_default_model is not None:
        roles = {**profile.roles, "general": settings.ollama_default_model}
        profile = replace(profile, roles=roles)
    return profile, watch


def orchestrator(settings: Settings, profile: Profile, clock: Clock) -> Orchestrator:
    """With the servers that settings name; those of the servers file join later."""
    backends: list[Backend] = []
    if settings.ollama_host:
        backends.append(OllamaBackend(settings.ollama_host))
    if settings.sglang_endpoint:
        backends.append(SglangBackend(settings.sglang_endpoint, name="sglang"))
    return Orchestrator(
        specs=profile.models,
        backends=backends,
        options=_options(settings, profile),
        clock=clock,
    )


@asynccontextmanager
async def owned(
    vram: Orchestrator, watch: MemoryWatch, settings: Settings, *, store: Store, clock: Clock
) -> AsyncIterator[None]:
    """The orchestrator at work: it knows the machine, its servers and what was learned before."""
    path = settings.model_servers_file
    listed = None if path is None else ServersFile(path, clock=clock)
    servers = () if listed is None else await listed.read()
    keepsake = Keepsake(store, vram)
    with suppress(StoreUnavailable):  # then it is guessed again
        await keepsake.recall()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(vram.run, name="vram")
        vram.observe(watch.read())  # so that the first load knows what is free
        watching = partial(watch.run, vram.observe, vram.moving)
        tasks.start_soon(_again_when_broken, "memory", watching, clock)
        if listed is not None:
            fleet = Fleet(listed, vram, open_backend=open_backend)
            vram.report_problems(fleet.problems)
            await fleet.take(servers)
            tasks.start_soon(_again_when_broken, "fleet", fleet.follow, clock)
        with anyio.move_on_after(FIRST_LOOK_SECONDS):
            await vram.refresh()  # so that the first question finds the servers known
        tasks.start_soon(_follow_inventory, vram, clock)
        tasks.start_soon(_keep_learned, keepsake, clock)
        try:
            yield
        finally:
            tasks.cancel_scope.cancel()
            with anyio.move_on_after(LAST_KEEP_SECONDS, shield=True), suppress(StoreUnavailable):
                await keepsake.keep()  # the crashes of the last seconds count, too


def _options(settings: Settings, profile: Profile) -> VramOptions:
    """What is set wins over the profile; no limit exceeds `MAX_MODEL_MEMORY_GB`."""
    hard_gb = settings.vram_hard_limit_gb or profile.hard_gb
    if settings.max_model_memory_gb is not None:
        hard_gb = min(hard_gb, settings.max_model_memory_gb)
    return VramOptions(
        soft_gb=min(settings.vram_soft_limit_gb or profile.soft_gb, hard_gb),
        hard_gb=hard_gb,
        reserve_gb=settings.vram_reserve_gb,
        psi_warning=settings.vram_psi_warning_threshold,
        psi_critical=settings.vram_psi_critical_threshold,
        breaker_enabled=settings.vram_circuit_breaker_enabled,
        crash_threshold=settings.vram_crash_threshold,
        crash_window_seconds=settings.vram_crash_window_seconds,
        breaker_buffer_gb=settings.vram_circuit_breaker_buffer_gb,
        conservative=settings.vram_conservative_mode,
        orchestrator_enabled=settings.vram_enable_orchestrator,
        policy=settings.vram_policy,
        keep_alive_seconds=settings.ollama_keep_alive,
        rehearsal_takes_memory=settings.meminfo_file != MEMINFO,
    )


def _shares_our_group(settings: Settings) -> bool:
    """
    Whether the limit of our container holds for the models, too.

    It does when Ollama answers on our own loopback inside a container of ours; a service group of
    an ordinary machine, or a container of our own beside Ollama's, says nothing about it.
    """
    host = urlsplit(settings.ollama_host or "").hostname or ""
    beside = host in ("localhost", "::1") or host.startswith("127.")
    return settings.meminfo_file == MEMINFO and beside and is_top_group()


async def _sglang_answers(settings: Settings) -> bool:
    if not settings.sglang_endpoint:
        return False
    backend = SglangBackend(settings.sglang_endpoint, name="sglang")
    try:
        await backend.look()
    except BackendUnreachable:
        return False
    finally:
        await backend.aclose()
    return True


async def _again_when_broken(name: str, task: Callable[[], Awaitable[None]], clock: Clock) -> None:
    """What watches must not end answers because of something it did not expect."""
    await keep_running(name, task, every_seconds=AGAIN_SECONDS, clock=clock)


async def _follow_inventory(vram: Orchestrator, clock: Clock) -> None:
    """Which servers answer and which models they have."""
    await keep_running(
        "inventory",
        vram.refresh,
        every_seconds=INVENTORY_EVERY_SECONDS,
        clock=clock,
        backoff_max=INVENTORY_EVERY_SECONDS,
    )


async def _keep_learned(keepsake: Keepsake, clock: Clock) -> None:
    """Crashes and sizes outlive this process."""
    await keep_running("learned", keepsake.keep, every_seconds=LEARNED_EVERY_SECONDS, clock=clock)
