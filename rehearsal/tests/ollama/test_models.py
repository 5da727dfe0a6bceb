"""Tags, show, pull, delete, version and embeddings over the real client."""

import math
from typing import Any

import aiohttp
import pytest
from ollama import AsyncClient, ResponseError

from rehearsal import Servers


async def test_the_server_says_that_it_is_an_ollama_and_a_rehearsal(
    servers: Servers, http: aiohttp.ClientSession
) -> None:
    async with http.get(servers.ollama_url) as root:
        assert await root.text() == "Ollama is running"
    async with http.head(servers.ollama_url) as head:
        assert head.status == 200
    async with http.get(f"{servers.ollama_url}/api/version") as version:
        assert await version.json() == {"version": "0.33.0-rehearsal"}


async def test_tags_list_the_installed_models(client: AsyncClient) -> None:
    models = {model.model: model for model in (await client.list()).models}
    assert len(models) == 10
    assert models["gpt-oss:20b"].size == 13_000_000_000
    assert models["gpt-oss:20b"].details is not None
    assert "llama3.2:3b" not in models
    assert "gpt-oss-120b-eagle3" not in models


async def test_show_tells_what_a_model_can_do(client: AsyncClient) -> None:
    shown = await client.show("ministral-3:14b")
    assert shown.capabilities == ["completion", "vision", "tools"]
    assert shown.modelinfo is not None
    assert shown.modelinfo["mistral3.context_length"] == 262_144
    with pytest.raises(ResponseError, match="model 'nobody' not found"):
        await client.show("nobody")


async def test_a_pull_brings_a_model_and_a_delete_removes_it(client: AsyncClient) -> None:
    progress = [line async for line in await client.pull("llama3.2:3b", stream=True)]
    assert progress[0].status == "pulling manifest"
    assert progress[-1].status == "success"
    completed = [line.completed for line in progress if line.completed]
    assert completed == sorted(completed)
    assert completed[-1] == 2_000_000_000
    assert (await client.chat("llama3.2:3b", [{"role": "user", "content": "Hello"}])).done
    await client.delete("llama3.2:3b")
    with pytest.raises(ResponseError, match="not found"):
        await client.generate("llama3.2:3b")


async def test_a_pull_of_what_does_not_exist_fails_in_a_line(client: AsyncClient) -> None:
    with pytest.raises(ResponseError, match="file does not exist"):
        [line async for line in await client.pull("nobody:1b", stream=True)]
    with pytest.raises(ResponseError, match="file does not exist"):
        await client.pull("nobody:1b")


@pytest.mark.parametrize("given", ["one text", ["one text"], ["one text", "another"]])
async def test_texts_become_unit_vectors(client: AsyncClient, given: Any) -> None:
    answer = await client.embed("qwen3-embedding:4b", given)
    assert len(answer.embeddings) == (1 if isinstance(given, str) else len(given))
    assert all(math.isclose(math.hypot(*vector), 1.0) for vector in answer.embeddings)
    assert len(answer.embeddings[0]) == 2560
    again = await client.embed("qwen3-embedding:4b", given)
    assert again.embeddings == answer.embeddings


async def test_a_vector_can_be_shorter(client: AsyncClient) -> None:
    answer = await client.embed("qwen3-embedding:4b", "text", dimensions=64)
    assert len(answer.embeddings[0]) == 64


async def test_only_an_embedding_model_embeds(client: AsyncClient) -> None:
    with pytest.raises(ResponseError, match="does not support embeddings"):
        await client.embed("rnj-1:8b", "text")
