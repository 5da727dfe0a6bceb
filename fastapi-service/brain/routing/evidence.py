"""
The signs of each route in a text: one small function a route.

A sign has a rank. Signs of the highest rank decide; where they disagree, nobody decides. So a task
that is plainly named ("translate", "write a poem") silences the words it is about.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from brain.routing import notation
from brain.routing.lexicon import Hits, Token, concepts_in, normalised, tokens_of
from brain.routing.routes import RouteName

HEAD_CHARS = 1500
TAIL_CHARS = 500
"""What is read of a long text: people ask at its beginning or at its end."""

FAINT, PLAIN, NAMED = 0, 1, 2
"""Ranks: an impression of the whole, signs of the matter, the task itself named."""

NEAR = 30
"""Characters between a verb and what it is about."""

UNSPACED_CHARS_A_WORD = 2.5
SHORT_WORDS = 16
LONG_WORDS = 10
TWO_SIDES_WORDS = 7
"""Fewer words than this name two things, not two sides of a decision."""


@dataclass(frozen=True, slots=True)
class Sign:
    """One reason for one route."""

    route: RouteName
    confidence: float
    name: str
    rank: int = PLAIN


@dataclass(frozen=True, slots=True)
class Facts:
    """What a text mentions and how it is written."""

    text: str
    tokens: list[Token]
    hits: Hits
    code: bool
    error: bool

    def has(self, *concepts: str) -> bool:
        """Whether any of these is mentioned."""
        return any(concept in self.hits for concept in concepts)

    def count(self, concept: str, *, beside: str = "") -> int:
        """How many different mentions there are, without those that are part of one of `beside`."""
        others = self.hits.get(beside, ())
        return len(
            {
                self.text[start:end]
                for start, end in self.hits.get(concept, ())
                if not any(start < last and first < end for first, last in others)
            }
        )

    def near(self, concept: str, other: str, *, gap: int = NEAR) -> bool:
        """Whether `other` is mentioned shortly behind `concept`."""
        return any(
            0 <= start - end <= gap
            for _, end in self.hits.get(concept, ())
            for start, _ in self.hits.get(other, ())
        )

    def starts_with(self, concept: str, *, after: str = "") -> bool:
        """Whether the text begins with `concept`, polite words of `after` left aside."""
        at = self.tokens[0].start if self.tokens else 0
        skipped = True
        while skipped and after:
            behind = [end for start, end in self.hits.get(after, ()) if start == at]
            skipped = bool(behind)
            if skipped:
                at = next((one.start for one in self.tokens if one.start >= max(behind)), -1)
        return any(start == at for start, _ in self.hits.get(concept, ()))

    def left_without(self, *concepts: str) -> int:
        """How many words belong to none of the concepts."""
        spans = [span for concept in concepts for span in self.hits.get(concept, ())]
        rest = [
            one
            for one in self.tokens
            if not any(start <= one.start and one.end <= end for start, end in spans)
        ]
        if not _is_unspaced(self.text):
            return len(rest)
        covered = {at for start, end in spans for at in range(start, end)}
        letters = sum(
            1 for at, char in enumerate(self.text) if char.isalnum() and at not in covered
        )
        return round(letters / UNSPACED_CHARS_A_WORD)

    @property
    def length(self) -> int:
        """How many words there are, about."""
        return self.left_without()

    @property
    def about_code(self) -> bool:
        """Whether programming is the subject, or may be."""
        if self.code or self.error or self.has("error"):
            return True
        if self.has("not_code"):
            return False
        return self.has("code_language") or self.written_in_a_language or self._maybe_code

    @property
    def _maybe_code(self) -> bool:
        return self.has("code_language_maybe") and self.has("function", "programming", "wrong")

    @property
    def written_in_a_language(self) -> bool:
        """Whether "in <programming language>" is said, in one word or two."""
        for concept in ("code_language", "code_language_maybe"):
            if _is_unspaced(self.text) and self.has(concept):
                return True
            if self.near("within", concept, gap=1):
                return True
            if any(
                self.text[start:end].startswith("python")
                and end - start > len("python")
                and self.text[start:end] != "pythons"
                for start, end in self.hits.get(concept, ())
            ):
                return True
        return False


def shortened(text: str) -> str:
    """What is read of a text: its head and its tail. A shortened text stays as it is."""
    if len(text) <= HEAD_CHARS + TAIL_CHARS:
        return text
    return f"{text[:HEAD_CHARS]} {text[1 - TAIL_CHARS :]}"


def facts_of(text: str) -> Facts:
    """Read a text."""
    text = shortened(text)
    prose, code = notation.without_code(text)
    plain = " ".join(normalised(prose).split())
    tokens = tokens_of(plain)
    return Facts(
        text=plain,
        tokens=tokens,
        hits=concepts_in(plain, tokens),
        code=code,
        error=notation.names_an_error(text),
    )


def signs_in(facts: Facts) -> list[Sign]:
    """Every sign of every route."""
    return [sign for find in _FINDERS for sign in find(facts)]


def _general(facts: Facts) -> Iterator[Sign]:
    if _writes(facts) and not _asks_for_code(facts):
        yield Sign("general", 0.98, "creative", NAMED)
    if facts.has("translate") and not facts.about_code and facts.has("tongue"):
        yield Sign("general", 0.98, "translation", NAMED)
    if facts.has("polish") and not facts.about_code:
        yield Sign("general", 0.97, "rewording", NAMED)
    if facts.has("hello", "thanks", "chat"):
        rest = facts.left_without("hello", "chat", "thanks", "please", "filler")
        asked = "?" in facts.text and not facts.has("chat")
        if rest <= (1 if asked else 2) and not facts.about_code:
            rank = FAINT if facts.has("thanks") else PLAIN  # a greeting begins something new
            yield Sign("general", 0.96, "greeting", rank)
    if facts.has("leisure", "cook", "meaning") and not facts.about_code:
        yield Sign("general", 0.96, "everyday", FAINT)
    if facts.has("mood") and not facts.has(*_TASKS) and not facts.about_code:
        yield Sign("general", 0.95, "mood", FAINT)


_TASKS = (
    "weigh",
    "should",
    "calc",
    "search",
    "seek",
    "build",
    "wrong",
    "puzzle",
    "programming",
    "howto",
)


def _writes(facts: Facts) -> bool:
    """Whether something literary is to be written; in some languages the verb comes last."""
    return facts.near("write", "creative") or facts.near("creative", "write", gap=4)


def _asks_for_code(facts: Facts) -> bool:
    return facts.near("write", "function") and facts.about_code


def _simple_code(facts: Facts) -> Iterator[Sign]:
    if _is_big(facts) or (facts.has("not_code") and not facts.code):
        return
    if facts.has("translate") and not facts.has("code_language") and not facts.code:
        return
    if (facts.error or facts.has("error")) and not facts.has("translate"):
        yield Sign("simple_code", 0.97, "error message")
    if facts.code and facts.has("wrong", "function", "howto", "translate"):
        yield Sign("simple_code", 0.97, "code and what to do with it")
    may_be_larger = facts.has("grave") or (facts.has("build") and _has_features(facts))
    about_the_language = facts.has("career", "weigh", "should")
    if facts.about_code and not may_be_larger and not about_the_language:
        yield from _small_tasks(facts)


def _has_features(facts: Facts) -> bool:
    return facts.has("system") or (facts.has("part") and facts.length >= LONG_WORDS)


def _small_tasks(facts: Facts) -> Iterator[Sign]:
    if facts.has("function") and facts.length <= 40:
        yield Sign("simple_code", 0.97, "small thing in a language")
    elif facts.written_in_a_language and facts.has("howto", "task", "wrong"):
        yield Sign("simple_code", 0.96, "task in a language")
    elif facts.has("code_language") and facts.has("howto") and facts.length <= 30:
        yield Sign("simple_code", 0.96, "how to with a tool")
    elif facts.has("code_language") and facts.has("wrong", "programming") and facts.length <= 20:
        yield Sign("simple_code", 0.95, "tool and trouble")


def _complex_code(facts: Facts) -> Iterator[Sign]:
    if _is_big(facts):
        yield Sign("complex_code", 0.97, "larger piece of software")


def _is_big(facts: Facts) -> bool:
    parts = facts.count("part", beside="system")
    if facts.has("trouble") and (facts.about_code or facts.has("programming")):
        return True
    if facts.has("restructure") and facts.has("legacy"):
        return facts.about_code or facts.has("programming") or facts.count("legacy") > 1
    if not (facts.has("build") and facts.has("system")):
        return False
    if facts.has("whole"):
        return True
    if facts.has("entire") and (parts >= 1 or facts.has("code_language")):
        return True
    if parts >= 3 or (parts >= 2 and facts.about_code):
        return True
    return parts >= 1 and facts.about_code and facts.length >= LONG_WORDS


def _math(facts: Facts) -> Iterator[Sign]:
    text = facts.text
    if facts.about_code:
        return
    if notation.takes_percent(text):
        yield Sign("math", 0.98, "percent of a number")
    expression = notation.has_expression(text)
    equation = notation.has_equation(text)
    if equation:
        yield Sign("math", 0.98, "equation")
    others = facts.left_without("amount", "please", "calc", "hello", "if_word")
    letters = others - notation.count_numbers(text)
    if notation.has_arithmetic(text) and letters <= 2:
        yield Sign("math", 0.98, "sum")
    if notation.has_quotient(text) and letters <= 0 and facts.has("amount", "calc"):
        yield Sign("math", 0.97, "sum")
    if facts.has("calc") and (facts.has("maths", "maths_maybe") or expression):
        yield Sign("math", 0.98, "something to calculate")
    if facts.near("prove", "provable", gap=60):
        yield Sign("math", 0.97, "proof")
    yield from _math_words(facts, expression=expression)


def _math_words(facts: Facts, *, expression: bool) -> Iterator[Sign]:
    numbers = notation.count_numbers(facts.text)
    objects = facts.count("maths") + facts.count("maths_maybe")
    short = facts.length <= SHORT_WORDS
    if objects and (expression or (numbers >= 2 and short)):
        yield Sign("math", 0.96, "mathematical object")
    elif facts.has("maths") and (objects >= 2 or (numbers and short)):
        yield Sign("math", 0.95, "mathematical object")
    if not facts.has("question_of_number"):
        return
    if facts.has("if_word") and numbers >= 3:
        yield Sign("math", 0.95, "rule of three")
    if notation.has_speed(facts.text) and numbers >= 2:
        yield Sign("math", 0.95, "speed and distance")


def _reasoning(facts: Facts) -> Iterator[Sign]:
    if facts.about_code:
        return
    if facts.has("weigh"):
        yield Sign("reasoning", 0.97, "weighing")
    alternatives = facts.has("or") and facts.length >= TWO_SIDES_WORDS
    if facts.has("should") and (alternatives or _is_unspaced(facts.text)):
        yield Sign("reasoning", 0.97, "this or that")
    if facts.has("puzzle") and not facts.has("write", "leisure"):
        yield Sign("reasoning", 0.96, "puzzle")


def _research(facts: Facts) -> Iterator[Sign]:
    own = facts.near("search", "mine", gap=3)
    if facts.starts_with("search", after="please") or (
        _is_unspaced(facts.text) and facts.has("search")
    ):
        of_the_world = facts.has("fresh", "topical", "always_fresh")
        inside = facts.has("textual") or (facts.about_code and not of_the_world)
        statement = facts.has("copula") and not facts.has("asking")
        if not own and not inside and not statement:
            yield Sign("research", 0.97, "search", NAMED)
    if facts.about_code:
        return
    if facts.has("seek") and facts.has("topical", "always_fresh", "fresh"):
        yield Sign("research", 0.96, "search")
    if facts.has("always_fresh"):
        yield Sign("research", 0.96, "news")
    if facts.has("fresh") and facts.has("topical"):
        yield Sign("research", 0.96, "current facts")
    if facts.has("sources"):
        yield Sign("research", 0.97, "sources")


_FINDERS: tuple[Callable[[Facts], Iterator[Sign]], ...] = (
    _general, _simple_code, _complex_code, _math, _reasoning, _research,
)  # fmt: skip

_UNSPACED = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]")


def _is_unspaced(text: str) -> bool:
    return bool(_UNSPACED.search(text))
