"""JSON that fits a schema, and the route a question shows."""

import orjson
import pytest

from rehearsal.schemas import json_for

ROUTES = ["math", "simple_code", "complex_code", "reasoning", "research", "general"]
ROUTER = {
    "type": "object",
    "properties": {
        "route": {"type": "string", "enum": ROUTES},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
    },
    "required": ["route", "confidence"],
}


@pytest.mark.parametrize(
    ("question", "route"),
    [
        ("Solve x^2 + 5x + 6 = 0", "math"),
        ("what is 3 * 4", "math"),
        ("Write a Python function that reverses a list", "simple_code"),
        ("Refactor this service into a distributed architecture", "complex_code"),
        ("What are the latest news about Mars?", "research"),
        ("Why is the sky blue?", "reasoning"),
        ("Good evening!", "general"),
    ],
)
def test_the_route_is_chosen_by_what_the_question_shows(question: str, route: str) -> None:
    answer = orjson.loads(json_for(ROUTER, question))
    assert answer == {"route": route, "confidence": 0.9}


def test_an_enum_of_other_words_takes_the_one_the_question_mentions() -> None:
    assert json_for({"enum": ["red", "blue"]}, "I like blue best") == '"blue"'
    assert json_for({"enum": ["red", "blue"]}, "I like none") == '"red"'


def test_references_choices_and_lists_are_followed() -> None:
    schema = {
        "type": "object",
        "properties": {
            "route": {"$ref": "#/$defs/Route"},
            "note": {"anyOf": [{"type": "null"}, {"type": "string"}]},
            "tags": {"type": "array", "items": {"type": "integer", "minimum": 5}, "minItems": 2},
            "sure": {"type": ["boolean", "null"]},
            "version": {"const": 2},
        },
        "$defs": {"Route": {"enum": ROUTES}},
    }
    answer = orjson.loads(json_for(schema, "why?"))
    assert answer["route"] == "reasoning"
    assert isinstance(answer["note"], str)
    assert (answer["tags"], answer["sure"], answer["version"]) == ([5, 5], True, 2)


def test_a_schema_that_refers_to_itself_ends() -> None:
    schema = {"type": "object", "properties": {"inner": {"$ref": "#"}}}
    assert orjson.loads(json_for(schema, "?"))["inner"]


def test_without_a_schema_any_object_will_do() -> None:
    assert orjson.loads(json_for({}, "hm")) == {"answer": "hm"}
