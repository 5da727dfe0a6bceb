"""Talking to the bot, from a mention to the answer."""

from typing import Any

from rehearsal.discord import DiscordFault


async def test_a_mention_opens_a_thread_and_the_answer_comes_there(world: Any) -> None:
    discord = world.discord
    discord.say(discord.ada, discord.general, f"@{discord.bot.name} Solve x^2 + 5x + 6 = 0")
    thread = await world.thread()
    assert thread.name == "Solve x^2 + 5x + 6 = 0"
    answer = await world.answer(thread)
    assert "-# math · rnj-1:8b" in answer.content
    assert len(world.own(thread)) == 1
    assert world.own(discord.general) == []


async def test_in_its_own_thread_no_mention_is_needed(world: Any) -> None:
    discord = world.discord
    discord.say(discord.ada, discord.general, f"@{discord.bot.name} hello")
    thread = await world.thread()
    await world.answer(thread)
    discord.say(discord.grace, thread, "hello again")
    await world.answer(thread, 2)


async def test_a_direct_message_is_answered_without_a_thread(world: Any) -> None:
    discord = world.discord
    discord.dm(discord.ada, "hello")
    answer = await world.answer(discord.dm_channel(discord.ada))
    assert "Hello!" in answer.content


async def test_a_forum_post_is_answered_in_its_thread(world: Any) -> None:
    discord = world.discord
    post = discord.start_thread(discord.ada, discord.ideas, "An idea", f"@{discord.bot.name} hello")
    await world.answer(post)
    discord.say(discord.ada, post, "hello once more")
    await world.answer(post, 2)


async def test_what_is_not_meant_for_it_is_left_alone(world: Any) -> None:
    discord = world.discord
    other = discord.add_person("otherbot", bot=True)
    discord.say(discord.ada, discord.general, "just between us")
    discord.say(other, discord.general, "beep")
    foreign = discord.start_thread(discord.ada, discord.lab, "Ours", "no bots here")
    discord.say(discord.ada, discord.general, f"@{discord.bot.name} hello")
    await world.answer(await world.thread())
    assert len(discord.threads(discord.general)) == 1
    assert world.own(foreign) == []


async def test_two_bots_do_not_talk_for_ever(world: Any) -> None:
    discord = world.discord
    other = discord.add_person("otherbot", bot=True)
    discord.say(other, discord.general, f"@{discord.bot.name} hello")
    thread = await world.thread()
    for number in range(1, 5):
        await world.answer(thread, number)
        discord.say(other, thread, f"@{discord.bot.name} hello")
    await world.until(lambda: "talked enough" in world.bot.chat.decision_in(thread.id).because)
    assert len(world.own(thread)) == 4
    discord.say(discord.ada, thread, "hello")
    await world.answer(thread, 5)


async def test_a_question_deleted_while_it_is_answered_is_stopped(world: Any) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    message = discord.dm(discord.ada, "Think hard: prove that there are infinitely many primes")
    await world.until(lambda: world.own(channel))
    discord.delete(message)
    await world.until(lambda: "deleted" in world.own(channel)[0].content)
    assert world.brain.queue.running() == []


async def test_a_question_deleted_while_its_thread_is_opened_is_not_asked(world: Any) -> None:
    discord = world.discord
    slow = DiscordFault(kind="slow", seconds=0.2, path="/threads", times=1)
    discord.faults.add([slow])
    message = discord.say(discord.ada, discord.general, f"@{discord.bot.name} hello")
    await world.until(lambda: discord.faults.left() == [])
    discord.delete(message)
    await world.until(lambda: message.id not in world.bot.memory._unsettled)
    assert world.bot.chat.running == 0
    assert world.own(discord.general) == []


async def test_a_question_changed_while_it_is_answered_is_asked_again(world: Any) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    message = discord.dm(discord.ada, "Think hard: prove that there are infinitely many primes")
    await world.until(lambda: world.own(channel))
    discord.edit(message, "hello")
    answer = await world.answer(channel)
    assert "Hello!" in answer.content
    assert len(world.own(channel)) == 1


async def test_saying_cancel_that_request_stops_it(world: Any) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    discord.dm(discord.ada, "Think hard: prove that there are infinitely many primes")
    await world.until(lambda: world.own(channel))
    discord.dm(discord.ada, "Cancel that request.")
    await world.until(lambda: "Stopped" in world.own(channel)[0].content)


def buttons(message: Any) -> list[str]:
    return [part["label"] for row in message.components for part in row["components"]]


async def test_the_stop_button_stops(world: Any) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    discord.dm(discord.ada, "Think hard: prove that there are infinitely many primes")
    await world.until(lambda: world.own(channel))
    discord.press(discord.ada, world.own(channel)[0], "Stop")
    await world.until(lambda: "Stopped" in world.own(channel)[0].content)
    await world.until(lambda: buttons(world.own(channel)[0]) == ["Regenerate"])


async def test_regenerate_answers_again(world: Any) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    discord.dm(discord.ada, "hello")
    first = await world.answer(channel)
    discord.press(discord.ada, first, "Regenerate")
    await world.answer(channel, 2)


async def test_another_model_can_be_asked(world: Any) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    discord.dm(discord.ada, "hello")
    first = await world.answer(channel)
    press = discord.press(discord.ada, first, "Other model")
    await world.until(lambda: press.original is not None and press.original.components)
    menu = press.original.components[0]["components"][0]
    discord.press(discord.ada, press.original, menu["custom_id"], values=["rnj-1:8b"])
    second = await world.answer(channel, 2)
    assert "rnj-1:8b" in second.content
