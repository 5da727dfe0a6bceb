"""Protocol section 3 over a real socket."""

import json
from typing import Any

import anyio
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

QUESTION = "Solve x^2 + 5x + 6 = 0"


async def test_an_answer_streams_with_route_and_model_under_it(platform: Any) -> None:
    async with platform.person() as client:
        welcome = await client.hello()
        ask_id = await client.ask(QUESTION)
        done = await client.end_of(ask_id)
    assert (welcome["type"], welcome["resumed"], welcome["protocol"]) == ("welcome", False, 1)
    assert done["type"] == "done"
    assert "-2" in done["text"]
    assert "-3" in done["text"]
    assert "rehearsal" in done["text"].lower()
    assert (done["route"], done["model"]) == ("math", "rnj-1:8b")
    assert done["why"]
    assert done["usage"]["output_tokens"] > 0
    assert done["timings"]["total_ms"] >= done["timings"]["first_token_ms"] > 0
    assert client.of(ask_id, "queued")[0]["position"] == 1
    assert "".join(frame["text"] for frame in client.of(ask_id, "delta")) == done["text"]
    stages = [frame["stage"] for frame in client.of(ask_id, "status")]
    assert stages.index("routing") < stages.index("generating")
    numbers = [frame["seq"] for frame in client.seen if frame["type"] != "welcome"]
    assert numbers == sorted(set(numbers))
    assert numbers[0] == 1


async def test_the_bot_door_serves_many_people_at_once(platform: Any) -> None:
    async with platform.bot() as client:
        await client.hello("bot")
        asks = {
            await client.ask(
                f"What is {n} + {n}?", conversation_id=f"thread {n}", user_id=str(n)
            ): n
            for n in range(5)
        }
        while len([f for f in client.seen if f["type"] == "done"]) < 5:
            await client.receive()
        for ask_id, n in asks.items():
            assert str(2 * n) in client.of(ask_id, "done")[0]["text"]


async def test_a_conversation_remembers(platform: Any) -> None:
    async with platform.person() as client:
        await client.hello()
        await client.end_of(await client.ask("My cat is called Mia."))
        done = await client.end_of(await client.ask("What did I ask before?"))
        assert "Mia" in done["text"]
        done = await client.end_of(
            await client.ask("What did I ask before?", conversation_id="another")
        )
        assert "Mia" not in done["text"]


async def test_the_same_id_of_another_person_is_another_conversation(platform: Any) -> None:
    async with platform.person("anna") as anna, platform.person("bert") as bert:
        await anna.hello()
        await bert.hello()
        await anna.end_of(await anna.ask("My cat is called Mia."))
        done = await bert.end_of(await bert.ask("What did I ask before?"))
        assert "Mia" not in done["text"]


async def test_wrong_tokens_are_refused_with_401(platform: Any) -> None:
    for path, bearer in (
        ("/ws/chat", ""),
        ("/ws/chat", "nonsense"),
        ("/ws/chat", "SERVICE"),
        ("/ws/discord", "nonsense"),
    ):
        with pytest.raises(InvalidStatus) as refused:
            async with platform.connect(path, bearer):
                pass
        assert refused.value.response.status_code == 401


async def test_foreign_pages_are_refused_with_403(platform: Any) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with platform.connect("/ws/chat", "x", origin="https://evil.example"):
            pass
    assert refused.value.response.status_code == 403


async def test_frames_before_hello_are_refused_and_the_socket_stays(platform: Any) -> None:
    async with platform.person() as client:
        await client.ask("too early", ask_id="early")
        refused = await client.receive()
        assert (refused["code"], refused["ask_id"]) == ("protocol.not_greeted", "early")
        await client.send("ping")
        assert (await client.receive()) == {"type": "pong"}
        assert (await client.hello())["type"] == "welcome"


