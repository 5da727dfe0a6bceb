"""The HTTP doors: the same path without streaming, and what they refuse."""

from typing import Any

import anyio
import httpx
import pytest

ASK = {"user_id": "7", "user_name": "Anna", "conversation_id": "c", "text": "What is 2 + 3?"}


async def ended(http: httpx.AsyncClient, request_id: str) -> dict[str, Any]:
    with anyio.fail_after(20):
        while True:
            report: dict[str, Any] = (await http.get(f"/api/discord/status/{request_id}")).json()
            if report["status"] not in ("queued", "running"):
                return report
            await anyio.sleep(0.01)


async def test_a_question_is_taken_and_its_answer_fetched(platform: Any) -> None:
    async with platform.http() as http:
        answer = await http.post("/api/discord/message", json=ASK)
        assert answer.status_code == 202
        accepted = answer.json()
        assert set(accepted) == {"request_id", "ask_id", "status", "position"}
        assert (accepted["status"], accepted["position"]) == ("queued", 1)
        report = await ended(http, accepted["request_id"])
    assert report["status"] == "done"
    assert "5" in report["text"]
    assert report["model"]
    assert report["why"]


async def test_the_same_ask_id_is_answered_once(platform: Any) -> None:
    async with platform.http() as http:
        first = (await http.post("/api/discord/message", json=ASK | {"ask_id": "a"})).json()
        done = await ended(http, first["request_id"])
        again = (await http.post("/api/discord/message", json=ASK | {"ask_id": "a"})).json()
        assert again["request_id"] == first["request_id"]
        assert again["status"] == "done"
        assert (await ended(http, first["request_id"])) == done


async def test_others_do_not_see_or_stop_my_asks(platform: Any) -> None:
    async with (
        platform.http(platform.token("anna")) as anna,
        platform.http(platform.token("bert")) as bert,
        platform.http(platform.token("root", role="admin")) as root,
    ):
        request_id = (await anna.post("/api/discord/message", json=ASK)).json()["request_id"]
        await ended(anna, request_id)
        for answer in (
            await bert.get(f"/api/discord/status/{request_id}"),
            await bert.delete(f"/api/discord/cancel/{request_id}"),
        ):
            assert answer.status_code == 404
            assert answer.json()["error"]["code"] == "chat.unknown_ask"
        assert (await root.get(f"/api/discord/status/{request_id}")).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "conversation_id"),
        ({"conversation_id": "c"}, "text"),
        ({"conversation_id": "c", "text": "x"}, "user_id"),
        ({"conversation_id": "c", "text": 7, "user_id": "1"}, "text"),
        ({"conversation_id": "c" * 129, "text": "x", "user_id": "1"}, "conversation_id"),
        ({"conversation_id": "c", "text": "  ", "user_id": "1"}, "text"),
    ],
)
async def test_a_wrong_body_names_the_field(
    platform: Any, body: dict[str, Any], field: str
) -> None:
    async with platform.http() as http:
        answer = await http.post("/api/discord/message", json=body)
    assert answer.status_code == 422
    assert f"`{field}`" in answer.json()["error"]["message"]


async def test_refusals_have_one_shape(platform: Any) -> None:
    async with platform.http("") as nobody, platform.http() as service:
        cases = [
            (await nobody.post("/api/discord/message", json=ASK), 401, "auth.required"),
            (await nobody.get("/api/discord/status/x"), 401, "auth.required"),
            (await service.get("/api/discord/status/x"), 404, "chat.unknown_ask"),
            (await service.get("/nowhere"), 404, "not_found"),
            (await service.put("/api/discord/message"), 405, "protocol.malformed"),
            (
                await service.post("/api/discord/message", content=b"{"),
                422,
                "protocol.malformed",
            ),
        ]
    for answer, status, code in cases:
        assert answer.status_code == status
        error = answer.json()["error"]
        assert error["code"] == code
        assert error["message"].endswith(".")
        assert isinstance(error["retryable"], bool)


async def test_health_is_open_and_complete(platform: Any) -> None:
    async with platform.http("") as http:
        report = (await http.get("/health")).json()
        assert report["status"] == "healthy"
        assert set(report["components"]) >= {"database", "ollama", "queue"}
        assert set(report["services"]) == {"dynamodb", "ollama", "model_loaded"}
        assert set(report["vram"]) == {
            "healthy", "usage_pct", "available_gb", "psi_full_avg10", "loaded_models",
        }  # fmt: skip
        assert (await http.get("/")).json()["name"]
