"""Who leaves is noticed at once, and everything can be read back over either port."""

from typing import Any

import aiohttp
import anyio
import pytest

from rehearsal import Fault, Rehearsal, Script, Servers, default_script, running

HELLO = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def stage() -> Rehearsal:
    slow = [
        model.model_copy(update={"prefill_seconds_per_1k": 1e6, "load_seconds": 0.0})
        if model.name in ("rnj-1:8b", "gpt-oss-120b-eagle3")
        else model
        for model in default_script().models
    ]
    script: Script = default_script().model_copy(update={"models": tuple(slow)})
    return Rehearsal(script, speed=100)


async def _active(stage: Rehearsal, number: int) -> None:
    with anyio.fail_after(3):
        while stage.record.active != number or (number and not stage.record.requests[-1].started):
            await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("door", ["ollama", "openai"])
async def test_a_client_who_leaves_during_prefill_is_noticed_within_50_ms(
    servers: Servers, stage: Rehearsal, http: aiohttp.ClientSession, door: str, stream: bool
) -> None:
    url, model = {
        "ollama": (f"{servers.ollama_url}/api/chat", "rnj-1:8b"),
        "openai": (f"{servers.openai_url}/v1/chat/completions", "gpt-oss-120b-eagle3"),
    }[door]
    body: dict[str, Any] = {"model": model, "messages": HELLO, "stream": stream}
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: http.post(url, json=body).__aenter__())
        await _active(stage, 1)
        left = stage.pace.real()
        tasks.cancel_scope.cancel()
    await _active(stage, 0)
    entry = stage.record.requests[-1]
    assert entry.disconnected is not None
    assert entry.first_token is None
    assert 0 <= entry.disconnected - left < 0.05


async def test_the_log_holds_requests_events_and_counts(
    servers: Servers, http: aiohttp.ClientSession
) -> None:
    body = {"model": "gpt-oss:20b", "messages": HELLO, "options": {"num_ctx": 8192}}
    async with http.post(f"{servers.ollama_url}/api/chat", json=body) as answer:
        await answer.read()
    async with http.get(f"{servers.openai_url}/rehearsal/log") as log:
        report = await log.json()
    (request,) = report["requests"]
    assert request["messages"][0]["text"] == "Hello"
    assert request["body"]["options"] == {"num_ctx": 8192}
    assert request["received"] <= request["started"] <= request["first_token"] <= request["ended"]
    assert request["ended"] <= report["now"]
    assert request["disconnected"] is None
    assert request["tokens"] > 0
    assert report["counts"] == {"gpt-oss:20b": {"load_started": 1, "loaded": 1}}
    assert [event["kind"] for event in report["events"]] == ["load_started", "loaded"]
    async with http.delete(f"{servers.ollama_url}/rehearsal/log") as cleared:
        assert (await cleared.json())["requests"] == []


async def test_faults_are_set_read_and_cleared_over_either_port(
    servers: Servers, http: aiohttp.ClientSession
) -> None:
    faults = [{"kind": "slow", "factor": 2, "times": "forever"}, {"kind": "error", "times": 2}]
    async with http.post(f"{servers.openai_url}/rehearsal/faults", json=faults) as answer:
        assert answer.status == 200
    async with http.get(f"{servers.ollama_url}/rehearsal/faults") as answer:
        assert [fault["times"] for fault in await answer.json()] == ["forever", 2]
    async with http.delete(f"{servers.ollama_url}/rehearsal/faults") as answer:
        assert await answer.json() == []


@pytest.mark.parametrize("door", ["ollama", "openai"])
async def test_faults_that_cannot_be_read_are_refused(
    servers: Servers, http: aiohttp.ClientSession, door: str
) -> None:
    url = servers.ollama_url if door == "ollama" else servers.openai_url
    async with http.post(f"{url}/rehearsal/faults", json=[{"kind": "flood"}]) as answer:
        assert answer.status == 400
        assert "Fault 0.kind" in await answer.text()


async def test_both_ports_are_healthy(servers: Servers, http: aiohttp.ClientSession) -> None:
    for url in (servers.ollama_url, servers.openai_url):
        for path in ("/health", "/health/live"):
            async with http.get(url + path) as answer:
                assert answer.status == 200


async def test_faults_can_be_there_from_the_start() -> None:
    stage = Rehearsal(faults=[Fault(kind="error", status=418, message="teapot")], speed=100)
    async with (
        running(stage, ollama_port=0, openai_port=0) as servers,
        aiohttp.ClientSession() as http,
        http.post(
            f"{servers.ollama_url}/api/chat", json={"model": "rnj-1:8b", "messages": HELLO}
        ) as answer,
    ):
        assert answer.status == 418
