"""
Whether a conversation stays with the route and the model that answered before. Pure.

Up quickly, down slowly: a harder question moves at once, an easier one only when it is plainly
another matter. A conversation that bounces loads models for nothing and loses its tone.
"""

from brain.routing.routes import RouteName
from brain.routing.signals import Reading, stands_alone

EFFORT: dict[RouteName, int] = {
    "general": 0, "simple_code": 1, "math": 1, "research": 2, "reasoning": 2, "complex_code": 2,
}  # fmt: skip
"""How much a route asks of its model; only the order counts."""

CODE: frozenset[RouteName] = frozenset({"simple_code", "complex_code"})
"""One family: what looks small in the middle of a larger piece of work is a part of it."""


def stays_by_signals(before: RouteName, reading: Reading) -> bool:
    """Whether the question belongs to what went before, as far as cheap signals show."""
    if reading.follow_up or reading.route == before:
        return True
    steps_down = EFFORT[reading.route] < EFFORT[before]
    return steps_down and (reading.faint or {reading.route, before} <= CODE)


def stays_by_router(before: RouteName, proposed: RouteName, question: str) -> bool:
    """Whether to stay although the router model, asked about `question`, may say otherwise."""
    if proposed == before:
        return True
    steps_down = EFFORT[proposed] < EFFORT[before]
    return steps_down and ({proposed, before} <= CODE or not stands_alone(question))
