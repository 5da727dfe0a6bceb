"""
How many tokens a text takes, before any server has counted it.

A word-aware estimate that needs no vocabulary (research of this project: within a few percent of
o200k_base on prose, code and lists, where characters divided by four are off by half), corrected
for each model by what its server really counted.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

Count = Callable[[str], int]
"""Tokens of a text."""

TOKENS_PER_MESSAGE = 4
"""What a chat template writes around one message."""

_PIECE = re.compile(
    r"(?P<word>[A-Z]?[a-z]+|[A-Z]+)"
    r"|(?P<number>[0-9]+)"
    r"|(?P<space>\n[ \t\n]*|[ \t]{2,})"
    r"|(?P<sign>[!-/:-@\[-`{-~]+)"
    r"|(?P<latin>[a-zA-Z\u00c0-\u024f\u1e00-\u1eff]+)"
    r"|(?P<cyrillic>[\u0370-\u052f]+)"
    r"|(?P<abjad>[\u0530-\u08ff]+)"
    r"|(?P<brahmic>[\u0900-\u10ff]+)"
    r"|(?P<hangul>[\u1100-\u11ff\uac00-\ud7af]+)"
    r"|(?P<kana>[\u3040-\u30ff]+)"
    r"|(?P<han>[\u3000-\u303f\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]+)"
    r"|(?P<other>[^\x00-\x7f])"
)
_CHARACTERS_A_TOKEN = {
    "word": 9.0,
    "number": 3.0,
    "space": 80.0,
    "sign": 3.5,
    "latin": 4.5,
    "cyrillic": 4.0,
    "abjad": 2.8,
    "brahmic": 2.4,
    "hangul": 1.7,
    "kana": 1.7,
    "han": 1.25,
    "other": 0.5,
}
"""A piece takes its length divided by this, rounded up."""


REMEMBERED_CHARS = 4_000
REMEMBERED = 1_024
"""Estimates kept: a system prompt, a question and its answer are needed again within a turn."""


def estimate(text: str) -> int:
    """Tokens of `text` alone, in a vocabulary of about 200,000."""
    return _remembered(text) if len(text) <= REMEMBERED_CHARS else _estimated(text)


def _estimated(text: str) -> int:
    total = 0
    for piece in _PIECE.finditer(text):
        kind = piece.lastgroup
        assert kind is not None, "every branch has a name"
        total += -int(-(piece.end() - piece.start()) // _CHARACTERS_A_TOKEN[kind])
    return total


_remembered = lru_cache(maxsize=REMEMBERED)(_estimated)


def estimate_message(text: str, count: Count = estimate) -> int:
    """Tokens of a message: its text and what stands around it."""
    return count(text) + TOKENS_PER_MESSAGE


PRIOR_TOKENS = 500.0
"""How much an estimate is trusted before anything was counted."""

KEPT = 0.9
"""What is left of earlier counts when a new one comes: about the last ten decide."""

LOWEST, HIGHEST = 0.7, 2.0
"""Counts beyond these say something else: a cached prompt that was left out, images, a mistake."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What was estimated and what was counted for one model, older ones weighing less."""

    estimated: float = PRIOR_TOKENS
    counted: float = PRIOR_TOKENS

    @property
    def ratio(self) -> float:
        """Counted tokens for one estimated."""
        return min(max(self.counted / self.estimated, LOWEST), HIGHEST)

    def after(self, *, estimated: int, counted: int) -> "Learned":
        """With one more prompt; one whose count cannot be meant so changes nothing."""
        if estimated <= 0 or not LOWEST / 2 <= counted / estimated <= HIGHEST * 2:
            return self
        return Learned(self.estimated * KEPT + estimated, self.counted * KEPT + counted)


class Estimates:
    """The estimate of each model, corrected by its own counts; learned anew after a restart."""

    def __init__(self) -> None:
        self._learned: dict[str, Learned] = {}

    def ratio(self, model: str) -> float:
        """What estimates are multiplied by for `model`."""
        return self._learned.get(model, Learned()).ratio

    def learn(self, model: str, *, estimated: int, counted: int) -> None:
        """A prompt estimated at `estimated` (without any correction) was `counted` tokens."""
        before = self._learned.get(model, Learned())
        self._learned[model] = before.after(estimated=estimated, counted=counted)
