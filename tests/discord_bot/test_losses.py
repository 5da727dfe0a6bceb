"""What dies while answers stream: nothing is lost, and nothing comes twice."""

import re
from typing import Any

import anyio
import pytest

from rehearsal.discord import DiscordFault

HARD = "Think hard: prove that there are infinitely many primes"


@pytest.fixture
def speed() -> float:
    """Slow enough to be in the middle of an answer."""
    return 4


async def begun(world: Any, channel: Any) -> None:
    """The answer has begun to grow."""
    await world.until(
        lambda: any("⏳" not in one.content and one.content for one in world.own(channel))
    )


async def once(world: Any, channel: Any) -> None:
    """One answer in one message, and nothing half-finished beside it."""
    await world.answer(channel)
    await anyio.sleep(0.2)
    assert [("⏳" in one.content, bool(one.components)) for one in world.own(channel)] == [
        (False, True)
    ]


async def test_the_gateway_drops(world: Any) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    discord.dm(discord.ada, HARD)
    await begun(world, channel)
    discord.drop_gateway()
    await once(world, channel)


async def test_what_is_asked_while_the_gateway_is_away_is_answered_once(world: Any) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    discord.drop_gateway(4000)
    discord.dm(discord.ada, "hello")
    await once(world, channel)


async def test_an_invalid_session_is_replaced(world: Any) -> None:
    discord = world.discord
    discord.invalidate(resumable=False)
    await world.until(lambda: not discord.connected)
    await world.until(lambda: discord.connected)
    discord.dm(discord.ada, "hello")
    await once(world, discord.dm_channel(discord.ada))


async def test_the_bot_is_killed(world: Any) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    discord.dm(discord.ada, HARD)
    await begun(world, channel)
    await world.kill("bot")
    await world.until(lambda: not discord.connected)
    await world.start_bot()
    await once(world, channel)


async def test_the_bot_is_away_when_the_answer_ends(world: Any) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    discord.dm(discord.ada, HARD)
    await begun(world, channel)
    await world.kill("bot")
    await world.until(lambda: not world.brain.queue.running())
    await world.start_bot()
    await once(world, channel)


async def test_the_bot_is_away_until_discord_has_forgotten_what_it_sent(world: Any) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    discord.dm(discord.ada, HARD)
    await begun(world, channel)
    await world.kill("bot")
    for message in channel.messages.values():
        message.nonce = None
    await world.start_bot()
    await once(world, channel)


async def test_an_answer_of_several_messages_goes_on_where_it_stood(world: Any) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    discord.dm(discord.ada, "count to 1100")
    file = world.folder / "data" / "discord.json"
    await world.until(lambda: len(world.own(channel)) >= 2)
    await world.until(lambda: str(world.own(channel)[1].id) in file.read_text())
    await world.kill("bot")
    before = [one.id for one in world.own(channel)]
    for message in channel.messages.values():
        message.nonce = None
    await world.start_bot()
    await world.answer(channel)
    await world.until(lambda: not any(map(_stop, world.own(channel))))
    messages = world.own(channel)
    assert [one.id for one in messages][: len(before)] == before
    shown = re.findall(r"\b\d+\b", " ".join(one.content for one in messages).split("_")[0])
    assert [int(number) for number in shown] == list(range(1, 1101))


def _stop(message: Any) -> bool:
    return any(part["label"] == "Stop" for row in message.components for part in row["components"])


async def test_the_brain_is_killed(world: Any) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    discord.dm(discord.ada, HARD)
    await begun(world, channel)
    await world.kill("brain")
    await world.start_brain()
    await once(world, channel)


async def test_what_is_asked_while_the_brain_is_away_is_answered_when_it_is_back(
    world: Any,
) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    await world.kill("brain")
    discord.dm(discord.ada, "hello")
    await world.until(lambda: any("not reachable" in one.content for one in world.own(channel)))
    await world.start_brain()
    await once(world, channel)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "error", "status": 503, "times": 2},
        {"kind": "reset", "times": 2},
        {"kind": "reset", "times": 2, "done": True},
        {"kind": "error", "status": 502, "times": 1, "done": True},
        {"kind": "limit", "times": 2},
        {"kind": "ban", "times": 2},
    ],
    ids=str,
)
async def test_discord_fails_in_between(world: Any, fault: dict[str, Any]) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    discord.faults.add([DiscordFault(path="/channels/.*/messages", **fault)])
    discord.dm(discord.ada, "hello")
    await once(world, channel)


async def test_a_broken_event_does_not_end_the_bot(world: Any) -> None:
    discord = world.discord
    for line in list(discord.state.sessions.lines):
        line.send({"op": 0, "t": "MESSAGE_CREATE", "s": 10_000, "d": {"id": "1"}})
    await world.until(lambda: not discord.connected)
    await world.until(lambda: discord.connected)
    discord.dm(discord.ada, "hello")
    await once(world, discord.dm_channel(discord.ada))


async def test_the_bot_hears_while_discord_lets_its_commands_wait(world: Any) -> None:
    discord = world.discord
    await world.kill("bot")
    await world.until(lambda: not discord.connected)
    discord.faults.add(
        [DiscordFault(kind="limit", method="PUT", path="/commands", retry_after=60.0, times=1)]
    )
    await world.start_bot()
    discord.dm(discord.ada, "hello")
    await once(world, discord.dm_channel(discord.ada))
