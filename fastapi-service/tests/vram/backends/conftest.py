"""Each backend with the server it speaks to, played by the rehearsal (or a folder of files)."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from brain.catalogue.models import ModelSpec
from brain.vram.backends.base import Backend
from brain.vram.backends.llamacpp import LlamaCppBackend
from brain.vram.backends.lmstudio import LMStudioBackend
from brain.vram.backends.ollama import OllamaBackend
from brain.vram.backends.openai import OpenAIBackend
from brain.vram.backends.sglang import SglangBackend
from brain.vram.backends.tensorrt import TensorRTBackend
from brain.vram.backends.vllm import VllmBackend
from rehearsal import Rehearsal, running
from rehearsal.script import OpenAILimits, Script, ScriptedModel

MODEL = "one:1b"
OTHER = "two:1b"
SPEC = ModelSpec(name=MODEL, size_gb=5.0, context_tokens=4096)
MEMORY_GB = 50.0
SPEED = 100.0
CONTROL_KEY = "only-for-tests"


@dataclass
class Setting:
    """A backend and what stands behind it."""

    backend: Backend
    stage: Rehearsal
    url: str = ""

    async def ask(self, model: str = MODEL) -> str:
        """What the model says to a greeting, in OpenAI's dialect."""
        body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{self.url}/v1/chat/completions", json=body) as answer,
        ):
            return str((await answer.json())["choices"][0]["message"]["content"])

    def happened(self, kind: Any, model: str = MODEL) -> int:
        return self.stage.record.count(kind, model)


class Weights:
    """What llama-cpp-python would hold."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.open = True

    def close(self) -> None:
        self.open = False


def open_weights(path: Path, context_tokens: int) -> Weights:
    if path.read_bytes() != b"GGUF":
        raise ValueError(f"Failed to load model from file: {path}")
    assert context_tokens > 0
    return Weights(path)


Opened = Callable[..., AbstractAsyncContextManager[Setting]]


def script_for(kind: str, **limits: Any) -> Script:
    """Two models, or one where the server has one for its life."""
    server: Any = "ollama" if kind == "ollama" else "openai"
    flavour: Any = kind if kind in ("vllm", "sglang", "tensorrt", "lmstudio") else "plain"
    names = (MODEL, OTHER) if kind in ("ollama", "lmstudio") else (MODEL,)
    return Script(
        models=tuple(ScriptedModel(name=name, server=server, size_gb=5.0) for name in names),
        default_reply="I am {model}.",
        openai=OpenAILimits(flavour=flavour, control_key=CONTROL_KEY, **limits),
    )


def backend_of(kind: str, url: str, *, unified: bool) -> Backend:
    match kind:
        case "ollama":
            return OllamaBackend(url)
        case "lmstudio":
            return LMStudioBackend(url)
        case "vllm":
            return VllmBackend(url, memory_gb=MEMORY_GB, unified=unified)
        case "sglang":
            return SglangBackend(url, memory_gb=MEMORY_GB, unified=unified)
        case "tensorrt":
            return TensorRTBackend(
                url, memory_gb=MEMORY_GB, unified=unified, control_key=CONTROL_KEY
            )
        case _:
            return OpenAIBackend(url, memory_gb=MEMORY_GB)


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    """`async with opened("vllm") as setting`; TensorRT needs a GPU of its own to sleep."""

    @asynccontextmanager
    async def opening(
        kind: str, *, unified: bool | None = None, **limits: Any
    ) -> AsyncIterator[Setting]:
        if kind == "llamacpp":
            (tmp_path / f"{MODEL}.gguf").write_bytes(b"GGUF")
            llama = LlamaCppBackend(tmp_path, open_engine=open_weights)
            yield Setting(llama, Rehearsal())
            await llama.aclose()
            return
        stage = Rehearsal(script_for(kind, **limits), speed=SPEED)
        async with running(stage, ollama_port=0, openai_port=0) as servers:
            url = servers.ollama_url if kind == "ollama" else servers.openai_url
            shared = kind != "tensorrt" if unified is None else unified
            backend = backend_of(kind, url, unified=shared)
            try:
                yield Setting(backend, stage, url)
            finally:
                await backend.aclose()

    return opening


@asynccontextmanager
async def saying(body: str, *, status: int = 200, **others: int) -> AsyncIterator[str]:
    """A server that says `body` to everything; `others`: another status for paths by last word."""

    async def answer(request: web.Request) -> web.Response:
        code = others.get(request.path.rpartition("/")[2], status)
        return web.Response(text=body, status=code, content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
