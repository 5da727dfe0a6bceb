"""A model says whether a file is wanted, and a late or broken one costs nothing but its time."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import anyio
import pytest

from brain.artifacts.asking import FileQuestion
from brain.artifacts.detect import Earlier
from brain.catalogue.profile import load_profile
from brain.llm.speaker import Speaker
from brain.vram.backends.ollama import OllamaBackend
from brain.vram.options import VramOptions
from brain.vram.orchestrator import Orchestrator, Progress
from rehearsal import Fault, Rehearsal, Servers, running
from shared.clock import SystemClock

MODEL = "gpt-oss:20b"
WISH = "yes: I am trying to export it all as csv"
TALK = "I am trying to export it all as csv"


@dataclass
class Desk:
    """The question, and the server its model is on."""

    question: FileQuestion
    servers: Servers

    async def asked(self, text: str, *earlier: Earlier) -> bool:
        return await self.question.is_wanted(text, earlier, tell=ignore)

    def breaks(self, fault: Fault) -> None:
        self.servers.rehearsal.faults.add([fault])


def ignore(_: Progress) -> None:
    """No news wanted."""


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    page, clock = load_profile("conservative"), SystemClock()
    async with running(Rehearsal(speed=200), ollama_port=0, openai_port=0) as servers:
        vram = Orchestrator(
            specs=page.models,
            backends=[OllamaBackend(servers.ollama_url)],
            options=VramOptions(soft_gb=page.soft_gb, hard_gb=page.hard_gb),
            clock=clock,
        )
        speaker = Speaker(vram, clock=clock, first_token_seconds=5, token_gap_seconds=5)
        with anyio.fail_after(15):
            async with speaker, anyio.create_task_group() as tasks:
                tasks.start_soon(vram.run)
                await vram.refresh()
                yield Desk(FileQuestion(speaker, model=MODEL, deadline_seconds=1), servers)
                tasks.cancel_scope.cancel()


async def test_the_model_decides(desk: Desk) -> None:
    assert await desk.asked(WISH)
    assert not await desk.asked(TALK)


async def test_the_model_knows_the_files_so_far(desk: Desk) -> None:
    await desk.asked(TALK, Earlier("guide.md"))
    sent = [one for one in desk.servers.rehearsal.record.requests if one.path == "/api/chat"]
    assert ["guide.md" in str(one.messages) for one in sent] == [True]


@pytest.mark.parametrize("kind", ["babble", "error", "hang", "drop"])
async def test_a_model_that_fails_means_no_file(desk: Desk, kind: str) -> None:
    desk.breaks(Fault.model_validate({"kind": kind, "model": MODEL, "times": "forever"}))
    assert not await desk.asked(WISH)
