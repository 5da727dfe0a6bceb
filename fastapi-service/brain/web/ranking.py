"""Which passages fit a question: by meaning (cosine of vectors) or, without vectors, by words."""

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""One row a passage."""

_WORD = re.compile(r"\w+")
_LONG_ENOUGH = 3
"""Shorter words say little and are everywhere; where a question has only such, they count."""


def by_meaning(question: Vectors, passages: Vectors, k: int) -> list[tuple[int, float]]:
    """
    The `k` rows of `passages` (n x d) with the greatest cosine to `question` (d), best first, as
    (row, cosine). Equal ones in order of rows. Exact: every row is looked at. A row of zeros has
    the cosine 0.
    """
    if len(passages) == 0 or k <= 0:
        return []
    # Norms row by row: the passages as float64, or a second matrix, would double the memory.
    lengths = np.sqrt(np.einsum("ij,ij->i", passages, passages))
    scores = passages @ question
    scores /= np.maximum(lengths * np.linalg.norm(question), np.finfo(np.float32).tiny)
    # Those that may belong to the best, with all that tie at the edge; then in a fixed order.
    edge = np.partition(scores, -k)[-k] if k < len(scores) else -np.inf
    chosen = np.flatnonzero(scores >= edge)
    order = chosen[np.argsort(-scores[chosen], kind="stable")][:k]
    return [(int(row), float(scores[row])) for row in order]


def by_words(question: str, passages: Sequence[str], k: int) -> list[tuple[int, float]]:
    """
    The `k` passages that share the rarest words with `question`, best first, as (row, score).

    BM25 with its usual constants (Robertson, Zaragoza: The Probabilistic Relevance Framework,
    2009; k1 = 1.2, b = 0.75). Passages that share none come last, in order, with 0.
    """
    if not passages or k <= 0:
        return []
    wanted = _words(question)
    counts = [Counter(_WORD.findall(passage.casefold())) for passage in passages]
    lengths = [counter.total() for counter in counts]
    usual = max(1.0, sum(lengths) / len(lengths))
    weights = {word: _rarity(word, counts) for word in wanted}
    scores = []
    for counter, length in zip(counts, lengths, strict=True):
        damping = 1.2 * (0.25 + 0.75 * length / usual)
        scores.append(
            sum(
                weight * counter[word] * 2.2 / (counter[word] + damping)
                for word, weight in weights.items()
                if word in counter
            )
        )
    order = sorted(range(len(passages)), key=lambda row: -scores[row])[:k]
    return [(row, scores[row]) for row in order]


def _words(text: str) -> frozenset[str]:
    words = frozenset(_WORD.findall(text.casefold()))
    return frozenset(word for word in words if len(word) >= _LONG_ENOUGH) or words


def _rarity(word: str, counts: Sequence[Counter[str]]) -> float:
    having = sum(1 for counter in counts if word in counter)
    return math.log(1 + (len(counts) - having + 0.5) / (having + 0.5))
