"""Builds the brain from its settings. The only file that names concrete classes."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import anyio
import anyio.to_thread

from brain.budget.budget import Budget, Limits
from brain.budget.repository import UsageRepository
from brain.catalogue.choice import open_profile, total_memory_gb
from brain.catalogue.profile import Profile
from brain.chat.admission import Admission
from brain.chat.api_keys import ApiKeys
from brain.chat.books import Aside, Spending
from brain.chat.compaction import Compaction
from brain.chat.completion import Completion
from brain.chat.completion_desk import CompletionDesk
from brain.chat.desk import Desk
from brain.chat.identities import Identities
from brain.chat.likely import Likely
from brain.chat.maintenance import Maintenance
from brain.chat.orders import Orders
from brain.chat.outbox import Outboxes
from brain.chat.turn import Turn
from brain.chat.worker import Worker
from brain.config import Settings
from brain.context.repository import ConversationRepository
from brain.context.shelf import Shelf
from brain.jobs.queue import JobQueue
from brain.jobs.repository import JobRepository
from brain.llm.speaker import Speaker
from brain.llm.tokens import Estimates
from brain.metrics import Metrics
from brain.people.forgetting import Forgetting
from brain.people.history import History
from brain.people.preferences import PreferenceBook
from brain.routing.classifier import Classifier
from brain.routing.router import Router
from brain.vram.backends.base import Backend
from brain.vram.backends.listed import open_backend
from brain.vram.backends.ollama import OllamaBackend
from brain.vram.backends.openai import OpenAIBackend
from brain.vram.errors import BackendUnreachable
from brain.vram.fleet import Fleet
from brain.vram.memory.nvidia import open_nvidia
from brain.vram.memory.watch import MEMINFO, MemoryFiles, MemoryWatch
from brain.vram.options import VramOptions
from brain.vram.orchestrator import Orchestrator
from brain.vram.servers_file import ServersFile
from shared.background import keep_running
from shared.clock import Clock, SystemClock
from shared.http import Peer
from shared.store import Store, open_store
from shared.tokens import TokenVerifier

TABLES = ("jobs", "conversations", "users")
REVOCATIONS_EVERY_SECONDS = 5.0
INVENTORY_EVERY_SECONDS = 10.0
FIRST_LOOK_SECONDS = 3.0
AUTH_SECONDS = 1.0


@dataclass(frozen=True)
class Brain:
    """Everything the edge may reach."""

    settings: Settings
    profile: Profile
    clock: Clock
    store: Store
    verifier: TokenVerifier
    vram: Orchestrator
    queue: JobQueue
    outboxes: Outboxes
    worker: Worker
    compaction: Compaction
    desk: Desk
    identities: Identities
    shelf: Shelf
    preferences: PreferenceBook
    history: History
    forgetting: Forgetting
    metrics: Metrics
    budget: Budget
    maintenance: Maintenance
    completions: CompletionDesk
    api_keys: ApiKeys

    @property
    def service_token(self) -> str:
        """What our own services authenticate with."""
        return self.settings.service_token.get_secret_value()

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """Pages that may open a WebSocket from a browser."""
        return self.settings.allowed_origins


@asynccontextmanager
async def running(
    settings: Settings, *, store: Store | None = None, clock: Clock | None = None
) -> AsyncIterator[Brain]:
    """
    The brain with its background tasks alive; all of them are gone afterwards.

    `store` is for tests that look over its shoulder. Raises `Superseded` out of the block when
    another brain takes over the store.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        if store is None:
            store = await stack.enter_async_context(
                open_store(settings, tables=TABLES, clock=clock)
            )
        auth = await stack.enter_async_context(
            Peer(
                "The auth service",
                settings.auth_url,
                token=settings.service_token.get_secret_value(),
                timeout_seconds=AUTH_SECONDS,
            )
        )
        profile = await _profile_of(settings)
        path = settings.model_servers_file
        listed = None if path is None else ServersFile(path, clock=clock)
        servers = () if listed is None else await listed.read()
        vram = _orchestrator(settings, profile, clock)
        speaker = await stack.enter_async_context(
            Speaker(
                vram,
                clock=clock,
                first_token_seconds=settings.first_token_seconds,
                token_gap_seconds=settings.token_gap_seconds,
            )
        )
        brain = _build(
            settings, profile, store=store, clock=clock, auth=auth, vram=vram, speaker=speaker
        )
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(vram.run, name="vram")
            watch = await _memory_watch(settings, vram, clock)
            vram.observe(watch.read())  # so that the first load knows what is free
            tasks.start_soon(watch.run, vram.observe, name="memory")
            if listed is not None:
                fleet = Fleet(listed, vram, open_backend=open_backend)
                await fleet.take(servers)
                tasks.start_soon(fleet.follow, name="fleet")
            with anyio.move_on_after(FIRST_LOOK_SECONDS):
                await vram.refresh()  # so that the first question finds the servers known
            tasks.start_soon(brain.worker.run, name="worker")
            tasks.start_soon(brain.compaction.run, name="compaction")
            with anyio.move_on_after(FIRST_LOOK_SECONDS):
                await (
                    brain.worker.ready.wait()
                )  # a store that is away must not keep us from telling
            tasks.start_soon(_follow_revocations, brain.verifier, auth, clock)
            tasks.start_soon(_follow_inventory, vram, clock)
            try:
                yield brain
            finally:
                tasks.cancel_scope.cancel()


