"""Tokens put together are the text again; vectors are what vectors should be."""

import math

from hypothesis import given
from hypothesis import strategies as st

from rehearsal import tokens
from rehearsal.vectors import embed


@given(st.text())
def test_the_pieces_of_a_text_are_the_text(text: str) -> None:
    assert "".join(tokens.pieces(text)) == text
    assert tokens.count(text) == len(tokens.pieces(text))


@given(st.text(), st.integers(1, 300))
def test_a_vector_has_length_one_and_never_changes(text: str, dimensions: int) -> None:
    vector = embed(text, dimensions)
    assert len(vector) == dimensions
    assert math.isclose(math.hypot(*vector), 1.0)
    assert vector == embed(text, dimensions)


def test_texts_that_share_words_are_nearer_than_texts_that_do_not() -> None:
    cat, kitten, stock = (
        embed(text, 256) for text in ("the cat sat here", "the cat lay here", "stocks fell again")
    )
    assert _dot(cat, kitten) > _dot(cat, stock)


def _dot(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
