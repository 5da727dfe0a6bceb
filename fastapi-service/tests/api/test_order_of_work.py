"""Questions for a model in memory go on while another question waits for its model."""

from typing import Any

SMALL, OTHER, BIG = ({"model": name} for name in ("rnj-1:8b", "ministral-3:14b", "gpt-oss:20b"))


def roomy(start: Any, *, speed: float) -> Any:
    """One worker, and memory for all three models."""
    return start(queue_workers=1, speed=speed, vram_hard_limit_gb=40)


async def warm(client: Any, options: dict[str, str]) -> None:
    await client.end_of(await client.ask("hello", conversation_id="warm", options=options))


def ends(client: Any) -> list[str]:
    return [frame["ask_id"] for frame in client.seen if frame["type"] == "done"]


async def all_end(client: Any, asks: list[str]) -> list[str]:
    while not set(asks) <= set(ends(client)):
        frame = await client.receive()
        assert frame["type"] != "failed", frame
    return [ask_id for ask_id in ends(client) if ask_id in asks]


async def test_the_only_slot_is_lent_while_a_model_is_loaded(start: Any) -> None:
    async with roomy(start, speed=2) as platform, platform.person() as client:
        await client.hello()
        await warm(client, SMALL)
        big = await client.ask("hello", conversation_id="big", options=BIG)
        await client.stage_of(big, "loading_model")
        small = [await client.ask("hello", conversation_id=str(n), options=SMALL) for n in range(2)]
        late = await client.ask("hello", conversation_id="late", options=OTHER)
        order = await all_end(client, [big, *small, late])
    assert order == [*small, big, late]
    assert all(done["attempt"] == 1 for done in client.seen if done["type"] == "done")


async def test_whose_model_was_loaded_waits_for_a_slot_and_is_told_so(start: Any) -> None:
    async with roomy(start, speed=4) as platform, platform.person() as client:
        await client.hello()
        await warm(client, SMALL)
        big = await client.ask("hello", conversation_id="big", options=BIG)
        await client.stage_of(big, "loading_model")
        small = await client.ask("count to 200", conversation_id="1", options=SMALL)
        order = await all_end(client, [big, small])
    assert order == [small, big]
    waits = [f for f in client.of(big, "status") if f["stage"] == "waiting"]
    assert "answers that were begun meanwhile come first" in waits[-1]["detail"]
    generating = next(f for f in client.of(big, "status") if f["stage"] == "generating")
    assert client.seen.index(client.of(small, "delta")[-1]) < client.seen.index(generating)


async def test_who_waits_for_a_slot_can_be_cancelled_and_leaves_it_free(start: Any) -> None:
    async with roomy(start, speed=4) as platform, platform.person() as client:
        await client.hello()
        await warm(client, SMALL)
        big = await client.ask("hello", conversation_id="big", options=BIG)
        await client.stage_of(big, "loading_model")
        small = await client.ask("count to 200", conversation_id="1", options=SMALL)
        await client.until(
            lambda f: f.get("ask_id") == big and "begun meanwhile" in (f.get("detail") or "")
        )
        await client.send("cancel", ask_id=big)
        assert (await client.end_of(big))["code"] == "chat.cancelled"
        assert (await client.end_of(small))["type"] == "done"
        assert (await client.end_of(await client.ask("hello", options=BIG)))["type"] == "done"
        assert platform.brain.queue.running_count == 0


async def test_waiting_questions_whose_model_is_in_memory_go_first(start: Any) -> None:
    async with roomy(start, speed=4) as platform, platform.person() as client:
        await client.hello()
        await warm(client, SMALL)
        first = await client.ask("count to 100", conversation_id="0", options=SMALL)
        await client.until(lambda frame: frame["type"] == "delta")
        big = await client.ask("hello", conversation_id="1", options=BIG)
        small = await client.ask("hello", conversation_id="2", options=SMALL)
        assert (await client.until(lambda f: f["type"] == "queued" and f["ask_id"] == small))[
            "position"
        ] == 1
        order = await all_end(client, [first, big, small])
    assert order == [first, small, big]
    told = [f["position"] for f in client.of(big, "status") if f["stage"] == "waiting"]
    assert told[:2] == [2, 1]


async def test_a_conversation_is_expected_to_go_where_it_went_before(start: Any) -> None:
    async with roomy(start, speed=4) as platform, platform.person() as client:
        await client.hello()
        await client.end_of(await client.ask("Solve x^2 + 5x + 6 = 0", conversation_id="maths"))
        before = client.of(ends(client)[0], "done")[0]["model"]
        long = await client.ask("count to 100", conversation_id="0", options={"model": before})
        await client.until(lambda frame: frame["type"] == "delta" and frame["ask_id"] == long)
        big = await client.ask("hello", conversation_id="1", options=BIG)
        again = await client.ask("and for x = 3?", conversation_id="maths")
        order = await all_end(client, [long, big, again])
    assert order.index(again) < order.index(big)
