"""Messages between people and the real client."""

import aiohttp
import discord
import pytest

from discord_client import Client
from rehearsal.discord import Discord, File, May


async def hear(bot: Client, stage: Discord, text: str = "@Trollama hello") -> discord.Message:
    """What the client gets when Ada says something in `general`."""
    said = stage.say(stage.ada, stage.general, text)
    await stage.until(lambda: any(each.id == said.id for each in bot.of("message")))
    heard = bot.of("message")[-1]
    assert isinstance(heard, discord.Message)
    return heard


async def test_the_client_learns_who_it_is_and_where(bot: Client, stage: Discord) -> None:
    assert bot.user is not None
    assert bot.user.id == stage.bot.id
    assert [guild.name for guild in bot.guilds] == ["Rehearsal"]
    names = [channel.name for channel in bot.guilds[0].channels]
    assert names == ["general", "lab", "ideas"]


async def test_a_mention_arrives_and_is_answered(bot: Client, stage: Discord) -> None:
    heard = await hear(bot, stage)
    assert heard.author.display_name == "Ada"
    assert heard.mentions == [bot.user]
    sent = await heard.reply("Hello Ada")
    assert sent.reference is not None
    assert sent.reference.message_id == heard.id
    (answer,) = stage.messages(stage.general, by=stage.bot)
    assert (answer.content, answer.reply_to) == ("Hello Ada", heard.id)


async def test_every_version_of_an_edited_answer_is_kept(bot: Client, stage: Discord) -> None:
    heard = await hear(bot, stage)
    sent = await heard.channel.send("thinking…")
    await sent.edit(content="Four.")
    (answer,) = stage.messages(stage.general, by=stage.bot)
    assert [each.content for each in answer.versions] == ["thinking…", "Four."]
    await sent.delete()
    assert stage.messages(stage.general, by=stage.bot) == []
    assert stage.general.deleted == [answer]


async def test_people_edit_delete_and_react(bot: Client, stage: Discord) -> None:
    await hear(bot, stage)
    (said,) = stage.messages(stage.general)
    stage.edit(said, "@Trollama hello again")
    stage.react(stage.grace, said, "👍")
    stage.react(stage.grace, said, "👍", on=False)
    stage.delete(said)
    await stage.until(lambda: bot.of("raw_message_delete"))
    (edited,) = bot.of("raw_message_edit")
    assert edited.message.content.endswith("hello again")
    (reacted,) = bot.of("raw_reaction_add")
    assert (reacted.user_id, reacted.emoji.name) == (stage.grace.id, "👍")
    assert len(bot.of("raw_reaction_remove")) == 1


async def test_the_bot_reacts_types_and_reads_back(bot: Client, stage: Discord) -> None:
    heard = await hear(bot, stage)
    await heard.add_reaction("✅")
    (said,) = stage.messages(stage.general)
    assert said.reactions == {"✅": [stage.bot.id]}
    async with heard.channel.typing():
        assert len(stage.general.typing) == 1
    await heard.channel.send("one")
    history = [each.content async for each in heard.channel.history(limit=10)]
    assert history == ["one", heard.content]
    assert (await heard.channel.fetch_message(heard.id)).reactions[0].me is True
    await heard.remove_reaction("✅", discord.Object(stage.bot.id))
    assert said.reactions == {}


async def test_files_travel_both_ways(bot: Client, stage: Discord) -> None:
    said = stage.say(stage.ada, stage.general, "see", files=[File("notes.md", b"# Notes")])
    await stage.until(lambda: bot.of("message"))
    (got,) = bot.of("message")[0].attachments
    assert got.content_type == "text/markdown; charset=utf-8"
    assert await got.read() == b"# Notes"
    await bot.of("message")[0].channel.send(
        files=[discord.File(__file__, "test.py"), discord.File(__file__, "two.py")]
    )
    (answer,) = stage.messages(stage.general, by=stage.bot)
    assert [each.filename for each in answer.attachments] == ["test.py", "two.py"]
    assert b"files_travel_both_ways" in answer.attachments[0].content
    async with aiohttp.ClientSession() as http, http.get(got.url + "x") as missing:
        assert missing.status == 404
    assert said.attachments[0].content == b"# Notes"


