"""Threads and forums with the real client."""

import discord
import pytest

from discord_client import Client
from rehearsal.discord import Discord


async def begin(bot: Client, stage: Discord) -> discord.Message:
    """Ada's question as the client gets it."""
    stage.say(stage.ada, stage.general, "@Trollama why?")
    await stage.until(lambda: bot.of("message"))
    heard = bot.of("message")[0]
    assert isinstance(heard, discord.Message)
    return heard


async def test_a_thread_opens_from_a_message_once(bot: Client, stage: Discord) -> None:
    heard = await begin(bot, stage)
    thread = await heard.create_thread(name="Why?", auto_archive_duration=60)
    assert (thread.id, thread.name) == (heard.id, "Why?")
    await thread.send("Because.")
    (made,) = stage.threads(stage.general)
    assert [each.content for each in stage.messages(made)] == ["Because."]
    assert isinstance(heard.channel, discord.TextChannel)
    seen = await heard.channel.fetch_message(heard.id)
    assert seen.flags.has_thread
    assert seen.thread is not None
    await stage.until(lambda: bot.of("thread_create"))
    with pytest.raises(discord.HTTPException) as again:
        await heard.create_thread(name="Why?")
    assert again.value.code == 160004
    starter = [each async for each in thread.history(limit=5)][-1]
    assert starter.type is discord.MessageType.thread_starter_message


async def test_what_people_say_in_a_thread_arrives_there(bot: Client, stage: Discord) -> None:
    heard = await begin(bot, stage)
    await heard.create_thread(name="Why?")
    stage.say(stage.grace, stage.threads(stage.general)[0], "really?")
    await stage.until(lambda: len(bot.of("message")) == 2)
    inside = bot.of("message")[1].channel
    assert isinstance(inside, discord.Thread)
    assert inside.owner_id == stage.bot.id
    assert inside.parent is not None
    assert inside.parent.name == "general"


async def test_its_creator_renames_and_archives_a_thread(bot: Client, stage: Discord) -> None:
    heard = await begin(bot, stage)
    thread = await heard.create_thread(name="Why?")
    sent = await thread.send("Because.")
    await thread.edit(name="Because", archived=True)
    (made,) = stage.threads(stage.general)
    assert made.thread is not None
    assert (made.name, made.thread.archived) == ("Because", True)
    with pytest.raises(discord.HTTPException) as archived:
        await sent.edit(content="late")
    assert archived.value.code == 50083
    assert isinstance(heard.channel, discord.TextChannel)
    listed = [each.name async for each in heard.channel.archived_threads()]
    assert listed == ["Because"]
    await thread.send("It opens again.")
    assert made.thread.archived is False


async def test_a_forum_post_of_a_person_is_a_thread_with_a_message(
    bot: Client, stage: Discord
) -> None:
    post = stage.start_thread(stage.linus, stage.ideas, "A cache", "@Trollama what of it?")
    await stage.until(lambda: bot.of("message"))
    (heard,) = bot.of("message")
    assert (heard.id, heard.channel.id) == (post.id, post.id)
    assert isinstance(heard.channel.parent, discord.ForumChannel)
    await heard.reply("Good idea.")
    assert stage.messages(post, by=stage.bot)[0].content == "Good idea."


async def test_the_bot_posts_in_a_forum(bot: Client, stage: Discord) -> None:
    forum = bot.get_channel(stage.ideas.id)
    assert isinstance(forum, discord.ForumChannel)
    made = await forum.create_thread(name="News", content="It works.")
    assert made.message.id == made.thread.id
    assert stage.messages(stage.threads(stage.ideas)[0])[0].content == "It works."


async def test_there_are_no_threads_in_direct_messages(bot: Client, stage: Discord) -> None:
    stage.dm(stage.ada, "hi")
    await stage.until(lambda: bot.of("message"))
    with pytest.raises(discord.HTTPException) as wrong:
        await bot.http.start_thread_with_message(
            bot.of("message")[0].channel.id, bot.of("message")[0].id, name="no",
            auto_archive_duration=60,
        )  # fmt: skip
    assert wrong.value.code == 50024
