"""The router with real models of the rehearsal behind it, and nothing else of the brain."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import pytest

from brain.catalogue.profile import load_profile
from brain.llm.speaker import Speaker
from brain.routing.classifier import Classifier
from brain.routing.router import Router
from brain.routing.routes import Choice
from brain.vram.backends.ollama import OllamaBackend
from brain.vram.options import VramOptions
from brain.vram.orchestrator import Orchestrator, Progress
from rehearsal import Fault, Rehearsal, Servers, running
from shared.clock import SystemClock
from shared.protocol import AskOptions

LIMIT_SECONDS = 15


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Desk:
    """A router, its models, and the server they are on."""

    router: Router
    vram: Orchestrator
    servers: Servers

    async def choose(self, question: str, *, has_images: bool = False, **more: Any) -> Choice:
        previous = more.pop("previous", None)
        return await self.router.choose(
            question,
            AskOptions(**more),
            previous=previous,
            has_images=has_images,
            tell=ignore,
            begin=at_once,
        )

    async def without(self, *models: str) -> None:
        """Take models off the server."""
        for model in models:
            self.servers.rehearsal.faults.add([Fault(kind="vanish", model=model, times="forever")])
        await self.vram.refresh()

    def asked_the_router_model(self) -> bool:
        seen = self.servers.rehearsal.record.requests
        return any(one.path == "/api/chat" for one in seen)


def ignore(_: Progress) -> None:
    """No news wanted."""


async def at_once() -> None:
    """Models may be asked."""


Start = Callable[..., AbstractAsyncContextManager[Desk]]


@pytest.fixture
def start() -> Start:
    """`async with start(profile="balanced", hard_gb=54) as desk`."""

    @asynccontextmanager
    async def starting(
        *, profile: str = "conservative", hard_gb: float | None = None, deadline: float = 5.0
    ) -> AsyncIterator[Desk]:
        page = load_profile(profile)
        clock = SystemClock()
        async with running(Rehearsal(speed=200), ollama_port=0, openai_port=0) as servers:
            vram = Orchestrator(
                specs=page.models,
                backends=[OllamaBackend(servers.ollama_url)],
                options=VramOptions(soft_gb=page.soft_gb, hard_gb=hard_gb or page.hard_gb),
                clock=clock,
            )
            speaker = Speaker(vram, clock=clock, first_token_seconds=5, token_gap_seconds=5)
            with anyio.fail_after(LIMIT_SECONDS):
                async with speaker, anyio.create_task_group() as tasks:
                    tasks.start_soon(vram.run)
                    await vram.refresh()
                    classifier = Classifier(
                        speaker, model=page.roles["router"], deadline_seconds=deadline
                    )
                    router = Router(classifier, vram=vram, roles=page.roles)
                    yield Desk(router, vram, servers)
                    tasks.cancel_scope.cancel()

    return starting


@pytest.fixture
async def desk(start: Start) -> AsyncIterator[Desk]:
    async with start() as desk:
        yield desk
