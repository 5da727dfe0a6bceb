import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brain.web.ranking import by_meaning, by_words

PASSAGES = [
    "The kettle boils water for tea.",
    "Cats sleep for sixteen hours a day.",
    "Green tea stands for two minutes in water that does not boil.",
    "The sum of the angles is a half turn.",
]


def rows(*vectors: tuple[float, ...]) -> np.ndarray:
    return np.asarray(vectors, np.float32)


def test_the_nearest_direction_comes_first_however_long_it_is() -> None:
    passages = rows((100, 100), (0.001, 0), (0, 5), (-1, 0))
    ranked = by_meaning(np.asarray((1, 0), np.float32), passages, 4)
    assert [row for row, _ in ranked] == [1, 0, 2, 3]
    assert [score for _, score in ranked] == pytest.approx([1, math.sqrt(0.5), 0, -1])


def test_equal_ones_keep_their_order_and_none_is_lost_at_the_edge() -> None:
    passages = rows((1, 0), (1, 0), (0, 1), (1, 0))
    assert [row for row, _ in by_meaning(passages[0], passages, 2)] == [0, 1]


def test_zeros_fit_nothing() -> None:
    passages = rows((0, 0), (0, 1))
    assert by_meaning(np.asarray((0, 1), np.float32), passages, 2)[1] == (0, 0.0)
    assert by_meaning(np.zeros(2, np.float32), passages, 1) == [(0, 0.0)]


@pytest.mark.parametrize("k", [0, 1, 3, 4, 99])
def test_at_most_as_many_as_wanted(k: int) -> None:
    passages = rows((1, 0), (0, 1), (1, 1), (2, 1))
    assert len(by_meaning(passages[0], passages, k)) == min(k, 4)
    assert len(by_words("tea", PASSAGES, k)) == min(k, 4)
    assert by_meaning(passages[0], passages[:0], k) == by_words("tea", [], k) == []


@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(1, 12), st.integers(1, 20))
def test_it_is_what_looking_at_every_passage_gives(seed: int, n: int, d: int, k: int) -> None:
    random = np.random.default_rng(seed)
    passages = random.standard_normal((n, d)).astype(np.float32)
    question = random.standard_normal(d).astype(np.float32)
    scores = [
        math.fsum(a * b for a, b in zip(question.tolist(), row.tolist(), strict=True))
        / (math.hypot(*question.tolist()) * math.hypot(*row.tolist()))
        for row in passages
    ]
    ranked = by_meaning(question, passages, k)
    best = sorted(scores, reverse=True)[:k]
    assert [score for _, score in ranked] == pytest.approx(best, abs=1e-5)
    assert [scores[row] for row, _ in ranked] == pytest.approx(best, abs=1e-5)


def test_words_find_the_passage_that_shares_the_rare_ones() -> None:
    ranked = by_words("How many minutes does green tea stand?", PASSAGES, 2)
    assert [row for row, _ in ranked] == [2, 0]
    assert ranked[0][1] > ranked[1][1] > 0


def test_words_are_the_same_in_capitals_and_other_scripts() -> None:
    passages = ["nichts", "Die STRASSE ist lang", "зелёный ЧАЙ"]
    assert by_words("straße", passages, 1)[0][0] == 1
    assert by_words("чай", passages, 1)[0][0] == 2


def test_without_a_shared_word_the_order_of_the_page_remains() -> None:
    assert by_words("xyzzy", PASSAGES, 3) == [(0, 0), (1, 0), (2, 0)]
