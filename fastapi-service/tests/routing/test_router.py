"""The order of the routing: image, person, conversation, signals, router model, default."""

from typing import Any

import anyio
import anyio.lowlevel
import pytest
from structlog.testing import capture_logs

from brain.routing.routes import Previous
from brain.vram.errors import ModelUnavailable
from rehearsal import Fault

UNCLEAR = "the tall one over there, you know which"
EQUATION = "Solve x^2 + 5x + 6 = 0"
CODED = Previous(
    "Build a web app with login, database and tests", "complex_code", "ministral-3:14b"
)


async def test_clear_questions_need_no_router_model(desk: Any) -> None:
    choice = await desk.choose(EQUATION)
    assert (choice.route, choice.model, choice.why) == ("math", "rnj-1:8b", "looks like maths")
    assert not desk.asked_the_router_model()


async def test_unclear_ones_are_put_to_the_router_model(desk: Any) -> None:
    choice = await desk.choose(UNCLEAR)
    assert (choice.cause, choice.why) == ("router", "route chosen by gpt-oss:20b")
    assert desk.asked_the_router_model()


@pytest.mark.parametrize(
    ("options", "route", "model"),
    [
        ({"route": "research"}, "research", "gpt-oss:20b"),
        ({"route": "Complex-Code"}, "complex_code", "ministral-3:14b"),
        ({"model": "ministral-3:14b"}, "general", "ministral-3:14b"),
        ({"model": "ministral-3:14b", "route": "math"}, "math", "ministral-3:14b"),
    ],
)
async def test_the_persons_choice_wins_over_signals_and_conversation(
    desk: Any, options: dict[str, str], route: str, model: str
) -> None:
    choice = await desk.choose(EQUATION, previous=CODED, **options)
    assert (choice.route, choice.model, choice.cause) == (route, model, "person")
    assert choice.why.startswith("you chose")


async def test_a_named_model_that_is_not_there_is_refused_not_replaced(desk: Any) -> None:
    with pytest.raises(ModelUnavailable):
        await desk.choose("hello", model="nobody:7b")


async def test_follow_ups_stay_with_the_model_that_answered(desk: Any) -> None:
    before = Previous(EQUATION, "math", "gpt-oss:20b")
    choice = await desk.choose("and for x = 10?", previous=before)
    assert (choice.route, choice.model) == ("math", "gpt-oss:20b")
    assert choice.why == "follows the question before"
    assert not desk.asked_the_router_model()


async def test_thanks_do_not_bounce_a_conversation_to_another_model(desk: Any) -> None:
    choice = await desk.choose("thanks!", previous=CODED)
    assert (choice.route, choice.model) == ("complex_code", "ministral-3:14b")


async def test_a_plain_task_or_a_greeting_leaves_the_matter_before(desk: Any) -> None:
    poem = await desk.choose("write a poem about autumn", previous=CODED)
    greeting = await desk.choose("hello!", previous=CODED)
    assert (poem.route, greeting.route) == ("general", "general")


async def test_the_need_to_search_breaks_the_conversation_off(desk: Any) -> None:
    choice = await desk.choose("search for reviews of the fairphone 5", previous=CODED)
    assert (choice.route, choice.cause) == ("research", "signals")
    asked = await desk.choose("thanks!", previous=CODED, web_search=True)
    assert (asked.route, asked.why) == ("research", "you asked for a web search")


async def test_an_image_goes_to_a_model_that_sees_before_everything_else(desk: Any) -> None:
    before = Previous(EQUATION, "math", "rnj-1:8b")
    choice = await desk.choose("and this one?", has_images=True, previous=before)
    assert (choice.route, choice.model, choice.cause) == ("math", "ministral-3:14b", "image")
    blind = await desk.choose("what is this", has_images=True, model="rnj-1:8b")
    assert blind.model == "ministral-3:14b"
    assert "rnj-1:8b cannot see" in blind.why
    seeing = await desk.choose("what is this", has_images=True, model="deepseek-ocr:3b")
    assert seeing.model == "deepseek-ocr:3b"


async def test_why_no_model_sees_is_the_limit_where_one_is_installed(start: Any) -> None:
    async with start(hard_gb=6) as desk:
        assert not desk.router.sees()
        assert desk.router.why_blind().startswith("ministral-3:14b, which can see, needs 9.")
        assert "raise VRAM_HARD_LIMIT_GB" in desk.router.why_blind()


async def test_without_its_model_a_route_is_answered_by_the_best_there_is(desk: Any) -> None:
    await desk.without("rnj-1:8b")
    choice = await desk.choose(EQUATION)
    assert (choice.route, choice.model) == ("math", "gpt-oss:20b")
    assert "rnj-1:8b is not installed" in choice.why


async def test_a_model_too_large_for_this_machine_is_stood_in_for(start: Any) -> None:
    async with start(profile="balanced", hard_gb=54.4) as desk:
        choice = await desk.choose(EQUATION)
    assert choice.model != "gpt-oss:120b"
    assert "gpt-oss:120b" in choice.why


@pytest.mark.parametrize(
    ("resident", "answers"),
    [("ministral-3:14b", "ministral-3:14b"), ("rnj-1:8b", "gpt-oss:20b")],
)
async def test_the_default_is_a_model_in_memory_unless_it_is_much_smaller(
    start: Any, resident: str, answers: str
) -> None:
    async with start(profile="balanced") as desk:
        desk.servers.rehearsal.faults.add(
            [Fault(kind="oom", on="load", model="gpt-oss:20b", times="forever")]
        )
        async with desk.vram.lease(resident):
            pass
        choice = await desk.choose(UNCLEAR)
    assert (choice.route, choice.model, choice.cause) == ("general", answers, "default")


async def test_a_slow_router_model_leaves_a_conversation_where_it_was(start: Any) -> None:
    async with start(deadline=0.2) as desk:
        desk.servers.rehearsal.faults.add([Fault(kind="hang", model="gpt-oss:20b")])
        choice = await desk.choose(UNCLEAR, previous=CODED)
    assert (choice.route, choice.cause) == ("complex_code", "default")
    assert "did not choose within 0.2 s" in choice.why


async def test_the_log_says_why_and_never_what_was_asked(desk: Any) -> None:
    with capture_logs() as lines:
        await desk.choose(EQUATION)
    line = next(line for line in lines if line["event"] == "route.chosen")
    assert (line["route"], line["cause"], line["before"]) == ("math", "signals", None)
    assert "equation" in line["signals"]
    assert EQUATION not in str(lines)


async def test_a_route_whose_model_rests_after_crashes_takes_another(desk: Any) -> None:
    desk.vram.force_open("rnj-1:8b")
    with anyio.fail_after(5):
        while desk.vram.rests("rnj-1:8b") is None:
            await anyio.lowlevel.checkpoint()
    choice = await desk.choose(EQUATION)
    assert choice.model != "rnj-1:8b"
    assert "rnj-1:8b rests after crashes" in choice.why
    named = await desk.choose(EQUATION, model="rnj-1:8b")
    assert named.model == "rnj-1:8b", "a model the person named is never replaced"
