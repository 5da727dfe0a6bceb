"""
Which concepts a text mentions, by the word lists in `words/*.toml`.

One file a language, one list a concept; a new language is one file. An entry is a word or a phrase,
`*` at the end of a word stands for any ending, before a single word for any beginning (compounds),
and alone for any one word. Case, accents and
punctuation do not count. Languages that put no spaces between words say `spaced = false`; their
entries are found anywhere. Looking up is by dictionary, not by one long pattern: the time grows
with the text alone.
"""

import re
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

EVERYWHERE = "any"
"""The file of words that are the same in every language."""

STEM_CHARS = 3
"""Entries with an open ending are looked up by this many first letters."""

TOKEN = re.compile(r"[a-z]+(?:\+\+|#)?|\d+|[^\W\da-z]+")
KANA = re.compile(r"[\u3040-\u30ff]")
HAN = re.compile(r"[\u4e00-\u9fff]")
HANGUL = re.compile(r"[\uac00-\ud7af]")

Span = tuple[int, int]
"""Where in the normalised text something was found: first character, and one behind the last."""

Hits = Mapping[str, Sequence[Span]]
"""What was found of each concept, in the order of the text."""


def normalised(text: str) -> str:
    """`text` in lower case, without accents, in compatible forms (full width, superscripts)."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "'").replace("ł", "l")
    apart = unicodedata.normalize("NFD", plain)
    bare = "".join(char for char in apart if not "\u0300" <= char <= "\u036f")
    return unicodedata.normalize("NFC", bare)


@dataclass(frozen=True, slots=True)
class Token:
    """A word or a number and where it stands."""

    word: str
    start: int
    end: int


def tokens_of(text: str) -> list[Token]:
    """The words and numbers of a normalised text."""
    return [Token(found.group(), *found.span()) for found in TOKEN.finditer(text)]


@dataclass(frozen=True, slots=True)
class _Entry:
    concept: str
    words: tuple[str, ...]


@dataclass(slots=True)
class _Language:
    """The lists of one file, arranged for looking up."""

    marks: frozenset[str] = frozenset()
    exact: dict[str, list[_Entry]] = field(default_factory=lambda: defaultdict(list))
    stems: dict[str, list[_Entry]] = field(default_factory=lambda: defaultdict(list))
    endings: list[tuple[str, str]] = field(default_factory=list)
    """Concept and the end of a compound word."""

    pieces: list[tuple[str, str]] = field(default_factory=list)
    """Concept and entry where words are not spaced."""

    def add(self, concept: str, entry: str, *, spaced: bool) -> None:
        if not spaced:
            self.pieces.append((concept, normalised(entry)))
            return
        words = tuple(
            part if part == "*" else normalised(part) for part in entry.replace("'", " ").split()
        )
        first = words[0]
        if first.startswith("*") and first != "*":
            self.endings.append((concept, first[1:]))
        elif first.endswith("*"):
            self.stems[first[:STEM_CHARS]].append(_Entry(concept, words))
        else:
            self.exact[first].append(_Entry(concept, words))

    def found(self, text: str, tokens: Sequence[Token]) -> dict[str, list[Span]]:
        hits: dict[str, list[Span]] = defaultdict(list)
        for at, token in enumerate(tokens):
            for entry in (
                *self.exact.get(token.word, ()),
                *self.stems.get(token.word[:STEM_CHARS], ()),
            ):
                if _stands_at(entry.words, tokens, at):
                    end = tokens[at + len(entry.words) - 1].end
                    hits[entry.concept].append((token.start, end))
            for concept, ending in self.endings:
                if token.word.endswith(ending):
                    hits[concept].append((token.start, token.end))
        for concept, piece in self.pieces:
            start = text.find(piece)
            if start >= 0:
                hits[concept].append((start, start + len(piece)))
        return hits


def _stands_at(words: tuple[str, ...], tokens: Sequence[Token], at: int) -> bool:
    if at + len(words) > len(tokens):
        return False
    for offset, word in enumerate(words):
        there = tokens[at + offset].word
        if word.endswith("*"):
            if not there.startswith(word[:-1]):
                return False
        elif there != word:
            return False
    return True


def concepts_in(text: str, tokens: Sequence[Token]) -> Hits:
    """
    What a normalised text mentions, by the words of its language (of several where it is not clear)
    and those that are the same everywhere.
    """
    languages = _languages()
    merged: dict[str, list[Span]] = defaultdict(list)
    for name in (EVERYWHERE, *_spoken(text, tokens)):
        for concept, spans in languages[name].found(text, tokens).items():
            merged[concept].extend(spans)
    return {concept: sorted(set(spans)) for concept, spans in merged.items()}


def _spoken(text: str, tokens: Iterable[Token]) -> list[str]:
    """The languages the text may be in."""
    if KANA.search(text):
        return ["ja"]
    if HANGUL.search(text):
        return ["ko"]
    if HAN.search(text):
        return ["zh"]
    words = {token.word for token in tokens}
    scores = {
        name: sum(
            (word in language.marks) + _KNOWN_WORD * (word in language.exact) for word in words
        )
        for name, language in _languages().items()
        if not language.pieces and name != EVERYWHERE
    }
    best = max(scores.values())
    return [name for name, score in scores.items() if score == best]


_KNOWN_WORD = 0.5
"""What a word that begins an entry counts for its language, beside the frequent small words."""


@cache
def _languages() -> Mapping[str, _Language]:
    return {
        page.name.removesuffix(".toml"): _language(tomllib.loads(page.read_text("utf-8")))
        for page in sorted((files("brain.routing") / "words").iterdir(), key=lambda page: page.name)
        if page.name.endswith(".toml")
    }


def _language(lists: dict[str, list[str]]) -> _Language:
    spaced = bool(lists.pop("spaced", True))
    language = _Language(marks=frozenset(normalised(mark) for mark in lists.pop("marks", ())))
    for concept, entries in lists.items():
        for entry in entries:
            language.add(concept, entry, spaced=spaced)
    return language
