"""Memory of a real engine: llama.cpp inside this process, and behind a server that only serves."""

from pathlib import Path

import pytest

from brain.catalogue.models import ModelSpec
from brain.vram.backends.llamacpp import LlamaCppBackend
from brain.vram.backends.openai import OpenAIBackend
from brain.vram.backends.sglang import SglangBackend
from brain.vram.backends.vllm import VllmBackend
from brain.vram.errors import LoadFailed, ModelUnavailable

pytestmark = pytest.mark.live
SPEC = ModelSpec(name="tiny", size_gb=0.1, context_tokens=512)


@pytest.fixture
def library() -> None:
    pytest.importorskip("llama_cpp", reason="pip install llama-cpp-python")


@pytest.mark.usefixtures("library")
async def test_a_model_is_loaded_and_unloaded_by_the_library(tiny_gguf: Path) -> None:
    backend = LlamaCppBackend(tiny_gguf.parent)
    assert set((await backend.look()).installed) == {"tiny"}
    await backend.load(SPEC)
    assert set((await backend.look()).loaded) == {"tiny"}
    await backend.unload("tiny")
    assert not (await backend.look()).loaded


@pytest.mark.usefixtures("library")
async def test_a_file_that_is_no_model_is_a_load_that_failed(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(b"this is no GGUF")
    with pytest.raises(LoadFailed, match="tiny could not be loaded"):
        await LlamaCppBackend(tmp_path).load(SPEC)


@pytest.mark.parametrize("kind", [OpenAIBackend, VllmBackend, SglangBackend])
async def test_a_server_without_sleep_is_a_fixed_cost(
    llama_url: str, kind: type[OpenAIBackend | VllmBackend | SglangBackend]
) -> None:
    backend = kind(llama_url, memory_gb=0.5)
    inventory = await backend.look()
    assert (set(inventory.installed), inventory.loaded) == ({"tiny"}, {"tiny": 0.5})
    assert not backend.sleeps
    assert backend.unloads_reason
    await backend.load(SPEC)
    with pytest.raises(ModelUnavailable):
        await backend.load(ModelSpec(name="nobody:7b", size_gb=1))
    with pytest.raises(LoadFailed):
        await backend.park("tiny")
