"""The gateway: coming back without loss, and everything that ends a connection."""

import json
import zlib
from typing import Any

import aiohttp
import discord
import pytest

from discord_client import Client, connected
from rehearsal.discord import Discord


def texts(bot: Client) -> list[str]:
    """What the client heard, in order."""
    return [each.content for each in bot.of("message")]


async def hears(bot: Client, stage: Discord, *expected: str) -> None:
    """Wait until the client heard exactly this."""
    await stage.until(lambda: len(texts(bot)) >= len(expected))
    assert texts(bot) == list(expected)


@pytest.mark.parametrize("code", [0, 1000, 4000])
async def test_what_was_said_during_a_drop_is_heard_once(
    bot: Client, stage: Discord, code: int
) -> None:
    stage.say(stage.ada, stage.general, "one")
    await hears(bot, stage, "one")
    stage.drop_gateway(code)
    await stage.until(lambda: not stage.connected)
    stage.say(stage.ada, stage.general, "two")
    await hears(bot, stage, "one", "two")
    stage.say(stage.ada, stage.general, "three")
    await hears(bot, stage, "one", "two", "three")
    assert len([name for name, _ in bot.seen if name == "resumed"]) == 1


async def test_asked_to_reconnect_the_client_resumes(bot: Client, stage: Discord) -> None:
    stage.ask_reconnect()
    await stage.until(lambda: "resumed" in [name for name, _ in bot.seen])
    stage.say(stage.ada, stage.general, "one")
    await hears(bot, stage, "one")


@pytest.mark.parametrize("resumable", [True, False])
async def test_an_invalid_session_is_resumed_or_begun_anew(
    bot: Client, stage: Discord, resumable: bool
) -> None:
    (before,) = stage.state.sessions.known
    stage.invalidate(resumable=resumable)
    wanted = "resumed" if resumable else "connect"
    bot.seen.clear()
    await stage.until(lambda: stage.connected and wanted in [name for name, _ in bot.seen])
    assert (before in stage.state.sessions.known) is resumable
    stage.say(stage.ada, stage.general, "one")
    await hears(bot, stage, "one")


async def test_a_forgotten_session_is_begun_anew(bot: Client, stage: Discord) -> None:
    stage.forget_sessions()
    stage.drop_gateway()
    await stage.until(lambda: stage.connected)
    stage.say(stage.ada, stage.general, "one")
    await hears(bot, stage, "one")


async def test_a_wire_that_falls_silent_is_left_and_nothing_is_lost(
    stage: Discord, url: str
) -> None:
    assert url
    stage.state.rules.heartbeat_seconds = 0.05
    async with connected(stage, Client(heartbeat_timeout=0.12)) as bot:
        stage.fall_silent()
        stage.say(stage.ada, stage.general, "one")
        await hears(bot, stage, "one")
        assert "resumed" in [name for name, _ in bot.seen]


async def test_who_sends_no_heartbeat_is_hung_up_on(stage: Discord, url: str) -> None:
    stage.state.rules.heartbeat_seconds = 0.02
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{url}/gateway?v=10&encoding=json") as socket,
    ):
        await socket.receive_json()
        await socket.receive()
        assert socket.close_code == 4009


async def test_guilds_channels_and_roles_come_while_connected(bot: Client, stage: Discord) -> None:
    other = stage.add_guild("Second", stage.linus)
    stage.add_channel("elsewhere", guild=other)
    stage.add_role("testers", stage.grace)
    await stage.until(lambda: bot.of("guild_role_create"))
    assert [guild.name for guild in bot.guilds] == ["Rehearsal", "Second"]
    assert [channel.name for channel in bot.guilds[1].channels] == ["elsewhere"]
    stage.say(stage.grace, stage.general, "hi")
    await hears(bot, stage, "hi")
    assert [role.name for role in bot.of("message")[0].author.roles] == ["@everyone", "testers"]


async def test_without_the_intent_only_what_is_for_the_bot_has_content(
    stage: Discord, url: str
) -> None:
    async with aiohttp.ClientSession() as http:
        events = await listen(http, url, stage, intents=1 | 1 << 9)
        stage.say(stage.ada, stage.general, "between us")
        stage.say(stage.ada, stage.general, "@Trollama for you")
        heard = [await events.__anext__() for _ in range(2)]
    assert [each["d"]["content"] for each in heard] == ["", f"<@{stage.bot.id}> for you"]


async def test_a_compressed_stream_says_the_same(stage: Discord, url: str) -> None:
    async with aiohttp.ClientSession() as http:
        events = await listen(http, url, stage, intents=1 << 9 | 1 << 15, query="zlib-stream")
        stage.say(stage.ada, stage.general, "packed")
        assert (await events.__anext__())["d"]["content"] == "packed"


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"op": 2, "d": {"token": "wrong", "intents": 0}}, 4004),
        ({"op": 6, "d": {"token": "wrong", "session_id": "x", "seq": 1}}, 4004),
        ({"op": 3, "d": {}}, 4003),
        ({"op": 77, "d": {}}, 4001),
        ([], 4002),
    ],
)
async def test_a_frame_that_is_wrong_ends_the_connection(url: str, frame: Any, code: int) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{url}/gateway?v=10&encoding=json") as socket,
    ):
        assert (await socket.receive_json())["op"] == 10
        await socket.send_json(frame)
        await socket.receive()
        assert socket.close_code == code


async def test_an_intent_that_is_not_allowed_stops_the_client(stage: Discord, url: str) -> None:
    assert url
    stage.state.rules.intents = 0
    client = Client()
    with pytest.raises(discord.PrivilegedIntentsRequired):
        await client.start(stage.token)
    await client.close()


async def test_a_resume_of_what_is_not_known_is_an_invalid_session(
    stage: Discord, url: str
) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{url}/gateway?v=10&encoding=json") as socket,
    ):
        await socket.receive_json()
        resume = {"token": stage.token, "session_id": "x", "seq": 4}
        await socket.send_json({"op": 6, "d": resume})
        assert await socket.receive_json() == {"op": 9, "t": None, "s": None, "d": False}


async def listen(
    http: aiohttp.ClientSession, url: str, stage: Discord, *, intents: int, query: str = ""
) -> Any:
    """Events of a session of our own, after READY and the guilds."""
    target = f"{url}/gateway?v=10&encoding=json&compress={query}"
    socket = await http.ws_connect(target)
    unpack = zlib.decompressobj()

    async def frames() -> Any:
        async for heard in socket:
            if heard.type is aiohttp.WSMsgType.BINARY:
                yield json.loads(unpack.decompress(heard.data))
            else:
                yield heard.json()

    stream = frames()
    assert (await stream.__anext__())["op"] == 10
    await socket.send_json({"op": 2, "d": {"token": stage.token, "intents": intents}})
    assert (await stream.__anext__())["t"] == "READY"
    if intents & 1:
        assert (await stream.__anext__())["t"] == "GUILD_CREATE"
    return stream
