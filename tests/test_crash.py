"""`kill -9` of the brain: nothing is lost, nothing is doubled."""

from typing import Any

STORY = "count to 200, please, for"


def shown(frames: list[dict[str, Any]], ask_id: str) -> str:
    """The text a client that follows the protocol has on its screen."""
    attempt, text = 0, ""
    for frame in frames:
        if frame.get("ask_id") != ask_id:
            continue
        if frame.get("attempt", 0) > attempt:
            attempt, text = frame["attempt"], ""
        if frame["type"] == "delta" and frame["attempt"] == attempt:
            text += frame["text"]
        if frame["type"] == "done":
            text = frame["text"]
    return text


async def test_ten_waiting_and_two_streaming_asks_survive_a_killed_brain(box: Any) -> None:
    box.start_all(QUEUE_WORKERS="2", REHEARSAL_SPEED="2")
    options = {"model": "rnj-1:8b"}
    async with box.bot() as client:
        await client.hello("bot")
        asks = [
            await client.ask(
                f"{STORY} {n}", conversation_id=f"t{n}", user_id=str(n), options=options
            )
            for n in range(12)
        ]
        await client.until(lambda _: all(client.of(ask_id, "delta") for ask_id in asks[:2]))
        frames = client.seen
        box.kill("brain")
    box.start("brain")
    async with box.bot() as client:
        client.seen.extend(frames)
        welcome = await client.hello("bot", session_id=client.session_id, after=frames[-1]["seq"])
        assert welcome["resumed"] is False
        ends: list[str] = []
        while len(ends) < len(asks):
            frame = await client.receive()
            if frame["type"] in ("done", "failed"):
                assert frame["type"] == "done", frame
                ends.append(frame["ask_id"])
        await client.send("ack", seq=client.seen[-1]["seq"])
        await client.send("ping")
        assert (await client.receive())["type"] == "pong"
    assert sorted(ends) == sorted(asks)
    assert all(abs(ends.index(ask_id) - place) <= 1 for place, ask_id in enumerate(asks))
    for ask_id in asks:
        done = client.of(ask_id, "done")
        assert len(done) == 1
        assert shown(client.seen, ask_id) == done[0]["text"]
        assert done[0]["attempt"] == (2 if ask_id in asks[:2] else 1)
    for ask_id in asks[:2]:
        attempts = [
            f["attempt"] for f in client.seen if f.get("ask_id") == ask_id and "attempt" in f
        ]
        assert attempts == sorted(attempts)


async def test_an_end_nobody_acknowledged_comes_again_after_a_restart(box: Any) -> None:
    box.start_all()
    async with box.bot() as client:
        await client.hello("bot")
        first = await client.end_of(await client.ask("What is 1 + 1?"))
        await client.send("ack", seq=first["seq"])
        second = await client.end_of(await client.ask("What is 2 + 2?"))
        await client.send("ping")
        await client.receive()
    box.kill("brain")
    box.start("brain")
    async with box.bot() as client:
        await client.hello("bot")
        again = await client.receive()
        assert (again["type"], again["ask_id"]) == ("done", second["ask_id"])
        await client.send("ask", ask_id=first["ask_id"], user_id="42", user_name="Anna",
                          conversation_id="talk", text="What is 1 + 1?")  # fmt: skip
        assert (await client.end_of(first["ask_id"]))["text"] == first["text"]


async def test_a_second_brain_on_the_store_takes_over_and_the_first_one_stops(box: Any) -> None:
    box.start_all(QUEUE_WORKERS="1", REHEARSAL_SPEED="0.5")
    async with box.bot() as client:
        await client.hello("bot")
        ask_id = await client.ask(f"{STORY} 1", options={"model": "rnj-1:8b"})
        await client.until(lambda frame: frame["type"] == "delta")
        first = box.processes.pop("brain")
        box.ports["brain"] = box.free_port()
        box.start("brain")
    async with box.bot() as client:
        await client.hello("bot")
        done = await client.end_of(ask_id)
        assert (done["type"], done["attempt"]) == ("done", 2)
    assert first.wait(30) == 4
