"""Cancel at every stage and on every door; losing a socket is no cancel."""

from typing import Any

import anyio
import pytest

from rehearsal.faults import Fault

FAST_SECONDS = 2.0
PIN = {"model": "rnj-1:8b"}


def busy(platform: Any) -> list[Any]:
    return [request for request in platform.rehearsal.record.requests if request.ended is None]


async def no_lease_left(platform: Any) -> None:
    with anyio.fail_after(FAST_SECONDS):
        while any(model.leases for model in platform.brain.vram.status().loaded):
            await anyio.sleep(0.005)


async def cancelled_in_time(client: Any, ask_id: str) -> None:
    with anyio.fail_after(FAST_SECONDS):
        await client.send("cancel", ask_id=ask_id)
        end = await client.end_of(ask_id)
    assert (end["type"], end["code"]) == ("failed", "chat.cancelled")


async def test_while_generating(start: Any) -> None:
    async with start(speed=1) as platform, platform.person() as client:
        await client.hello()
        ask_id = await client.ask("count to 200", options=PIN)
        await client.until(lambda frame: frame["type"] == "delta")
        await cancelled_in_time(client, ask_id)
        await no_lease_left(platform)
        assert busy(platform) == []
        assert platform.rehearsal.record.requests[-1].disconnected is not None


async def test_what_was_said_before_a_stop_is_kept_and_marked(start: Any) -> None:
    async with start(speed=5) as platform, platform.person() as client:
        await client.hello()
        whole = await client.ask("hello", options=PIN)
        await client.end_of(whole)
        ask_id = await client.ask("count to 200", options=PIN)
        await client.until(lambda frame: frame["type"] == "delta" and frame["ask_id"] == ask_id)
        await cancelled_in_time(client, ask_id)
        async with platform.http(platform.token("anna")) as http:
            while True:
                said = (await http.get("/api/conversations/talk")).json()["messages"]
                if len(said) == 4:
                    break
                await anyio.sleep(0.05)
    assert [one["stopped"] for one in said if one["role"] == "assistant"] == [False, True]


async def test_in_a_silent_prefill(start: Any) -> None:
    async with start(speed=50) as platform, platform.person() as client:
        platform.rehearsal.faults.add([Fault(kind="hang", model="rnj-1:8b")])
        await client.hello()
        ask_id = await client.ask("hello", options=PIN)
        await client.stage_of(ask_id, "generating")
        await cancelled_in_time(client, ask_id)
        await no_lease_left(platform)
        assert busy(platform) == []


async def test_while_loading(start: Any) -> None:
    async with start(speed=0.2) as platform, platform.person() as client:
        await client.hello()
        ask_id = await client.ask("hello", options=PIN)
        status = await client.stage_of(ask_id, "loading_model")
        assert status["model"] == "rnj-1:8b"
        assert status["eta_seconds"] > 0
        await cancelled_in_time(client, ask_id)
        await no_lease_left(platform)


async def test_while_waiting_in_the_queue(start: Any) -> None:
    async with start(queue_workers=1, speed=1) as platform, platform.bot() as client:
        await client.hello("bot")
        first = await client.ask("count to 200", conversation_id="1", options=PIN)
        second = await client.ask("hello", conversation_id="2", options=PIN)
        await cancelled_in_time(client, second)
        assert client.of(second, "status") == []
        await cancelled_in_time(client, first)


async def test_a_finished_ask_gets_its_end_frame_again(platform: Any) -> None:
    async with platform.person() as client:
        await client.hello()
        done = await client.end_of(await client.ask("hello"))
        await client.send("cancel", ask_id=done["ask_id"])
        again = await client.end_of(done["ask_id"])
    assert {**done, "seq": 0} == {**again, "seq": 0}


async def test_over_http(start: Any) -> None:
    async with start(speed=1) as platform, platform.http() as http:
        ask = {"user_id": "7", "conversation_id": "c", "text": "count to 200"}
        accepted = (await http.post("/api/discord/message", json=ask | {"options": PIN})).json()
        request_id = accepted["request_id"]
        with anyio.fail_after(FAST_SECONDS):
            assert (await http.delete(f"/api/discord/cancel/{request_id}")).status_code == 200
            while (await http.get(f"/api/discord/status/{request_id}")).json()[
                "status"
            ] != "cancelled":
                await anyio.sleep(0.01)
        await no_lease_left(platform)


async def test_what_was_shown_before_a_cancel_stays_in_the_conversation(start: Any) -> None:
    async with start(speed=2) as platform, platform.person() as client:
        await client.hello()
        ask_id = await client.ask("My cat is called Mia. count to 200.", options=PIN)
        await client.until(lambda frame: frame["type"] == "delta")
        await cancelled_in_time(client, ask_id)
        done = await client.end_of(await client.ask("What did I ask before?", options=PIN))
        assert "Mia" in done["text"]


@pytest.mark.parametrize("stage", ["queued", "generating"])
async def test_a_lost_socket_cancels_nothing(start: Any, stage: str) -> None:
    async with start(speed=3) as platform:
        async with platform.person() as client:
            await client.hello("tab")
            ask_id = await client.ask("hello", options=PIN)
            await client.until(lambda frame: stage in (frame["type"], frame.get("stage")))
        async with platform.person() as again:
            await again.hello("tab")
            assert (await again.end_of(ask_id))["type"] == "done"


async def test_an_ask_that_has_ended_and_comes_again_with_its_cancel_stays_what_it_was(
    platform: Any,
) -> None:
    async with platform.person() as client:
        await client.hello()
        ask_id = await client.ask("count to 20", options=PIN)
        done = await client.end_of(ask_id)
        await client.ask("count to 20", ask_id=ask_id, options=PIN)
        await client.send("cancel", ask_id=ask_id)
        again = await client.end_of(ask_id)
        await client.send("ping")
        await client.until(lambda frame: frame["type"] == "pong")
    assert (again["type"], again["text"]) == ("done", done["text"])
    assert client.of(ask_id, "failed") == []
