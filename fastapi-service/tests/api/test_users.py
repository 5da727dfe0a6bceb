"""A person over HTTP: week, preferences, history, and being forgotten."""

from typing import Any

import anyio
import httpx
import pytest

from shared.store import Key, Put

QUESTION = "What is 2 + 3?"
MARKER = "[removed at the author's request]"


async def say(http: httpx.AsyncClient, text: str, conversation: str = "c", **fields: Any) -> Any:
    body = {"conversation_id": conversation, "text": text} | fields
    accepted = (await http.post("/api/discord/message", json=body)).json()
    with anyio.fail_after(20):
        while True:
            report = (await http.get(f"/api/discord/status/{accepted['request_id']}")).json()
            if report["status"] not in ("queued", "running"):
                return report
            await anyio.sleep(0.01)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_a_person_sees_their_week(platform: Any) -> None:
    async with platform.http(platform.token("anna")) as anna:
        await say(anna, QUESTION)
        shown = (await anna.get("/api/user/anna")).json()
    assert shown["user_id"] == "anna"
    assert shown["tier"] == "free"
    assert {"used", "reserved", "limit", "bonus", "resets_at"} <= set(shown)
    assert shown["limit"] > 0
    assert shown["enforced"] is False
    assert shown["conversations"] == 1
    assert set(shown["preferences"].values()) == {None}


async def test_the_tier_follows_the_role(platform: Any) -> None:
    async with (
        platform.http(platform.token("root", role="admin")) as root,
        platform.http() as service,
    ):
        assert (await root.get("/api/user/root")).json()["tier"] == "admin"
        assert (await root.get("/api/user/nobody")).json()["tier"] == "free"
        await say(root, QUESTION)
        assert (await service.get("/api/user/root")).json()["tier"] == "admin"


async def test_history_names_the_model_and_the_cost_but_no_words(platform: Any) -> None:
    async with platform.http(platform.token("anna")) as anna:
        for name in ("a", "b", "c"):
            await say(anna, QUESTION, name)
        first = (await anna.get("/api/user/anna/history?limit=2")).json()
        rest = (await anna.get(f"/api/user/anna/history?after={first['next']}")).json()
    assert [asked["conversation_id"] for asked in first["asks"] + rest["asks"]] == ["c", "b", "a"]
    assert rest["next"] is None
    asked = first["asks"][0]
    assert asked["end"] == "done"
    assert asked["kind"] == "ask"
    assert asked["model"]
    assert asked["route"]
    assert asked["input_tokens"] > 0
    assert asked["output_tokens"] > 0
    assert asked["at"].endswith("Z")
    assert QUESTION not in str(first)


async def test_a_cancelled_question_is_in_the_history(start: Any) -> None:
    async with start(speed=5) as platform, platform.person("anna") as client:
        await client.hello()
        ask_id = await client.ask("count to 300")
        await client.stage_of(ask_id, "generating")
        await client.send("cancel", ask_id=ask_id)
        await client.end_of(ask_id)
        async with platform.http(platform.token("anna")) as anna:
            asks = (await anna.get("/api/user/anna/history")).json()["asks"]
    assert [asked["end"] for asked in asks] == ["chat.cancelled"]


async def test_a_preference_holds_in_every_later_question(platform: Any) -> None:
    model = next(iter(sorted(platform.brain.vram.available())))
    async with platform.http(platform.token("anna")) as anna:
        path = "/api/user/anna/preferences"
        kept = (await anna.patch(path, json={"route": "research", "temperature": 0.5})).json()
        assert kept["preferences"]["route"] == "research"
        assert (await say(anna, QUESTION))["route"] == "research"
        kept = (await anna.patch(path, json={"route": None, "language": "de"})).json()
        assert kept["preferences"] == {
            "model": None,
            "route": None,
            "think": None,
            "temperature": 0.5,
            "web_search": None,
            "language": "de",
        }
        assert (await anna.get("/api/user/anna")).json()["preferences"] == kept["preferences"]
        await anna.patch(path, json={"model": model})
        assert (await say(anna, QUESTION, "d"))["model"] == model
        said = await say(anna, QUESTION, "e", options={"route": "math"})
        assert said["route"] == "math"
        assert "you chose" in said["why"]


async def test_temperature_and_language_reach_the_model(platform: Any) -> None:
    async with platform.http(platform.token("anna")) as anna:
        wishes = {"temperature": 0.25, "language": "pt-BR", "route": "general"}
        await anna.patch("/api/user/anna/preferences", json=wishes)
        await say(anna, QUESTION)
    heard = platform.rehearsal.record.requests[-1]
    assert heard.body["options"]["temperature"] == 0.25
    assert heard.messages[0]["role"] == "system"
    assert "`pt-BR`" in heard.messages[0]["text"]


async def test_preferences_survive_a_restart(start: Any) -> None:
    async with start() as platform, platform.http(platform.token("anna")) as anna:
        await anna.patch("/api/user/anna/preferences", json={"route": "research"})
    async with start() as platform, platform.http(platform.token("anna")) as anna:
        assert (await say(anna, QUESTION))["route"] == "research"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"route": "poetry"}, "route"),
        ({"model": "no-such-model"}, "model"),
        ({"model": 7}, "model"),
        ({"temperature": 2.5}, "temperature"),
        ({"temperature": "warm"}, "temperature"),
        ({"think": "sometimes"}, "think"),
        ({"language": "Klingon, please"}, "language"),
        ({"web_search": "perhaps"}, "web_search"),
        ([], "body"),
    ],
)
async def test_a_wrong_preference_is_named_and_changes_nothing(
    platform: Any, body: Any, field: str
) -> None:
    async with platform.http(platform.token("anna")) as anna:
        answer = await anna.patch("/api/user/anna/preferences", json=body)
        assert code(answer) == (422, "protocol.malformed")
        assert f"`{field}" in answer.json()["error"]["message"]
        shown = (await anna.get("/api/user/anna")).json()
    assert set(shown["preferences"].values()) == {None}


