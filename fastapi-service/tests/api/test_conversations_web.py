"""What a page that draws conversations finds in them: how an answer came about, files, the list."""

from typing import Any

import anyio
import httpx

from brain.chat.record import MAX_SOURCES_BYTES, fitting
from brain.context.conversation import key_of
from rehearsal import Script, default_script
from rehearsal.script import ScriptedReply
from shared.protocol import Source
from shared.store import Key, Put

QUESTION = "What is 2 + 3?"
PAINT = "What colour is the sky?"
CODE = "Here you are.\n```python\nprint(2)\n```\n"


def saying(text: str) -> Script:
    replies = (ScriptedReply(match=".", text=text),)
    return default_script().model_copy(update={"replies": replies})


async def ended(http: httpx.AsyncClient, accepted: dict[str, Any]) -> dict[str, Any]:
    with anyio.fail_after(20):
        while True:
            path = f"/api/discord/status/{accepted['request_id']}"
            report: dict[str, Any] = (await http.get(path)).json()
            if report["status"] not in ("queued", "running"):
                return report
            await anyio.sleep(0.01)


async def say(http: httpx.AsyncClient, text: str, conversation: str, **fields: Any) -> Any:
    body = {"conversation_id": conversation, "text": text} | fields
    answer = await http.post("/api/discord/message", json=body)
    assert answer.status_code == 202, answer.text
    return await ended(http, answer.json())


async def titles(http: httpx.AsyncClient, **query: Any) -> list[str]:
    answer = await http.get("/api/conversations", params=query)
    return [one["title"] for one in answer.json()["conversations"]]


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_an_answer_is_kept_with_how_it_came_about(platform: Any) -> None:
    async with platform.http(platform.token("anna")) as anna:
        done = await say(anna, QUESTION, "sums")
        opened = (await anna.get("/api/conversations/sums")).json()
    answer = opened["messages"][1]
    assert answer["request_id"] == done["request_id"]
    assert answer["usage"] == done["usage"]
    assert answer["usage"]["output_tokens"] > 0
    assert set(answer["timings"]) == set(done["timings"])
    assert answer["timings"]["total_ms"] >= answer["timings"]["first_token_ms"] > 0
    assert {name: answer[name] for name in ("route", "model", "why", "sources")} == {
        name: done[name] for name in ("route", "model", "why", "sources")
    }
    assert opened["doors"] == ["api"]
    assert opened["running"] == []


async def test_an_answer_of_an_older_version_is_shown_without_what_it_did_not_keep(
    platform: Any,
) -> None:
    key = key_of("old", user_id="anna")
    rows: dict[str, dict[str, Any]] = {
        "~header": {"owner": "anna", "participants": {"anna": "Anna"}, "epoch": 0, "title": "Old"},
        "m#00000000#00000000000000000001#0": {"role": "user", "text": "q", "name": "Anna"},
        "m#00000000#00000000000000000001#1": {
            "role": "assistant",
            "text": "a",
            "model": "m",
            "made": [{"file_id": "f", "filename": "f.txt", "version": 1}],
        },
    }
    moment = {"at": 1.0, "created_at": 1.0, "updated_at": 1.0}
    for sk, row in rows.items():
        await platform.store.write(Put(Key("conversations", key, sk), row | moment))
    await platform.store.write(
        Put(Key("conversations", "of#anna", key), {"title": "Old", "updated_at": 1.0})
    )
    async with platform.http(platform.token("anna")) as anna:
        opened = (await anna.get("/api/conversations/old")).json()
        answer = opened["messages"][1]
        assert (answer["sources"], answer["usage"], answer["model"]) == ([], None, "m")
        assert answer["artifacts"][0]["url"] is None
        assert opened["doors"] == ["web"]
        await anna.patch("/api/conversations/old", json={"title": "New"})
        [listed] = (await anna.get("/api/conversations")).json()["conversations"]
        assert (listed["title"], listed["doors"]) == ("New", ["web"])


def test_sources_are_kept_in_their_order_and_within_their_room() -> None:
    few = [Source(title="A", url="https://a.example"), Source(title="B", url="https://b.example")]
    assert fitting(few) == [one.model_dump(exclude={"type"}) for one in few]
    many = [Source(title="ü" * 1000, url=f"https://x.example/{n}") for n in range(1000)]
    kept = fitting(many)
    assert 10 < len(kept) < 100
    assert sum(len(one["title"].encode()) + len(one["url"]) for one in kept) <= MAX_SOURCES_BYTES
    assert kept[0]["url"] == "https://x.example/0"


