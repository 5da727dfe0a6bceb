"""What the products behind the OpenAI protocol do beside it, as their pages say."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
import pytest

from rehearsal import Rehearsal, running
from rehearsal.openai.chat import GIBBERISH
from rehearsal.script import Flavour, OpenAILimits, Script, ScriptedModel

MODELS = (
    ScriptedModel(name="one:1b", server="openai", size_gb=5.0),
    ScriptedModel(name="two:1b", server="openai", size_gb=9.0, capabilities=("embedding",)),
)


class Door:
    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http

    async def get(self, path: str) -> tuple[int, Any]:
        async with self._http.get(path) as answer:
            return answer.status, await answer.json()

    async def post(self, path: str, body: Any = None) -> tuple[int, Any]:
        async with self._http.post(path, json=body or {}) as answer:
            text = await answer.text()
            return answer.status, await answer.json() if text.startswith("{") else text

    async def ask(self) -> str:
        body = {"model": "one:1b", "messages": [{"role": "user", "content": "Hello"}]}
        _, answer = await self.post("/v1/chat/completions", body)
        return str(answer["choices"][0]["message"]["content"])


Open = Callable[..., AbstractAsyncContextManager[Door]]


@pytest.fixture
def opened() -> Open:
    @asynccontextmanager
    async def opening(flavour: Flavour, **limits: Any) -> AsyncIterator[Door]:
        openai = OpenAILimits(flavour=flavour, **limits)
        script = Script(models=MODELS, default_reply="I am {model}.", openai=openai)
        async with (
            running(Rehearsal(script, speed=100.0), ollama_port=0, openai_port=0) as servers,
            aiohttp.ClientSession(base_url=servers.openai_url) as http,
        ):
            yield Door(http)

    return opening


async def test_vllm_woken_from_level_2_speaks_gibberish_until_its_weights_are_read(
    opened: Open,
) -> None:
    async with opened("vllm") as door:
        await door.post("/sleep?level=2")
        assert await door.get("/is_sleeping") == (200, {"is_sleeping": True})
        await door.post("/wake_up")
        assert await door.get("/is_sleeping") == (200, {"is_sleeping": False})
        assert (await door.ask()).startswith(GIBBERISH)
        await door.post("/collective_rpc", {"method": "reload_weights"})
        assert (await door.ask()).startswith("I am one:1b.")


async def test_vllm_woken_from_level_1_is_what_it_was(opened: Open) -> None:
    async with opened("vllm") as door:
        await door.post("/sleep?level=1")
        await door.post("/wake_up?tags=weights")
        assert await door.get("/is_sleeping") == (200, {"is_sleeping": True})
        await door.post("/wake_up?tags=kv_cache")
        assert (await door.ask()).startswith("I am one:1b.")


async def test_sglang_without_a_copy_forgets_its_weights(opened: Open) -> None:
    async with opened("sglang") as door:
        _, info = await door.get("/server_info")
        await door.post("/release_memory_occupation")
        await door.post("/resume_memory_occupation")
        assert (await door.ask()).startswith(GIBBERISH)
        path = {"model_path": info["model_path"]}
        status, told = await door.post("/update_weights_from_disk", path)
        assert (status, told["success"]) == (200, True)
        assert (await door.ask()).startswith("I am one:1b.")


async def test_sglang_dies_of_a_resume_too_many(opened: Open) -> None:
    async with opened("sglang") as door:
        with pytest.raises(aiohttp.ClientError):
            await door.post("/resume_memory_occupation")


async def test_tensorrt_wants_a_signature(opened: Open) -> None:
    async with opened("tensorrt") as door:
        status, told = await door.post("/release_memory")
    assert status == 401
    assert "signature" in told["error"]["message"]


async def test_lm_studio_lists_loads_and_unloads_instances(opened: Open) -> None:
    async with opened("lmstudio") as door:
        _, listed = await door.get("/api/v1/models")
        assert [(row["key"], row["type"]) for row in listed["models"]] == [
            ("one:1b", "llm"), ("two:1b", "embedding"),
        ]  # fmt: skip
        body = {"model": "one:1b", "context_length": 2048}
        _, loaded = await door.post("/api/v1/models/load", body)
        assert (loaded["status"], loaded["instance_id"]) == ("loaded", "one:1b")
        _, again = await door.post("/api/v1/models/load", body)
        assert again["instance_id"] == "one:1b:2", "no single flight there"
        await door.post("/api/v1/models/unload", {"instance_id": "one:1b"})
        _, listed = await door.get("/api/v1/models")
        (left,) = listed["models"][0]["loaded_instances"]
        assert left == {"id": "one:1b:2", "config": {"context_length": 2048}}


async def test_lm_studio_loads_what_a_chat_needs(opened: Open) -> None:
    async with opened("lmstudio") as door:
        assert (await door.ask()).startswith("I am one:1b.")
        _, listed = await door.get("/api/v1/models")
        assert len(listed["models"][0]["loaded_instances"]) == 1


async def test_lm_studio_refuses_with_status_200(opened: Open) -> None:
    async with opened("lmstudio", memory_gb=4.0) as door:
        status, told = await door.post("/api/v1/models/load", {"model": "one:1b"})
    assert status == 200
    assert "insufficient system resources" in told["error"]["message"]


async def test_a_plain_server_has_none_of_it(opened: Open) -> None:
    async with opened("plain") as door:
        for path in ("/is_sleeping", "/server_info", "/memory_status", "/api/v1/models"):
            async with door._http.get(path) as answer:
                assert answer.status == 404, path
