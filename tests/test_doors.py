"""Twelve questions as people ask them, over all three doors of the real processes."""

from time import monotonic
from typing import Any
from urllib.error import HTTPError

import anyio
import pytest
from websockets.exceptions import ConnectionClosed

QUESTIONS = [
    "Solve x^2 + 5x + 6 = 0",
    "hello!",
    "Bonjour, ça va ?",
    "12 * (7 + 3)",
    "write me a python function that finds prime numbers",
    "why does my docker container exit right away?? it worked yesterday",
    "Should we buy one big server or three small ones for our club?",
    "search for the newest version of sqlite",
    "Wie heißt die Hauptstadt von Australien?",
    "plz fix:  SELECT name FORM users WHERE id = 3",
    "Design a job queue with retries, a REST API and a web page, in several files",
    "count to 20",
]
ROUTES = {"math", "simple_code", "complex_code", "reasoning", "research", "general"}


def check(end: dict[str, Any]) -> None:
    assert end["text"].strip()
    assert "rehearsal" in end["text"].lower()
    assert "rehearsal" in end["why"]
    assert end["rehearsal"] is True
    assert end["route"] in ROUTES
    assert end["model"]
    assert end["usage"]["input_tokens"] > 0
    assert end["usage"]["output_tokens"] > 0
    timings = end["timings"]
    assert timings["total_ms"] >= timings["first_token_ms"] >= timings["queued_ms"] >= 0


async def ended(box: Any, request_id: str, token: str) -> dict[str, Any]:
    deadline = monotonic() + 30
    while monotonic() < deadline:
        report: dict[str, Any] = box.call(
            f"{box.url}/api/discord/status/{request_id}", bearer=token
        )
        if report["status"] not in ("queued", "running"):
            return report
        await anyio.sleep(0.05)
    raise AssertionError(f"{request_id} did not end")


async def test_twelve_questions_are_answered_over_all_three_doors(box: Any) -> None:
    box.start_all()
    token = box.sign_up("anna")
    routes = {}
    async with box.person(token) as person, box.bot() as bot:
        await person.hello()
        await bot.hello("bot")
        for place, question in enumerate(QUESTIONS):
            over_chat = await person.end_of(await person.ask(question, conversation_id="web"))
            over_discord = await bot.end_of(
                await bot.ask(question, conversation_id=f"thread {place}", user_id="77")
            )
            body = {"conversation_id": "http", "text": question}
            taken = box.call(f"{box.url}/api/discord/message", body, bearer=token)
            over_http = await ended(box, taken["request_id"], token)
            for end in (over_chat, over_discord, over_http):
                check(end)
            assert over_chat["route"] == over_discord["route"] == over_http["route"]
            routes[question] = over_chat["route"]
    assert routes["Solve x^2 + 5x + 6 = 0"] == "math"
    assert routes["hello!"] == "general"
    assert len(set(routes.values())) >= 4


async def test_a_linked_discord_person_is_the_same_person(box: Any) -> None:
    box.start_all()
    token = box.sign_up("anna")
    code = box.call(f"{box.auth_url}/link/code", {}, bearer=token)["code"]
    redeem = {"code": code, "provider": "discord", "provider_user_id": "4242"}
    box.call(f"{box.auth_url}/link/redeem", redeem, bearer=box.secrets["SERVICE_TOKEN"])
    async with box.bot() as bot:
        await bot.hello("bot")
        ask_id = await bot.ask("hello", user_id="4242")
        end = await bot.end_of(ask_id)
    report = box.call(f"{box.url}/api/discord/status/{end['request_id']}", bearer=token)
    assert report["text"] == end["text"]
    other = box.sign_up("bert")
    with pytest.raises(HTTPError) as refused:
        box.call(f"{box.url}/api/discord/status/{end['request_id']}", bearer=other)
    assert refused.value.code == 404


async def test_an_ended_sign_in_is_refused_within_ten_seconds_on_every_door(box: Any) -> None:
    box.start_all()
    token = box.sign_up("anna")
    async with box.person(token) as person:
        await person.hello()
        box.call(f"{box.auth_url}/logout", {}, bearer=token)
        with anyio.fail_after(10), pytest.raises(ConnectionClosed) as closed:
            await person.receive()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008
    with pytest.raises(HTTPError) as refused:
        box.call(f"{box.url}/api/discord/status/none", bearer=token)
    assert refused.value.code == 401


async def test_wrong_settings_stop_a_service_with_a_sentence_that_names_them(box: Any) -> None:
    for name in ("brain", "auth"):
        box.settings = {"SERVICE_TOKEN": "change-me", "JWT_SECRET_KEY": ""}
        with pytest.raises(AssertionError) as stopped:
            box.start(name)
        said = str(stopped.value)
        assert "SERVICE_TOKEN" in said
        assert "JWT_SECRET_KEY" in said
        assert "change-me" not in said
        assert "Traceback" not in said
        assert box.processes[name].wait(10) == 2


async def test_a_wrong_profile_stops_the_brain_with_the_promised_sentence(box: Any) -> None:
    box.settings = {"VRAM_PROFILE": "conservativ"}
    with pytest.raises(AssertionError, match="Failed to load configuration profile") as stopped:
        box.start("brain")
    assert "Traceback" not in str(stopped.value)
