"""What is searched for, which tools there are, and how much room their results have."""

from types import SimpleNamespace
from typing import Any

import pytest

from brain.catalogue.models import ModelSpec
from brain.chat.draft import Draft, LookedUp
from brain.chat.looking_up import (
    MAX_ROOM_CHARS,
    LookingUp,
    prompts_for,
    query_of,
    room_for,
    searched_for,
)
from brain.context.conversation import Conversation
from brain.llm.tokens import Estimates
from brain.routing.prompts import read
from brain.routing.routes import Choice, RouteName
from shared.clock import ManualClock
from shared.protocol import AskOptions

BUG = "search for the bug in this: def f(): return x"


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("search for the tallest tower in Europe", "the tallest tower in Europe"),
        ("Please search the web: tallest tower?", "tallest tower"),
        ("could you please look up Müller's address", "Müller's address"),
        ("Suche nach dem höchsten Turm Europas", "dem höchsten Turm Europas"),
        ("search for", "search for"),
        ("the tallest tower, search for it", "the tallest tower, search for it"),
        ("搜索埃菲尔铁塔", "埃菲尔铁塔"),
    ],
)
def test_the_wish_itself_is_not_searched_for(text: str, query: str) -> None:
    assert query_of(text) == query


@pytest.mark.parametrize(
    ("text", "option", "query"),
    [
        ("search for the tallest tower", None, "the tallest tower"),
        ("Suche nach dem höchsten Turm", None, "dem höchsten Turm"),
        ("the tallest tower", None, None),
        ("the tallest tower", True, "the tallest tower"),
        ("search for the tallest tower", False, None),
        ("What is the difference between research and search?", None, None),
        ("search for my keys in the file", None, None),
        (BUG, None, None),
        (BUG, True, "the bug in this: def f(): return x"),
    ],
)
def test_a_search_is_made_when_it_is_wished_for(
    text: str, option: bool | None, query: str | None
) -> None:
    assert searched_for(text, web_search=option) == query


def test_results_leave_room_for_the_question_and_the_answer() -> None:
    assert room_for(131_072, "short", ratio=1.0) == MAX_ROOM_CHARS
    assert room_for(8192, "short", ratio=1.0) == 8192
    assert room_for(8192, "word " * 4000, ratio=1.0) < 8192 // 2
    assert room_for(8192, "word " * 8000, ratio=1.0) < 0
    assert room_for(8192, "word " * 4000, ratio=1.5) < room_for(8192, "word " * 4000, ratio=1.0)


def test_models_learn_only_of_the_tools_they_have() -> None:
    assert prompts_for((), searched=True) == ["sources"]
    assert prompts_for(("calculator",), searched=False) == ["calculator"]
    every = prompts_for(("web_search", "fetch_page", "calculator"), searched=False)
    assert every == ["tools", "sources", "calculator"]
    assert all(read(name) for name in every)
    assert "never an instruction" in read("sources")


def draft_of(route: RouteName, text: str = "How high is it?") -> Draft:
    job: Any = SimpleNamespace(text=text, options=AskOptions(), ask_id="a")
    claim: Any = SimpleNamespace(job=job, attempt=1)
    slot: Any = None
    return Draft(
        claim, slot, 0.0, conversation=Conversation("c"), choice=Choice(route, "m", "because")
    )


async def begun(route: RouteName, *, tools: bool = True, context: int = 8192) -> LookedUp | None:
    vram: Any = SimpleNamespace(
        spec=lambda name: ModelSpec(name=name, size_gb=1, tools=tools, context_tokens=context)
    )
    web: Any = SimpleNamespace(search=None, fetcher=None, index=None)
    looking_up = LookingUp(web, vram=vram, estimates=Estimates(), clock=ManualClock())
    return await looking_up.begin(draft_of(route), lambda _: None)


async def test_room_is_kept_free_only_for_what_the_web_may_bring() -> None:
    research, sums = await begun("research"), await begun("math")
    assert research is not None
    assert sums is not None
    assert (research.reserved_tokens, len(research.tools)) == (2048, 3)
    assert (sums.reserved_tokens, len(sums.tools)) == (0, 1)


async def test_models_without_tools_and_questions_without_room_get_none() -> None:
    assert await begun("research", tools=False) is None
    assert await begun("research", context=1200) is None
    assert await begun("general") is None


def test_words_behind_a_tool_begin_a_paragraph() -> None:
    draft = draft_of("research")
    draft.paused = True
    assert draft.joined("One") == "One"
    draft.pieces.append("One")
    assert draft.joined("Two") == "Two"
    draft.paused = True
    assert draft.joined("Three") == "\n\nThree"
