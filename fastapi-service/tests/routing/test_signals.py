"""The cheap signals: rarely silent, nearly never wrong."""

import json
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brain.routing.routes import ROUTE_NAMES
from brain.routing.signals import decide, read, stands_alone

QUESTIONS = Path(__file__).parents[3] / "tests" / "data" / "questions.jsonl"
SLOW_SECONDS = 0.2


def questions() -> list[dict[str, Any]]:
    return [json.loads(line) for line in QUESTIONS.read_text("utf-8").splitlines()]


def test_what_is_decided_is_right_and_half_is_decided() -> None:
    rows = questions()
    answers = [(row["route"], decide(row["text"], row.get("previous"))) for row in rows]
    decided = [(want, got.route) for want, got in answers if got is not None]
    assert sum(want == got for want, got in decided) / len(decided) >= 0.97
    assert len(decided) / len(rows) >= 0.5


def test_the_questions_are_many_in_many_languages_and_of_every_route() -> None:
    rows = questions()
    assert len(rows) >= 260
    assert len({row["lang"] for row in rows}) >= 11
    assert {row["route"] for row in rows} == set(ROUTE_NAMES)
    assert len({(row["text"], row.get("previous")) for row in rows}) == len(rows)


@pytest.mark.parametrize(
    ("text", "trap"),
    [
        ("write a poem about python", "simple_code"),
        ("history of mathematics", "math"),
        ("translate this error message to french: TypeError", "simple_code"),
        ("what is the derivative work licence", "math"),
        ("i have to search for my keys", "research"),
        ("search for my keys", "research"),
        ("search for a word in all files with grep", "research"),
        ("the ticket was 45.50 and the beer 6, on 12/5/2024", "math"),
        ("how do i feed my python", "simple_code"),
        ("how to get around in java by train", "simple_code"),
        ("```py\nprint(1)\n```\nwhat should I cook tonight", "simple_code"),
        ("should I learn python or javascript", "simple_code"),
        ("tell me a riddle", "reasoning"),
    ],
)
def test_traps_are_not_fallen_into(text: str, trap: str) -> None:
    decided = decide(text)
    assert decided is None or decided.route != trap


@pytest.mark.parametrize("previous", ["math", "Solve x^2 + 5x + 6 = 0"])
def test_a_follow_up_has_the_route_of_the_question_before(previous: str) -> None:
    for text in ("and for n = 10?", "why?", "und für n = 10?", "et pour n = 10 ?", "а для n = 10?"):
        reading = read(text, previous)
        assert reading is not None
        assert (reading.route, reading.follow_up) == ("math", True)


def test_a_follow_up_of_nothing_known_is_undecided() -> None:
    assert decide("and for n = 10?") is None
    assert decide("and for n = 10?", "the tall one over there") is None


def test_a_new_topic_is_not_a_follow_up() -> None:
    reading = read("write me a poem about autumn", "math")
    assert reading is not None
    assert (reading.route, reading.follow_up) == ("general", False)


@pytest.mark.parametrize("text", ["", " ", "?", "…", "\x00", "🙂", "1", "a" * 50_000])
def test_what_says_nothing_is_undecided(text: str) -> None:
    assert decide(text) is None


@pytest.mark.parametrize(
    "text",
    ["1+" * 20_000, "x" * 50_000, "(" * 50_000, "a b " * 20_000, "= " * 20_000, "`" * 50_000,
     "d e " * 10_000, "9 % of " * 10_000, "SELECT " * 8_000, "\ud83d" * 1_000,
     "詩を書いて" * 5_000],
)  # fmt: skip
def test_no_text_makes_it_slow(text: str) -> None:
    began = perf_counter()
    decide(text, text)
    assert perf_counter() - began < SLOW_SECONDS


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300), st.none() | st.text(max_size=100))
def test_any_text_gets_a_route_with_a_confidence_or_nothing(text: str, before: str | None) -> None:
    decided = decide(text, before)
    if decided is not None:
        assert decided.route in ROUTE_NAMES
        assert 0.9 <= decided.confidence < 1


def test_accents_and_case_do_not_count() -> None:
    plain = decide("écris un poème sur la mer")
    assert plain is not None
    assert decide("ÉCRIS UN POEME SUR LA MER") == plain


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("commit it", False),
        ("shorter please", False),
        ("and in the other case, what would that mean", False),
        ("now do the same for the second one", False),
        ("Wie heißt die Hauptstadt von Australien?", True),
        ("my neighbour plays the trumpet at night and I cannot sleep", True),
    ],
)
def test_a_question_that_leans_on_another_does_not_stand_alone(text: str, alone: bool) -> None:
    assert stands_alone(text) is alone
