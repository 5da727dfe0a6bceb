"""Word lists: one file a language, looked up by word."""

import tomllib
from importlib.resources import files

from brain.routing.lexicon import concepts_in, normalised, tokens_of


def found(text: str) -> set[str]:
    plain = normalised(text)
    return set(concepts_in(plain, tokens_of(plain)))


def test_phrases_endings_and_gaps_are_found() -> None:
    assert "creative" in found("Schreib mir eine Gutenachtgeschichte")
    assert "write" in found("schreibst du mir ein Lied")
    assert "weigh" in found("plan a two week holiday")


def test_a_word_inside_another_word_is_not_found() -> None:
    assert "code_language" not in found("the sequel was bad")
    assert "hello" not in found("this and that")


def test_words_of_another_language_do_not_count() -> None:
    assert "or" not in found("the end of the world is what we feared")


def test_languages_without_spaces_are_found_anywhere() -> None:
    assert {"write", "creative"} <= found("桜についての詩を書いてください")
    assert "weigh" in found("分析一下远程办公的优缺点")


def test_every_list_is_of_a_known_concept() -> None:
    pages = (files("brain.routing") / "words").iterdir()
    lists = {page.name: tomllib.loads(page.read_text("utf-8")) for page in pages}
    known = set(lists["en.toml"]) | set(lists["any.toml"]) | {"spaced"}
    for name, concepts in lists.items():
        assert set(concepts) <= known, name
