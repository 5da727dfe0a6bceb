"""What a hostile or unlucky client could once do; each is the test of a mended bug."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import SocketAttribute, SocketStream
from websockets.exceptions import ConnectionClosed

from brain.jobs.queue import JobQueue
from brain.llm.messages import Finished, Leased, Text
from brain.llm.speaker import Speaker
from rehearsal import Fault
from shared.errors import StoreUnavailable

PIN = {"model": "rnj-1:8b"}


@asynccontextmanager
async def a_server(answer: bytes | None) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Something that listens; it answers every request so, or never."""
    asked: list[bytes] = []

    async def serve(stream: SocketStream) -> None:
        async with stream:
            asked.append((await stream.receive()).split(b"\r\n")[0])
            if answer is None:
                await anyio.sleep(60)
            else:
                await stream.send(answer)

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(SocketAttribute.local_port)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, serve)
            yield f"http://127.0.0.1:{port}", asked
            tasks.cancel_scope.cancel()


async def test_a_long_conversation_is_reset_whole(platform: Any) -> None:
    async with platform.person() as client:
        await client.hello()
        for number in range(8):
            await client.end_of(await client.ask(f"What is {number} + 1?", options=PIN))
        await client.send("reset", conversation_id="talk", user_id="x", ask_id="r1")
        assert (await client.end_of("r1"))["type"] == "done"
        done = await client.end_of(await client.ask("What did I ask before?", options=PIN))
        assert "+ 1" not in done["text"]


