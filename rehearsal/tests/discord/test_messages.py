"""Messages between people and the real client."""

import discord

from discord_client import Client
from rehearsal.discord import Discord


async def test_the_client_learns_who_it_is_and_where(bot: Client, stage: Discord) -> None:
    assert bot.user is not None
    assert bot.user.id == stage.bot.id
    assert [guild.name for guild in bot.guilds] == ["Rehearsal"]
    names = [channel.name for channel in bot.guilds[0].channels]
    assert names == ["general", "lab", "ideas"]


async def test_a_mention_arrives_and_is_answered(bot: Client, stage: Discord) -> None:
    stage.say(stage.ada, stage.general, "@Trollama hello")
    await stage.until(lambda: bot.of("message"))
    (heard,) = bot.of("message")
    assert heard.author.display_name == "Ada"
    assert heard.mentions == [bot.user]
    sent = await heard.reply("Hello Ada")
    assert sent.reference.message_id == heard.id
    (answer,) = stage.messages(stage.general, by=stage.bot)
    assert (answer.content, answer.reply_to) == ("Hello Ada", heard.id)
    assert isinstance(sent, discord.Message)
