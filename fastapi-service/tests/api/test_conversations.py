"""A person's conversations over HTTP: what they see, what others do not, what deleting leaves."""

from typing import Any
from urllib.parse import quote

import anyio
import httpx
import pytest

from brain.context.conversation import key_of

QUESTION = "What is 2 + 3?"
PAINT = "What colour is the sky?"


async def ended(http: httpx.AsyncClient, answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    request_id = answer.json()["request_id"]
    with anyio.fail_after(20):
        while True:
            report: dict[str, Any] = (await http.get(f"/api/discord/status/{request_id}")).json()
            if report["status"] not in ("queued", "running"):
                return report
            await anyio.sleep(0.01)


async def say(http: httpx.AsyncClient, text: str, conversation: str, **fields: Any) -> None:
    body = {"conversation_id": conversation, "text": text} | fields
    report = await ended(http, await http.post("/api/discord/message", json=body))
    assert report["status"] == "done"


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def rows(platform: Any, key: str) -> list[str]:
    return [row.sk for row in await platform.store.query("conversations", key)]


async def test_a_conversation_is_listed_and_read(platform: Any) -> None:
    async with platform.http(platform.token("anna")) as anna:
        await say(anna, PAINT, "sky")
        await say(anna, QUESTION, "sums")
        listed = (await anna.get("/api/conversations")).json()
        assert [one["conversation_id"] for one in listed["conversations"]] == ["sums", "sky"]
        assert listed["conversations"][1]["title"] == PAINT
        assert listed["next"] is None
        opened = (await anna.get("/api/conversations/sums")).json()
    assert opened["conversation_id"] == "sums"
    assert opened["owner"] == "anna"
    assert opened["participants"] == [{"user_id": "anna", "name": "Anna"}]
    question, answer = opened["messages"]
    assert (question["role"], question["text"], question["name"]) == ("user", QUESTION, "Anna")
    assert question["at"].endswith("Z")
    assert answer["role"] == "assistant"
    assert "5" in answer["text"]
    assert answer["model"]
    assert answer["route"]
    assert opened["next"] is None


async def test_lists_and_messages_come_in_pages(platform: Any) -> None:
    async with platform.http(platform.token("anna")) as anna:
        for name in ("a", "b", "c"):
            await say(anna, f"{QUESTION} {name}", name)
        await say(anna, PAINT, "a")
        seen, following = [], None
        while True:
            query = {"limit": 2} | ({"after": following} if following else {})
            page = (await anna.get("/api/conversations", params=query)).json()
            seen += [one["conversation_id"] for one in page["conversations"]]
            following = page["next"]
            if following is None:
                break
        assert seen == ["a", "c", "b"]
        newest = (await anna.get("/api/conversations/a", params={"limit": 3})).json()
        assert [m["role"] for m in newest["messages"]] == ["assistant", "user", "assistant"]
        older = (
            await anna.get("/api/conversations/a", params={"limit": 3, "after": newest["next"]})
        ).json()
        assert [message["text"] for message in older["messages"]] == [f"{QUESTION} a"]
        assert older["next"] is None


@pytest.mark.parametrize("name", ["a/b", "50%", "a b?c#d", "ü/..x", "x/reset", "user:bert:talk"])
async def test_any_id_works_percent_encoded(platform: Any, name: str) -> None:
    path = f"/api/conversations/{quote(name, safe='')}"
    async with platform.http(platform.token("anna")) as anna:
        await say(anna, QUESTION, name)
        assert (await anna.get(path)).json()["conversation_id"] == name
        assert (await anna.get("/api/conversations")).json()["conversations"][0][
            "conversation_id"
        ] == name
        assert (await ended(anna, await anna.post(f"{path}/reset")))["status"] == "done"
        assert (await anna.get(path)).json()["messages"] == []
        assert (await anna.delete(path)).status_code == 200
        assert code(await anna.get(path)) == (404, "not_found")


async def test_the_same_id_of_another_person_is_another_conversation(platform: Any) -> None:
    async with (
        platform.http(platform.token("anna")) as anna,
        platform.http(platform.token("bert")) as bert,
    ):
        await say(anna, QUESTION, "talk")
        assert code(await bert.get("/api/conversations/talk")) == (404, "not_found")
        assert code(await bert.delete("/api/conversations/talk")) == (404, "not_found")
        assert (await bert.get("/api/conversations?user_id=anna")).json()["conversations"] == []
        assert code(await bert.get("/api/conversations/talk?user_id=anna")) == (404, "not_found")
        assert len((await anna.get("/api/conversations/talk")).json()["messages"]) == 2


async def test_participants_read_and_only_the_owner_deletes(platform: Any) -> None:
    """In a Discord thread several people ask."""
    async with (
        platform.http() as bot,
        platform.http(platform.token("discord:1")) as owner,
        platform.http(platform.token("discord:2")) as guest,
        platform.http(platform.token("discord:3")) as stranger,
    ):
        for user in ("1", "2"):
            await say(bot, QUESTION, "77", user_id=user, user_name=f"P{user}")
        path = "/api/conversations/discord:77"
        assert len((await owner.get(path)).json()["messages"]) == 4
        opened = (await guest.get(path)).json()
        assert {one["name"] for one in opened["participants"]} == {"P1", "P2"}
        listed = (await guest.get("/api/conversations")).json()["conversations"]
        assert [one["conversation_id"] for one in listed] == ["discord:77"]
        for answer in (
            await stranger.get(path),
            await stranger.delete(path),
            await stranger.post(f"{path}/reset"),
            await stranger.post(f"{path}/summarize"),
            await guest.delete(path),
            await guest.post(f"{path}/reset"),
        ):
            assert code(answer) == (403, "chat.forbidden")
        assert (await ended(guest, await guest.post(f"{path}/summarize")))["status"] == "done"
        assert (await owner.delete(path)).json()["deleted"] is True
        assert await rows(platform, "discord:77") == []
        assert (await guest.get("/api/conversations")).json()["conversations"] == []
        assert (await owner.get("/api/conversations")).json()["conversations"] == []


async def test_the_bot_acts_for_a_person_or_as_an_operator(platform: Any) -> None:
    async with platform.http() as bot:
        await say(bot, QUESTION, "77", user_id="1", user_name="P1")
        listed = (await bot.get("/api/conversations?user_id=1")).json()["conversations"]
        assert [one["conversation_id"] for one in listed] == ["discord:77"]
        assert (await bot.get("/api/conversations/77?user_id=1")).status_code == 200
        assert code(await bot.get("/api/conversations/77?user_id=2")) == (403, "chat.forbidden")
        assert code(await bot.delete("/api/conversations/77?user_id=2")) == (403, "chat.forbidden")
        assert code(await bot.get("/api/conversations")) == (422, "protocol.malformed")
        assert code(await bot.post("/api/conversations/77/reset")) == (422, "protocol.malformed")
        reset = await bot.post("/api/conversations/77/reset?user_id=1")
        assert "anew" in (await ended(bot, reset))["text"]
        assert (await bot.get("/api/conversations/77")).json()["messages"] == []
        assert (await bot.delete("/api/conversations/77")).status_code == 200
        assert code(await bot.get("/api/conversations/77")) == (404, "not_found")


async def test_an_admin_reads_resets_and_deletes_what_others_began(platform: Any) -> None:
    async with (
        platform.http() as bot,
        platform.http(platform.token("anna")) as anna,
        platform.http(platform.token("root", role="admin")) as root,
    ):
        await say(bot, QUESTION, "77", user_id="1", user_name="P1")
        await say(anna, QUESTION, "talk")
        assert (await root.get("/api/conversations")).json()["conversations"] == []
        listed = (await root.get("/api/conversations?user_id=anna")).json()["conversations"]
        assert [one["conversation_id"] for one in listed] == ["talk"]
        assert len((await root.get("/api/conversations/talk?user_id=anna")).json()["messages"]) == 2
        refused = await root.post("/api/conversations/talk/reset?user_id=anna")
        assert code(refused) == (422, "protocol.malformed")
        await ended(root, await root.post("/api/conversations/discord:77/reset"))
        assert (await root.get("/api/conversations/discord:77")).json()["messages"] == []
        assert (await root.delete("/api/conversations/discord:77")).status_code == 200
        assert (await root.delete("/api/conversations/talk?user_id=anna")).status_code == 200
        assert (await anna.get("/api/conversations")).json()["conversations"] == []


async def test_a_summary_is_queued_like_a_question(platform: Any) -> None:
    async with platform.http(platform.token("anna")) as anna:
        await say(anna, "My cat is called Mia.", "cat")
        accepted = await anna.post("/api/conversations/cat/summarize")
        assert set(accepted.json()) == {"request_id", "ask_id", "status", "position"}
        report = await ended(anna, accepted)
        assert report["status"] == "done"
        assert report["text"]
        assert code(await anna.post("/api/conversations/none/summarize")) == (404, "not_found")


async def test_a_reset_waits_for_the_answer_that_is_being_written(start: Any) -> None:
    async with start(speed=20) as platform, platform.http(platform.token("anna")) as anna:
        asked = await anna.post(
            "/api/discord/message", json={"conversation_id": "c", "text": "count to 100"}
        )
        reset = await anna.post("/api/conversations/c/reset")
        assert (await ended(anna, reset))["status"] == "done"
        assert (await ended(anna, asked))["status"] == "done"
        assert (await anna.get("/api/conversations/c")).json()["messages"] == []


async def test_an_answer_that_ends_after_deleting_brings_nothing_back(start: Any) -> None:
    async with start(speed=20) as platform, platform.person("anna") as client:
        await client.hello()
        await client.end_of(await client.ask(QUESTION, conversation_id="c"))
        ask_id = await client.ask("count to 200", conversation_id="c")
        await client.stage_of(ask_id, "generating")
        async with platform.http(platform.token("anna")) as anna:
            deleted = (await anna.delete("/api/conversations/c")).json()
            assert deleted["messages"] == 2
            assert (await client.end_of(ask_id))["type"] == "done"
            assert await rows(platform, key_of("c", user_id="anna")) == []
            assert code(await anna.get("/api/conversations/c")) == (404, "not_found")


async def test_a_long_conversation_is_deleted_whole(platform: Any) -> None:
    async with platform.http(platform.token("anna")) as anna:
        await say(anna, QUESTION, "long")
        repository = platform.brain.worker._turn._conversations
        key = key_of("long", user_id="anna")
        for order in range(120):
            conversation = await repository.load(key, entries=1)
            about: dict[str, Any] = {"route": "general", "model": "m"}
            await platform.store.write(
                *repository.remember(
                    conversation,
                    order=order,
                    user_id="anna",
                    user_name="Anna",
                    door="web",
                    question="q",
                    answer="a",
                    about=about,
                )
            )
        assert (await anna.delete("/api/conversations/long")).json()["messages"] == 242
        assert await rows(platform, key) == []
        await say(anna, PAINT, "long")
        assert len((await anna.get("/api/conversations/long")).json()["messages"]) == 2


ROUTES = [
    ("GET", ""),
    ("GET", "/c"),
    ("DELETE", "/c"),
    ("POST", "/c/reset"),
    ("POST", "/c/summarize"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_nobody_gets_in_without_a_token(platform: Any, method: str, path: str) -> None:
    async with platform.http("") as nobody:
        answer = await nobody.request(method, f"/api/conversations{path}")
    assert code(answer) == (401, "auth.required")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?limit=0", "limit"),
        ("?limit=501", "limit"),
        ("?limit=x", "limit"),
        ("?after=x", "after"),
        ("?after=nan", "after"),
        (f"?user_id={'x' * 129}", "user_id"),
        (f"/{'x' * 129}", "conversation_id"),
        ("/c?limit=0", "limit"),
        ("/c?after=x", "after"),
    ],
)
async def test_what_is_wrong_is_named(platform: Any, query: str, field: str) -> None:
    async with platform.http(platform.token("anna")) as anna:
        await say(anna, QUESTION, "c")
        answer = await anna.get(f"/api/conversations{query}")
    assert code(answer) == (422, "protocol.malformed")
    assert f"`{field}`" in answer.json()["error"]["message"]
