"""Real memory behind scripted models: taken on a load, back after an unload, gone with a kill."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress

import aiohttp
import anyio
import psutil
import pytest
from ollama import AsyncClient, ResponseError

from rehearsal import Rehearsal, Servers, running
from rehearsal.script import OpenAILimits, Script, ScriptedModel

MODEL = "one:1b"
MB_PER_GB = 4.0
SIZE_GB = 5.0
WANTED_BYTES = int(MB_PER_GB * SIZE_GB * 1_000_000)


@pytest.fixture
def stage() -> Rehearsal:
    script = Script(
        models=(ScriptedModel(name=MODEL, size_gb=SIZE_GB),),
        default_reply="I am {model}.",
        real_memory_mb_per_gb=MB_PER_GB,
    )
    return Rehearsal(script, speed=20.0)


@pytest.fixture
async def client(servers: Servers) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(host=servers.ollama_url) as client:
        yield client


async def until_gone(pid: int) -> None:
    with anyio.fail_after(5):
        while psutil.pid_exists(pid):
            await anyio.sleep(0.005)


async def loaded(client: AsyncClient) -> list[str | None]:
    return [one.model for one in (await client.ps()).models]


async def test_a_load_takes_memory_and_an_unload_gives_it_back(
    stage: Rehearsal, client: AsyncClient
) -> None:
    await client.generate(MODEL, prompt="", keep_alive=-1)
    pid = stage.ballast.pid(MODEL)
    assert pid is not None
    assert psutil.Process(pid).memory_info().rss >= WANTED_BYTES
    await client.generate(MODEL, prompt="", keep_alive=0)
    with anyio.fail_after(5):
        while await loaded(client):
            await anyio.sleep(0.005)
    await until_gone(pid)


async def test_an_answer_breaks_off_when_the_process_of_its_model_is_killed(
    stage: Rehearsal, client: AsyncClient
) -> None:
    said = ""

    async def read() -> None:
        nonlocal said
        async for part in await client.generate(MODEL, prompt="count to 500", stream=True):
            said += part.response or ""
            pid = stage.ballast.pid(MODEL)
            if pid is not None and len(said) > 20:
                with suppress(ProcessLookupError):  # dead, and not noticed yet
                    os.kill(pid, signal.SIGKILL)

    with pytest.raises(ResponseError, match="unexpected EOF"):
        await read()
    assert said.startswith("1 2 3")
    assert "500" not in said
    assert await loaded(client) == []


async def test_a_killed_process_is_a_model_that_died(stage: Rehearsal, client: AsyncClient) -> None:
    await client.generate(MODEL, prompt="", keep_alive=-1)
    pid = stage.ballast.pid(MODEL)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    with anyio.fail_after(5):
        while await loaded(client):
            await anyio.sleep(0.005)
    assert stage.record.count("died", MODEL) == 1
    await client.generate(MODEL, prompt="", keep_alive=-1)
    assert await loaded(client) == [MODEL]


async def test_a_process_killed_while_it_loads_is_a_load_that_failed() -> None:
    script = Script(
        models=(ScriptedModel(name=MODEL, size_gb=SIZE_GB, load_seconds=600),),
        default_reply="I am {model}.",
        real_memory_mb_per_gb=MB_PER_GB,
    )
    stage = Rehearsal(script)
    async with (
        running(stage, ollama_port=0, openai_port=0) as servers,
        AsyncClient(host=servers.ollama_url) as client,
        anyio.create_task_group() as tasks,
    ):

        async def kill() -> None:
            while (pid := stage.ballast.pid(MODEL)) is None:
                await anyio.sleep(0.005)
            os.kill(pid, signal.SIGKILL)

        tasks.start_soon(kill)
        with pytest.raises(ResponseError, match="terminated"):
            await client.generate(MODEL, prompt="", keep_alive=-1)
        assert await loaded(client) == []


async def test_nothing_is_left_when_the_rehearsal_ends(stage: Rehearsal) -> None:
    async with (
        running(stage, ollama_port=0, openai_port=0) as servers,
        AsyncClient(host=servers.ollama_url) as client,
    ):
        await client.generate(MODEL, prompt="", keep_alive=-1)
        pid = stage.ballast.pid(MODEL)
    assert pid is not None
    assert not psutil.pid_exists(pid)


async def test_a_server_with_one_model_holds_its_memory_but_while_it_sleeps() -> None:
    script = Script(
        models=(ScriptedModel(name=MODEL, server="openai", size_gb=SIZE_GB),),
        default_reply="I am {model}.",
        openai=OpenAILimits(flavour="vllm"),
        real_memory_mb_per_gb=MB_PER_GB,
    )
    stage = Rehearsal(script, speed=100.0)
    async with (
        running(stage, ollama_port=0, openai_port=0) as servers,
        aiohttp.ClientSession(base_url=servers.openai_url) as http,
    ):
        first = stage.ballast.pid(MODEL)
        assert first is not None
        await http.post("/sleep?level=2")
        await until_gone(first)
        await http.post("/wake_up")
        second = stage.ballast.pid(MODEL)
        assert second is not None
        os.kill(second, signal.SIGKILL)
        await until_gone(second)
        with anyio.fail_after(5):
            while stage.ballast.pid(MODEL) in (None, second):
                await anyio.sleep(0.005)


async def test_without_the_option_no_process_is_started() -> None:
    stage = Rehearsal(speed=100.0)
    async with (
        running(stage, ollama_port=0, openai_port=0) as servers,
        AsyncClient(host=servers.ollama_url) as client,
    ):
        await client.generate("rnj-1:8b", prompt="", keep_alive=-1)
        assert stage.ballast.pid("rnj-1:8b") is None
