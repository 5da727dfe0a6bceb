"""The six routes (R1): what they are for and how they behave."""

from dataclasses import dataclass
from typing import Literal, get_args

RouteName = Literal[
    "math", "simple_code", "complex_code", "reasoning", "research", "general"
]  # fmt: skip
ROUTE_NAMES: tuple[RouteName, ...] = get_args(RouteName)
DEFAULT_ROUTE: RouteName = "general"
"""The cheap one: what is used when nobody knows better."""

Cause = Literal["image", "person", "follow_up", "stickiness", "signals", "router", "default"]
"""Which step of the routing decided."""


@dataclass(frozen=True, slots=True)
class Previous:
    """The last question of the same conversation and who answered it."""

    question: str
    route: RouteName
    model: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The route and model of one question, and why in a few words a person understands."""

    route: RouteName
    model: str
    why: str
    cause: Cause = "person"


def parse_route(name: str) -> RouteName | None:
    """The route called `name` in any case, with spaces or dashes for underscores; else None."""
    wanted = name.strip().lower().replace("-", "_").replace(" ", "_")
    return next((route for route in ROUTE_NAMES if route == wanted), None)