MALFORMED: list[tuple[str, str, str | None]] = [
    ("{", "protocol.malformed", None),
    ("[]", "protocol.malformed", None),
    ('"ask"', "protocol.malformed", None),
    ("{}", "protocol.malformed", None),
    ('{"type": 7}', "protocol.malformed", None),
    ('{"type": "asks", "ask_id": "a1"}', "protocol.unknown_type", "a1"),
    ('{"type": "ask"}', "protocol.malformed", None),
    ('{"type": "ask", "ask_id": "a2", "conversation_id": "c"}', "protocol.malformed", "a2"),
    ('{"type": "ask", "ask_id": "a3", "text": "x"}', "protocol.malformed", "a3"),
    (
        '{"type": "ask", "ask_id": 4, "text": "x", "conversation_id": "c"}',
        "protocol.malformed",
        None,
    ),
    (
        '{"type": "ask", "ask_id": "a5", "text": " ", "conversation_id": "c"}',
        "protocol.malformed",
        "a5",
    ),
    (
        '{"type": "ask", "ask_id": "a6", "text": "x", "conversation_id": "c",'
        ' "options": {"route": "cooking"}}',
        "protocol.malformed",
        "a6",
    ),
    ('{"type": "cancel"}', "protocol.malformed", None),
    ('{"type": "cancel", "ask_id": "never"}', "chat.unknown_ask", "never"),
    ('{"type": "reset", "ask_id": "r1"}', "protocol.malformed", "r1"),
    ('{"type": "ack", "seq": "x"}', "protocol.malformed", None),
    ('{"type": "ack", "seq": -1}', "protocol.malformed", None),
    ('{"type": "hello", "client_id": "x", "protocol": 1}', "protocol.malformed", None),
]


async def test_every_malformed_frame_is_named_and_the_socket_stays(platform: Any) -> None:
    async with platform.person() as client:
        await client.hello()
        for text, code, ask_id in MALFORMED:
            await client.socket.send(text)
            refused = await client.receive()
            assert (refused["type"], refused["code"], refused["ask_id"]) == ("failed", code, ask_id)
            assert refused["message"].endswith(".")
        await client.socket.send(b"bytes")
        assert (await client.receive())["code"] == "protocol.malformed"
        done = await client.end_of(await client.ask(QUESTION))
        assert done["type"] == "done"


async def test_a_missing_field_is_named(platform: Any) -> None:
    async with platform.bot() as client:
        await client.hello("bot")
        await client.send("ask", ask_id="a", conversation_id="c", text="x")
        assert "user_id" in (await client.receive())["message"]
        await client.send("ask", ask_id="a", user_id="1", text="x")
        assert "conversation_id" in (await client.receive())["message"]


async def test_a_text_of_200_000_characters_is_too_long(platform: Any) -> None:
    async with platform.person() as client:
        await client.hello()
        await client.ask("x" * 200_000, ask_id="long")
        refused = await client.receive()
        assert refused["code"] == "chat.too_long"
        assert "200,000" in refused["message"]


async def test_a_frame_over_16_mib_closes_with_1009(platform: Any) -> None:
    async with platform.person() as client:
        await client.hello()
        with pytest.raises(ConnectionClosed) as closed:
            await send_and_receive(client, {"type": "ping", "x": "y" * 17 * 1024 * 1024})
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009
    async with platform.person() as client:
        assert (await client.hello())["type"] == "welcome"


async def send_and_receive(client: Any, frame: dict[str, Any]) -> None:
    await client.socket.send(json.dumps(frame))
    await client.receive()


async def test_an_unknown_model_is_refused_by_name(platform: Any) -> None:
    async with platform.person() as client:
        await client.hello()
        failed = await client.end_of(await client.ask(QUESTION, options={"model": "nope:1b"}))
        assert failed["code"] == "model.unavailable"
        assert failed["message"].startswith("Model not available: nope:1b")


