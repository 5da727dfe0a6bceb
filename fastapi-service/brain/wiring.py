"""Builds the brain from its settings. The only file that names concrete classes."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import anyio

from brain.catalogue.profile import Profile, load_profile
from brain.chat.admission import Admission
from brain.chat.api_keys import ApiKeys
from brain.chat.completion import Completion
from brain.chat.completion_desk import CompletionDesk
from brain.chat.desk import Desk
from brain.chat.identities import Identities
from brain.chat.orders import Orders
from brain.chat.outbox import Outboxes
from brain.chat.turn import Turn
from brain.chat.worker import Worker
from brain.config import Settings
from brain.context.repository import ConversationRepository
from brain.jobs.queue import JobQueue
from brain.jobs.repository import JobRepository
from brain.llm.speaker import Speaker
from brain.routing.classifier import Classifier
from brain.routing.router import Router
from brain.vram.backends.base import Backend
from brain.vram.backends.ollama import OllamaBackend
from brain.vram.backends.openai import OpenAIBackend
from brain.vram.orchestrator import Orchestrator
from shared.background import keep_running
from shared.clock import Clock, SystemClock
from shared.http import Peer
from shared.store import Store, open_store
from shared.tokens import TokenVerifier

TABLES = ("jobs", "conversations")
REVOCATIONS_EVERY_SECONDS = 5.0
INVENTORY_EVERY_SECONDS = 10.0
FIRST_LOOK_SECONDS = 3.0
AUTH_SECONDS = 1.0


@dataclass(frozen=True)
class Brain:
    """Everything the edge may reach."""

    settings: Settings
    clock: Clock
    store: Store
    verifier: TokenVerifier
    vram: Orchestrator
    queue: JobQueue
    outboxes: Outboxes
    worker: Worker
    desk: Desk
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
        profile = load_profile(_profile_name(settings))
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
            with anyio.move_on_after(FIRST_LOOK_SECONDS):
                await vram.refresh()  # so that the first question finds the servers known
            tasks.start_soon(brain.worker.run, name="worker")
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
    queue = JobQueue(
        jobs,
        clock=clock,
        max_waiting=settings.max_queue_size,
        workers=settings.queue_workers,
        max_attempts=settings.max_retries,
        visibility_seconds=settings.visibility_timeout,
    )
    outboxes = Outboxes()
    classifier = Classifier(
        speaker, model=profile.roles["router"], deadline_seconds=settings.router_deadline_seconds
    )
    router = Router(classifier, vram=vram, roles=profile.roles)
    completion = Completion(router=router, speaker=speaker, vram=vram, clock=clock)
    turn = Turn(
        conversations=conversations,
        router=router,
        speaker=speaker,
        vram=vram,
        clock=clock,
        streaming=settings.enable_streaming,
    )
    worker = Worker(
        queue,
        turn,
        completion,
        Orders(conversations),
        outboxes,
        clock=clock,
        backend_wait_seconds=settings.backend_wait_seconds,
    )
    verifier = TokenVerifier(settings.jwt_secret_key.get_secret_value(), clock=clock)
    identities = Identities(auth, clock=clock)
    desk = Desk(
        admission=Admission(queue, conversations, identities, verifier, clock=clock),
        worker=worker,
        queue=queue,
        jobs=jobs,
        outboxes=outboxes,
    )
    return Brain(
        settings=settings,
        clock=clock,
        store=store,
        verifier=verifier,
        vram=vram,
        queue=queue,
        outboxes=outboxes,
        worker=worker,
        desk=desk,
        completions=CompletionDesk(
            desk=desk, worker=worker, outboxes=outboxes, completion=completion
        ),
        api_keys=ApiKeys(auth, clock=clock),
    )


def _profile_name(settings: Settings) -> str:
    # `auto` has one profile to choose from so far.
    return "conservative" if settings.vram_profile == "auto" else settings.vram_profile


def _orchestrator(settings: Settings, profile: Profile, clock: Clock) -> Orchestrator:
    backends: list[Backend] = []
    if settings.ollama_host:
        backends.append(OllamaBackend(settings.ollama_host))
    if settings.sglang_endpoint:
        backends.append(OpenAIBackend(settings.sglang_endpoint))
    return Orchestrator(
        specs=profile.models,
        backends=backends,
        soft_gb=settings.vram_soft_limit_gb or profile.soft_gb,
        hard_gb=settings.vram_hard_limit_gb or profile.hard_gb,
        clock=clock,
    )


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
