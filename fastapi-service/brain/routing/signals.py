"""What a question shows of its route without asking any model. Pure."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from brain.routing.routes import RouteName, parse_route


class Decided(NamedTuple):
    """A route and how sure the signals are of it, 0 to 1."""

    route: RouteName
    confidence: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read from a question, and by which signs."""

    route: RouteName
    confidence: float
    signs: tuple[str, ...]
    follow_up: bool = False


def decide(text: str, previous: str | None = None) -> Decided | None:
    """The route of `text`, or None when unsure."""
    reading = read(text, previous)
    return Decided(reading.route, reading.confidence) if reading else None


def read(text: str, previous: str | None = None) -> Reading | None:
    """As `decide`, with the signs."""
    if re.search(r"\bsolve\b.*=", text, re.IGNORECASE):
        return Reading("math", 0.99, ("equation",))
    if re.fullmatch(r"\W*(hi|hello|hey|thanks)\W*", text, re.IGNORECASE):
        return Reading("general", 0.95, ("greeting",))
    before = parse_route(previous) if previous else None
    if before and re.match(r"(and|why|what about)\b", text, re.IGNORECASE):
        return Reading(before, 0.95, ("follow_up",), follow_up=True)
    return None


def stands_alone(text: str) -> bool:
    """Whether `text` says by itself what it is about."""
    return len(text.split()) >= 8