def _build(
    settings: Settings,
    profile: Profile,
    *,
    store: Store,
    clock: Clock,
    auth: Peer,
    vram: Orchestrator,
    speaker: Speaker,
) -> Brain:
    jobs = JobRepository(store, clock=clock)
    conversations = ConversationRepository(store, clock=clock)
    outboxes = Outboxes()
    classifier = Classifier(
        speaker, model=profile.roles["router"], deadline_seconds=settings.router_deadline_seconds
    )
    router = Router(
        classifier,
        vram=vram,
        roles=profile.roles,
        default_is_fixed=settings.ollama_default_model is not None,
    )
    likely = Likely(router)
    queue = JobQueue(
        jobs,
        clock=clock,
        max_waiting=settings.max_queue_size,
        workers=settings.queue_workers,
        max_attempts=settings.max_retries,
        visibility_seconds=settings.visibility_timeout,
        likely=likely.model,
        resident=router.resident,
    )
    estimates = Estimates()
    compaction = Compaction(
        conversations=conversations,
        speaker=speaker,
        vram=vram,
        wanted_model=router.for_summary,
        estimates=estimates,
        clock=clock,
    )
    completion = Completion(
        router=router, speaker=speaker, vram=vram, compaction=compaction, clock=clock
    )
    turn = Turn(
        conversations=conversations,
        router=router,
        speaker=speaker,
        vram=vram,
        estimates=estimates,
        compaction=compaction,
        clock=clock,
        streaming=settings.enable_streaming,
    )
    shelf = Shelf(store)
    history = History(store)
    preferences = PreferenceBook(store, models=profile.models)
    metrics = Metrics(profile.models)
    budget = Budget(
        UsageRepository(store),
        Limits(
            free=settings.free_tier_weekly_budget,
            admin=settings.admin_tier_weekly_budget,
            timezone=settings.budget_timezone,
            disabled=settings.disable_token_budget,
        ),
        clock=clock,
    )
    spending = Spending(budget, length_of=completion.length_of, clock=clock)
    maintenance = Maintenance(
        store, outboxes, soft=settings.maintenance_mode, hard=settings.maintenance_mode_hard
    )
    worker = Worker(
        queue,
        turn,
        completion,
        Orders(conversations, shelf),
        outboxes,
        clock=clock,
        backend_wait_seconds=settings.backend_wait_seconds,
        books=[spending, likely, Aside(remember=history.remember, count=metrics.ended)],
    )
    verifier = TokenVerifier(settings.jwt_secret_key.get_secret_value(), clock=clock)
    identities = Identities(auth, clock=clock)
    desk = Desk(
        admission=Admission(
            queue,
            conversations,
            identities,
            verifier,
            preferences,
            clock=clock,
            gates=[maintenance, spending],
        ),
        worker=worker,
        queue=queue,
        jobs=jobs,
        outboxes=outboxes,
        in_maintenance=maintenance.is_soft,
        refused=metrics.refused,
    )
    return Brain(
        settings=settings,
        profile=profile,
        clock=clock,
        store=store,
        verifier=verifier,
        vram=vram,
        queue=queue,
        outboxes=outboxes,
        worker=worker,
        compaction=compaction,
        desk=desk,
        completions=CompletionDesk(
            desk=desk, worker=worker, outboxes=outboxes, completion=completion
        ),
        api_keys=ApiKeys(auth, clock=clock),
        identities=identities,
        shelf=shelf,
        preferences=preferences,
        history=history,
        forgetting=Forgetting(
            store,
            shelf=shelf,
            jobs=jobs,
            queue=queue,
            history=history,
            preferences=preferences,
            stop=worker.cancel,
            clock=clock,
        ),
        metrics=metrics,
        budget=budget,
        maintenance=maintenance,
    )


