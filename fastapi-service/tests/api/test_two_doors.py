"""One conversation in Discord and in the browser: who may, where it goes, who learns of it."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest

from chat_client import Client

QUESTION = "What is 2 + 3?"
ATTACH = "/api/conversations/c/attach"
THREAD = "/api/conversations/discord:77"


async def ended(http: httpx.AsyncClient, answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    request_id = answer.json()["request_id"]
    with anyio.fail_after(20):
        while True:
            report: dict[str, Any] = (await http.get(f"/api/discord/status/{request_id}")).json()
            if report["status"] not in ("queued", "running"):
                return report
            await anyio.sleep(0.01)


async def say(http: httpx.AsyncClient, text: str, conversation: str, **fields: Any) -> Any:
    body = {"conversation_id": conversation, "text": text} | fields
    return await ended(http, await http.post("/api/discord/message", json=body))


async def texts(http: httpx.AsyncClient, path: str) -> list[str]:
    opened = (await http.get(path)).json()
    return [one["text"] for one in opened["messages"] if one["role"] == "user"]


async def ids(http: httpx.AsyncClient, **query: Any) -> list[str]:
    answer = await http.get("/api/conversations", params=query)
    return [one["conversation_id"] for one in answer.json()["conversations"]]


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.fixture
async def anna(platform: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Signed in, with the conversation `c`; in Discord she is 1, which here needs no link."""
    async with platform.http(platform.token("discord:1")) as http:
        await say(http, QUESTION, "c")
        yield http


