"""Operators' doors: bonus, maintenance, queue."""

from typing import Any

import pytest

from rehearsal import Fault

PIN = {"model": "rnj-1:8b"}
DOORS: list[tuple[str, str, dict[str, Any] | None]] = [
    ("POST", "/api/admin/grant-tokens", {"user_id": "anna", "bonus_tokens": 5}),
    ("POST", "/api/admin/maintenance/soft", {"enabled": False}),
    ("POST", "/api/admin/maintenance/hard", {"enabled": False}),
    ("GET", "/api/admin/queue/stats", None),
    ("POST", "/api/admin/queue/clear", None),
]
WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("grant-tokens", {"user_id": "anna"}, "bonus_tokens"),
    ("grant-tokens", {"user_id": "", "bonus_tokens": 5}, "user_id"),
    ("grant-tokens", {"user_id": "anna", "bonus_tokens": 0}, "bonus_tokens"),
    ("grant-tokens", {"user_id": "anna", "bonus_tokens": "many"}, "bonus_tokens"),
    ("grant-tokens", {"user_id": "anna", "bonus_tokens": 10**12}, "bonus_tokens"),
    ("maintenance/soft", {}, "enabled"),
    ("maintenance/soft", {"enabled": "perhaps"}, "enabled"),
    ("maintenance/medium", {"enabled": True}, "mode"),
]


async def switch(platform: Any, mode: str, *, on: bool) -> dict[str, Any]:
    async with platform.http() as http:
        answer = await http.post(f"/api/admin/maintenance/{mode}", json={"enabled": on})
    assert answer.status_code == 200
    return dict(answer.json())


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door[1])
async def test_only_operators_get_in(platform: Any, door: tuple[str, str, Any]) -> None:
    method, path, body = door
    bearers = {
        "": 401,
        platform.token("anna"): 403,
        platform.token("ada", role="admin"): 200,
    }
    for bearer, status in bearers.items():
        async with platform.http(bearer) as http:
            answer = await http.request(method, path, json=body)
        assert answer.status_code == status
        if status != 200:
            assert answer.json()["error"]["code"].startswith("auth.")
    async with platform.http() as http:
        assert (await http.request(method, path, json=body)).status_code == 200


@pytest.mark.parametrize(("path", "body", "field"), WRONG)
async def test_a_wrong_field_is_named(
    platform: Any, path: str, body: dict[str, Any], field: str
) -> None:
    async with platform.http() as http:
        answer = await http.post(f"/api/admin/{path}", json=body)
    assert answer.status_code == 422
    assert field in answer.json()["error"]["message"]


async def test_a_bonus_opens_the_door_again(start: Any) -> None:
    tight = {"disable_token_budget": False, "free_tier_weekly_budget": 1}
    async with start(**tight) as platform, platform.bot() as client:
        await client.hello("bot")
        await client.end_of(await client.ask("hi", user_id="42", options=PIN))
        refused = await client.end_of(await client.ask("hi", user_id="42", options=PIN))
        assert refused["code"] == "budget.exceeded"
        async with platform.http() as http:
            body = {"user_id": "42", "bonus_tokens": 50_000}
            granted = (await http.post("/api/admin/grant-tokens", json=body)).json()
        assert (granted["user_id"], granted["bonus"]) == ("discord:42", 50_000)
        done = await client.end_of(await client.ask("hi", user_id="42", options=PIN))
        assert (done["type"], done["budget"]["limit"]) == ("done", 50_001)


async def test_soft_maintenance_takes_questions_and_says_so(platform: Any) -> None:
    async with platform.person() as client:
        await client.hello()
        assert await switch(platform, "soft", on=True) == {"soft": True, "hard": False}
        assert (await client.receive())["code"] == "maintenance.soft"
        ask_id = await client.ask("What is 1 + 1?", options=PIN)
        done = await client.end_of(ask_id)
        assert done["type"] == "done"
        assert client.of(ask_id, "queued")[0]["maintenance"] is True
        first = client.of(ask_id, "status")[0]
        assert first["stage"] == "waiting"
        assert first["detail"] == "🔧 Bot is under maintenance. Your request has been queued."
        await switch(platform, "soft", on=False)
        assert (await client.receive())["code"] == "maintenance.ended"
        ask_id = await client.ask("What is 1 + 1?", options=PIN)
        await client.end_of(ask_id)
        assert client.of(ask_id, "queued")[0]["maintenance"] is False


