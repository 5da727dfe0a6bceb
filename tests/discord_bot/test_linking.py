"""`/link`: one person in Discord and in the browser, with the real auth service."""

from typing import Any

import httpx
import pytest

PASSWORD = "correct horse battery"


@pytest.fixture
def with_auth() -> bool:
    return True


async def use(world: Any, person: Any, channel: Any = None, **options: Any) -> str:
    """What `/link` answers."""
    discord = world.discord
    used = discord.slash(person, channel or discord.general, "link", options)
    await world.until(lambda: used.original and used.original.content)
    text: str = used.original.content
    return text


async def connect(world: Any, person: Any, code: str, press: str = "Connect") -> str:
    """What `/link code:` says once its question was answered."""
    discord = world.discord
    used = discord.slash(person, discord.general, "link", {"code": code})
    await world.until(lambda: used.original and used.original.content)
    if not used.original.components:
        refused: str = used.original.content
        return refused
    asked = used.original.content
    discord.press(person, used.original, press)
    await world.until(lambda: used.original.content != asked)
    assert used.original.components == []
    said: str = used.original.content
    return said


class Account:
    """Somebody in the browser."""

    def __init__(self, world: Any, name: str) -> None:
        self.world = world
        self.name = name
        self.user_id = ""
        self.token = ""

    async def call(self, method: str, url: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with httpx.AsyncClient(headers=headers, timeout=10) as http:
            answer = await http.request(method, url, json=body)
        return answer.json() | {"status_code": answer.status_code}

    async def auth(self, method: str, path: str, body: Any = None) -> Any:
        return await self.call(method, self.world.auth_url + path, body)

    async def brain(self, method: str, path: str, body: Any = None) -> Any:
        return await self.call(method, f"http://127.0.0.1:{self.world.port}{path}", body)

    async def asks(self, text: str, conversation: str) -> None:
        asked = {"text": text, "conversation_id": conversation}
        taken = await self.brain("POST", "/api/discord/message", asked)
        for _ in range(400):
            path = f"/api/discord/status/{taken['request_id']}"
            if (await self.brain("GET", path))["status"] == "done":
                return
            await self.world.bot.clock.sleep(0.02)
        raise AssertionError(taken)


async def signed_up(world: Any, name: str) -> Account:
    account = Account(world, name)
    person = {"username": name, "password": PASSWORD}
    account.user_id = (await account.auth("POST", "/register", person))["user_id"]
    account.token = (await account.auth("POST", "/login", person))["access_token"]
    return account


async def code_of(account: Account) -> str:
    code: str = (await account.auth("POST", "/link/code"))["code"]
    return code


async def linked(world: Any, name: str = "ada1815") -> Account:
    """An account that is connected with Ada in Discord."""
    account = await signed_up(world, name)
    said = await connect(world, world.discord.ada, f" {await code_of(account)} ")
    assert "Your account is connected" in said, said
    return account


async def test_a_code_from_the_browser_makes_one_person_with_one_budget(world: Any) -> None:
    discord = world.discord
    account = await linked(world)
    discord.dm(discord.ada, "hello")
    channel = discord.dm_channel(discord.ada)
    await world.answer(channel)
    listed = (await account.brain("GET", "/api/conversations"))["conversations"]
    assert [one["conversation_id"] for one in listed] == [f"discord:{channel.id}"]
    await account.asks("hello", "mine")
    mine = await account.brain("GET", f"/api/user/{account.user_id}")
    used = discord.slash(discord.ada, discord.general, "budget", {})
    await world.until(lambda: used.original and used.original.content)
    assert mine["used"] > 0
    assert f"**{mine['used']:,}**" in used.original.content


async def test_a_code_from_discord_is_typed_into_the_website(world: Any) -> None:
    account = await signed_up(world, "ada1815")
    said = await use(world, world.discord.ada)
    assert "10 minutes" in said
    code = said.split("`")[1]
    typed = {"provider": "discord", "code": code}
    answer = await account.auth("POST", "/link-auth-method", typed)
    assert answer["user_id"] == account.user_id
    world.discord.dm(world.discord.ada, "hello")
    channel = world.discord.dm_channel(world.discord.ada)
    await world.answer(channel)
    listed = (await account.brain("GET", "/api/conversations"))["conversations"]
    assert [one["conversation_id"] for one in listed] == [f"discord:{channel.id}"]


async def test_who_is_connected_already_is_told_so(world: Any) -> None:
    await linked(world)
    other = await signed_up(world, "somebodyelse")
    said = await connect(world, world.discord.ada, await code_of(other))
    assert said.startswith("⚠️")
    assert "already linked" in said


async def test_a_code_is_good_once(world: Any) -> None:
    account = await signed_up(world, "ada1815")
    code = await code_of(account)
    assert "Your account is connected" in await connect(world, world.discord.ada, code)
    assert "not valid" in await connect(world, world.discord.grace, code)


async def test_a_strangers_code_connects_nobody_who_does_not_know_the_account(world: Any) -> None:
    discord = world.discord
    stranger = await signed_up(world, "mallory_1")
    code = await code_of(stranger)
    asked = await use(world, discord.ada, code=code)
    assert "the account **mallory\\_1**. Is it yours?" in asked
    methods = (await stranger.auth("GET", "/me"))["auth_methods"]
    assert [method["provider"] for method in methods] == ["password"], "nothing yet"
    assert "Nothing was connected" in await connect(world, discord.ada, code, "Cancel")
    methods = (await stranger.auth("GET", "/me"))["auth_methods"]
    assert [method["provider"] for method in methods] == ["password"]


@pytest.mark.parametrize("options", [{}, {"code": "ABCD-EFGH"}], ids=["code", "redeem"])
async def test_without_the_auth_service_there_is_a_sentence(
    world: Any, options: dict[str, str]
) -> None:
    await world.kill("auth")
    said = await use(world, world.discord.ada, **options)
    assert "Sign-in cannot be reached right now" in said


async def test_a_conversation_from_the_browser_goes_on_in_direct_messages(world: Any) -> None:
    discord = world.discord
    account = await linked(world)
    await account.asks("My cat is called Mia.", "cats")
    channel = discord.dm_channel(discord.ada)
    said = await use(world, discord.ada, channel, conversation="my cat")
    assert "goes on here" in said
    await world.until(lambda: any("🔗" in one.content for one in world.own(channel)))
    discord.dm(discord.ada, "What did I ask before?")
    assert "Mia" in (await world.answer(channel)).content
    opened = await account.brain("GET", "/api/conversations/cats")
    assert len(opened["messages"]) == 4
    assert "discord" in opened["doors"]


async def test_only_places_and_conversations_of_ones_own_are_attached(world: Any) -> None:
    discord = world.discord
    account = await linked(world)
    channel = discord.dm_channel(discord.ada)
    assert "no conversation" in await use(world, discord.ada, channel, conversation="cats")
    for number in (1, 2):
        await account.asks(f"Dogs, part {number}", f"d{number}")
    assert "in a thread" in await use(world, discord.ada, discord.general, conversation="d1")
    assert "Several" in await use(world, discord.ada, channel, conversation="dogs")
    assert "None of your" in await use(world, discord.ada, channel, conversation="cats")
    hers = discord.dm_channel(discord.grace)
    assert "no conversation" in await use(world, discord.grace, hers, conversation="d1")