@pytest.fixture
async def bot(platform: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with platform.http() as http:
        yield http


async def attach(http: httpx.AsyncClient, *, place: str = "77", **fields: Any) -> httpx.Response:
    body = {"discord_conversation_id": place}
    body |= {"shared": fields.pop("shared")} if "shared" in fields else {}
    return await http.post(ATTACH, json=body, params=fields)


async def notice(client: Client, wanted: str = "conversation.attached") -> dict[str, Any]:
    return await client.until(lambda one: one["type"] == "notice" and one["code"] == wanted)


# ------------------------------------------------------------------ a thread that is attached


async def test_what_is_asked_in_an_attached_thread_belongs_to_the_conversation(
    anna: httpx.AsyncClient, bot: httpx.AsyncClient
) -> None:
    attached = await attach(bot, user_id="1")
    assert attached.status_code == 201
    assert attached.json()["discord_conversation_id"] == "discord:77"
    await say(bot, "from Discord", "77", user_id="1", user_name="A")
    await say(anna, "from the browser", "c")
    assert await texts(anna, "/api/conversations/c") == [
        QUESTION,
        "from Discord",
        "from the browser",
    ]
    assert await texts(anna, THREAD) == await texts(anna, "/api/conversations/c")
    assert await ids(anna) == ["c"]
    opened = (await anna.get("/api/conversations/c")).json()
    assert opened["doors"] == ["api", "discord"]
    assert opened["attached"] == [{"discord_conversation_id": "discord:77", "shared": False}]
    history = (await anna.get("/api/user/discord:1/history")).json()["asks"]
    assert {one["conversation_id"] for one in history} == {"c"}


async def test_one_queue_serves_both_doors_in_the_order_of_the_asks(start: Any) -> None:
    async with (
        start(queue_workers=4, speed=20) as platform,
        platform.http(platform.token("discord:1")) as person,
        platform.http() as bot,
        platform.person("discord:1") as browser,
        platform.bot() as discord,
    ):
        await say(person, QUESTION, "c")
        await attach(bot, user_id="1")
        await browser.hello()
        await discord.hello()
        asks = []
        for number in range(3):
            asks.append((browser, await browser.ask(f"web {number}", conversation_id="c")))
            await browser.until(lambda one: one["type"] == "queued")
            asked = await discord.ask(f"discord {number}", conversation_id="77", user_id="1")
            asks.append((discord, asked))
            await discord.until(lambda one: one["type"] == "queued")
        for client, ask_id in asks:
            assert (await client.end_of(ask_id))["type"] == "done"
        expected = [QUESTION, "web 0", "discord 0", "web 1", "discord 1", "web 2", "discord 2"]
        assert await texts(person, "/api/conversations/c") == expected
    of_browser = {frame["ask_id"] for frame in browser.seen if "ask_id" in frame}
    of_discord = {frame["ask_id"] for frame in discord.seen if "ask_id" in frame}
    assert of_browser == {ask for client, ask in asks if client is browser}
    assert of_discord == {ask for client, ask in asks if client is discord}


async def test_both_doors_learn_once_that_a_thread_is_attached(
    platform: Any, anna: httpx.AsyncClient, bot: httpx.AsyncClient
) -> None:
    async with platform.person("discord:1") as browser, platform.bot() as discord:
        await browser.hello()
        await discord.hello()
        await attach(bot, user_id="1")
        assert (await notice(browser))["conversation_id"] == "c"
        assert (await notice(discord))["conversation_id"] == "discord:77"
        for _ in range(2):
            ask = await discord.ask(QUESTION, conversation_id="77", user_id="1")
            await discord.end_of(ask)
            await browser.end_of(await browser.ask(QUESTION, conversation_id="c"))
        seen = [f["type"] for client in (browser, discord) for f in client.seen]
        assert seen.count("notice") == 2
        await anna.delete(ATTACH)
        assert (await notice(discord, "conversation.detached"))["conversation_id"] == "discord:77"
        assert (await notice(browser, "conversation.detached"))["conversation_id"] == "c"


async def test_both_doors_learn_once_that_a_thread_is_continued_in_the_browser(
    platform: Any, bot: httpx.AsyncClient
) -> None:
    await say(bot, QUESTION, "77", user_id="1", user_name="A")
    async with platform.person("discord:1") as browser, platform.bot() as discord:
        await browser.hello()
        await discord.hello()
        for _ in range(2):
            await browser.end_of(await browser.ask(QUESTION, conversation_id="discord:77"))
        await discord.end_of(await discord.ask(QUESTION, conversation_id="77", user_id="1"))
    for client in (browser, discord):
        [told] = [frame for frame in client.seen if frame["type"] == "notice"]
        assert told["code"] == "conversation.attached"
        assert told["conversation_id"] == "discord:77"


# ------------------------------------------------------------------ who may ask there


async def test_others_in_the_thread_are_refused_with_a_sentence(
    platform: Any, anna: httpx.AsyncClient, bot: httpx.AsyncClient
) -> None:
    await attach(bot, user_id="1")
    asked = {"conversation_id": "77", "text": QUESTION, "user_id": "2"}
    refused = await bot.post("/api/discord/message", json=asked)
    assert code(refused) == (403, "chat.forbidden")
    assert "not open to others" in refused.json()["error"]["message"]
    async with platform.http(platform.token("discord:2")) as bert:
        assert code(await bert.get(THREAD)) == (403, "chat.forbidden")
        answer = await bert.post(
            "/api/discord/message", json={"conversation_id": "discord:77", "text": QUESTION}
        )
        assert code(answer) == (403, "chat.forbidden")
    assert await texts(anna, "/api/conversations/c") == [QUESTION]


async def test_where_the_owner_said_so_others_take_part_until_it_is_detached(
    platform: Any, anna: httpx.AsyncClient, bot: httpx.AsyncClient
) -> None:
    await attach(bot, user_id="1", shared=True)
    await say(bot, "from Bert", "77", user_id="2", user_name="Bert")
    assert await texts(anna, "/api/conversations/c") == [QUESTION, "from Bert"]
    async with platform.http(platform.token("discord:2")) as bert:
        assert await ids(bert) == ["discord:77"]
        assert await texts(bert, THREAD) == [QUESTION, "from Bert"]
        for answer in (
            await bert.delete(THREAD),
            await bert.post(f"{THREAD}/reset"),
            await bert.patch(THREAD, json={"title": "mine"}),
            await bert.delete(f"{THREAD}/attach"),
        ):
            assert answer.status_code in (403, 404), answer.text
        history = (await bert.get("/api/user/discord:2/history")).json()["asks"]
        assert [one["conversation_id"] for one in history] == ["discord:77"]
        assert (await anna.delete(ATTACH)).json()["detached"] == ["discord:77"]
        assert await ids(bert) == []
        assert code(await bert.get(THREAD)) == (404, "not_found")
        history = (await bert.get("/api/user/discord:2/history")).json()["asks"]
        assert [one["conversation_id"] for one in history] == [None]
        assert (await bert.delete("/api/user/discord:2")).status_code == 200
    assert await texts(anna, "/api/conversations/c") == [
        QUESTION,
        "[removed at the author's request]",
    ]


async def test_a_thread_of_somebody_else_is_not_taken_away(
    platform: Any, anna: httpx.AsyncClient, bot: httpx.AsyncClient
) -> None:
    await say(bot, QUESTION, "77", user_id="2", user_name="Bert")
    assert code(await attach(bot, user_id="1")) == (403, "chat.forbidden")
    assert code(await attach(anna)) == (403, "chat.forbidden")
    async with platform.http(platform.token("discord:2")) as bert:
        await say(bert, QUESTION, "c")
        assert (await attach(bert)).status_code == 201
    assert code(await attach(bot, user_id="1")) == (403, "chat.forbidden")
    assert (await attach(bot, user_id="1", place="quiet")).status_code == 201
    assert code(await attach(bot, user_id="2", place="quiet")) == (403, "chat.forbidden")


async def test_with_a_sign_in_a_thread_must_be_ones_own(
    anna: httpx.AsyncClient, bot: httpx.AsyncClient
) -> None:
    assert code(await attach(anna)) == (403, "chat.forbidden")
    await say(bot, "before", "77", user_id="1", user_name="A")
    assert (await attach(anna)).status_code == 201
    await say(bot, "after", "77", user_id="1", user_name="A")
    assert await texts(anna, "/api/conversations/c") == [QUESTION, "after"]
    await anna.delete(ATTACH)
    assert await texts(anna, THREAD) == ["before"]
    assert set(await ids(anna)) == {"c", "discord:77"}


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/api/conversations/none/attach", {"user_id": "1"}, (404, "not_found")),
        ("/api/conversations/c/attach", {"user_id": "2"}, (404, "not_found")),
        ("/api/conversations/c/attach", {}, (422, "protocol.malformed")),
        ("/api/conversations/discord:5/attach", {"user_id": "1"}, (422, "protocol.malformed")),
    ],
)
async def test_only_ones_own_conversation_is_attached(
    anna: httpx.AsyncClient,
    bot: httpx.AsyncClient,
    path: str,
    query: dict[str, str],
    expected: tuple[int, str],
) -> None:
    body = {"discord_conversation_id": "77"}
    assert code(await bot.post(path, json=body, params=query)) == expected
    assert code(await anna.post(path, json={}))[0] == 422


