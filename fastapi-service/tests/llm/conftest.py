"""A speaker on rehearsal servers, and a server that says exactly what a test tells it to."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
from aiohttp import web

from brain.catalogue.models import ModelSpec
from brain.catalogue.profile import load_profile
from brain.llm.messages import Finished, Leased, Message, Piece, Prompt, Text, Thinking
from brain.llm.speaker import Speaker
from brain.vram.backends.ollama import OllamaBackend
from brain.vram.backends.openai import OpenAIBackend
from brain.vram.options import VramOptions
from brain.vram.orchestrator import Orchestrator
from rehearsal import Fault, Rehearsal, Servers, parse_script, running
from rehearsal.record import RequestEntry
from shared.clock import SystemClock

LIMIT_SECONDS = 8.0
SCRIPT = """
default_reply = "You asked: {question}"
[[models]]
name = "gpt-oss:20b"
size_gb = 13
capabilities = ["completion", "tools", "thinking"]
always_thinks = true
[[models]]
name = "rnj-1:8b"
size_gb = 5.1
capabilities = ["completion", "tools"]
[[models]]
name = "switch"
size_gb = 1
capabilities = ["completion", "tools", "thinking"]
[[models]]
name = "plain"
size_gb = 1
[[models]]
name = "slow"
size_gb = 1
prefill_seconds_per_1k = 1e9
[[models]]
name = "remote"
size_gb = 80
server = "openai"
capabilities = ["completion", "tools", "thinking"]
[[models]]
name = "seer"
size_gb = 1
capabilities = ["completion", "vision", "tools"]
[[models]]
name = "remote-seer"
size_gb = 80
server = "openai"
capabilities = ["completion", "vision", "tools"]
[[models]]
name = "qwen3-embedding:4b"
size_gb = 2.5
capabilities = ["embedding"]
[[models]]
name = "remote-embedding"
size_gb = 1
server = "openai"
capabilities = ["embedding"]
[[models]]
name = "remote-slow"
size_gb = 80
server = "openai"
prefill_seconds_per_1k = 1e9
[[replies]]
match = "how warm"
text = "It is {tool_result}."
[[replies.calls]]
name = "temperature"
arguments = { city = "Oslo" }
[[replies.calls]]
name = "temperature"
arguments = { city = "Rome" }
"""


REMOTE = ModelSpec(name="remote", size_gb=80, backend="sglang", thinking="boolean", tools=True)
REMOTE_SEER = ModelSpec(name="remote-seer", size_gb=80, backend="sglang", tools=True, vision=True)
REMOTE_EMBEDDING = ModelSpec(name="remote-embedding", size_gb=1, backend="sglang", kind="embedding")
OTHERS = {one.name: one for one in (REMOTE, REMOTE_SEER, REMOTE_EMBEDDING)}


@dataclass
class Answer:
    """The pieces of one answer put together."""

    pieces: list[Piece] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces if isinstance(piece, Text))

    @property
    def thinking(self) -> str:
        return "".join(piece.text for piece in self.pieces if isinstance(piece, Thinking))

    @property
    def finished(self) -> Finished:
        assert isinstance(self.pieces[-1], Finished)
        return self.pieces[-1]


@dataclass
class Talk:
    """A speaker, its orchestrator and the servers behind them."""

    speaker: Speaker
    vram: Orchestrator
    servers: Servers | None = None

    async def ask(self, model: str, *texts: str, **options: Any) -> Answer:
        """Texts alternate between user and assistant; the last is the user's."""
        answer = Answer()
        asked = prompt(model, *texts, **options)
        answer.pieces.append(await self.speaker.speak(asked, hear=answer.pieces.append))
        assert isinstance(answer.pieces[0], Leased)
        return answer

    def fault(self, fault: Fault) -> None:
        assert self.servers is not None
        self.servers.rehearsal.faults.add([fault])

    def requests(self) -> list[RequestEntry]:
        """The chats the servers got."""
        assert self.servers is not None
        seen = self.servers.rehearsal.record.requests
        return [one for one in seen if one.path in ("/api/chat", "/v1/chat/completions")]

    def leases(self) -> int:
        return sum(model.leases for model in self.vram.status().loaded)


