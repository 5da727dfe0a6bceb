from hypothesis import given
from hypothesis import strategies as st

from brain.web.chunks import split

TEXTS = st.text(alphabet=st.sampled_from("ab .!?\n。é😀\t"), max_size=400)


def test_paragraphs_stay_together_while_they_fit() -> None:
    assert split("one\n\ntwo\nthree", size=8) == ["one\ntwo", "three"]


def test_a_long_paragraph_is_split_between_sentences() -> None:
    text = "The first. The second! The third?"
    assert split(text, size=22) == ["The first. The second!", "The third?"]


def test_a_long_sentence_is_split_between_words() -> None:
    assert split("aaa bbb ccc ddd", size=8) == ["aaa bbb", "ccc ddd"]


def test_a_long_word_is_cut() -> None:
    assert split("x" * 10, size=4) == ["xxxx", "xxxx", "xx"]


def test_sentences_without_spaces_are_told_by_their_marks() -> None:
    assert split("今日は。明日は。", size=5) == ["今日は。", "明日は。"]


def test_what_comes_after_the_most_is_left_out() -> None:
    assert split("a\nb\nc\nd", size=1, most=2) == ["a", "b"]


def test_nothing_makes_nothing() -> None:
    assert split(" \n\t\n ") == []


@given(TEXTS, st.integers(1, 50))
def test_nothing_is_lost_and_nothing_is_too_long(text: str, size: int) -> None:
    chunks = split(text, size=size, most=10_000)
    assert all(0 < len(chunk) <= size and chunk.strip() for chunk in chunks)
    assert "".join("".join(chunks).split()) == "".join(text.split())
