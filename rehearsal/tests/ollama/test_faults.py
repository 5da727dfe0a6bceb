"""Every fault, as a client of Ollama meets it."""

from typing import Any

import aiohttp
import anyio
import orjson
import pytest
from ollama import AsyncClient, ResponseError

from rehearsal import Fault, Rehearsal, Servers

MODEL = "rnj-1:8b"
MESSAGES = [{"role": "user", "content": "count to 50"}]


async def streamed(http: aiohttp.ClientSession, servers: Servers) -> tuple[int, list[Any]]:
    """(status, lines); a connection that breaks raises `aiohttp.ClientPayloadError`."""
    body = {"model": MODEL, "messages": MESSAGES}
    async with http.post(f"{servers.ollama_url}/api/chat", json=body) as answer:
        return answer.status, [orjson.loads(line) async for line in answer.content]


async def test_an_error_before_the_first_token_has_a_status(
    stage: Rehearsal, client: AsyncClient
) -> None:
    stage.faults.add([Fault(kind="error", status=503, message="not now")])
    with pytest.raises(ResponseError, match="not now") as failed:
        await client.chat(MODEL, MESSAGES)
    assert failed.value.status_code == 503
    assert (await client.chat(MODEL, MESSAGES)).done


async def test_an_error_after_some_tokens_is_the_last_line_of_a_200(
    stage: Rehearsal, servers: Servers, http: aiohttp.ClientSession
) -> None:
    stage.faults.add([Fault(kind="error", after_tokens=5, message="broke")])
    status, lines = await streamed(http, servers)
    assert status == 200
    assert len(lines) == 6
    assert lines[-1] == {"error": "broke"}


async def test_a_drop_breaks_the_stream_after_its_tokens(
    stage: Rehearsal, servers: Servers, http: aiohttp.ClientSession
) -> None:
    stage.faults.add([Fault(kind="drop", after_tokens=3)])
    with pytest.raises(aiohttp.ClientPayloadError):
        await streamed(http, servers)
    assert stage.record.requests[-1].tokens == 3
    stage.faults.add([Fault(kind="drop")])
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await streamed(http, servers)


@pytest.mark.parametrize("after", [0, 4])
async def test_a_hang_says_nothing_more_until_the_client_leaves(
    stage: Rehearsal, client: AsyncClient, after: int
) -> None:
    stage.faults.add([Fault(kind="hang", after_tokens=after)])
    seen = 0
    with anyio.move_on_after(0.3) as patience:
        async for _ in await client.chat(MODEL, MESSAGES, stream=True):
            seen += 1
    assert patience.cancelled_caught
    assert seen == after
    with anyio.fail_after(2):
        while stage.record.active:
            await anyio.lowlevel.checkpoint()
    assert stage.record.requests[-1].disconnected is not None


async def test_memory_that_runs_out_in_an_answer_takes_the_model_with_it(
    stage: Rehearsal, client: AsyncClient
) -> None:
    stage.faults.add([Fault(kind="oom")])
    with pytest.raises(ResponseError, match="out of memory"):
        await client.chat(MODEL, MESSAGES)
    assert (await client.ps()).models == []


async def test_memory_that_runs_out_in_a_load_leaves_nothing(
    stage: Rehearsal, client: AsyncClient
) -> None:
    stage.faults.add([Fault(kind="oom", on="load")])
    with pytest.raises(ResponseError, match=r"requires more system memory \(4.7 GiB\)"):
        await client.generate(MODEL)
    assert (await client.ps()).models == []
    assert stage.record.count("load_failed", MODEL) == 1
    assert (await client.generate(MODEL)).done_reason == "load"


async def test_a_load_can_fail_and_hang(stage: Rehearsal, client: AsyncClient) -> None:
    stage.faults.add([Fault(kind="error", on="load"), Fault(kind="hang", on="load")])
    with pytest.raises(ResponseError, match="rehearsed failure"):
        await client.generate(MODEL)
    with anyio.move_on_after(0.2) as patience:
        await client.generate(MODEL)
    assert patience.cancelled_caught
    assert (await client.generate(MODEL)).done_reason == "load"
    assert stage.record.count("load_aborted", MODEL) == 1


async def test_a_vanished_model_is_neither_listed_nor_found(
    stage: Rehearsal, client: AsyncClient
) -> None:
    stage.faults.add([Fault(kind="vanish", model=MODEL)])
    assert MODEL not in [model.model for model in (await client.list()).models]
    with pytest.raises(ResponseError) as failed:
        await client.chat(MODEL, MESSAGES)
    assert failed.value.status_code == 404
    assert MODEL in [model.model for model in (await client.list()).models]


async def test_a_slow_model_takes_longer(stage: Rehearsal, client: AsyncClient) -> None:
    plain = await client.chat(MODEL, MESSAGES)
    stage.faults.add([Fault(kind="slow", factor=5)])
    slow = await client.chat(MODEL, MESSAGES)
    assert (slow.eval_duration or 0) > 2 * (plain.eval_duration or 0)


async def test_a_babbling_model_breaks_its_json(stage: Rehearsal, client: AsyncClient) -> None:
    stage.faults.add([Fault(kind="babble")])
    schema = {"type": "object", "properties": {"route": {"enum": ["math"]}}}
    text = (await client.chat(MODEL, MESSAGES)).message.content or ""
    assert text.startswith("1 2 3")
    answer = await client.chat(MODEL, MESSAGES, format=schema)
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(answer.message.content or "")


async def test_counts_that_are_zero_are_not_there(
    stage: Rehearsal, servers: Servers, http: aiohttp.ClientSession
) -> None:
    stage.faults.add([Fault(kind="uncounted")])
    _, lines = await streamed(http, servers)
    assert lines[-1]["done"]
    assert not {"eval_count", "prompt_eval_count"} & lines[-1].keys()