async def test_a_file_without_its_bytes_is_refused_with_a_sentence(platform: Any) -> None:
    async with platform.person() as client:
        await client.hello()
        await client.ask("read", ask_id="f", attachments=[{"filename": "a.pdf", "size": 3}])
        refused = await client.receive()
        assert refused["code"] == "protocol.malformed"
        assert "`attachments.0`" in refused["message"]


async def test_a_lost_socket_cancels_nothing_and_resumes_behind_what_was_seen(
    platform: Any,
) -> None:
    async with platform.person() as client:
        await client.hello()
        ask_id = await client.ask(QUESTION)
        queued = await client.until(lambda frame: frame["type"] == "queued")
    async with platform.person() as again:
        welcome = await again.hello(session_id=client.session_id, after=queued["seq"])
        assert welcome["resumed"] is True
        done = await again.end_of(ask_id)
    numbers = [frame["seq"] for frame in again.seen if "seq" in frame]
    assert numbers == list(range(queued["seq"] + 1, queued["seq"] + 1 + len(numbers)))
    assert "".join(frame["text"] for frame in again.of(ask_id, "delta")) == done["text"]


async def test_a_client_without_a_session_gets_what_it_has_not_acknowledged(
    platform: Any,
) -> None:
    async with platform.person() as client:
        await client.hello("tab")
        first = await client.end_of(await client.ask("What is 1 + 1?"))
        await client.send("ack", seq=first["seq"])
        second = await client.end_of(await client.ask("What is 2 + 2?"))
    async with platform.person() as again:
        welcome = await again.hello("tab", session_id="unknown", after=99)
        assert welcome["resumed"] is False
        end = await again.receive()
        assert (end["ask_id"], end["text"], end["seq"]) == (second["ask_id"], second["text"], 1)
        await again.send("ping")
        assert await again.receive() == {"type": "pong"}


async def test_another_person_cannot_take_over_a_session(platform: Any) -> None:
    async with platform.person("anna") as anna:
        await anna.hello("tab")
        await anna.end_of(await anna.ask(QUESTION))
        async with platform.person("bert") as bert:
            welcome = await bert.hello("tab", session_id=anna.session_id)
            assert welcome["resumed"] is False
            assert welcome["session_id"] != anna.session_id
            await bert.send("ping")
            assert await bert.receive() == {"type": "pong"}
            await bert.send("cancel", ask_id=anna.seen[-1]["ask_id"])
            assert (await bert.receive())["code"] == "chat.unknown_ask"


async def test_a_second_connection_of_a_client_replaces_the_first(platform: Any) -> None:
    async with platform.person() as first, platform.person() as second:
        await first.hello("tab")
        await second.hello("tab")
        with pytest.raises(ConnectionClosed) as closed:
            await first.receive()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4001
        assert (await second.end_of(await second.ask(QUESTION)))["type"] == "done"


async def test_an_ask_sent_again_gets_the_same_end_and_is_answered_once(platform: Any) -> None:
    async with platform.person() as client:
        await client.hello()
        for _ in range(3):
            await client.ask(QUESTION, ask_id="same")
        first = await client.end_of("same")
        await client.ask(QUESTION, ask_id="same")
        again = await client.end_of("same")
    assert {**first, "seq": 0} == {**again, "seq": 0}
    answers = [r for r in platform.rehearsal.record.requests if r.model == "rnj-1:8b" and r.tokens]
    assert len(answers) == 1


async def test_reset_forgets_what_was_said(platform: Any) -> None:
    async with platform.person() as client:
        await client.hello()
        await client.end_of(await client.ask("My cat is called Mia."))
        await client.send("reset", conversation_id="talk", user_id="x", ask_id="r1")
        assert "forgotten" in (await client.end_of("r1"))["text"]
        done = await client.end_of(await client.ask("What did I ask before?"))
        assert "Mia" not in done["text"]


