"""Thumbs below answers: kept, changed, taken back, counted and forgotten."""

from typing import Any

import httpx
import pytest

from brain.people.feedback import PREFIX
from chat_client import Client

QUESTION = "What is 2 + 3?"


async def answered(client: Client, **fields: Any) -> Any:
    return await client.end_of(await client.ask(QUESTION, **fields))


async def votes(platform: Any, user: str) -> list[dict[str, Any]]:
    rows = await platform.store.query("users", user, prefix=PREFIX)
    return [row.item for row in rows]


async def counted(platform: Any, **labels: str) -> float:
    async with platform.http("") as http:
        lines = (await http.get("/metrics")).text.splitlines()
    wanted = [f'{name}="{value}"' for name, value in labels.items()]
    return sum(
        float(line.split()[-1])
        for line in lines
        if line.startswith("trollama_feedback_total{") and all(one in line for one in wanted)
    )


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_a_vote_is_kept_with_route_and_model_also_over_a_restart(start: Any) -> None:
    async with start() as platform, platform.person("anna") as client:
        await client.hello()
        done = await answered(client)
        async with platform.http(platform.token("anna")) as anna:
            body = {"request_id": done["request_id"], "verdict": "good", "comment": "nice"}
            answer = await anna.post("/api/feedback", json=body)
        assert answer.json() == {
            "request_id": done["request_id"],
            "verdict": "good",
            "route": done["route"],
            "model": done["model"],
        }
        labels = {"verdict": "good", "route": done["route"], "model": done["model"]}
        assert await counted(platform, **labels) == 1
    async with start() as platform:
        (kept,) = await votes(platform, "anna")
    assert kept["verdict"] == "good"
    assert kept["route"] == done["route"]
    assert kept["model"] == done["model"]
    assert kept["comment"] == "nice"


async def test_a_person_has_one_vote_on_an_answer_and_may_change_it(platform: Any) -> None:
    async with platform.person("anna") as client:
        await client.hello()
        done = await answered(client)
    body = {"request_id": done["request_id"]}
    async with platform.http(platform.token("anna")) as anna:
        for verdict in ("good", "good", "bad"):
            await anna.post("/api/feedback", json=body | {"verdict": verdict})
    assert [one["verdict"] for one in await votes(platform, "anna")] == ["bad"]
    assert await counted(platform, verdict="good") == 1
    assert await counted(platform, verdict="bad") == 1


async def test_only_the_vote_that_stands_is_taken_back(platform: Any) -> None:
    async with platform.person("anna") as client:
        await client.hello()
        done = await answered(client)
    name = {"request_id": done["request_id"]}
    async with platform.http(platform.token("anna")) as anna:
        await anna.post("/api/feedback", json=name | {"verdict": "bad"})
        for verdict, deleted in (("good", False), ("bad", True), ("bad", False)):
            answer = await anna.delete("/api/feedback", params=name | {"verdict": verdict})
            assert answer.json() == {"deleted": deleted}
    assert await votes(platform, "anna") == []


async def test_the_bot_votes_for_whoever_saw_the_answer_by_the_id_it_asked_with(
    platform: Any,
) -> None:
    async with platform.bot() as client, platform.http() as service:
        await client.hello("a-bot")
        asked = {"conversation_id": "77", "user_id": "1", "ask_id": "q-1"}
        done = await answered(client, **asked)
        body = {"ask_id": "q-1", "client_id": "a-bot", "user_id": "2", "verdict": "good"}
        answer = await service.post("/api/feedback", json=body)
    assert answer.json()["request_id"] == done["request_id"]
    assert len(await votes(platform, "discord:2")) == 1


async def test_one_votes_on_answers_one_may_read(platform: Any) -> None:
    async with platform.person("anna") as client:
        await client.hello()
        done = await answered(client)
    body = {"request_id": done["request_id"], "verdict": "good"}
    async with platform.http(platform.token("bert")) as bert:
        assert code(await bert.post("/api/feedback", json=body)) == (404, "chat.unknown_ask")
    assert await votes(platform, "bert") == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"request_id": "nothing", "verdict": "good"}, (404, "chat.unknown_ask")),
        ({"verdict": "good"}, (422, "protocol.malformed")),
        ({"request_id": "x", "verdict": "middling"}, (422, "protocol.malformed")),
    ],
    ids=["unknown", "unnamed", "no verdict"],
)
async def test_what_cannot_be_voted_on_is_refused(
    platform: Any, body: dict[str, str], expected: tuple[int, str]
) -> None:
    async with platform.http(platform.token("anna")) as anna:
        assert code(await anna.post("/api/feedback", json=body)) == expected


async def test_nobody_votes_without_a_name(platform: Any) -> None:
    body = {"request_id": "x", "verdict": "good"}
    async with platform.http("") as stranger, platform.http() as service:
        assert (await stranger.post("/api/feedback", json=body)).status_code == 401
        assert "user_id" in (await service.post("/api/feedback", json=body)).text


async def test_votes_are_forgotten_with_the_person(platform: Any) -> None:
    async with platform.person("anna") as client:
        await client.hello()
        done = await answered(client)
    async with platform.http(platform.token("anna")) as anna:
        body = {"request_id": done["request_id"], "verdict": "good"}
        await anna.post("/api/feedback", json=body)
        deleted = (await anna.delete("/api/user/anna")).json()["deleted"]
    assert deleted["votes"] == 1
    assert await votes(platform, "anna") == []