async def test_forget_me_leaves_nothing_but_the_marker(platform: Any) -> None:
    secret = "My secret word is Zanzibar."
    async with (
        platform.http() as bot,
        platform.http(platform.token("discord:2")) as me,
        platform.http(platform.token("discord:1")) as other,
    ):
        await say(bot, QUESTION, "77", user_id="1", user_name="Owner")
        await say(bot, secret, "77", user_id="2", user_name="Zoe Zebra")
        await say(me, secret, "mine")
        await me.patch("/api/user/discord:2/preferences", json={"language": "de"})
        deleted = (await me.delete("/api/user/discord:2")).json()["deleted"]
        assert deleted["conversations"] == 1
        assert deleted["messages"] == 3
        assert deleted["asks"] == 2
        assert deleted["preferences"] is True
        texts = [
            message["text"]
            for message in (await other.get("/api/conversations/discord:77")).json()["messages"]
        ]
        assert texts[0] == QUESTION
        assert texts[2] == MARKER
        opened = (await other.get("/api/conversations/discord:77")).json()
        assert [one["user_id"] for one in opened["participants"]] == ["discord:1"]
        assert (await me.get("/api/conversations")).json()["conversations"] == []
        assert (await me.get("/api/user/discord:2/history")).json()["asks"] == []
        again = (await me.delete("/api/user/discord:2")).json()["deleted"]
        assert again == {
            "cancelled": 0,
            "conversations": 0,
            "messages": 0,
            "files": 0,
            "asks": 0,
            "usage": 0,
            "votes": 0,
            "preferences": False,
        }


async def test_forget_me_stops_what_runs_and_takes_its_end_along(start: Any) -> None:
    async with start(speed=5, queue_workers=1) as platform, platform.person("anna") as client:
        await client.hello()
        running = await client.ask("count to 300", conversation_id="a")
        await client.stage_of(running, "generating")
        waiting = await client.ask("count to 300", conversation_id="b")
        queued = await client.until(lambda f: f["type"] == "queued" and f["ask_id"] == waiting)
        async with platform.http(platform.token("anna")) as anna:
            deleted = (await anna.delete("/api/user/anna")).json()["deleted"]
            assert deleted["cancelled"] == 2
            assert deleted["asks"] == 2
            gone = await anna.get(f"/api/discord/status/{queued['request_id']}")
            assert code(gone) == (404, "chat.unknown_ask")
            assert (await anna.get("/api/user/anna/history")).json()["asks"] == []
            assert (await anna.get("/api/conversations")).json()["conversations"] == []
        assert await platform.store.query("jobs", "unshown#user:anna#test") == []


async def test_forgetting_is_no_way_around_the_budget(platform: Any) -> None:
    rows = [
        Put(Key("users", "anna", f"usage#2026-11-{week}#r{n}"), {"tokens": 100, "model": "m"})
        for week in ("09", "16")
        for n in range(12)
    ]
    for row in rows:
        await platform.store.write(row)
    async with platform.http(platform.token("anna")) as anna:
        for usage in (24, 0):
            deleted = (await anna.delete("/api/user/anna")).json()["deleted"]
            assert deleted["usage"] == usage
            kept = await platform.store.query("users", "anna", prefix="usage#")
            assert [(row.sk, row.item) for row in kept] == [
                ("usage#2026-11-16#forgotten", {"tokens": 1200})
            ]


ROUTES: list[tuple[str, str, Any]] = [
    ("GET", "", None),
    ("GET", "/history", None),
    ("PATCH", "/preferences", {"language": "de"}),
    ("DELETE", "", None),
]


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
async def test_who_may_call_what(platform: Any, method: str, path: str, body: Any) -> None:
    async def call(bearer: str) -> httpx.Response:
        async with platform.http(bearer) as http:
            answer: httpx.Response = await http.request(method, f"/api/user/anna{path}", json=body)
            return answer

    assert code(await call("")) == (401, "auth.required")
    assert code(await call(platform.token("bert"))) == (403, "auth.forbidden")
    assert (await call(platform.token("anna"))).status_code == 200
    assert (await call(platform.token("root", role="admin"))).status_code == 200
    async with platform.http() as service:
        assert (
            await service.request(method, f"/api/user/anna{path}", json=body)
        ).status_code == 200


@pytest.mark.parametrize("query", ["?limit=0", "?limit=x", "?after=x", "?limit=501"])
async def test_a_wrong_page_is_named(platform: Any, query: str) -> None:
    async with platform.http(platform.token("anna")) as anna:
        answer = await anna.get(f"/api/user/anna/history{query}")
    assert code(answer) == (422, "protocol.malformed")


async def test_a_bare_snowflake_is_a_discord_person(platform: Any) -> None:
    async with platform.http() as bot:
        await say(bot, QUESTION, "77", user_id="5", user_name="P")
        assert (await bot.get("/api/user/5")).json()["user_id"] == "discord:5"
        asks = (await bot.get("/api/user/5/history")).json()["asks"]
    assert [asked["conversation_id"] for asked in asks] == ["discord:77"]