async def test_direct_messages_need_no_guild(bot: Client, stage: Discord) -> None:
    stage.dm(stage.grace, "psst")
    await stage.until(lambda: bot.of("message"))
    (heard,) = bot.of("message")
    assert isinstance(heard.channel, discord.DMChannel)
    await heard.channel.send("yes?")
    (answer,) = stage.messages(stage.dm_channel(stage.grace), by=stage.bot)
    assert answer.content == "yes?"
    linus = await bot.fetch_user(stage.linus.id)
    await linus.send("hello")
    assert stage.messages(stage.dm_channel(stage.linus))[0].content == "hello"


async def test_nobody_is_pinged_whom_allowed_mentions_leaves_out(
    bot: Client, stage: Discord
) -> None:
    heard = await hear(bot, stage)
    text = f"@everyone <@{stage.grace.id}> <@{stage.ada.id}>"
    await heard.reply(text, allowed_mentions=discord.AllowedMentions.none())
    some = discord.AllowedMentions(users=[discord.Object(stage.ada.id)], everyone=False)
    await heard.channel.send(text, allowed_mentions=some)
    await heard.channel.send(text)
    none, one, everyone = stage.messages(stage.general, by=stage.bot)
    assert (none.mentions, none.everyone) == ([], False)
    assert (one.mentions, one.everyone) == ([stage.ada], False)
    assert everyone.everyone is True


async def test_limits_of_a_message_are_refused_as_discord_does(bot: Client, stage: Discord) -> None:
    heard = await hear(bot, stage)
    with pytest.raises(discord.HTTPException, match="2000 or fewer") as too_long:
        await heard.channel.send("x" * 2001)
    assert too_long.value.code == 50035
    with pytest.raises(discord.HTTPException) as empty:
        await heard.channel.send("")
    assert empty.value.code == 50006
    with pytest.raises(discord.Forbidden) as others:
        await bot.http.edit_message(
            heard.channel.id, heard.id, params=discord.http.handle_message_parameters(content="no")
        )
    assert others.value.code == 50005
    with pytest.raises(discord.NotFound) as gone:
        await heard.channel.fetch_message(1)
    assert gone.value.code == 10008


async def test_the_same_nonce_makes_one_message(bot: Client, stage: Discord) -> None:
    heard = await hear(bot, stage)
    first = await heard.channel.send("once", nonce=7)
    second = await heard.channel.send("once", nonce=7)
    assert first.id == second.id
    assert len(stage.messages(stage.general, by=stage.bot)) == 1


async def test_a_channel_can_be_closed_to_the_bot(bot: Client, stage: Discord) -> None:
    heard = await hear(bot, stage)
    with pytest.raises(discord.Forbidden, match="Missing Permissions"):
        await heard.delete()
    stage.general.denied = int(May.SEND_MESSAGES)
    with pytest.raises(discord.Forbidden) as mute:
        await heard.channel.send("hello")
    assert mute.value.code == 50013
    stage.general.denied = int(May.VIEW_CHANNEL)
    with pytest.raises(discord.Forbidden) as blind:
        await heard.channel.fetch_message(heard.id)
    assert blind.value.code == 50001


async def test_what_stands_around_the_words_is_trimmed(bot: Client, stage: Discord) -> None:
    said = stage.say(stage.ada, stage.general, "  hello \n")
    stage.edit(said, "\nbye ")
    assert [each.content for each in said.versions] == ["hello", "bye"]


async def test_who_is_thrown_out_hears_and_may_nothing_there(bot: Client, stage: Discord) -> None:
    stage.kick_bot(stage.guild)
    stage.say(stage.ada, stage.general, "is it gone?")
    stage.dm(stage.ada, "still there?")
    await stage.until(lambda: bot.of("message"))
    assert [each.content for each in bot.of("message")] == ["still there?"]
    with pytest.raises(discord.Forbidden):
        await bot.get_partial_messageable(stage.general.id).send("hello")


async def test_taken_permissions_and_channels_are_gone_at_once(bot: Client, stage: Discord) -> None:
    channel = bot.get_partial_messageable(stage.general.id)
    stage.deny(stage.general, May.SEND_MESSAGES)
    with pytest.raises(discord.Forbidden):
        await channel.send("hello")
    stage.deny(stage.general)
    await channel.send("hello")
    stage.remove_channel(stage.general)
    with pytest.raises(discord.NotFound):
        await channel.send("hello")
