"""
What a question shows of its route without asking any model. Pure, and well under a millisecond.

    text → what it mentions (lexicon) and how it is written (notation) → signs of routes → decision

Precision comes first: two routes that both have signs, or signs that are too faint, mean None, and
the router model is asked. What is measured, and on which questions: benchmarks/routing.py.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from brain.routing.evidence import FAINT, Facts, Sign, facts_of, shortened, signs_in
from brain.routing.routes import RouteName, parse_route

FOLLOW_UP_CONFIDENCE = 0.95
FOLLOW_UP_WORDS = 5
"""A longer question that begins with "and" may well be another one."""

LEANING_WORDS = 12
"""Up to here a question that says "it" or "that" leans on the one before."""

ALONE_WORDS = 3
REMEMBERED = 256
"""Questions whose reading is kept: those that are being answered."""


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
    """It leans on the question before and has the route of that one."""

    faint: bool = False
    """Only small talk was found: no task of its own."""


def decide(text: str, previous: str | None = None) -> Decided | None:
    """
    The route of `text`, or None when unsure.

    `previous` is the question before in the same conversation, or the name of its route.
    """
    reading = read(text, previous)
    return None if reading is None else Decided(reading.route, reading.confidence)


def read(text: str, previous: str | None = None) -> Reading | None:
    """As `decide`, with the signs that decided. One question is read by several of its turn."""
    return _read(shortened(text), None if previous is None else shortened(previous))


@lru_cache(maxsize=REMEMBERED)
def _read(text: str, previous: str | None) -> Reading | None:
    facts = facts_of(text)
    signs = signs_in(facts)
    own = _own(signs)
    if own is not None or signs or not previous or not _leans_on_the_one_before(facts):
        return own
    before = parse_route(previous)
    if before is None:
        earlier = _own(signs_in(facts_of(previous)))
        before = earlier.route if earlier else None
    if before is None:
        return None
    return Reading(before, FOLLOW_UP_CONFIDENCE, ("follow_up",), follow_up=True)


def stands_alone(text: str) -> bool:
    """Whether `text` says by itself what it is about."""
    facts = facts_of(text)
    return facts.length >= ALONE_WORDS and not _leans_on_the_one_before(facts)


def _own(signs: list[Sign]) -> Reading | None:
    best: dict[RouteName, Sign] = {}
    for sign in signs:
        if sign.route not in best or sign.confidence > best[sign.route].confidence:
            best[sign.route] = sign
    winner = _winner(best)
    if winner is None:
        return None
    names = tuple(sign.name for sign in signs if sign.route == winner.route)
    return Reading(winner.route, winner.confidence, names, faint=winner.rank == FAINT)


def _winner(best: dict[RouteName, Sign]) -> Sign | None:
    """The one route that is left when stronger signs have silenced weaker ones; else None."""
    if not best:
        return None
    rank = max(sign.rank for sign in best.values())
    left = [sign for sign in best.values() if sign.rank == rank]
    return left[0] if len(left) == 1 else None


def _leans_on_the_one_before(facts: Facts) -> bool:
    refers = facts.has("refers")
    if facts.starts_with("follow"):
        return facts.length <= (LEANING_WORDS if refers else FOLLOW_UP_WORDS)
    return refers and facts.length <= FOLLOW_UP_WORDS
