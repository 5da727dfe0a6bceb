"""Many people at once."""

import gc
from typing import Any

import psutil

PEOPLE = 200
QUIET = {"model": "rnj-1:8b"}


async def ask_everybody(client: Any, round_: int) -> dict[str, str]:
    """Each in a conversation of their own; what each was answered."""
    asks = {}
    for n in range(PEOPLE):
        ask_id = await client.ask(
            f"What is {n} + {n}?",
            ask_id=f"{round_}-{n}",
            conversation_id=f"thread {n}",
            user_id=str(n),
            options=QUIET,
        )
        asks[ask_id] = str(2 * n)
    client.seen.clear()
    ends: dict[str, str] = {}
    while len(ends) < PEOPLE:
        frame = await client.receive()
        client.seen.clear()
        if frame["type"] in ("done", "failed"):
            assert frame["type"] == "done", frame
            assert frame["ask_id"] not in ends
            ends[frame["ask_id"]] = frame["text"]
            await client.send("ack", seq=frame["seq"])
    for ask_id, answer in asks.items():
        assert answer in ends[ask_id].split("\n")[0], ends[ask_id]
    return ends


async def test_200_conversations_through_2_workers_lose_double_and_cross_nothing(
    start: Any,
) -> None:
    async with start(queue_workers=2, max_queue_size=PEOPLE, speed=1000) as platform:
        async with platform.bot() as client:
            await client.hello("bot")
            await ask_everybody(client, 1)
            gc.collect()
            before = psutil.Process().memory_info().rss
            for round_ in range(2, 5):
                await ask_everybody(client, round_)
            gc.collect()
            grown = psutil.Process().memory_info().rss - before
        status = platform.brain.vram.status()
        assert all(model.leases == 0 for model in status.loaded)
        assert (platform.brain.queue.running_count, platform.brain.queue.waiting()) == (0, [])
    assert grown < 20_000_000, f"{grown / 1e6:.1f} MB more after 600 more conversations"