async def test_nobody_attaches_for_somebody_else(
    platform: Any, anna: httpx.AsyncClient, bot: httpx.AsyncClient
) -> None:
    async with (
        platform.http(platform.token("discord:2")) as bert,
        platform.http("") as nobody,
    ):
        assert code(await attach(bert, user_id="discord:1")) == (422, "protocol.malformed")
        assert code(await attach(bert)) == (404, "not_found")
        assert code(await attach(nobody)) == (401, "auth.required")
        assert code(await nobody.delete(ATTACH)) == (401, "auth.required")
        await attach(bot, user_id="1")
        assert code(await bert.delete(ATTACH)) == (404, "not_found")


# ------------------------------------------------------------------ how it ends


async def test_a_thread_is_by_itself_again_after_it_was_detached(
    anna: httpx.AsyncClient, bot: httpx.AsyncClient
) -> None:
    await attach(bot, user_id="1")
    await attach(bot, user_id="1", place="78")
    await say(bot, "together", "77", user_id="1", user_name="A")
    query = {"discord_conversation_id": "78"}
    assert (await anna.delete(ATTACH, params=query)).json()["detached"] == ["discord:78"]
    assert (await anna.get("/api/conversations/c")).json()["doors"] == ["api", "discord"]
    assert (await bot.delete(f"{ATTACH}?user_id=1")).json()["detached"] == ["discord:77"]
    assert code(await anna.delete(ATTACH)) == (404, "not_found")
    assert (await anna.get("/api/conversations/c")).json()["doors"] == ["api"]
    await say(bot, "alone", "77", user_id="2", user_name="B")
    assert await texts(anna, "/api/conversations/c") == [QUESTION, "together"]


