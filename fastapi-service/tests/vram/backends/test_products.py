"""What is peculiar to one server and matters to its memory."""

from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from brain.catalogue.models import ModelSpec
from brain.vram.backends.http import Http
from brain.vram.backends.llamacpp import LlamaCppBackend
from brain.vram.backends.openai import OpenAIBackend, charged
from brain.vram.backends.tensorrt import TensorRTBackend
from brain.vram.errors import BackendUnreachable, LoadFailed
from rehearsal import Fault, Rehearsal, running
from rehearsal.script import Script, ScriptedModel

from .conftest import MEMORY_GB, MODEL, OTHER, SPEC, Opened, Setting, Weights, open_weights, saying


async def instances(setting: Setting, model: str = MODEL) -> list[int]:
    """The context of each instance LM Studio has of `model`."""
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{setting.url}/api/v1/models") as answer,
    ):
        rows = {row["key"]: row for row in (await answer.json())["models"]}
    return [one["config"]["context_length"] for one in rows[model]["loaded_instances"]]


async def load_by_hand(setting: Setting, context: int) -> None:
    body = {"model": MODEL, "context_length": context}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{setting.url}/api/v1/models/load", json=body) as answer,
    ):
        assert answer.status == 200


async def test_lm_studio_loads_again_what_somebody_loaded_with_another_context(
    opened: Opened,
) -> None:
    async with opened("lmstudio") as setting:
        await load_by_hand(setting, 1024)
        await setting.backend.load(SPEC)
        assert await instances(setting) == [SPEC.context_tokens]


async def test_lm_studio_unloads_every_instance(opened: Opened) -> None:
    async with opened("lmstudio") as setting:
        await load_by_hand(setting, 1024)
        await load_by_hand(setting, 2048)
        alone = (await setting.backend.look()).installed[MODEL].size_gb
        assert (await setting.backend.look()).loaded == {MODEL: pytest.approx(2 * alone)}
        await setting.backend.unload(MODEL)
        assert await instances(setting) == []


async def test_lm_studio_loads_no_more_context_than_the_model_has(opened: Opened) -> None:
    async with opened("lmstudio") as setting:
        long = replace(SPEC, context_tokens=10_000_000)
        await setting.backend.load(long)
        await setting.backend.load(long)
        assert await instances(setting) == [131_072]
        assert setting.happened("loaded") == 1


async def test_lm_studio_without_room_says_so(opened: Opened) -> None:
    async with opened("lmstudio", memory_gb=7.0) as setting:
        await setting.backend.load(SPEC)
        with pytest.raises(LoadFailed, match="insufficient system resources"):
            await setting.backend.load(replace(SPEC, name=OTHER))


async def test_vllm_with_memory_of_its_own_keeps_its_weights_nearby(opened: Opened) -> None:
    async with opened("vllm", unified=False) as setting:
        await setting.backend.park(MODEL)
        await setting.backend.load(SPEC)
        assert (await setting.ask()).startswith(f"I am {MODEL}")
        paths = {entry.path for entry in setting.stage.record.requests}
        assert "/collective_rpc" not in paths


async def test_vllm_that_ignores_a_sleep_is_not_taken_to_sleep(opened: Opened) -> None:
    async with opened("vllm") as setting:
        setting.stage.faults.add([Fault(kind="ignore", on="unload")])
        with pytest.raises(LoadFailed, match="still awake after /sleep"):
            await setting.backend.park(MODEL)


async def test_tensorrt_in_shared_memory_is_left_alone(opened: Opened) -> None:
    async with opened("tensorrt", unified=True) as setting:
        await setting.backend.look()
        assert not setting.backend.sleeps
        assert "same memory" in setting.backend.unloads_reason


async def test_tensorrt_without_its_key_says_what_is_missing(opened: Opened) -> None:
    async with opened("tensorrt") as setting:
        keyless = TensorRTBackend(setting.url, unified=False)
        await keyless.look()
        assert not keyless.sleeps
        assert "control_key" in keyless.unloads_reason


async def test_tensorrt_with_a_wrong_key_is_told_its_status(opened: Opened) -> None:
    async with opened("tensorrt") as setting:
        with pytest.raises(BackendUnreachable, match="401"):
            await TensorRTBackend(setting.url, unified=False, control_key="wrong").look()


async def test_tensorrt_that_is_still_starting_is_not_there_yet() -> None:
    async with saying('{"data": [{"id": "one"}]}', health=503) as url:
        with pytest.raises(BackendUnreachable, match="health answers with status 503"):
            await TensorRTBackend(url).look()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"success": false, "message": "Not idle.\\nTraceback"}', "Not idle"),
        ('{"error": {"message": "no room."}}', "no room"),
        ('{"error": "no room"}', "no room"),
        ('{"error": 7}', "the server answers with status 200"),
    ],
)
async def test_a_refusal_with_status_200_is_one(body: str, reason: str) -> None:
    async with saying(body) as url:
        with pytest.raises(LoadFailed) as refusal:
            await Http(url).order("one", "/sleep")
    assert refusal.value.reason == reason


async def test_adapters_cost_nothing_beside_their_model() -> None:
    names = ("base", "adapter")
    models = tuple(ScriptedModel(name=name, server="openai", size_gb=5.0) for name in names)
    stage = Rehearsal(Script(models=models, default_reply="I am {model}."))
    async with running(stage, ollama_port=0, openai_port=0) as servers:
        inventory = await OpenAIBackend(servers.openai_url, memory_gb=MEMORY_GB).look()
    assert inventory.loaded == {"base": MEMORY_GB, "adapter": 0.0}


def test_a_server_of_unknown_memory_charges_nothing() -> None:
    assert charged({"base": ModelSpec(name="base", size_gb=0.0)}, None) == {}


async def test_llama_cpp_opens_a_model_once_and_closes_it(tmp_path: Path) -> None:
    (tmp_path / f"{MODEL}.gguf").write_bytes(b"GGUF")
    opened: list[Weights] = []

    def opening(path: Path, context_tokens: int) -> Weights:
        opened.append(open_weights(path, context_tokens))
        return opened[-1]

    backend = LlamaCppBackend(tmp_path, open_engine=opening)
    await backend.load(SPEC)
    await backend.load(SPEC)
    (weights,) = opened
    await backend.aclose()
    assert not weights.open


async def test_llama_cpp_says_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    (tmp_path / f"{MODEL}.gguf").write_bytes(b"<html>")
    with pytest.raises(LoadFailed, match="Failed to load model from file"):
        await LlamaCppBackend(tmp_path, open_engine=open_weights).load(SPEC)


async def test_llama_cpp_reads_nothing_outside_its_folder(tmp_path: Path) -> None:
    inside = tmp_path / "models"
    inside.mkdir()
    (tmp_path / "secret.gguf").write_bytes(b"GGUF")
    backend = LlamaCppBackend(inside, open_engine=open_weights)
    with pytest.raises(Exception, match="not available"):
        await backend.load(replace(SPEC, name="../secret"))


async def test_llama_cpp_without_its_folder_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(BackendUnreachable, match="no such folder"):
        await LlamaCppBackend(tmp_path / "nowhere").look()
