"""What people see when a model server or the store fails, and that nothing is lost by it."""

from typing import Any

import anyio
import pytest

from brain.chat.desk import Desk
from rehearsal import Rehearsal
from rehearsal import running as rehearsing
from rehearsal.faults import Fault

PIN = {"model": "rnj-1:8b"}
UNCLEAR = "the tall one over there, you know which"
"""A question whose route only the router model could tell."""


def shown(client: Any, ask_id: str) -> str:
    """What a client that follows the protocol has on its screen before the end frame."""
    attempt, text = 0, ""
    for frame in client.seen:
        if frame.get("ask_id") == ask_id and frame["type"] in ("delta", "status"):
            if frame["attempt"] > attempt:
                attempt, text = frame["attempt"], ""
            text += frame["text"] if frame["type"] == "delta" else ""
    return text


async def test_an_answer_that_broke_off_is_begun_again_and_never_doubled(platform: Any) -> None:
    platform.rehearsal.faults.add([Fault(kind="drop", model="rnj-1:8b", after_tokens=5)])
    async with platform.person() as client:
        await client.hello()
        ask_id = await client.ask("count to 20", options=PIN)
        done = await client.end_of(ask_id)
    assert (done["type"], done["attempt"]) == ("done", 2)
    assert shown(client, ask_id) == done["text"]
    assert client.of(ask_id, "delta")[0]["attempt"] == 1
    retry = next(f for f in client.of(ask_id, "status") if f["attempt"] == 2)
    assert "attempt 2 of 3" in retry["detail"]


async def test_an_answer_whose_server_died_is_begun_again_and_seen_once(platform: Any) -> None:
    async with platform.person() as client:
        await client.hello()
        platform.rehearsal.faults.add([Fault(kind="die", model="rnj-1:8b", after_tokens=5)])
        ask_id = await client.ask("count to 20", options=PIN)
        done = await client.end_of(ask_id)
    assert (done["type"], done["attempt"]) == ("done", 2)
    assert shown(client, ask_id) == done["text"]
    assert client.of(ask_id, "delta")[0]["attempt"] == 1


async def test_a_model_a_person_named_that_rests_after_crashes_is_refused_at_once(
    platform: Any,
) -> None:
    async with platform.person() as client:
        await client.hello()
        platform.rehearsal.faults.add([Fault(kind="oom", model="rnj-1:8b", on="load", times=3)])
        await client.end_of(await client.ask("hello", options=PIN))
        ask_id = await client.ask("hello", options=PIN)
        failed = await client.end_of(ask_id)
    assert (failed["code"], failed["retryable"]) == ("vram.breaker_open", True)
    assert "Choose another model" in failed["message"]
    assert [f for f in client.of(ask_id, "status") if f["attempt"] > 1] == []


async def test_a_server_error_is_tried_three_times_in_all(platform: Any) -> None:
    platform.rehearsal.faults.add([Fault(kind="error", model="rnj-1:8b", times="forever")])
    async with platform.person() as client:
        await client.hello()
        failed = await client.end_of(await client.ask("hello", options=PIN))
    assert failed["code"] == "backend.failed"
    assert failed["message"].endswith(".")
    asked = [r for r in platform.rehearsal.record.requests if r.fault == "error"]
    assert len(asked) == 3


async def test_a_retry_delays_nobody_else(start: Any) -> None:
    async with start(queue_workers=1) as platform, platform.bot() as client:
        platform.rehearsal.faults.add([Fault(kind="error", model="rnj-1:8b")])
        await client.hello("bot")
        unlucky = await client.ask("hello", conversation_id="1", options=PIN)
        other = await client.ask("hello", conversation_id="2", options=PIN)
        ends: list[str] = []
        while len(ends) < 2:
            frame = await client.until(lambda frame: frame["type"] == "done")
            ends.append(frame["ask_id"])
    assert ends == [other, unlucky]


async def test_a_dead_router_model_costs_a_default_route_and_no_answer(platform: Any) -> None:
    platform.rehearsal.faults.add(
        [Fault(kind="error", model="gpt-oss:20b"), Fault(kind="babble", model="gpt-oss:20b")]
    )
    async with platform.person() as client:
        await client.hello()
        for _ in range(2):
            done = await client.end_of(await client.ask(UNCLEAR))
            assert (done["type"], done["route"]) == ("done", "general")
            assert "could not choose" in done["why"]


async def test_a_silent_router_model_is_not_waited_for(start: Any) -> None:
    async with start(router_deadline_seconds=0.5) as platform, platform.person() as client:
        platform.rehearsal.faults.add([Fault(kind="hang", model="gpt-oss:20b")])
        await client.hello()
        with anyio.fail_after(10):
            done = await client.end_of(await client.ask(UNCLEAR))
    assert "within 0.5 s" in done["why"]


async def test_a_model_that_falls_silent_is_given_up_and_asked_again(start: Any) -> None:
    async with start(token_gap_seconds=0.3) as platform, platform.person() as client:
        platform.rehearsal.faults.add([Fault(kind="hang", model="rnj-1:8b", after_tokens=3)])
        await client.hello()
        done = await client.end_of(await client.ask("count to 20", options=PIN))
    assert (done["type"], done["attempt"]) == ("done", 2)


