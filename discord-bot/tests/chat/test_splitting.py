"""Cutting answers into messages."""

from time import process_time

from hypothesis import given
from hypothesis import strategies as st

from bot.chat.fences import as_discord_has_them
from bot.chat.splitting import split

LIMIT = 200
WORDS = st.sampled_from(
    ["word", "x" * 700, "😀" * 50, "äöü ", "\n", "\n\n", " ", "```python\n", "```\n", "\n```\n",
     "\n````md\n", "`", "  ", "print(1)\n", "a line of some length\n", "\r\n", "\u2028",
     "```x```\n", "\n```\nx = 1\n```\n", "`" * 12, "1. ```sh\n", "> ```\n", "~~~\n", "w" * 190,
     "\n- - - ```a-language-of-some-length\n", "e\u0301" * 90, "مرحبا "]
)  # fmt: skip
ANSWERS = st.lists(WORDS, max_size=60).map("".join).map(as_discord_has_them)


@given(ANSWERS)
def test_the_bodies_joined_are_the_answer(answer: str) -> None:
    assert "".join(piece.body for piece in split(answer, LIMIT)) == answer


@given(ANSWERS)
def test_no_piece_is_longer_than_the_limit_or_blank(answer: str) -> None:
    for piece in split(answer, LIMIT):
        assert 0 < len(piece.text) <= LIMIT
        assert piece.text.strip()


@given(ANSWERS)
def test_every_piece_closes_the_code_block_it_opens(answer: str) -> None:
    for piece in split(answer, LIMIT):
        assert piece.text.count("```") % 2 == 0


@given(ANSWERS, ANSWERS)
def test_what_was_cut_off_stays_as_it_is_while_the_answer_grows(begin: str, more: str) -> None:
    before, after = split(begin, LIMIT), split(begin + more, LIMIT)
    assert [one.body for one in before[:-1]] == [one.body for one in after[: len(before) - 1]]


def test_a_cut_code_block_goes_on_with_its_language() -> None:
    code = "Look:\n```python\n" + "x = 1\n" * 80 + "```\nThat is all.\n"
    pieces = split(code, LIMIT)
    assert len(pieces) > 2
    assert all(piece.text.startswith("```python\n") for piece in pieces[1:-1])
    assert pieces[-1].text.endswith("That is all.\n")


def test_a_cut_is_at_the_end_of_a_line_where_there_is_one() -> None:
    for piece in split("a line of some length\n" * 40, LIMIT)[:-1]:
        assert piece.text.endswith("length\n")


def test_an_endless_word_behind_blank_lines_leaves_no_message_empty() -> None:
    assert all(len(piece.text) > 9 for piece in split("\n\n" + "w" * 700, LIMIT))


def test_spacing_inside_a_long_line_stays() -> None:
    line = "two  spaces   and four    " * 30
    assert "".join(piece.body for piece in split(line, LIMIT)) == line


def test_a_short_answer_is_one_piece() -> None:
    assert [piece.text for piece in split("42", 1900)] == ["42"]


def test_a_very_long_answer_is_cut_in_no_time() -> None:
    began = process_time()
    assert len(split("```python\n" + "x = 1\n" * 120_000 + "```", 1900)) > 100
    assert process_time() - began < 1


def test_a_language_longer_than_a_message_leaves_room_for_the_code() -> None:
    text = "```" + "w" * 300 + "\nx = 1\n```\n" + "word " * 90
    assert "".join(piece.body for piece in split(text, LIMIT)) == text
