"""What is written while the bot is away is answered once it is back, and only once."""

import asyncio
from typing import Any

import anyio
import pytest

import bot.catching_up
import bot.chat.delivery
from rehearsal.discord import Channel, DiscordFault
from rehearsal.discord.sessions import Session


async def away(world: Any) -> None:
    await world.kill("bot")
    await world.until(lambda: not world.discord.connected)


async def only(world: Any, channel: Channel, count: int) -> None:
    """That many answers, and nothing beside them."""
    await world.answer(channel, count)
    await anyio.sleep(0.2)
    assert len(world.own(channel)) == count
    assert len(world.ended(channel)) == count


async def known(world: Any) -> Channel:
    """Somebody's channel of direct messages, in which there was one answer."""
    channel: Channel = world.discord.dm_channel(world.discord.ada)
    world.discord.dm(world.discord.ada, "hello")
    await only(world, channel, 1)
    return channel


async def test_a_direct_message(world: Any) -> None:
    channel = await known(world)
    await away(world)
    world.discord.dm(world.discord.ada, "hello again")
    await world.start_bot()
    await only(world, channel, 2)


async def test_a_mention_gets_its_thread(world: Any) -> None:
    discord = world.discord
    await away(world)
    discord.say(discord.ada, discord.general, "just between us")
    discord.say(discord.ada, discord.general, f"@{discord.bot.name} hello")
    await world.start_bot()
    await only(world, await world.thread(), 1)
    assert len(discord.threads(discord.general)) == 1
    assert world.own(discord.general) == []


async def test_a_message_in_the_bots_own_thread(world: Any) -> None:
    discord = world.discord
    discord.say(discord.ada, discord.general, f"@{discord.bot.name} hello")
    thread = await world.thread()
    await only(world, thread, 1)
    await away(world)
    discord.say(discord.grace, thread, "hello again")
    await world.start_bot()
    await only(world, thread, 2)


async def test_a_forum_post_goes_on_after_a_restart(world: Any) -> None:
    discord = world.discord
    post = discord.start_thread(discord.ada, discord.ideas, "An idea", f"@{discord.bot.name} hello")
    await only(world, post, 1)
    await away(world)
    discord.say(discord.ada, post, "hello again")
    await world.start_bot()
    await only(world, post, 2)
    discord.say(discord.ada, post, "and hello once more")
    await only(world, post, 3)


async def test_a_new_session_misses_nothing(world: Any) -> None:
    discord = world.discord
    channel = await known(world)
    discord.forget_sessions()
    discord.drop_gateway(4000)
    discord.dm(discord.ada, "hello again")
    await only(world, channel, 2)


async def test_a_question_that_never_got_to_the_brain(world: Any) -> None:
    discord = world.discord
    channel = await known(world)
    await world.kill("brain")
    discord.dm(discord.ada, "hello again")
    await world.until(lambda: len(world.own(channel)) == 2)
    await away(world)
    await world.start_bot()
    await world.start_brain()
    await only(world, channel, 2)


async def test_a_restart_with_nothing_new_says_nothing(world: Any) -> None:
    channel = await known(world)
    for _ in range(2):
        await away(world)
        await world.start_bot()
    await anyio.sleep(0.3)
    await only(world, channel, 1)


@pytest.mark.parametrize(("bound", "most"), [("MOST_QUESTIONS", 2), ("HOURS", 0)])
async def test_what_is_too_much_is_said(
    world: Any, bound: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot.catching_up, bound, most)
    channel = await known(world)
    await away(world)
    questions = [world.discord.dm(world.discord.ada, f"hello {number}") for number in range(3)]
    await world.start_bot()
    await world.until(lambda: any("I was away" in one.content for one in world.own(channel)))
    (said,) = [one for one in world.own(channel) if "I was away" in one.content]
    left = questions[: len(questions) - most]
    assert said.reply_to == left[-1].id
    await world.answer(channel, 1 + most)
    await anyio.sleep(0.2)
    assert len(world.own(channel)) == 1 + most + 1


async def test_who_may_not_ask_is_not_answered_later_either(world: Any) -> None:
    discord = world.discord
    role = discord.add_role("friends", discord.grace)
    world.variables["discord_allowed_roles"] = str(role.id)
    await away(world)
    for person in (discord.ada, discord.grace):
        discord.say(person, discord.general, f"@{discord.bot.name} hello from {person.name}")
    await world.start_bot()
    thread = await world.thread()
    await only(world, thread, 1)
    assert [one.name for one in discord.threads(discord.general)] == ["hello from grace"]


