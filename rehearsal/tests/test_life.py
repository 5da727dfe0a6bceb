"""A server can die, with all it had in memory, and comes back at the same address."""

import aiohttp
import anyio
import pytest
from ollama import AsyncClient

from rehearsal import Fault, Rehearsal, Servers, running

MODEL = "rnj-1:8b"


async def until_back(url: str) -> None:
    with anyio.fail_after(5):
        async with aiohttp.ClientSession() as http:
            while True:
                try:
                    async with http.get(f"{url}/health/live"):
                        return
                except aiohttp.ClientError:
                    await anyio.sleep(0.005)


async def test_a_killed_server_refuses_connections_and_comes_back_empty(
    servers: Servers, http: aiohttp.ClientSession
) -> None:
    async with AsyncClient(host=servers.ollama_url) as client:
        await client.generate(MODEL, prompt="", keep_alive=-1)
        with pytest.raises(aiohttp.ClientError):
            await http.post(f"{servers.ollama_url}/rehearsal/kill", json={"down_seconds": 20})
        with pytest.raises(aiohttp.ClientConnectorError):
            await http.get(f"{servers.ollama_url}/health")
        async with http.get(f"{servers.openai_url}/health") as other:
            assert other.status == 200, "the other server lives"
        await until_back(servers.ollama_url)
        assert not (await client.ps()).models
        assert servers.rehearsal.record.count("died", MODEL) == 1
        await client.generate(MODEL, prompt="", keep_alive=-1)
        assert [one.model for one in (await client.ps()).models] == [MODEL]


async def test_an_answer_breaks_off_when_the_server_dies(
    servers: Servers, http: aiohttp.ClientSession
) -> None:
    servers.rehearsal.faults.add([Fault(kind="die", after_tokens=3, down_seconds=0)])
    body = {
        "model": "gpt-oss-120b-eagle3", "stream": True,
        "messages": [{"role": "user", "content": "Hello"}],
    }  # fmt: skip
    answer = await http.post(f"{servers.openai_url}/v1/chat/completions", json=body)
    assert answer.status == 200
    with pytest.raises(aiohttp.ClientError):
        await answer.read()
    (entry,) = servers.rehearsal.record.requests
    assert entry.tokens == 3
    assert servers.rehearsal.record.active == 0


async def test_a_time_that_is_none_is_refused(
    servers: Servers, http: aiohttp.ClientSession
) -> None:
    url = f"{servers.ollama_url}/rehearsal/kill"
    async with http.post(url, json={"down_seconds": -1}) as answer:
        assert answer.status == 400


async def test_a_failure_of_the_caller_is_not_wrapped() -> None:
    with pytest.raises(LookupError, match="mine"):
        async with running(Rehearsal(), ollama_port=0, openai_port=0):
            raise LookupError("mine")


async def test_a_port_that_is_taken_is_an_os_error(servers: Servers) -> None:
    port = int(servers.openai_url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        async with running(Rehearsal(), ollama_port=0, openai_port=port):
            pass
