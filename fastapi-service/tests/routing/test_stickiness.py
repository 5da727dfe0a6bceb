"""Up quickly, down slowly."""

import pytest

from brain.routing.routes import RouteName
from brain.routing.signals import Reading
from brain.routing.stickiness import stays_by_router, stays_by_signals

LONG = "my neighbour plays the trumpet at night and I cannot sleep"
SHORT = "commit it"


@pytest.mark.parametrize(
    ("before", "now", "confidence", "follow_up", "stays"),
    [
        ("math", "math", 0.95, True, True),
        ("complex_code", "complex_code", 0.95, False, True),
        ("general", "complex_code", 0.95, False, False),  # up at once
        ("simple_code", "complex_code", 0.95, False, False),
        ("general", "math", 0.95, False, False),
        ("math", "simple_code", 0.95, False, False),  # another matter of the same effort
        ("reasoning", "research", 0.95, False, False),
        ("complex_code", "simple_code", 0.97, False, True),  # down slowly
        ("complex_code", "general", 0.96, False, True),
        ("math", "general", 0.95, False, True),
        ("complex_code", "general", 0.98, False, False),  # plainly another task
        ("research", "math", 0.98, False, False),
    ],
)
def test_signals_move_a_conversation_up_quickly_and_down_slowly(
    before: RouteName, now: RouteName, confidence: float, follow_up: bool, stays: bool
) -> None:
    reading = Reading(now, confidence, (), follow_up)
    assert stays_by_signals(before, reading) is stays


@pytest.mark.parametrize(
    ("before", "proposed", "question", "stays"),
    [
        ("complex_code", "general", SHORT, True),
        ("complex_code", "simple_code", SHORT, True),
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