async def test_hard_maintenance_refuses_on_every_door_what_was_not_taken_before(
    start: Any,
) -> None:
    async with start(speed=20) as platform, platform.person() as client:
        await client.hello()
        ask_id = await client.ask("count to 20", options=PIN)
        await client.until(lambda frame: frame["type"] == "delta")
        await switch(platform, "hard", on=True)
        refused = await client.end_of(await client.ask("hi", ask_id="late"))
        assert (refused["code"], refused["retryable"]) == ("maintenance.hard", True)
        text = "🚫 Bot is under emergency maintenance. Please try again later."
        assert refused["message"] == text
        async with platform.http() as http:
            body = {"user_id": "1", "conversation_id": "c", "text": "hi"}
            answer = await http.post("/api/discord/message", json=body)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "maintenance.hard")
        # It may have ended while the others were refused.
        done = next(iter(client.of(ask_id, "done")), None) or await client.end_of(ask_id)
        assert done["type"] == "done"
        await client.ask("count to 20", ask_id=ask_id, options=PIN)
        assert (await client.end_of(ask_id))["text"] == done["text"]
        await switch(platform, "hard", on=False)
        assert (await client.end_of(await client.ask("hi", ask_id="late")))["type"] == "done"


async def test_maintenance_survives_a_restart_and_outlives_the_settings(start: Any) -> None:
    async with start(maintenance_mode=True) as platform, platform.person() as client:
        await client.hello()
        ask_id = await client.ask("hi", options=PIN)
        await client.end_of(ask_id)
        assert client.of(ask_id, "queued")[0]["maintenance"] is True
        await switch(platform, "hard", on=True)
        await switch(platform, "soft", on=False)
    async with start(maintenance_mode=True) as platform, platform.person() as client:
        await client.hello("again")
        refused = await client.end_of(await client.ask("hi"))
        assert refused["code"] == "maintenance.hard"
        assert await switch(platform, "hard", on=False) == {"soft": False, "hard": False}


async def test_the_settings_say_how_a_new_installation_begins(start: Any) -> None:
    async with start(maintenance_mode_hard=True) as platform, platform.person() as client:
        await client.hello()
        assert (await client.end_of(await client.ask("hi")))["code"] == "maintenance.hard"


async def test_the_queue_is_counted_and_cleared(start: Any) -> None:
    room = {"queue_workers": 1, "max_queue_size": 7, "speed": 1}
    async with start(**room) as platform, platform.bot() as client, platform.http() as http:
        await client.hello("bot")
        asks = [
            await client.ask(
                "count to 200", conversation_id=f"k{n}", user_id=str(n % 2), options=PIN
            )
            for n in range(4)
        ]
        await client.until(lambda frame: frame["type"] == "delta")
        await client.send("ping")
        await client.until(lambda frame: frame["type"] == "pong")
        stats = (await http.get("/api/admin/queue/stats")).json()
        assert stats["oldest_wait_seconds"] > 0
        assert stats | {"oldest_wait_seconds": 0} == {
            "waiting": 3,
            "running": 1,
            "capacity": 7,
            "workers": 1,
            "oldest_wait_seconds": 0,
            "by_user": {
                "discord:0": {"waiting": 1, "running": 1},
                "discord:1": {"waiting": 2, "running": 0},
            },
            "dead_letters": 0,
        }
        assert (await http.post("/api/admin/queue/clear")).json() == {"cleared": 3}
        ended: set[str] = set()
        while len(ended) < 3:
            frame = await client.until(lambda f: f["type"] in ("done", "failed"))
            assert frame["code"] == "chat.cancelled"
            ended.add(frame["ask_id"])
        assert ended == set(asks[1:])
        stats = (await http.get("/api/admin/queue/stats")).json()
        assert (stats["waiting"], stats["running"]) == (0, 1)
        assert stats["oldest_wait_seconds"] is None
        await client.send("cancel", ask_id=asks[0])
        await client.end_of(asks[0])


async def test_a_hog_does_not_keep_others_waiting(start: Any) -> None:
    room = {"queue_workers": 1, "speed": 1}
    async with start(**room) as platform, platform.bot() as client, platform.http() as http:
        await client.hello("bot")
        for n in range(10):
            await client.ask("count to 200", conversation_id=f"k{n}", user_id="1", options=PIN)
        ask_id = await client.ask("hi", conversation_id="other", user_id="2", options=PIN)
        queued = await client.until(lambda f: f["type"] == "queued" and f["ask_id"] == ask_id)
        assert queued["position"] == 1
        await http.post("/api/admin/queue/clear")
        for job in platform.brain.queue.running():
            platform.brain.worker.cancel(job.request_id)


async def test_what_was_given_up_is_counted(start: Any) -> None:
    async with start(max_retries=1) as platform, platform.person() as client:
        platform.rehearsal.faults.add([Fault(kind="drop", model="rnj-1:8b", after_tokens=1)])
        await client.hello()
        assert (await client.end_of(await client.ask("hello", options=PIN)))["type"] == "failed"
        async with platform.http() as http:
            assert (await http.get("/api/admin/queue/stats")).json()["dead_letters"] == 1