async def test_asks_wait_for_a_server_that_does_not_answer_and_say_so(start: Any) -> None:
    async with rehearsing(Rehearsal(speed=50), ollama_port=0, openai_port=0) as servers:
        url = servers.ollama_url
    async with (
        start(ollama_host=url, sglang_endpoint=None) as platform,
        platform.person() as client,
        platform.http("") as http,
    ):
        health = await http.get("/health")
        assert (health.status_code, health.json()["status"]) == (200, "degraded")
        await client.hello()
        ask_id = await client.ask("hello", options=PIN)
        waiting = await client.stage_of(ask_id, "waiting")
        assert waiting["detail"].startswith(f"Failed to connect to Ollama at {url}")
        port = int(url.rsplit(":", 1)[1])
        async with rehearsing(Rehearsal(speed=50), ollama_port=port, openai_port=0):
            done = await client.end_of(ask_id)
    assert (done["type"], done["attempt"]) == ("done", 1)


async def test_a_server_that_stays_away_is_an_error_in_the_end(start: Any) -> None:
    dead = {"ollama_host": "http://127.0.0.1:9", "sglang_endpoint": None}
    async with start(backend_wait_seconds=0, **dead) as platform, platform.person() as client:
        await client.hello()
        failed = await client.end_of(await client.ask("hello"))
    assert (failed["code"], failed["retryable"]) == ("backend.unreachable", True)
    assert failed["message"].startswith("Failed to connect to Ollama at http://127.0.0.1:9")


async def test_a_model_that_can_never_fit_is_refused_by_name(platform: Any) -> None:
    async with platform.person() as client:
        await client.hello()
        failed = await client.end_of(await client.ask("hello", options={"model": "gpt-oss:120b"}))
    assert failed["code"] == "vram.never_fits"
    assert "gpt-oss:120b" in failed["message"]


async def test_a_store_that_is_away_refuses_new_asks_and_loses_no_running_one(
    start: Any,
) -> None:
    async with start(speed=5) as platform, platform.person() as client, platform.http("") as http:
        await client.hello()
        ask_id = await client.ask("count to 20", options=PIN)
        await client.until(lambda frame: frame["type"] == "delta")
        platform.outage.begin()
        await client.ask("hello", ask_id="refused", conversation_id="other")
        refused = await client.until(lambda frame: frame.get("ask_id") == "refused")
        assert (refused["code"], refused["retryable"]) == ("store.unavailable", True)
        assert (await http.get("/health")).status_code == 503
        assert (await http.get("/health/live")).status_code == 200
        await client.stage_of(ask_id, "saving")
        platform.outage.end()
        done = await client.end_of(ask_id)
        assert done["type"] == "done"
        await client.ask("hello", ask_id="refused", conversation_id="other")
        assert (await client.end_of("refused"))["type"] == "done"


async def test_a_cancel_is_felt_although_the_store_is_away(start: Any) -> None:
    async with start(speed=1) as platform, platform.person() as client:
        await client.hello()
        ask_id = await client.ask("count to 200", options=PIN)
        await client.until(lambda frame: frame["type"] == "delta")
        platform.outage.begin()
        with anyio.fail_after(2):
            await client.send("cancel", ask_id=ask_id)
            assert (await client.end_of(ask_id))["code"] == "chat.cancelled"
        platform.outage.end()


async def test_nobody_is_greeted_while_the_store_is_away_but_may_try_again(
    platform: Any,
) -> None:
    async with platform.person() as client:
        platform.outage.begin()
        await client.send("hello", client_id="c", protocol=1)
        assert (await client.receive())["code"] == "store.unavailable"
        platform.outage.end()
        assert (await client.hello("c"))["type"] == "welcome"


async def test_a_route_whose_model_is_missing_is_answered_by_the_best_that_is_there(
    platform: Any,
) -> None:
    async with platform.http("") as http:
        url = platform.brain.settings.ollama_host
        answer = await http.request("DELETE", f"{url}/api/delete", json={"model": "rnj-1:8b"})
        assert answer.status_code == 200
    await platform.brain.vram.refresh()
    async with platform.person() as client:
        await client.hello()
        done = await client.end_of(await client.ask("Solve x^2 + 5x + 6 = 0"))
    assert (done["type"], done["route"], done["model"]) == ("done", "math", "gpt-oss:20b")
    assert "rnj-1:8b is not installed" in done["why"]


async def test_an_ask_that_breaks_the_brain_ends_alone_and_not_its_connection(
    platform: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    async with platform.person() as client:
        await client.hello()
        with monkeypatch.context() as faulty:
            faulty.setattr("brain.chat.desk.Desk.submit", broken)
            failed = await client.end_of(await client.ask("hello", options=PIN))
        done = await client.end_of(await client.ask("hello", options=PIN))
    assert (failed["code"], done["type"]) == ("internal", "done")


async def test_what_is_too_much_at_once_waits_in_the_socket(
    platform: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = Desk.submit

    async def slow(*given: Any, **named: Any) -> Any:
        await anyio.sleep(0.1)
        return await submit(*given, **named)

    monkeypatch.setattr(Desk, "submit", slow)
    monkeypatch.setattr("brain.api.chat_socket.CHARS_IN_HAND", 1_000)
    async with platform.person() as client:
        await client.hello()
        asks = [await client.ask("hello " * 300, options=PIN) for _ in range(2)]
        await client.send("ping")
        await client.until(lambda frame: frame["type"] == "pong")
        assert client.of(asks[0], "queued")
        assert [(await client.end_of(ask))["type"] for ask in asks] == ["done", "done"]
