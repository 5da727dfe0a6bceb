"""All parts of the brain, put together and kept alive."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

import anyio

from brain.budget.budget import Budget, Limits
from brain.budget.repository import UsageRepository
from brain.catalogue.profile import Profile
from brain.chat.admission import Admission
from brain.chat.api_keys import ApiKeys
from brain.chat.artifacts import Artifacts
from brain.chat.books import Aside, Spending
from brain.chat.compaction import Compaction
from brain.chat.completion import Completion
from brain.chat.completion_desk import CompletionDesk
from brain.chat.desk import Desk
from brain.chat.doors import Doors
from brain.chat.identities import Identities
from brain.chat.likely import Likely
from brain.chat.looking_up import LookingUp
from brain.chat.maintenance import Maintenance
from brain.chat.orders import Orders
from brain.chat.outbox import Outboxes
from brain.chat.reading import Reading
from brain.chat.turn import Turn
from brain.chat.worker import Worker
from brain.config import Settings
from brain.context.attached import Attachings
from brain.context.repository import ConversationRepository
from brain.context.shelf import Shelf
from brain.jobs.queue import JobQueue
from brain.jobs.repository import JobRepository
from brain.llm.embedding import Embedder
from brain.llm.speaker import Speaker
from brain.llm.tokens import Estimates
from brain.llm.tools.toolbox import Web
from brain.metrics import Metrics
from brain.people.feedback import Feedback
from brain.people.forgetting import Forgetting
from brain.people.history import History
from brain.people.linking import Linking
from brain.people.preferences import PreferenceBook
from brain.routing.classifier import Classifier
from brain.routing.router import Router
from brain.vram.orchestrator import Orchestrator
from brain.vram.timeline import Timeline
from brain.wiring.files import Files, keep_swept, open_files
from brain.wiring.memory import open_memory, orchestrator, owned
from brain.wiring.web import open_web
from shared.background import keep_running
from shared.clock import Clock, SystemClock
from shared.errors import StoreUnavailable
from shared.http import Peer
from shared.store import Store, open_store
from shared.tokens import TokenVerifier

TABLES = ("jobs", "conversations", "users", "models", "files", "webpage_chunks")
REVOCATIONS_EVERY_SECONDS = 5.0
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
    timeline: Timeline
    queue: JobQueue
    outboxes: Outboxes
    worker: Worker
    compaction: Compaction
    desk: Desk
    identities: Identities
    linking: Linking
    shelf: Shelf
    conversations: ConversationRepository
    attachings: Attachings
    doors: Doors
    preferences: PreferenceBook
    history: History
    feedback: Feedback
    forgetting: Forgetting
    metrics: Metrics
    budget: Budget
    maintenance: Maintenance
    completions: CompletionDesk
    api_keys: ApiKeys
    files: Files

    @property
    def service_token(self) -> str:
        """What our own services authenticate with."""
        return self.settings.service_token.get_secret_value()

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """Pages that may open a WebSocket from a browser."""
        return self.settings.page_origins


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
        profile, watch = await open_memory(settings, clock)
        vram = orchestrator(settings, profile, clock)
        stack.callback(vram.close)
        speaker = await stack.enter_async_context(
            Speaker(
                vram,
                clock=clock,
                first_token_seconds=settings.first_token_seconds,
                token_gap_seconds=settings.token_gap_seconds,
            )
        )
        embedder = Embedder(speaker, vram, model=profile.roles["embedding"])
        web = await stack.enter_async_context(
            open_web(
                settings,
                store=store,
                embed=embedder,
                embedding_model=profile.roles["embedding"],
                clock=clock,
            )
        )
        files = open_files(settings, store=store, clock=clock)
        brain = _build(
            settings,
            profile,
            store=store,
            clock=clock,
            auth=auth,
            vram=vram,
            speaker=speaker,
            web=web,
            files=files,
        )
        await stack.enter_async_context(owned(vram, watch, settings, store=store, clock=clock))
        async with anyio.create_task_group() as tasks:
            with suppress(StoreUnavailable):  # then it is read with the first question
                await brain.attachings.conversations()
            tasks.start_soon(brain.worker.run, name="worker")
            tasks.start_soon(brain.compaction.run, name="compaction")
            with anyio.move_on_after(FIRST_LOOK_SECONDS):
                await (
                    brain.worker.ready.wait()
                )  # a store that is away must not keep us from telling
            tasks.start_soon(_follow_revocations, brain.verifier, auth, clock)
            tasks.start_soon(brain.linking.run, name="linking")
            tasks.start_soon(brain.timeline.run, name="timeline")
            tasks.start_soon(keep_swept, files, brain.worker.ready, clock)
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
    web: Web,
    files: Files,
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
        reading=Reading(
            files.store, limits=files.limits, router=router, speaker=speaker, vram=vram
        ),
        artifacts=Artifacts(files.store, files.links, speaker, ttl_seconds=files.artifact_seconds),
        looking_up=LookingUp(web, vram=vram, estimates=estimates, clock=clock),
        clock=clock,
        streaming=settings.enable_streaming,
    )
    attachings = Attachings(store)
    shelf = Shelf(store, attachings)
    doors = Doors(attachings, shelf, outboxes, clock=clock)
    history = History(store)
    preferences = PreferenceBook(store, models=profile.models)
    metrics = Metrics(profile.models)
    feedback = Feedback(store, count=metrics.voted, clock=clock)
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
        Orders(conversations, shelf, attachings, doors),
        outboxes,
        clock=clock,
        backend_wait_seconds=settings.backend_wait_seconds,
        books=[
            spending,
            likely,
            files.attachments,
            Aside(remember=history.remember, count=metrics.ended),
        ],
    )
    verifier = TokenVerifier(settings.jwt_secret_key.get_secret_value(), clock=clock)
    linking = Linking(store, queue=queue, budget=budget, preferences=preferences, clock=clock)
    identities = Identities(auth, linking=linking, clock=clock)
    desk = Desk(
        admission=Admission(
            queue,
            conversations,
            identities,
            verifier,
            preferences,
            files.attachments,
            attachings,
            clock=clock,
            gates=[maintenance, spending],
        ),
        worker=worker,
        queue=queue,
        jobs=jobs,
        outboxes=outboxes,
        doors=doors,
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
        timeline=Timeline(vram.status, clock=clock),
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
        linking=linking,
        shelf=shelf,
        conversations=conversations,
        attachings=attachings,
        doors=doors,
        preferences=preferences,
        history=history,
        feedback=feedback,
        forgetting=Forgetting(
            store,
            shelf=shelf,
            jobs=jobs,
            queue=queue,
            history=history,
            feedback=feedback,
            preferences=preferences,
            linking=linking,
            files=files.store,
            stop=worker.cancel,
            clock=clock,
        ),
        metrics=metrics,
        budget=budget,
        maintenance=maintenance,
        files=files,
    )


async def _follow_revocations(verifier: TokenVerifier, auth: Peer, clock: Clock) -> None:
    """Ended sign-ins and disabled people are known here within ten seconds (protocol section 2)."""

    async def step() -> None:
        answer = await auth.get("/revocations")
        revoked = list(answer["revoked"])
        while (following := answer.get("next")) is not None:
            answer = await auth.get("/revocations", params={"after": following})
            revoked += answer["revoked"]
        verifier.revoke(revoked, disabled_users=answer["disabled"])

    await keep_running(
        "revocations",
        step,
        every_seconds=REVOCATIONS_EVERY_SECONDS,
        clock=clock,
        backoff_max=REVOCATIONS_EVERY_SECONDS,
    )