async def test_a_file_of_an_answer_is_fetched_by_the_link_in_the_conversation(start: Any) -> None:
    script = saying(CODE)
    async with start(script=script) as platform, platform.http(platform.token("anna")) as anna:
        await say(anna, "write it to a file called two.py", "c")
        [file] = (await anna.get("/api/conversations/c")).json()["messages"][1]["artifacts"]
        async with platform.http("") as nobody:
            path = file["url"].split("/", 3)[3]
            fetched = await nobody.get(f"/{path}")
            altered = await nobody.get(f"/{path[:-2]}")
    assert fetched.text == "print(2)\n"
    assert fetched.headers["content-disposition"] == 'attachment; filename="two.py"'
    assert fetched.headers["x-content-type-options"] == "nosniff"
    assert altered.status_code == 404
    assert (file["filename"], file["size"]) == ("two.py", len("print(2)\n"))
    assert file["media_type"].startswith("text/")
    assert file["expires_at"].endswith("Z")


async def test_a_file_that_has_expired_has_no_link(start: Any) -> None:
    starting = start(script=saying(CODE), artifact_ttl_hours=0.2 / 3600)
    async with starting as platform, platform.http(platform.token("anna")) as anna:
        await say(anna, "write it to a file called two.py", "c")
        await anyio.sleep(0.2)
        [file] = (await anna.get("/api/conversations/c")).json()["messages"][1]["artifacts"]
    assert (file["filename"], file["url"]) == ("two.py", None)


async def test_a_file_of_a_question_is_named_and_linked_while_it_is_kept(platform: Any) -> None:
    async with platform.http(platform.token("anna")) as anna:
        sent = await anna.post("/api/files", files={"file": ("notes.txt", b"cats purr")})
        file_id = sent.json()["file_id"]
        attachment = {"filename": "notes.txt", "file_id": file_id}
        await say(anna, "What do cats do?", "c", attachments=[attachment])
        [file] = (await anna.get("/api/conversations/c")).json()["messages"][0]["files"]
        assert (file["filename"], file["file_id"], file["size"]) == ("notes.txt", file_id, 9)
        assert file["media_type"] == "text/plain"
        path = file["url"].split("/", 3)[3]
        async with platform.http("") as nobody:
            assert (await nobody.get(f"/{path}")).text == "cats purr"
        await platform.brain.files.store.forget("anna")
        [file] = (await anna.get("/api/conversations/c")).json()["messages"][0]["files"]
    assert file == {"filename": "notes.txt", "file_id": file_id, "url": None}


async def test_the_list_says_which_doors_a_conversation_is_used_from(platform: Any) -> None:
    async with (
        platform.http(platform.token("discord:1")) as person,
        platform.http() as bot,
        platform.person("discord:1") as browser,
    ):
        await say(bot, QUESTION, "77", user_id="1", user_name="P")
        [listed] = (await person.get("/api/conversations")).json()["conversations"]
        assert listed["doors"] == ["discord"]
        await browser.hello()
        await browser.end_of(await browser.ask(PAINT, conversation_id="discord:77"))
        [listed] = (await person.get("/api/conversations")).json()["conversations"]
        assert listed["doors"] == ["discord", "web"]
        opened = (await person.get("/api/conversations/discord:77")).json()
        assert opened["doors"] == ["discord", "web"]
        assert len(opened["messages"]) == 4


# ------------------------------------------------------------------ names and finding


async def test_a_conversation_is_renamed_and_keeps_its_name(platform: Any) -> None:
    async with platform.http(platform.token("anna")) as anna:
        await say(anna, QUESTION, "c")
        renamed = await anna.patch("/api/conversations/c", json={"title": "  My   sums "})
        assert renamed.json() == {"conversation_id": "c", "title": "My sums"}
        await say(anna, PAINT, "c")
        assert await titles(anna) == ["My sums"]
        assert (await anna.get("/api/conversations/c")).json()["title"] == "My sums"
        long = await anna.patch("/api/conversations/c", json={"title": "x" * 200})
        assert len(long.json()["title"]) == 80


