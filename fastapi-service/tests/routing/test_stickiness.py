"""Up quickly, down slowly."""

import pytest

from brain.routing.routes import RouteName
from brain.routing.signals import Reading
from brain.routing.stickiness import stays_by_router, stays_by_signals

LONG = "my neighbour plays the trumpet at night and I cannot sleep"
SHORT = "commit it"


@pytest.mark.parametrize(
    ("before", "now", "shape", "stays"),
    [
        ("math", "math", "follow_up", True),
        ("complex_code", "complex_code", "task", True),
        ("general", "complex_code", "task", False),  # up at once
        ("simple_code", "complex_code", "task", False),
        ("general", "math", "task", False),
        ("math", "simple_code", "task", False),  # another matter of the same effort
        ("reasoning", "research", "task", False),
        ("complex_code", "simple_code", "task", True),  # a part of the larger work
        ("complex_code", "general", "faint", True),  # thanks, small talk
        ("math", "general", "faint", True),
        ("complex_code", "general", "task", False),  # plainly something else
        ("research", "math", "task", False),
    ],
)
def test_signals_move_a_conversation_up_quickly_and_down_slowly(
    before: RouteName, now: RouteName, shape: str, stays: bool
) -> None:
    reading = Reading(now, 0.96, (), follow_up=shape == "follow_up", faint=shape == "faint")
    assert stays_by_signals(before, reading) is stays


@pytest.mark.parametrize(
    ("before", "proposed", "question", "stays"),
    [
        ("complex_code", "general", SHORT, True),
        ("complex_code", "simple_code", SHORT, True),
        ("complex_code", "simple_code", LONG, True),
        ("complex_code", "general", LONG, False),
        ("general", "complex_code", SHORT, False),
        ("math", "math", LONG, True),
        ("math", "simple_code", SHORT, False),
    ],
)
def test_the_router_model_moves_it_down_only_by_a_question_that_stands_alone(
    before: RouteName, proposed: RouteName, question: str, stays: bool
) -> None:
    assert stays_by_router(before, proposed, question) is stays
