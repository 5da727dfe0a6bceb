"""Thumbs below answers, from Discord to where the brain keeps them."""

from typing import Any

import anyio
import pytest

from brain.people.feedback import PREFIX
from rehearsal.discord import DiscordFault

LONG = "".join(f"Line {number} of a long answer.\n" for number in range(200))


@pytest.fixture
def speed() -> float:
    return 60


@pytest.fixture
def replies() -> dict[str, str]:
    return {"the long one": LONG}


async def votes(world: Any, person: Any) -> list[tuple[str, str]]:
    rows = await world.brain.store.query("users", f"discord:{person.id}", prefix=PREFIX)
    return [(row.item["verdict"], row.item["model"]) for row in rows]


async def until_votes(world: Any, person: Any, *verdicts: str) -> None:
    found: list[tuple[str, str]] = []
    for _ in range(200):
        found = await votes(world, person)
        if [verdict for verdict, _ in found] == list(verdicts):
            return
        await world.bot.clock.sleep(0.02)
    raise AssertionError(found)


async def asked(world: Any, text: str) -> list[Any]:
    discord = world.discord
    discord.dm(discord.ada, text)
    channel = discord.dm_channel(discord.ada)
    await world.answer(channel)
    messages: list[Any] = world.own(channel)
    return messages


async def test_a_thumb_is_kept_changed_and_taken_back(world: Any) -> None:
    discord = world.discord
    (message,) = await asked(world, "hello")
    discord.react(discord.ada, message, "👍")
    await until_votes(world, discord.ada, "good")
    assert (await votes(world, discord.ada))[0][1] == "gpt-oss:20b"
    discord.react(discord.ada, message, "👎")
    await until_votes(world, discord.ada, "bad")
    discord.react(discord.ada, message, "👍", on=False)
    discord.react(discord.ada, message, "👎", on=False)
    await until_votes(world, discord.ada)


async def test_everybody_who_sees_an_answer_has_a_vote(world: Any) -> None:
    discord = world.discord
    discord.say(discord.ada, discord.general, f"@{discord.bot.name} hello")
    answer = await world.answer(await world.thread())
    discord.react(discord.ada, answer, "👍")
    discord.react(discord.grace, answer, "👎")
    await until_votes(world, discord.ada, "good")
    await until_votes(world, discord.grace, "bad")


async def test_any_message_of_a_long_answer_will_do_also_after_a_restart(world: Any) -> None:
    discord = world.discord
    messages = await asked(world, "the long one")
    assert len(messages) > 2
    await world.kill("bot")
    await world.until(lambda: not discord.connected)
    await world.start_bot()
    discord.react(discord.ada, messages[0], "👎")
    await until_votes(world, discord.ada, "bad")


async def test_an_answer_of_long_ago_still_says_which_it_was(world: Any) -> None:
    discord = world.discord
    (message,) = await asked(world, "hello")
    await world.kill("bot")
    await world.until(lambda: not discord.connected)
    (world.folder / "data" / "discord.json").unlink()
    await world.start_bot()
    discord.react(discord.ada, message, "👍")
    await until_votes(world, discord.ada, "good")


async def test_other_reactions_and_other_messages_are_no_votes(world: Any) -> None:
    discord = world.discord
    (message,) = await asked(world, "hello")
    discord.react(discord.ada, message, "🎉")
    theirs = discord.say(discord.grace, discord.general, "just between us")
    discord.react(discord.ada, theirs, "👍")
    discord.react(discord.ada, message, "👍")
    await until_votes(world, discord.ada, "good")
    assert reads(discord, theirs) == 0


async def test_a_thumb_that_goes_from_somebody_elses_message_is_looked_up_once(world: Any) -> None:
    discord = world.discord
    theirs = discord.say(discord.grace, discord.general, "just between us")
    discord.react(discord.ada, theirs, "👍")
    away = DiscordFault(kind="error", status=503, method="GET", path="/messages/", times=5)
    discord.faults.add([away])
    discord.react(discord.ada, theirs, "👍", on=False)
    await world.until(lambda: reads(discord, theirs))
    await anyio.sleep(0.4)
    assert reads(discord, theirs) == 1


def reads(discord: Any, message: Any) -> int:
    return sum(call.method == "GET" and str(message.id) in call.path for call in discord.calls)