async def test_a_name_given_while_an_answer_is_written_is_not_lost(start: Any) -> None:
    async with start(speed=20) as platform, platform.http(platform.token("anna")) as anna:
        await say(anna, QUESTION, "c")
        body = {"conversation_id": "c", "text": "count to 100"}
        asked = (await anna.post("/api/discord/message", json=body)).json()
        await anna.patch("/api/conversations/c", json={"title": "Named meanwhile"})
        assert (await ended(anna, asked))["status"] == "done"
        assert await titles(anna) == ["Named meanwhile"]
        assert (await anna.get("/api/conversations/c")).json()["title"] == "Named meanwhile"


async def test_only_who_began_a_conversation_names_it(platform: Any) -> None:
    async with (
        platform.http() as bot,
        platform.http(platform.token("discord:1")) as owner,
        platform.http(platform.token("discord:2")) as guest,
    ):
        for user in ("1", "2"):
            await say(bot, QUESTION, "77", user_id=user, user_name=user)
        path, body = "/api/conversations/discord:77", {"title": "Ours"}
        assert code(await guest.patch(path, json=body)) == (403, "chat.forbidden")
        assert (await owner.patch(path, json=body)).status_code == 200
        assert await titles(guest) == ["Ours"]
        assert code(await owner.patch("/api/conversations/none", json=body)) == (404, "not_found")
        for wrong in ({}, {"title": ""}, {"title": "  "}, {"title": 7}, {"title": "x" * 201}):
            answer = await owner.patch(path, json=wrong)
            assert code(answer) == (422, "protocol.malformed")
            assert "title" in answer.json()["error"]["message"]


async def test_conversations_are_found_by_words_of_title_or_text(platform: Any) -> None:
    async with platform.http(platform.token("anna")) as anna:
        await say(anna, "Tell me about Heidelberg Castle", "a")
        await say(anna, QUESTION, "b")
        await say(anna, "And in which year did the castle burn?", "b")
        found = (await anna.get("/api/conversations?q=CASTLE")).json()["conversations"]
        assert [(one["conversation_id"], one["found_in"]) for one in found] == [
            ("b", "text"),
            ("a", "title"),
        ]
        assert await titles(anna, q="castle heidelberg") == ["Tell me about Heidelberg Castle"]
        assert await titles(anna, q="dragon") == []
        assert len(await titles(anna, q="  ")) == 2
        first = (await anna.get("/api/conversations?q=castle&limit=1")).json()
        after = {"q": "castle", "after": first["next"]}
        assert await titles(anna, **after) == ["Tell me about Heidelberg Castle"]
        assert code(await anna.get(f"/api/conversations?q={'x' * 201}"))[0] == 422
    async with platform.http(platform.token("bert")) as bert:
        assert await titles(bert, q="castle") == []


# ------------------------------------------------------------------ what is under way


async def test_what_is_asked_right_now_stands_in_the_conversation(start: Any) -> None:
    starting = start(speed=5, queue_workers=1)
    async with starting as platform, platform.http(platform.token("anna")) as anna:
        first = {"conversation_id": "c", "text": "count to 300"}
        asked = [
            (await anna.post("/api/discord/message", json=first)).json(),
            (await anna.post("/api/discord/message", json=first | {"text": PAINT})).json(),
        ]
        opened = (await anna.get("/api/conversations/c")).json()
        assert opened["messages"] == []
        assert (opened["title"], opened["owner"]) == ("count to 300", "anna")
        running = opened["running"]
        assert [one["ask_id"] for one in running] == [one["ask_id"] for one in asked]
        assert [one["text"] for one in running] == ["count to 300", PAINT]
        assert "position" not in running[0]
        assert running[1]["position"] == 1
        assert running[0]["asked_at"].endswith("Z")
        assert await titles(anna) == ["count to 300"]
        async with platform.http(platform.token("bert")) as bert:
            assert code(await bert.get("/api/conversations/c")) == (404, "not_found")
            assert await titles(bert) == []
        for one in reversed(asked):
            await anna.delete(f"/api/discord/cancel/{one['request_id']}")
            await ended(anna, one)


async def test_nobody_renames_without_a_token(platform: Any) -> None:
    async with platform.http("") as nobody:
        answer = await nobody.patch("/api/conversations/c", json={"title": "x"})
    assert code(answer) == (401, "auth.required")
