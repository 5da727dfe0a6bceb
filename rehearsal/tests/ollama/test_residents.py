"""Loading, unloading, keeping alive and evicting, through the door."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from ollama import AsyncClient, ResponseError

from rehearsal import Fault, Rehearsal, Script, default_script, running
from rehearsal.script import OllamaLimits

SMALL, MEDIUM, LARGE = "qwen3-embedding:4b", "rnj-1:8b", "gpt-oss:20b"
HELLO = [{"role": "user", "content": "Hello"}]
LONG = [{"role": "user", "content": "count to 400"}]


@asynccontextmanager
async def playing(**limits: Any) -> AsyncIterator[tuple[AsyncClient, Rehearsal]]:
    script: Script = default_script().model_copy(update={"ollama": OllamaLimits(**limits)})
    stage = Rehearsal(script, speed=100)
    async with (
        running(stage, ollama_port=0, openai_port=0) as servers,
        AsyncClient(host=servers.ollama_url) as client,
    ):
        yield client, stage


async def loaded(client: AsyncClient) -> list[str]:
    return [model.model or "" for model in (await client.ps()).models]


async def until_gone(client: AsyncClient, name: str) -> None:
    with anyio.fail_after(3):
        while name in await loaded(client):
            await anyio.sleep(0.005)


async def test_a_load_blocks_until_the_model_is_there_and_an_unload_lets_it_go(
    stage: Rehearsal, client: AsyncClient
) -> None:
    before = stage.pace.real()
    answer = await client.generate(MEDIUM)
    assert (answer.done_reason, answer.response) == ("load", "")
    assert stage.pace.real() - before >= 0.51 / 100
    (row,) = (await client.ps()).models
    assert (row.model, row.size, row.size_vram) == (MEDIUM, 5_100_000_000, 5_100_000_000)
    assert row.context_length == 32_768
    gone = await client.generate(MEDIUM, keep_alive=0)
    assert gone.done_reason == "unload"
    await until_gone(client, MEDIUM)
    assert stage.record.counts[MEDIUM] == {"load_started": 1, "loaded": 1, "unloaded": 1}


async def test_chat_without_messages_loads_and_unloads_too(client: AsyncClient) -> None:
    assert (await client.chat(MEDIUM, [])).done_reason == "load"
    assert await loaded(client) == [MEDIUM]
    assert (await client.chat(MEDIUM, [], keep_alive="0s")).done_reason == "unload"
    await until_gone(client, MEDIUM)


async def test_an_embedding_model_is_unloaded_by_what_it_cannot_do(client: AsyncClient) -> None:
    await client.embed("qwen3-embedding:4b", "text")
    gone = await client.generate("qwen3-embedding:4b", prompt="", keep_alive=0)
    assert gone.done_reason == "unload"
    await until_gone(client, "qwen3-embedding:4b")


async def test_many_who_ask_at_once_load_once(stage: Rehearsal, client: AsyncClient) -> None:
    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(client.chat, MEDIUM, HELLO)
    assert stage.record.count("loaded", MEDIUM) == 1


async def test_the_keep_alive_runs_from_the_end_of_the_last_request() -> None:
    async with playing(unload_seconds=0) as (client, stage):
        await client.chat(MEDIUM, LONG, keep_alive=2.0)
        ended = stage.record.requests[-1].ended or 0.0
        await until_gone(client, MEDIUM)
        (gone,) = [event for event in stage.record.events if event.kind == "unloaded"]
        assert gone.at == pytest.approx(ended + 2.0 / 100, abs=0.01)


async def test_a_negative_keep_alive_stays_for_centuries(client: AsyncClient) -> None:
    await client.generate(MEDIUM, keep_alive=-1)
    (row,) = (await client.ps()).models
    assert row.expires_at is not None
    assert row.expires_at.year > 2200


async def test_a_prompt_with_a_keep_alive_of_zero_unloads_afterwards(client: AsyncClient) -> None:
    await client.chat(MEDIUM, HELLO, keep_alive=0)
    await until_gone(client, MEDIUM)


async def test_a_request_without_a_keep_alive_leaves_the_one_that_was_set(
    client: AsyncClient,
) -> None:
    await client.generate(MEDIUM, keep_alive=-1)
    await client.chat(MEDIUM, HELLO)
    (row,) = (await client.ps()).models
    assert row.expires_at is not None
    assert row.expires_at.year > 2200


async def test_an_unload_waits_for_the_answer_in_progress(
    stage: Rehearsal, client: AsyncClient
) -> None:
    stream = await client.chat(MEDIUM, LONG, stream=True)
    await anext(stream)
    assert (await client.generate(MEDIUM, keep_alive=0)).done_reason == "unload"
    assert await loaded(client) == [MEDIUM]
    assert [chunk async for chunk in stream][-1].done
    await until_gone(client, MEDIUM)


async def test_other_load_options_reload_the_model(stage: Rehearsal, client: AsyncClient) -> None:
    for options in ({}, {"temperature": 0.1}, {"num_ctx": 32_768}):
        await client.chat(MEDIUM, HELLO, options=options)
    assert stage.record.count("reloaded", MEDIUM) == 0
    for options in ({"num_ctx": 4096}, {"num_ctx": 4096, "num_gpu": 1}):
        await client.chat(MEDIUM, HELLO, options=options)
    assert stage.record.count("reloaded", MEDIUM) == 2
    (row,) = (await client.ps()).models
    assert row.context_length == 4096


async def test_a_model_larger_than_the_memory_never_loads() -> None:
    async with playing(memory_gb=16) as (client, stage):
        await client.generate(MEDIUM)
        with pytest.raises(ResponseError, match=r"more system memory \(70.8 GiB\)") as failed:
            await client.generate("gpt-oss:120b")
        assert failed.value.status_code == 500
        assert await loaded(client) == [MEDIUM]
        assert stage.record.count("load_failed", "gpt-oss:120b") == 1


async def test_a_newcomer_evicts_idle_models_pinned_ones_last() -> None:
    async with playing(memory_gb=20) as (client, stage):
        await client.generate(MEDIUM, keep_alive=-1)
        await client.embed(SMALL, "text")
        await client.generate(LARGE)
        assert sorted(await loaded(client)) == [LARGE, MEDIUM]
        assert stage.record.count("evicted", SMALL) == 1
        await client.generate("ministral-3:14b")
        assert sorted(await loaded(client)) == ["ministral-3:14b", MEDIUM]


async def test_a_busy_victim_finishes_first() -> None:
    async with playing(memory_gb=14) as (client, stage):
        stream = await client.chat(MEDIUM, LONG, stream=True)
        await anext(stream)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.generate, LARGE)
            assert [chunk async for chunk in stream][-1].done_reason == "stop"
        kinds = [(event.kind, event.model) for event in stage.record.events]
        assert kinds.index(("unloaded", MEDIUM)) < kinds.index(("load_started", LARGE))


async def test_only_so_many_models_are_loaded_at_once() -> None:
    async with playing(max_loaded=1) as (client, _):
        await client.generate(MEDIUM)
        await client.generate(LARGE)
        assert await loaded(client) == [LARGE]


async def test_a_server_told_to_fail_when_full_does() -> None:
    async with playing(memory_gb=14, when_full="fail") as (client, stage):
        await client.generate(MEDIUM)
        with pytest.raises(ResponseError, match=r"than is available \(8.3 GiB\)"):
            await client.generate(LARGE)
        assert await loaded(client) == [MEDIUM]
        assert stage.record.count("evicted", MEDIUM) == 0


async def test_requests_beyond_the_parallel_slots_wait_inside() -> None:
    async with playing(parallel=1) as (client, stage):
        await client.generate(MEDIUM)
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(client.chat, MEDIUM, HELLO)
        _, one, two, three = stage.record.requests
        for before, after in ((one, two), (two, three)):
            assert before.ended is not None
            assert after.started is not None
            assert after.started >= before.ended - 0.005


async def test_too_many_waiting_requests_are_turned_away() -> None:
    async with playing(parallel=1, max_queue=1) as (client, stage):
        await client.generate(MEDIUM)
        busy = await client.chat(MEDIUM, LONG, stream=True)
        await anext(busy)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.chat, MEDIUM, HELLO)
            with anyio.fail_after(2):
                while stage.record.active < 2:
                    await anyio.lowlevel.checkpoint()
            with pytest.raises(ResponseError, match="maximum pending requests") as failed:
                await client.chat(MEDIUM, HELLO)
            assert failed.value.status_code == 503
            assert [chunk async for chunk in busy][-1].done


async def test_who_leaves_during_a_load_takes_the_load_along(
    stage: Rehearsal, client: AsyncClient
) -> None:
    stage.faults.add([Fault(kind="slow", on="load", factor=1000)])
    with anyio.move_on_after(0.1) as patience:
        await client.generate(MEDIUM)
    assert patience.cancelled_caught
    with anyio.fail_after(2):
        while not stage.record.count("load_aborted", MEDIUM):
            await anyio.lowlevel.checkpoint()
    assert await loaded(client) == []
    assert (await client.generate(MEDIUM)).done_reason == "load"