async def test_an_endless_answer_ends_and_the_brain_lives(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def endless(
        self: Speaker, prompt: Any, *, hear: Any, tell: Any, **_options: Any
    ) -> Finished:
        async with self._vram.lease(prompt.model, tell=tell) as lease:
            hear(Leased(lease))
            for _number in range(1000):
                hear(Text('\n"x\\' * 1_000))
                await anyio.lowlevel.checkpoint()
        return Finished()

    # A model server that babbles for ever is not something the rehearsal can be asked to be.
    monkeypatch.setattr(Speaker, "speak", endless)
    async with start() as platform, platform.person() as client:
        await client.hello()
        done = await client.end_of(await client.ask("hello", options=PIN))
        assert (done["type"], done["attempt"]) == ("done", 1)
        assert 100_000 < len(done["text"]) < 200_000


async def test_option_words_have_a_limit(platform: Any) -> None:
    async with platform.person() as client:
        await client.hello()
        for name in ("model", "route", "persona"):
            await client.ask("hi", ask_id=name, options={name: "p" * 129})
            refused = await client.receive()
            assert (refused["code"], refused["ask_id"]) == ("protocol.malformed", name)


@pytest.mark.parametrize("resume", [True, False])
async def test_the_frames_of_a_replaced_connection_go_to_the_new_one(
    platform: Any, resume: bool
) -> None:
    async with platform.person() as first, platform.person() as second:
        await first.hello("tab")
        ask_id = await first.ask("count to 20", options=PIN)
        done = await first.end_of(ask_id)
        known = {"session_id": first.session_id, "after": 0} if resume else {}
        welcome = await second.hello("tab", **known)
        assert welcome["resumed"] is resume
        assert (await second.end_of(ask_id))["text"] == done["text"]
        assert second.seen[1]["seq"] == 1


async def test_an_end_that_lands_during_a_greeting_is_heard(start: Any) -> None:
    async with start(speed=20) as platform:
        async with platform.person() as client:
            await client.hello("tab")
            ask_id = await client.ask("count to 20", options=PIN)
            await client.until(lambda frame: frame["type"] == "delta")
        query = platform.outage.query

        async def slow(table: str, pk: str, **options: Any) -> Any:
            rows = await query(table, pk, **options)
            while pk.startswith("unshown#") and platform.brain.queue.running_count:
                await anyio.sleep(0.01)
            return rows

        platform.outage.query = slow
        async with platform.person() as again:
            await again.hello("tab")
            assert (await again.end_of(ask_id))["type"] == "done"


async def test_a_cancel_while_a_failed_attempt_goes_back_is_kept(start: Any) -> None:
    async with start(speed=20) as platform, platform.person() as client:
        platform.rehearsal.faults.add([Fault(kind="drop", model="rnj-1:8b", after_tokens=3)])
        await client.hello()
        ask_id = await client.ask("count to 20", options=PIN)
        await client.until(lambda frame: frame["type"] == "delta")
        platform.outage.begin()
        await client.until(lambda frame: frame["type"] == "status" and frame["attempt"] == 2)
        await client.send("cancel", ask_id=ask_id)
        await client.send("ping")
        await client.until(lambda frame: frame["type"] == "pong")
        platform.outage.end()
        assert (await client.end_of(ask_id))["code"] == "chat.cancelled"


async def test_a_silent_auth_service_keeps_no_cancel_waiting(start: Any) -> None:
    async with (
        a_server(None) as (url, _),
        start(auth_url=url, speed=1) as platform,
        platform.bot() as client,
    ):
        await client.hello("bot")
        first = await client.ask("count to 200", user_id="7", conversation_id="x", options=PIN)
        await client.until(lambda frame: frame["type"] == "delta")
        for number in range(5):
            await client.ask("hi", user_id=str(number), conversation_id=str(number), options=PIN)
        with anyio.fail_after(1.5):
            await client.send("cancel", ask_id=first)
            assert (await client.end_of(first))["code"] == "chat.cancelled"


async def test_a_cancel_is_felt_while_another_process_locks_the_database(
    start: Any, tmp_path: Path
) -> None:
    async with start(speed=1) as platform, platform.person() as client:
        await client.hello()
        ask_id = await client.ask("count to 200", options=PIN)
        await client.until(lambda frame: frame["type"] == "delta")
        lock = sqlite3.connect(tmp_path / "trollama.db", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        with anyio.fail_after(2):
            await client.send("cancel", ask_id=ask_id)
            assert (await client.end_of(ask_id))["code"] == "chat.cancelled"
        lock.execute("ROLLBACK")
        lock.close()


async def test_nothing_is_cancelled_or_answered_twice_before_the_queue_is_read(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start(speed=1) as platform, platform.person() as client:
        await client.hello()
        ask_id = await client.ask("count to 20", options=PIN)
        await client.until(lambda frame: frame["type"] == "delta")
    opened = JobQueue.open
    tries = iter((True, True, True, True))

    async def slow(self: JobQueue) -> Any:
        if next(tries, False):
            raise StoreUnavailable("test")
        return await opened(self)

    monkeypatch.setattr(JobQueue, "open", slow)
    async with start() as platform, platform.person() as client, platform.http() as http:
        await client.hello("another")
        await client.send("cancel", ask_id=ask_id)
        assert (await client.end_of(ask_id))["code"] in ("store.unavailable", "chat.unknown_ask")
        assert (await http.delete("/api/discord/cancel/x")).status_code in (404, 503)
    async with start() as platform, platform.person() as client:
        await client.hello()
        await client.ask("count to 20", ask_id=ask_id, options=PIN)
        assert (await client.end_of(ask_id))["type"] == "done"
        await client.send("ping")
        assert (await client.receive())["type"] == "pong"


async def test_a_stranger_cannot_reset_what_somebody_has_just_begun(start: Any) -> None:
    async with start(speed=20) as platform, platform.bot() as client:
        await client.hello("bot")
        ask_id = await client.ask("count to 20", conversation_id="t", user_id="1", options=PIN)
        await client.until(lambda frame: frame["type"] == "delta")
        await client.send("reset", conversation_id="t", user_id="2", ask_id="r1")
        assert (await client.end_of("r1"))["code"] == "chat.forbidden"
        assert len(client.of(ask_id, "done")) == 1
        await client.send("reset", conversation_id="t", user_id="1", ask_id="r2")
        assert (await client.end_of("r2"))["type"] == "done"


async def test_what_was_asked_before_a_reset_is_forgotten_with_the_rest(start: Any) -> None:
    async with start(queue_workers=1, speed=10) as platform, platform.bot() as client:
        await client.hello("bot")
        mine = {"conversation_id": "t", "user_id": "1", "options": PIN}
        await client.ask("count to 20", conversation_id="other", user_id="9", options=PIN)
        waiting = await client.ask("My cat is called Mia.", **mine)
        await client.send("reset", conversation_id="t", user_id="1", ask_id="r")
        await client.end_of("r")
        assert len(client.of(waiting, "done")) == 1
        done = await client.end_of(await client.ask("What did I ask before?", **mine))
        assert "Mia" not in done["text"]


@pytest.mark.parametrize("user", ["discord:../../me?x=1", "discord:1\n", "discord:", "../me"])
async def test_a_strange_user_id_reaches_no_address_of_the_auth_service(
    start: Any, user: str
) -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"
    async with (
        a_server(answer) as (url, asked),
        start(auth_url=url) as platform,
        platform.http() as http,
    ):
        body = {"user_id": user, "conversation_id": "c", "text": "hi"}
        assert (await http.post("/api/discord/message", json=body)).status_code == 202
    assert all(line.startswith(b"GET /revocations ") for line in asked)


async def test_an_identity_without_the_promised_fields_is_no_crash(start: Any) -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"
    async with (
        a_server(answer) as (url, _),
        start(auth_url=url) as platform,
        platform.http() as http,
    ):
        body = {"user_id": "42", "conversation_id": "c", "text": "hi"}
        assert (await http.post("/api/discord/message", json=body)).status_code == 202


async def test_a_huge_body_is_refused_before_it_is_read(platform: Any) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 1_000_000

    async with platform.http("") as http:
        answer = await http.post("/api/discord/message", content=body())
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "protocol.malformed"


async def test_foreign_pages_cause_nothing_over_http(platform: Any) -> None:
    async with platform.http() as http:
        body = {"user_id": "1", "conversation_id": "c", "text": "hi"}
        answer = await http.post(
            "/api/discord/message", json=body, headers={"Origin": "https://evil.example"}
        )
    assert answer.status_code == 403


async def test_a_socket_without_a_hello_ends_with_its_sign_in(platform: Any) -> None:
    async with platform.person() as client:
        platform.brain.verifier.revoke(["jti-anna"])
        with anyio.fail_after(5), pytest.raises(ConnectionClosed):
            await client.receive()


async def test_a_disabled_person_is_refused_through_the_bot(platform: Any) -> None:
    async with platform.bot() as client:
        await client.hello("bot")
        platform.brain.verifier.revoke([], disabled_users=["discord:42"])
        ask_id = await client.ask("hello", user_id="42")
        assert (await client.end_of(ask_id))["code"] == "auth.forbidden"


async def test_why_an_ask_waits_stays_readable(start: Any) -> None:
    dead = {"ollama_host": "http://127.0.0.1:9", "sglang_endpoint": None}
    async with start(**dead) as platform, platform.person() as client:
        await client.hello()
        ask_id = await client.ask("hello", options=PIN)
        await client.stage_of(ask_id, "waiting")
        with anyio.move_on_after(1):
            while True:
                await client.receive()
    last = [frame for frame in client.of(ask_id, "status") if frame["stage"] == "waiting"][-1]
    assert last["detail"].startswith("Failed to connect to Ollama")


async def test_one_of_two_servers_down_is_degraded(start: Any) -> None:
    async with start(ollama_host="http://127.0.0.1:9") as platform, platform.http("") as http:
        report = (await http.get("/health")).json()
    assert report["status"] == "degraded"
    assert report["components"]["ollama"] == "unhealthy"


async def test_nobody_is_watched_in_vain(start: Any) -> None:
    async with start(queue_workers=1, speed=1) as platform, platform.bot() as client:
        await client.hello("bot")
        first = await client.ask("count to 200", conversation_id="1", options=PIN)
        for number in range(5):
            ask_id = await client.ask("hi", conversation_id=f"k{number}", options=PIN)
            await client.send("cancel", ask_id=ask_id)
            await client.end_of(ask_id)
        await client.ask("count to 200", ask_id=first, conversation_id="1", options=PIN)
        await client.send("cancel", ask_id=first)
        await client.end_of(first)
        assert platform.brain.worker._positions._told == {}


async def test_the_subprotocol_is_echoed_wherever_it_stands(platform: Any) -> None:
    bearer = f"bearer.{platform.token('anna')}"
    for offered in (["trollama.v1", bearer], [bearer, "trollama.v1"]):
        async with platform.connect("/ws/chat", "", subprotocols=offered) as client:
            assert client.socket.subprotocol == "trollama.v1"
            assert (await client.hello())["type"] == "welcome"
