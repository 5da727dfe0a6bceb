"""Rate limits and faults at the REST door, as the real client meets them."""

import aiohttp
import discord
import pytest

from discord_client import Client
from rehearsal.discord import Discord, DiscordFault
from rehearsal.discord.limits import Buckets, Limit, Limits


def spent(buckets: Buckets, times: int, *, method: str = "PATCH", now: float = 0.0) -> list[bool]:
    """Whether each of so many edits in one channel passes."""
    route = "/channels/{channel}/messages/{message}"
    return [buckets.ask(method, route, "1", now=now, wall=1e9 + now).passes for _ in range(times)]


def test_a_sixth_edit_within_five_seconds_is_refused() -> None:
    buckets = Buckets(Limits())
    assert spent(buckets, 6) == [True] * 5 + [False]
    assert spent(buckets, 1, method="POST") == [True], "creating has a bucket of its own"
    assert spent(buckets, 6, now=5.0) == [True] * 5 + [False]


def test_the_headers_say_what_is_left_and_when_it_is_full_again() -> None:
    buckets = Buckets(Limits())
    route = "/channels/{channel}/messages"
    buckets.ask("POST", route, "1", now=10.0, wall=1000.0)
    headers = buckets.ask("POST", route, "1", now=12.0, wall=1002.0).headers
    assert headers["X-RateLimit-Limit"] == "5"
    assert headers["X-RateLimit-Remaining"] == "3"
    assert headers["X-RateLimit-Reset-After"] == "3.000"
    assert headers["X-RateLimit-Reset"] == "1005.000"


def test_the_bot_as_a_whole_has_a_limit_that_interactions_do_not_count_for() -> None:
    buckets = Buckets(Limits(everything=Limit(2, 1.0)))

    def ask(route: str, major: str) -> bool:
        return buckets.ask("POST", route, major, now=0.0, wall=0.0).passes

    assert [ask("/channels/{channel}/messages", str(each)) for each in range(3)] == [
        True, True, False,
    ]  # fmt: skip
    assert ask("/interactions/{interaction}/{token}/callback", "t")
    assert ask("/webhooks/{application}/{token}", "t")


async def message_of(bot: Client, stage: Discord) -> discord.Message:
    """A message of the bot's in `general`."""
    channel = bot.get_channel(stage.general.id)
    assert isinstance(channel, discord.TextChannel)
    return await channel.send("0")


async def test_the_client_is_kept_from_running_into_the_limit_by_the_headers(
    bot: Client, stage: Discord
) -> None:
    sent = await message_of(bot, stage)
    for number in range(1, 8):
        await sent.edit(content=str(number))
    (message,) = stage.messages(stage.general)
    assert message.content == "7"
    assert 429 not in [call.status for call in stage.calls]
    edits = [call.at for call in stage.calls if call.method == "PATCH"]
    assert edits[5] - edits[0] >= 0.49, "the sixth waited for the bucket"


async def test_who_heeds_no_header_gets_429(stage: Discord, url: str) -> None:
    target = f"{url}/api/v10/channels/{stage.general.id}/messages"
    headers = {"Authorization": f"Bot {stage.token}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        for _ in range(5):
            async with http.post(target, json={"content": "x"}) as passed:
                assert passed.status == 200
        async with http.post(target, json={"content": "x"}) as refused:
            assert refused.status == 429
            assert refused.headers["X-RateLimit-Scope"] == "user"
            assert "Via" in refused.headers
            assert 0 < (await refused.json())["retry_after"] <= 0.5
    assert len(stage.messages(stage.general)) == 5


@pytest.mark.parametrize("times", [1, 2])
async def test_a_429_is_waited_for_by_the_client(bot: Client, stage: Discord, times: int) -> None:
    stage.faults.add([DiscordFault(kind="limit", method="POST", retry_after=0.02, times=times)])
    await message_of(bot, stage)
    assert [call.status for call in stage.calls if call.method == "POST"] == [429] * times + [200]


@pytest.mark.parametrize("status", [503, 520])
async def test_some_failures_are_the_callers_to_retry(
    bot: Client, stage: Discord, status: int
) -> None:
    stage.faults.add([DiscordFault(kind="error", status=status, method="POST")])
    with pytest.raises(discord.DiscordServerError):
        await message_of(bot, stage)
    assert stage.messages(stage.general) == []


async def test_a_ban_has_no_headers(bot: Client, stage: Discord) -> None:
    stage.faults.add([DiscordFault(kind="ban", method="POST")])
    with pytest.raises(discord.HTTPException) as banned:
        await message_of(bot, stage)
    assert banned.value.status == 429


async def test_a_request_can_be_done_although_its_answer_is_lost(
    bot: Client, stage: Discord
) -> None:
    stage.faults.add([DiscordFault(kind="reset", method="POST", done=True)])
    with pytest.raises((aiohttp.ClientError, ConnectionError)):
        await message_of(bot, stage)
    assert len(stage.messages(stage.general)) == 1
    stage.faults.add([DiscordFault(kind="reset", method="POST", path="/messages$", skip=1)])
    await message_of(bot, stage)
    with pytest.raises((aiohttp.ClientError, ConnectionError)):
        await message_of(bot, stage)
    assert len(stage.messages(stage.general)) == 2


async def test_an_unknown_route_is_noted(stage: Discord, url: str) -> None:
    headers = {"Authorization": f"Bot {stage.token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.get(f"{url}/api/v10/stickers/1") as answer,
    ):
        assert answer.status == 404
    assert stage.unhandled == ["GET /api/v10/stickers/1"]


async def test_a_wrong_token_is_refused(stage: Discord, url: str) -> None:
    async with Client() as client:
        with pytest.raises(discord.LoginFailure):
            await client.login("wrong")
