"""
llama.cpp inside this process: GGUF files of a folder, loaded by llama-cpp-python.

This is the memory side only: what there is, loading, unloading. Chats cannot be spoken with such
a model yet, so no server of this kind is opened from the servers file; the same engine behind
`llama_cpp.server` is an OpenAI-style server and can be used today. Source: llama-cpp-python's API
reference, `Llama(model_path, n_ctx, n_gpu_layers)` and `Llama.close()`.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Protocol

import anyio

from brain.catalogue.models import ModelSpec
from brain.vram.errors import (
    BackendUnreachable,
    LoadFailed,
    ModelUnavailable,
    ServerKind,
    one_line,
)
from brain.vram.residents import Inventory

MEMORY_OVER_FILE = 1.2
BYTES_PER_GB = 1e9
ALL_LAYERS = -1


class Engine(Protocol):
    """A model in memory."""

    def close(self) -> None:
        """Give its memory back."""


OpenEngine = Callable[[Path, int], Engine]
"""Loads a file for so many tokens of context; raises what the library raises."""


class LlamaCppBackend:
    """The GGUF files of `folder`, each a model named like its file without the ending."""

    kind: ServerKind = "openai"
    loads = True
    sleeps = False
    unloads_reason = ""

    def __init__(
        self, folder: Path, *, name: str = "llamacpp", open_engine: OpenEngine | None = None
    ) -> None:
        self.name = name
        self.url = folder.absolute().as_uri()
        self._folder = folder
        self._open_engine = open_engine or _open_llama
        self._engines: dict[str, Engine] = {}

    async def aclose(self) -> None:
        """Give all memory back."""
        for model in list(self._engines):
            await self.unload(model)

    async def look(self) -> Inventory:
        """Files and loaded models. Raises `BackendUnreachable` when there is no such folder."""
        sizes = await anyio.to_thread.run_sync(self._sizes)
        return Inventory(
            installed={
                model: ModelSpec(name=model, size_gb=size, backend="sglang")
                for model, size in sizes.items()
            },
            loaded={model: sizes.get(model, 0.0) for model in self._engines},
        )

    async def load(self, spec: ModelSpec) -> float | None:
        """Return when the model is in memory. A load that has begun goes on to its end."""
        if spec.name in self._engines:
            return None
        path = self._folder / f"{spec.name}.gguf"
        if path.parent != self._folder or not await anyio.Path(path).is_file():
            raise ModelUnavailable(spec.name)
        try:
            engine = await anyio.to_thread.run_sync(self._open_engine, path, spec.context_tokens)
        except ImportError as missing:
            raise LoadFailed(spec.name, "llama-cpp-python is not installed") from missing
        except (ValueError, OSError, RuntimeError, MemoryError) as failure:  # all that Llama raises
            raise LoadFailed(spec.name, one_line(str(failure))) from failure
        self._engines[spec.name] = engine
        return None

    async def unload(self, model: str) -> None:
        """Return when its memory is given back."""
        engine = self._engines.pop(model, None)
        if engine is not None:
            await anyio.to_thread.run_sync(engine.close)

    async def park(self, model: str) -> None:
        """Raises `LoadFailed`: it unloads instead."""
        raise LoadFailed(model, "a model in this process has no sleep, it is unloaded")

    def _sizes(self) -> dict[str, float]:
        """Memory of each model in GB."""
        if not self._folder.is_dir():
            raise BackendUnreachable(self.url, "there is no such folder", kind=self.kind)
        return {
            path.stem: path.stat().st_size / BYTES_PER_GB * MEMORY_OVER_FILE
            for path in sorted(self._folder.glob("*.gguf"))
        }


def _open_llama(path: Path, context_tokens: int) -> Engine:
    """Raises `ImportError` where llama-cpp-python is not installed."""
    llama = import_module("llama_cpp").Llama
    engine: Engine = llama(
        model_path=str(path), n_ctx=context_tokens, n_gpu_layers=ALL_LAYERS, verbose=False
    )
    return engine
