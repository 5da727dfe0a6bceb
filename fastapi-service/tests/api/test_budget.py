"""The week's tokens through the whole brain."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import anyio
import pytest

from shared.clock import SystemClock

PIN = {"model": "rnj-1:8b"}
COUNTED = {"disable_token_budget": False}
ZONE = "America/St_Johns"


async def week_of(platform: Any, user: str = "anna", **claims: Any) -> dict[str, Any]:
    async with platform.http(platform.token(user, **claims)) as http:
        return dict((await http.get(f"/api/user/{user}")).json())


async def test_an_answer_says_what_it_cost_and_what_is_left(start: Any) -> None:
    async with start(**COUNTED) as platform, platform.person() as client:
        await client.hello()
        first = await client.end_of(await client.ask("What is 1 + 1?", options=PIN))
        second = await client.end_of(await client.ask("What is 2 + 2?", options=PIN))
    cost = [sum(done["usage"].values()) for done in (first, second)]
    assert first["budget"]["used"] == cost[0] > 0
    assert second["budget"]["used"] == sum(cost)
    assert second["budget"]["limit"] == 100_000
    assert datetime.fromisoformat(second["budget"]["resets_at"]).weekday() == 0


async def test_without_budgets_nothing_is_said_and_all_is_counted(platform: Any) -> None:
    async with platform.person() as client:
        await client.hello()
        done = await client.end_of(await client.ask("What is 1 + 1?", options=PIN))
    assert done["budget"] is None
    assert (await week_of(platform))["used"] == sum(done["usage"].values())


async def test_who_has_used_it_up_is_refused_until_monday(start: Any) -> None:
    async with start(**COUNTED, free_tier_weekly_budget=1) as platform:
        async with platform.person() as client:
            await client.hello()
            ask_id = await client.ask("What is 1 + 1?", ask_id="first", options=PIN)
            done = await client.end_of(ask_id)
            refused = await client.end_of(await client.ask("What is 2 + 2?", options=PIN))
            assert (refused["code"], refused["retryable"]) == ("budget.exceeded", False)
            assert refused["message"].startswith("Weekly token budget exceeded. You have used ")
            assert "Monday" in refused["message"]
            await client.ask("What is 1 + 1?", ask_id="first", options=PIN)
            again = await client.end_of("first")
            assert again["text"] == done["text"]
            await client.send("reset", conversation_id="talk", user_id="x", ask_id="r")
            assert (await client.end_of("r"))["type"] == "done"
        async with platform.person("bert") as other, platform.person("ada", role="admin") as admin:
            for client in (other, admin):
                await client.hello()
                assert (await client.end_of(await client.ask("hi", options=PIN)))["type"] == "done"
            assert (await admin.end_of(await admin.ask("hi", options=PIN)))["type"] == "done"
        async with platform.http(platform.token("anna")) as http:
            body = {"conversation_id": "c", "text": "hi"}
            answer = await http.post("/api/discord/message", json=body)
            assert (answer.status_code, answer.json()["error"]["code"]) == (429, "budget.exceeded")


async def test_questions_asked_at_once_cannot_overspend(start: Any) -> None:
    limit = {"free_tier_weekly_budget": 3_500, "queue_workers": 10}
    async with start(**COUNTED, **limit) as platform, platform.person() as client:
        await client.hello()
        asks = [
            await client.ask("What is 1 + 1?", conversation_id=str(n), options=PIN)
            for n in range(10)
        ]
        ends: dict[str, Any] = {}
        while len(ends) < len(asks):
            frame = await client.until(lambda f: f["type"] in ("done", "failed"))
            ends[frame["ask_id"]] = frame
        assert [end["code"] for end in ends.values() if end["type"] == "failed"].count(
            "budget.exceeded"
        ) >= 5
        week = await week_of(platform)
        assert 0 < week["used"] <= week["limit"]
        assert week["reserved"] == 0


async def test_a_monday_makes_it_full_again(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    machine, shift = SystemClock.now, [0.0]
    monkeypatch.setattr(SystemClock, "now", lambda self: machine(self) + shift[0])

    def move_to(moment: datetime) -> None:
        shift[0] = moment.timestamp() - machine(SystemClock())

    now = datetime.fromtimestamp(machine(SystemClock()), ZoneInfo(ZONE))
    monday = now.date() - timedelta(days=now.weekday()) + timedelta(days=14)
    midnight = datetime(monday.year, monday.month, monday.day, tzinfo=ZoneInfo(ZONE))
    move_to(midnight - timedelta(seconds=60))
    limit = {"free_tier_weekly_budget": 1, "budget_timezone": ZONE}
    async with start(**COUNTED, **limit) as platform:
        async with platform.person() as client:
            await client.hello()
            assert (await client.end_of(await client.ask("hi", options=PIN)))["type"] == "done"
            refused = await client.end_of(await client.ask("hi", options=PIN))
            assert refused["code"] == "budget.exceeded"
            assert f"00:00 ({ZONE})" in refused["message"]
        move_to(midnight)
        assert (await week_of(platform))["used"] == 0
        async with platform.person() as client:
            await client.hello("later")
            assert (await client.end_of(await client.ask("hi", options=PIN)))["type"] == "done"


async def test_what_was_said_before_a_cancel_is_charged(start: Any) -> None:
    async with start(**COUNTED, speed=1) as platform, platform.person() as client:
        await client.hello()
        ask_id = await client.ask("count to 200", options=PIN)
        await client.until(lambda frame: frame["type"] == "delta")
        assert (await week_of(platform))["reserved"] > 0
        await client.send("cancel", ask_id=ask_id)
        await client.end_of(ask_id)
        week = await week_of(platform)
    assert week["used"] > 0
    assert week["reserved"] == 0


async def test_what_failed_costs_nothing(start: Any) -> None:
    async with start(**COUNTED) as platform, platform.person() as client:
        await client.hello()
        failed = await client.end_of(await client.ask("hi", options={"model": "nope:1b"}))
        assert failed["type"] == "failed"
        week = await week_of(platform)
    assert (week["used"], week["reserved"]) == (0, 0)


async def test_a_restart_keeps_what_was_used_and_sets_aside_for_what_is_open(start: Any) -> None:
    slow = {**COUNTED, "queue_workers": 1}
    async with start(**slow, speed=20) as platform, platform.person() as client:
        await client.hello()
        done = await client.end_of(await client.ask("What is 1 + 1?", options=PIN))
    async with start(**slow, speed=1) as platform, platform.person() as client:
        await client.hello("other")
        await client.ask("count to 200", conversation_id="x", options=PIN)
        waiting = await client.ask("hi", conversation_id="y", options=PIN)
        await client.until(lambda frame: frame.get("ask_id") == waiting)
        before = (await week_of(platform))["reserved"]
    async with start(**slow, speed=1) as platform:
        week = await week_of(platform)
        assert week["used"] == sum(done["usage"].values())
        assert week["reserved"] == before > 0
        async with platform.http() as http:
            await http.post("/api/admin/queue/clear")
            for job in platform.brain.queue.running():
                platform.brain.worker.cancel(job.request_id)
        with anyio.fail_after(5):
            while (await week_of(platform))["reserved"]:
                await anyio.sleep(0.01)


async def test_a_question_that_found_no_room_gives_back_what_was_set_aside(start: Any) -> None:
    room = {**COUNTED, "queue_workers": 1, "max_queue_size": 1, "speed": 1}
    async with start(**room) as platform, platform.person() as client:
        await client.hello()
        for number in range(2):
            await client.ask("count to 200", conversation_id=str(number), options=PIN)
        held = None
        for number in range(2, 5):
            ask_id = await client.ask("count to 200", conversation_id=str(number), options=PIN)
            assert (await client.end_of(ask_id))["code"] == "queue.full"
            now = (await week_of(platform))["reserved"]
            assert held in (None, now)
            held = now


async def test_three_store_operations_a_message_with_budgets_too(start: Any) -> None:
    async with start(**COUNTED) as platform, platform.person() as client:
        await client.hello()
        await client.end_of(await client.ask("What is 1 + 1?", options=PIN))
        before = platform.store.count.total()
        await client.end_of(await client.ask("What is 1 + 1?", options=PIN))
        assert platform.store.count.total() - before == 3


async def test_a_reset_during_an_answer_does_not_make_it_free(start: Any) -> None:
    async with start(**COUNTED, speed=20) as platform, platform.person() as client:
        await client.hello()
        ask_id = await client.ask("What is 1 + 1?", options=PIN)
        await client.end_of(ask_id)
        used = (await week_of(platform))["used"]
        running = await client.ask("count to 20", options=PIN)
        await client.until(lambda f: f["type"] == "delta" and f["ask_id"] == running)
        conversations = platform.brain.worker._orders._conversations
        key = platform.brain.queue.running()[0].conversation
        await conversations.reset(await conversations.load(key, entries=1))
        done = await client.end_of(running)
        assert (await week_of(platform))["used"] == used + sum(done["usage"].values())