async def _profile_of(settings: Settings) -> Profile:
    total_gb = await anyio.to_thread.run_sync(total_memory_gb, settings.meminfo_file)
    profile = open_profile(
        settings.vram_profile, total_gb=total_gb, sglang_healthy=await _sglang_answers(settings)
    )
    if settings.ollama_default_model is None:
        return profile
    return replace(profile, roles={**profile.roles, "general": settings.ollama_default_model})


async def _sglang_answers(settings: Settings) -> bool:
    if not settings.sglang_endpoint:
        return False
    try:
        await OpenAIBackend(settings.sglang_endpoint).look()
    except BackendUnreachable:
        return False
    return True


def _orchestrator(settings: Settings, profile: Profile, clock: Clock) -> Orchestrator:
    backends: list[Backend] = []
    if settings.ollama_host:
        backends.append(OllamaBackend(settings.ollama_host))
    if settings.sglang_endpoint:
        backends.append(OpenAIBackend(settings.sglang_endpoint))
    return Orchestrator(
        specs=profile.models,
        backends=backends,
        options=_options(settings, profile),
        clock=clock,
    )


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


async def _memory_watch(settings: Settings, vram: Orchestrator, clock: Clock) -> MemoryWatch:
    files = MemoryFiles(settings.meminfo_file, settings.pressure_file, settings.vmstat_file)
    # A file in the place of the machine's facts is believed: no accelerator is asked beside it.
    gpu = await anyio.to_thread.run_sync(open_nvidia) if files.meminfo == MEMINFO else None
    return MemoryWatch(clock=clock, files=files, gpu=gpu, loading=vram.moving)


async def _follow_revocations(verifier: TokenVerifier, auth: Peer, clock: Clock) -> None:
    """Ended sign-ins and disabled people are known here within ten seconds (protocol section 2)."""

    async def step() -> None:
        answer = await auth.get("/revocations")
        verifier.revoke(answer["revoked"], disabled_users=answer["disabled"])

    await keep_running(
        "revocations",
        step,
        every_seconds=REVOCATIONS_EVERY_SECONDS,
        clock=clock,
        backoff_max=REVOCATIONS_EVERY_SECONDS,
    )


async def _follow_inventory(vram: Orchestrator, clock: Clock) -> None:
    """Which servers answer and which models they have."""
    await keep_running(
        "inventory",
        vram.refresh,
        every_seconds=INVENTORY_EVERY_SECONDS,
        clock=clock,
        backoff_max=INVENTORY_EVERY_SECONDS,
    )
