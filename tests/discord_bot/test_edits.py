"""A question that is changed after its answer: what the README of the bot says about it."""

from typing import Any

import anyio
import pytest

import bot.chat.cog
from rehearsal.discord import DiscordFault

LONG = "".join(f"Line {number} of a long answer.\n" for number in range(150))


@pytest.fixture
def speed() -> float:
    return 60


@pytest.fixture
def replies() -> dict[str, str]:
    return {"the long one": LONG, "the short one": "It is short."}


async def answered(world: Any, text: str) -> tuple[Any, Any]:
    """A question and the channel it was answered in."""
    discord = world.discord
    question = discord.dm(discord.ada, text)
    channel = discord.dm_channel(discord.ada)
    await world.answer(channel)
    return question, channel


async def test_the_new_answer_takes_the_place_of_the_old_one(world: Any) -> None:
    question, channel = await answered(world, "the long one")
    before = [one.id for one in world.own(channel)]
    assert len(before) > 1
    world.discord.edit(question, "the short one")
    await world.until(lambda: len(world.own(channel)) == 1 and world.ended(channel))
    (answer,) = world.own(channel)
    assert answer.id == before[0]
    assert "It is short." in answer.content


async def test_it_may_be_changed_more_than_once(world: Any) -> None:
    question, channel = await answered(world, "hello")
    for text, expected in (("the short one", "It is short."), ("hello", "Hello!")):
        world.discord.edit(question, text)
        await world.until(lambda words=expected: words in world.own(channel)[0].content)
        await world.until(lambda: world.ended(channel))
    assert len(world.own(channel)) == 1


async def test_regenerate_asks_anew_after_a_restart_too(world: Any) -> None:
    _, channel = await answered(world, "hello")
    first = world.ended(channel)[0]
    world.discord.press(world.discord.ada, first, "Regenerate")
    await world.answer(channel, 2)
    await world.until(lambda: world.bot.chat.running == 0)
    await world.kill("bot")
    await world.until(lambda: not world.discord.connected)
    await world.start_bot()
    world.discord.press(world.discord.ada, first, "Regenerate")
    await world.answer(channel, 3)
    opened = await world.brain.shelf.open(f"discord:{channel.id}", reader=None, limit=50)
    assert [one.role for one in opened.messages].count("assistant") == 3


async def test_a_question_asked_twice_and_changed_has_an_end_to_each(world: Any) -> None:
    question, channel = await answered(world, "hello")
    await world.until(lambda: world.bot.chat.running == 0)
    first = world.ended(channel)[0]
    stalled = DiscordFault(kind="slow", seconds=0.5, method="PATCH", path="/messages/", times=2)
    world.discord.faults.add([stalled])
    for _ in range(2):
        world.discord.press(world.discord.ada, first, "Regenerate")
    await world.until(lambda: len(world.own(channel)) == 3)
    world.discord.edit(question, "the short one")
    await world.answer(channel, 3)
    await world.until(lambda: world.bot.chat.running == 0)
    assert ["short" in one.content for one in world.own(channel)] == [False, True, True]


async def test_an_overtaken_question_keeps_its_answer(world: Any) -> None:
    question, channel = await answered(world, "hello")
    world.discord.dm(world.discord.ada, "hello again")
    await world.answer(channel, 2)
    await world.until(lambda: world.bot.chat.running == 0)
    world.discord.edit(question, "the short one")
    await anyio.sleep(0.2)
    assert world.bot.chat.running == 0
    assert not any("It is short." in one.content for one in world.own(channel))


async def test_after_a_quarter_of_an_hour_the_answer_stands(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    question, channel = await answered(world, "hello")
    monkeypatch.setattr(bot.chat.cog, "ANEW_SECONDS", 0.0)
    world.discord.edit(question, "the short one")
    await anyio.sleep(0.2)
    assert "Hello!" in world.own(channel)[0].content


async def test_an_answer_with_files_is_not_written_over(world: Any) -> None:
    question, channel = await answered(
        world, "Create a file primes.py with a python function for primes"
    )
    world.discord.edit(question, "the short one")
    answer = await world.answer(channel, 2)
    assert "It is short." in answer.content
    assert [one.filename for one in world.own(channel)[0].attachments] == ["primes.py"]


async def test_other_changes_than_of_the_words_are_none(world: Any) -> None:
    question, channel = await answered(world, "hello")
    await world.until(lambda: world.bot.chat.running == 0)
    (before,) = [len(one.versions) for one in world.own(channel)]
    world.discord.edit(question, "hello")
    await anyio.sleep(0.2)
    assert [len(one.versions) for one in world.own(channel)] == [before]
