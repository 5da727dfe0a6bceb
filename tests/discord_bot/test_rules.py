"""Who is answered where, and what a question says of those who talk."""

from typing import Any

import anyio
import pytest

from rehearsal.discord import File


async def questions(world: Any, channel: Any) -> list[Any]:
    """What the brain keeps of the questions of a conversation."""
    opened = await world.brain.shelf.open(f"discord:{channel.id}", reader=None, limit=50)
    return [one for one in opened.messages if one.role == "user"]


async def restarted(world: Any, **variables: Any) -> None:
    """The bot with other settings."""
    await world.kill("bot")
    await world.until(lambda: not world.discord.connected)
    world.variables |= {name: str(value) for name, value in variables.items()}
    await world.start_bot()


async def test_a_channel_may_need_no_mention(world: Any) -> None:
    discord = world.discord
    await restarted(world, discord_talk_channels=discord.lab.id)
    discord.say(discord.ada, discord.general, "hello")
    discord.say(discord.ada, discord.lab, "hello")
    await world.answer(await world.thread(discord.lab))
    assert discord.threads(discord.general) == []


async def test_a_channel_may_be_without_threads(world: Any) -> None:
    discord = world.discord
    await restarted(world, discord_plain_channels=discord.lab.id)
    question = discord.say(discord.ada, discord.lab, f"@{discord.bot.name} hello")
    answer = await world.answer(discord.lab)
    assert answer.reply_to == question.id
    assert discord.threads(discord.lab) == []
    discord.press(discord.ada, answer, "Regenerate")
    assert (await world.answer(discord.lab, 2)).reply_to == question.id
    discord.say(discord.grace, discord.lab, "and you?", reply_to=answer)
    await world.answer(discord.lab, 3)


@pytest.mark.parametrize("what", ["guilds", "channels", "users"])
async def test_elsewhere_and_for_others_it_is_silent(world: Any, what: str) -> None:
    discord = world.discord
    ids = {"guilds": 1, "channels": discord.lab.id, "users": discord.grace.id}
    await restarted(world, **{f"discord_allowed_{what}": ids[what]})
    discord.say(discord.ada, discord.general, f"@{discord.bot.name} hello")
    await world.until(lambda: world.bot.chat.decision_in(discord.general.id))
    decision = world.bot.chat.decision_in(discord.general.id)
    assert decision.because == f"DISCORD_ALLOWED_{what.upper()}"
    assert discord.threads(discord.general) == []


async def test_who_may_not_ask_may_not_press_or_command_either(world: Any) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    discord.dm(discord.ada, "hello")
    answer = await world.answer(channel)
    await restarted(world, discord_allowed_users=discord.grace.id)
    pressed = discord.press(discord.ada, answer, "Regenerate")
    await world.until(lambda: pressed.original and "not be used here" in pressed.original.content)
    used = discord.slash(discord.ada, channel, "summarize", {})
    await world.until(lambda: used.original and "not be used here" in used.original.content)
    sure = {"sure": "yes, delete everything"}
    used = discord.slash(discord.ada, channel, "forget", sure)
    await world.until(lambda: used.original and "deleted" in used.original.content)
    assert world.bot.chat.running == 0
    assert len(world.ended(channel)) == 1


async def test_a_reply_carries_what_it_replies_to(world: Any) -> None:
    discord = world.discord
    said = discord.say(discord.grace, discord.general, "Cats are better than dogs.")
    text = f"@{discord.bot.name} is that true?"
    discord.say(discord.ada, discord.general, text, reply_to=said)
    thread = await world.thread()
    assert thread.name == "is that true?"
    await world.answer(thread)
    (question,) = await questions(world, thread)
    assert question.text == "> Grace wrote:\n> Cats are better than dogs.\n\nis that true?"


async def test_several_people_are_told_apart(world: Any) -> None:
    discord = world.discord
    discord.say(discord.ada, discord.general, f"@{discord.bot.name} ask @grace, not me")
    thread = await world.thread()
    await world.answer(thread)
    discord.say(discord.grace, thread, "here I am")
    await world.answer(thread, 2)
    asked = await questions(world, thread)
    assert [one.name for one in asked] == ["Ada", "Grace"]
    assert asked[0].text == "ask @Grace, not me"
    opened = await world.brain.shelf.open(f"discord:{thread.id}", reader=None, limit=1)
    assert set(opened.conversation.participants.values()) == {"Ada", "Grace"}


async def test_several_files_go_with_one_question(world: Any) -> None:
    discord = world.discord
    files = [File("a.txt", b"The cat is called Mia."), File("b.csv", b"name,age\nMia,3\n")]
    discord.dm(discord.ada, "What do these files say?", files=files)
    channel = discord.dm_channel(discord.ada)
    await world.answer(channel)
    (question,) = await questions(world, channel)
    assert sorted(one.filename for one in question.files) == ["a.txt", "b.csv"]


async def test_an_empty_mention_is_answered_with_help(world: Any) -> None:
    discord = world.discord
    discord.say(discord.ada, discord.general, f"@{discord.bot.name}")
    await world.until(lambda: world.own(discord.general))
    await anyio.sleep(0.05)
    (said,) = world.own(discord.general)
    assert "/help" in said.content or "Talk to me" in said.content
