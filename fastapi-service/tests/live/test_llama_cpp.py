"""The OpenAI path with a real inference engine: llama.cpp computing a small random model."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from brain.llm.messages import Finished, Heard, Message, Prompt, Text
from brain.llm.speaker import Speaker
from brain.vram.backends.openai import OpenAIBackend
from brain.vram.errors import BackendFailed
from brain.vram.options import VramOptions
from brain.vram.orchestrator import Orchestrator
from shared.clock import SystemClock

pytestmark = pytest.mark.live
LIMIT_SECONDS = 40.0
SOON_SECONDS = 2.0


@asynccontextmanager
async def talking(url: str) -> AsyncIterator[tuple[Speaker, Orchestrator]]:
    clock = SystemClock()
    vram = Orchestrator(
        specs={},
        backends=[OpenAIBackend(url)],
        options=VramOptions(soft_gb=12, hard_gb=14),
        clock=clock,
    )
    speaker = Speaker(vram, clock=clock, first_token_seconds=20, token_gap_seconds=20)
    with anyio.fail_after(LIMIT_SECONDS):
        async with speaker, anyio.create_task_group() as tasks:
            tasks.start_soon(vram.run)
            await vram.refresh()
            yield speaker, vram
            tasks.cancel_scope.cancel()


def prompt(text: str, *, max_tokens: int | None) -> Prompt:
    return Prompt(
        model="tiny",
        system="Be brief.",
        messages=(Message("user", text),),
        max_tokens=max_tokens,
    )


async def answer(speaker: Speaker, text: str, *, max_tokens: int = 60) -> tuple[str, Finished]:
    heard: list[Heard] = []
    finished = await speaker.speak(prompt(text, max_tokens=max_tokens), hear=heard.append)
    return "".join(piece.text for piece in heard if isinstance(piece, Text)), finished


async def test_it_is_found_and_streams_an_answer_without_usage(llama_url: str) -> None:
    async with talking(llama_url) as (speaker, vram):
        assert vram.available() == {"tiny"}
        assert not vram.status().servers[0].rehearsal
        said, finished = await answer(speaker, "Hello?")
    assert said
    assert finished.input_tokens == 0, "llama_cpp.server tells no usage in streams"


async def test_an_answer_without_end_is_truncated_at_its_limit(llama_url: str) -> None:
    async with talking(llama_url) as (speaker, _):
        said, finished = await answer(speaker, "Go on.", max_tokens=20)
    assert finished.truncated
    assert 0 < len(said) <= 20


async def test_a_cancelled_answer_frees_the_engine_for_the_next(llama_url: str) -> None:
    async with talking(llama_url) as (speaker, vram):
        started = anyio.Event()

        async def ask() -> None:
            def hear(piece: Heard) -> None:
                if isinstance(piece, Text):
                    started.set()

            await speaker.speak(prompt("Go on.", max_tokens=1900), hear=hear)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await started.wait()
            tasks.cancel_scope.cancel()
        with anyio.fail_after(SOON_SECONDS):  # the engine serves one request at a time
            said, _ = await answer(speaker, "Next?", max_tokens=5)
            assert said
            while any(model.leases for model in vram.status().loaded):
                await anyio.sleep(0.001)


async def test_several_at_once_all_end(llama_url: str) -> None:
    async with talking(llama_url) as (speaker, _), anyio.create_task_group() as tasks:
        for number in range(6):
            tasks.start_soon(answer, speaker, f"Question {number}?")


async def test_a_conversation_over_the_context_is_a_failure(llama_url: str) -> None:
    """This server has sent its 200 before it notices, and then just ends; never an empty answer."""
    async with talking(llama_url) as (speaker, _):
        with pytest.raises(BackendFailed, match="before the answer did"):
            await answer(speaker, "far too long " * 500)