@pytest.mark.parametrize("ended", [False, True])
async def test_a_memory_older_than_what_happened_doubles_nothing(world: Any, ended: bool) -> None:
    """Killed before the file was written: the brain, or the buttons, know better."""
    discord = world.discord
    channel = await known(world)
    file = world.folder / "data" / "discord.json"
    await anyio.sleep(0.2)
    before = file.read_text()
    discord.dm(discord.ada, "count to 400")
    if ended:
        await only(world, channel, 2)
    else:
        await world.until(lambda: any(" 20 " in one.content for one in world.own(channel)))
    await away(world)
    file.write_text(before)
    for message in channel.messages.values():
        message.nonce = None  # Discord forgets them after minutes
    await world.start_bot()
    await anyio.sleep(0.5)
    await only(world, channel, 2)


async def test_a_second_session_during_the_reading_is_read_for_too(world: Any) -> None:
    """What comes between two sessions into a place that was read already is in neither."""
    discord = world.discord
    channel = await known(world)
    await away(world)
    slow = f"/channels/{channel.id}/messages"
    discord.faults.add([DiscordFault(kind="slow", seconds=1.5, method="GET", path=slow, times=1)])
    discord.say(discord.grace, discord.general, f"@{discord.bot.name} hello from grace")
    await world.start_bot()
    await world.until(
        lambda: any(
            call.method == "GET" and f"/channels/{discord.general.id}/messages" in call.path
            for call in discord.calls
        )
    )
    discord.forget_sessions()
    discord.drop_gateway(4000)
    discord.say(discord.ada, discord.general, f"@{discord.bot.name} hello from ada")
    await world.until(lambda: len(discord.threads(discord.general)) == 2)
    for thread in discord.threads(discord.general):
        await only(world, thread, 1)


async def test_a_server_that_comes_late_is_read_when_it_comes(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    discord = world.discord
    late = discord.add_guild("Late", discord.ada)
    channel = discord.add_channel("far", guild=late)
    await anyio.sleep(0.2)
    await away(world)
    discord.say(discord.ada, channel, f"@{discord.bot.name} hello")
    at_once = Session.tell

    def tell(self: Session, event: str, payload: dict[str, Any]) -> None:
        if event == "GUILD_CREATE" and payload["name"] == late.name:
            asyncio.get_running_loop().call_later(0.8, at_once, self, event, payload)
        else:
            at_once(self, event, payload)

    monkeypatch.setattr(Session, "tell", tell)
    await world.start_bot()
    await world.until(lambda: discord.threads(channel))
    await only(world, discord.threads(channel)[0], 1)


async def test_connections_that_break_while_reading_lose_nothing(world: Any) -> None:
    discord = world.discord
    await away(world)
    for person in (discord.ada, discord.grace):
        discord.say(person, discord.general, f"@{discord.bot.name} hello from {person.name}")
    discord.faults.add([DiscordFault(kind="reset", method="GET", path="/members/", times=2)])
    await world.start_bot()
    await world.until(lambda: len(discord.threads(discord.general)) == 2)
    await world.until(lambda: not world.bot.memory._held)


async def test_a_place_that_cannot_be_read_for_minutes_is_read_later(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot.catching_up, "AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(bot.chat.delivery, "PERSISTENT_TRIES", 2)
    discord = world.discord
    await away(world)
    discord.say(discord.ada, discord.general, f"@{discord.bot.name} hello")
    path = f"/channels/{discord.general.id}/messages"
    fault = DiscordFault(kind="error", status=503, method="GET", path=path, times=4)
    discord.faults.add([fault])
    await world.start_bot()
    await only(world, await world.thread(), 1)


async def test_a_server_that_was_lost_for_a_while_is_read_when_it_is_back(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    discord = world.discord
    guild = discord.state.guilds[discord.general.guild]
    await world.until(lambda: not world.bot.memory._held)
    (session,) = discord.state.sessions.known.values()
    session.tell("GUILD_DELETE", {"id": str(guild.id), "unavailable": True})
    with monkeypatch.context() as lost:
        lost.setattr(Session, "tell", lambda *_: None)
        discord.say(discord.ada, discord.general, f"@{discord.bot.name} hello")
    session.tell("GUILD_CREATE", discord.state.live_guild(guild, session))
    await only(world, await world.thread(), 1)
    await world.until(lambda: not world.bot.memory._held)
