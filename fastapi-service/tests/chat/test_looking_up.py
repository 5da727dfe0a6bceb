"""What is searched for, which tools there are, and how much room their results have."""

import pytest

from brain.chat.looking_up import MAX_ROOM_CHARS, prompts_for, query_of, room_for, searched_for
from brain.routing.prompts import read

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