def prompt(model: str, *texts: str, **options: Any) -> Prompt:
    messages = tuple(
        Message("user" if (len(texts) - n) % 2 else "assistant", text)
        for n, text in enumerate(texts)
    )
    return Prompt(model=model, system="Be brief.", messages=messages, **options)


@asynccontextmanager
async def talking(
    *,
    ollama_url: str | None = None,
    openai_url: str | None = None,
    first_token_seconds: float = 5.0,
    token_gap_seconds: float = 5.0,
) -> AsyncIterator[Talk]:
    clock = SystemClock()
    vram = Orchestrator(
        specs={**load_profile("conservative").models, **OTHERS},
        backends=[
            *([OllamaBackend(ollama_url)] if ollama_url else []),
            *([OpenAIBackend(openai_url)] if openai_url else []),
        ],
        options=VramOptions(soft_gb=12, hard_gb=14),
        clock=clock,
    )
    speaker = Speaker(
        vram,
        clock=clock,
        first_token_seconds=first_token_seconds,
        token_gap_seconds=token_gap_seconds,
    )
    with anyio.fail_after(LIMIT_SECONDS):
        async with speaker, anyio.create_task_group() as tasks:
            tasks.start_soon(vram.run)
            await vram.refresh()
            yield Talk(speaker, vram)
            tasks.cancel_scope.cancel()


@pytest.fixture
async def servers() -> AsyncIterator[Servers]:
    script = parse_script(SCRIPT, origin="test")
    async with running(Rehearsal(script, speed=100.0), ollama_port=0, openai_port=0) as both:
        yield both


@pytest.fixture
def start(servers: Servers) -> Callable[..., AbstractAsyncContextManager[Talk]]:
    """`async with start(first_token_seconds=0.1) as talk`."""

    @asynccontextmanager
    async def starting(**options: Any) -> AsyncIterator[Talk]:
        urls: dict[str, Any] = {"ollama_url": servers.ollama_url, "openai_url": servers.openai_url}
        async with talking(**urls, **options) as talk:
            talk.servers = servers
            yield talk

    return starting


@pytest.fixture
async def talk(start: Callable[..., AbstractAsyncContextManager[Talk]]) -> AsyncIterator[Talk]:
    async with start() as talk:
        yield talk


@dataclass
class Puppet:
    """An OpenAI-style server whose answers are written in the test, byte by byte."""

    url: str = ""
    model: str = "puppet"
    status: int = 200
    lines: list[bytes] = field(default_factory=list)
    gap_seconds: float = 0.0
    bodies: list[dict[str, Any]] = field(default_factory=list)
    runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/v1/models", self.models)
        app.router.add_post("/v1/chat/completions", self.chat)
        self.runner = web.AppRunner(app, access_log=None)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self.runner is not None:
            await self.runner.cleanup()

    async def models(self, _: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": self.model, "max_model_len": 4096}]})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.json())
        response = web.StreamResponse(status=self.status)
        await response.prepare(request)
        for line in self.lines:
            await response.write(line)
            await anyio.sleep(self.gap_seconds)
        return response


@pytest.fixture
def puppet_talk() -> Callable[[Puppet], AbstractAsyncContextManager[Talk]]:
    return _puppet_talk


@asynccontextmanager
async def _puppet_talk(puppet: Puppet) -> AsyncIterator[Talk]:
    await puppet.start()
    try:
        async with talking(openai_url=puppet.url) as talk:
            yield talk
    finally:
        await puppet.stop()


@pytest.fixture
def puppet() -> Puppet:
    return Puppet()


Wait = Callable[[Callable[[], bool]], Awaitable[None]]


@pytest.fixture
def until() -> Wait:
    """Poll what a server brings about; the limit of the talk ends it."""

    async def poll(true: Callable[[], bool]) -> None:
        while not true():
            await anyio.sleep(0.001)

    return poll
