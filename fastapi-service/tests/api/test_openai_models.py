"""`/v1/models`: who may see it, and what each model is for."""

from typing import Any


async def test_our_own_services_see_the_models_for_their_people(platform: Any) -> None:
    async with platform.http() as service:
        listed = (await service.get("/v1/models")).json()["data"]
        one = (await service.get("/v1/models/rnj-1:8b")).json()
        refused = await service.post("/v1/chat/completions", json={"model": "auto"})
    assert {"auto", "rnj-1:8b"} <= {row["id"] for row in listed}
    assert one["id"] == "rnj-1:8b"
    assert refused.status_code == 401


async def test_a_model_for_transcribing_is_told_apart_and_one_for_vectors_is_not_there(
    platform: Any,
) -> None:
    async with platform.http(platform.token("anna")) as http:
        listed = (await http.get("/v1/models")).json()["data"]
    kinds = {row["id"]: row["kind"] for row in listed}
    assert kinds["rnj-1:8b"] == "chat"
    assert kinds["deepseek-ocr:3b"] == "ocr"
    assert "qwen3-embedding:4b" not in kinds


async def test_nobody_else_sees_them(platform: Any) -> None:
    async with platform.http("") as stranger:
        assert (await stranger.get("/v1/models")).status_code == 401