async def test_closing_an_attached_thread_keeps_the_conversation(
    platform: Any, anna: httpx.AsyncClient, bot: httpx.AsyncClient
) -> None:
    await attach(bot, user_id="1", shared=True)
    async with platform.bot() as discord:
        await discord.hello()
        await discord.send("close", ask_id="x1", conversation_id="77", user_id="2")
        assert (await discord.end_of("x1"))["code"] == "chat.forbidden"
        await discord.send("close", ask_id="x2", conversation_id="77", user_id="1")
        assert "goes on in the browser" in (await discord.end_of("x2"))["text"]
    opened = (await anna.get("/api/conversations/c")).json()
    assert (len(opened["messages"]), opened["attached"]) == (2, [])


async def test_deleting_the_thread_over_http_takes_it_off_only(
    anna: httpx.AsyncClient, bot: httpx.AsyncClient
) -> None:
    await attach(bot, user_id="1")
    assert (await bot.delete(f"{THREAD}?user_id=1")).json()["deleted"] is False
    assert await texts(anna, "/api/conversations/c") == [QUESTION]
    assert code(await anna.get(THREAD)) == (404, "not_found")


async def test_a_reset_in_the_thread_begins_the_conversation_anew(
    platform: Any, anna: httpx.AsyncClient, bot: httpx.AsyncClient
) -> None:
    await attach(bot, user_id="1", shared=True)
    async with platform.bot() as discord:
        await discord.hello()
        await discord.send("reset", ask_id="r1", conversation_id="77", user_id="2")
        assert (await discord.end_of("r1"))["code"] == "chat.forbidden"
        await discord.send("reset", ask_id="r2", conversation_id="77", user_id="1")
        assert (await discord.end_of("r2"))["type"] == "done"
    assert await texts(anna, "/api/conversations/c") == []


async def test_a_conversation_that_is_gone_holds_no_thread(
    platform: Any, anna: httpx.AsyncClient, bot: httpx.AsyncClient
) -> None:
    for leave in ("/api/conversations/c", "/api/user/discord:1"):
        await say(anna, QUESTION, "c")
        await attach(bot, user_id="1")
        assert (await anna.delete(leave)).status_code == 200
        await say(bot, "alone", "77", user_id="2", user_name="B")
        assert (await bot.get(THREAD)).json()["owner"] == "discord:2"
        await bot.delete(THREAD)
        assert await platform.store.query("conversations", "attached") == []


async def test_a_thread_stays_attached_over_a_restart(start: Any) -> None:
    async with start() as platform, platform.http(platform.token("discord:1")) as anna:
        await say(anna, QUESTION, "c")
        async with platform.http() as bot:
            await attach(bot, user_id="1")
    async with (
        start() as platform,
        platform.http() as bot,
        platform.http(platform.token("discord:1")) as anna,
    ):
        await say(bot, "after", "77", user_id="1", user_name="A")
        assert await texts(anna, "/api/conversations/c") == [QUESTION, "after"]


async def test_a_conversation_whose_id_ends_like_the_path_can_be_deleted(
    anna: httpx.AsyncClient,
) -> None:
    await say(anna, QUESTION, "x/attach")
    assert (await anna.delete("/api/conversations/x%2Fattach")).json()["deleted"] is True
    assert await ids(anna) == ["c"]


async def test_an_attached_thread_costs_no_more_looks_into_the_store(
    platform: Any, anna: httpx.AsyncClient, bot: httpx.AsyncClient
) -> None:
    await attach(bot, user_id="1")
    async with platform.bot() as discord:
        await discord.hello()
        await discord.end_of(await discord.ask(QUESTION, conversation_id="77", user_id="1"))
        before = platform.store.count.total()
        await discord.end_of(await discord.ask(QUESTION, conversation_id="77", user_id="1"))
        assert platform.store.count.total() - before == 3