async def test_only_the_owner_resets_a_shared_conversation(platform: Any) -> None:
    async with platform.bot() as client:
        await client.hello("bot")
        await client.end_of(await client.ask("hello", user_id="1", conversation_id="t"))
        await client.end_of(await client.ask("hello too", user_id="2", conversation_id="t"))
        await client.send("reset", conversation_id="t", user_id="2", ask_id="r1")
        assert (await client.end_of("r1"))["code"] == "chat.forbidden"
        await client.send("close", conversation_id="t", user_id="1", ask_id="r2")
        assert (await client.end_of("r2"))["type"] == "done"


async def test_discord_conversations_are_not_begun_or_read_by_others(platform: Any) -> None:
    async with platform.bot() as bot, platform.person("anna") as anna:
        await bot.hello("bot")
        await anna.hello()
        await bot.end_of(await bot.ask("hello", user_id="1", conversation_id="t"))
        for conversation in ("discord:t", "discord:new"):
            await anna.ask("hello", ask_id=conversation, conversation_id=conversation)
            assert (await anna.end_of(conversation))["code"] == "chat.forbidden"


async def test_a_summary_is_shown(platform: Any) -> None:
    async with platform.person() as client:
        await client.hello()
        await client.send("summarize", conversation_id="talk", user_id="x", ask_id="s0")
        assert (await client.end_of("s0"))["code"] == "not_found"
        await client.end_of(await client.ask("My cat is called Mia."))
        await client.send("summarize", conversation_id="talk", user_id="x", ask_id="s1")
        assert (await client.end_of("s1"))["text"]


async def test_thinking_is_only_shown_to_those_who_want_it(platform: Any) -> None:
    async with platform.person() as client:
        await client.hello()
        options = {"model": "gpt-oss:20b"}
        quiet = await client.ask(QUESTION, options=options)
        await client.end_of(quiet)
        loud = await client.ask(QUESTION, options=options | {"think": "high"})
        await client.end_of(loud)
    assert client.of(quiet, "thinking") == []
    assert client.of(loud, "thinking") != []


async def test_positions_fall_one_by_one(start: Any) -> None:
    async with start(queue_workers=1, speed=20) as platform, platform.bot() as client:
        await client.hello("bot")
        asks = [
            await client.ask("What is 1 + 1?", conversation_id=str(n), user_id=str(n))
            for n in range(4)
        ]
        await client.end_of(asks[-1])
    told = [f["position"] for f in client.seen if f.get("ask_id") == asks[-1] and "position" in f]
    assert [position for position in told if position is not None] == [3, 2, 1]


async def test_without_streaming_the_end_still_holds_the_whole_answer(start: Any) -> None:
    async with start(enable_streaming=False) as platform, platform.person() as client:
        await client.hello()
        ask_id = await client.ask(QUESTION)
        done = await client.end_of(ask_id)
    assert client.of(ask_id, "delta") == []
    assert "-2" in done["text"]


async def test_a_message_costs_three_store_operations(platform: Any) -> None:
    async with platform.person() as client:
        await client.hello()
        await client.end_of(await client.ask(QUESTION))
        before = platform.store.count.total()
        await client.end_of(await client.ask(QUESTION))
        assert platform.store.count.total() - before == 3


async def test_a_full_queue_says_so(start: Any) -> None:
    room = {"queue_workers": 1, "max_queue_size": 2, "speed": 5}
    async with start(**room) as platform, platform.bot() as client:
        await client.hello("bot")
        asks = [
            await client.ask("count to 200", conversation_id=str(n), user_id="1") for n in range(4)
        ]
        refused = await client.end_of(asks[3])
        assert refused["code"] == "queue.full"
        assert refused["message"].startswith("Queue is full.")
        assert refused["retryable"] is True


async def test_the_service_lives_after_all_that(platform: Any) -> None:
    async with platform.http("") as http:
        with anyio.fail_after(5):
            assert (await http.get("/health/live")).status_code == 200
            assert (await http.get("/health")).json()["status"] == "healthy"
