"""What is not allowed: to the bot, and to people who did not ask."""

from typing import Any

from rehearsal.discord import DiscordFault, May


async def test_an_answer_ends_without_its_file_where_files_are_refused(world: Any) -> None:
    discord = world.discord
    discord.deny(discord.general, May.ATTACH_FILES)
    words = "Create a file primes.py with a python function for primes"
    discord.say(discord.ada, discord.general, f"@{discord.bot.name} {words}")
    answer = await world.answer(await world.thread())
    assert "I may not attach files here" in answer.content
    assert answer.attachments == []


async def test_nobody_spends_another_ones_tokens(world: Any) -> None:
    discord = world.discord
    discord.say(discord.ada, discord.general, f"@{discord.bot.name} hello")
    thread = await world.thread()
    first = await world.answer(thread)
    discord.press(discord.grace, first, "Regenerate")
    await world.until(lambda: [one for one in thread.messages.values() if one.seen_by])
    assert len(world.own(thread)) == 1
    discord.press(discord.ada, first, "Regenerate")
    await world.answer(thread, 2)


async def test_of_several_questions_in_a_direct_message_each_answer_names_its_own(
    world: Any,
) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    discord.dm(discord.ada, "hello")
    second = discord.dm(discord.ada, "hello again")
    await world.answer(channel, 2)
    assert [one.reply_to for one in world.own(channel)] == [None, second.id]


async def test_who_asks_where_it_may_not_write_is_told_in_private(world: Any) -> None:
    discord = world.discord
    discord.deny(discord.general, May.SEND_MESSAGES, May.SEND_MESSAGES_IN_THREADS)
    discord.say(discord.ada, discord.general, f"@{discord.bot.name} hello")
    channel = discord.dm_channel(discord.ada)
    await world.until(lambda: world.own(channel))
    assert "may not write there" in world.own(channel)[0].content
    assert discord.threads(discord.general) == []


async def test_without_threads_the_answer_comes_in_the_channel(world: Any) -> None:
    discord = world.discord
    discord.deny(discord.general, May.SEND_MESSAGES_IN_THREADS)
    discord.say(discord.ada, discord.general, f"@{discord.bot.name} hello")
    answer = await world.answer(discord.general)
    assert answer.reply_to is not None
    assert discord.threads(discord.general) == []


async def test_stop_stops_although_discord_does_not_take_the_answer_to_the_button(
    world: Any,
) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    discord.dm(discord.ada, "count to 1100")
    await world.until(lambda: world.own(channel))
    discord.faults.add([DiscordFault(kind="reset", path="/callback", times=1)])
    discord.press(discord.ada, world.own(channel)[0], "Stop")
    await world.until(lambda: "🛑 Stopped." in world.own(channel)[-1].content)
    assert discord.faults.left() == []


async def test_stop_is_seen_while_the_brain_is_away(world: Any) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    await world.kill("brain")
    await world.until(lambda: not world.bot.link.connected)
    discord.dm(discord.ada, "hello")
    await world.until(lambda: any("by itself" in one.content for one in world.own(channel)))
    discord.press(discord.ada, world.own(channel)[0], "Stop")
    await world.until(lambda: "Stopping" in world.own(channel)[0].content)
    await world.start_brain()
    await world.until(lambda: world.own(channel)[0].content == "🛑 Stopped.")


async def test_regenerate_does_not_call_a_question_gone_because_discord_is_away(world: Any) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    question = discord.dm(discord.ada, "hello")
    first = await world.answer(channel)
    path = f"/messages/{question.id}"
    away = DiscordFault(kind="error", status=503, method="GET", path=path, times=1)
    discord.faults.add([away])
    discord.press(discord.ada, first, "Regenerate")
    await world.answer(channel, 2)
