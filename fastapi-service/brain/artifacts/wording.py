"""
Which words about files a sentence holds, by the lists in `words/<language>.toml`.

An entry is a word or a phrase; `*` at the end of a word stands for any ending, before it for any
beginning, and alone for any one word. Case and accents do not count. Languages that put no spaces
between words say `spaced = false`; their entries are found anywhere. `verb_last = true`: what is to
be made is named before the verb.
"""

import re
import tomllib
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

NO_LANGUAGES = frozenset({"formats.toml"})
CONCEPTS = (
    "make", "keep", "file", "into", "about", "ask", "self", "never", "code", "change", "refers",
    "take",
)  # fmt: skip
VERBS = ("make", "keep", "change")
"""Without one of these no text asks for a file."""

Span = tuple[int, int]
"""First character, and one behind the last."""


@dataclass(frozen=True, slots=True)
class Language:
    """
    The lists of one language.

    make, keep   verbs: to make something, to put it into a file
    file, code   nouns: a file, a piece of software
    into         "to a file", "as a download"
    about        words after which a file is only the subject ("a poem about a file")
    ask          how somebody asks to learn, not to have
    self         how somebody speaks of their own work ("I tried to save")
    never        how a file is ruled out
    change, refers   "extend", "it": the file made before
    take         "as", "in": before the format that is wanted
    """

    name: str
    verb_last: bool
    patterns: Mapping[str, re.Pattern[str]]
    verbs: "Openings"

    def spans(self, concept: str, text: str) -> Sequence[Span]:
        """Where a normalised text mentions `concept`."""
        return [found.span() for found in self.patterns[concept].finditer(text)]

    def says(self, concept: str, text: str) -> bool:
        """Whether it is mentioned at all."""
        return self.patterns[concept].search(text) is not None


@dataclass(frozen=True, slots=True)
class Openings:
    """
    One word of each entry of some lists: where a text has none of them, no entry is in it.

    Telling so takes microseconds, where looking for every entry takes a third of a millisecond.
    `anywhere`: some entry has no such word, so nothing can be told. `beyond_ascii`: the words are
    not told apart, but each has other letters.
    """

    whole: frozenset[str] = frozenset()
    beginnings: tuple[str, ...] = ()
    anywhere: bool = False
    beyond_ascii: bool = False

    def may_be_in(self, words: Collection[str]) -> bool:
        """Whether a normalised text of these words may hold an entry."""
        return (
            self.anywhere
            or (self.beyond_ascii and not all(word.isascii() for word in words))
            or not self.whole.isdisjoint(words)
            or any(word.startswith(self.beginnings) for word in words)
        )


def words_of(text: str) -> frozenset[str]:
    """The words of a normalised text."""
    return frozenset(_WORD.findall(text))


def openings_of(entries: Iterable[str], *, spaced: bool) -> Openings:
    """The openings of `entries`, written as in the lists."""
    if not spaced:
        ascii_only = any(entry.isascii() for entry in entries)
        return Openings(anywhere=ascii_only, beyond_ascii=not ascii_only)
    telling = [_telling_word(normalised(entry)) for entry in entries]
    return Openings(
        whole=frozenset(word for word in telling if word and not word.endswith("*")),
        beginnings=tuple({word[:-1] for word in telling if word.endswith("*")}),
        anywhere="" in telling,
    )


def _telling_word(entry: str) -> str:
    """A word of `entry` that any text with it has, `…*` a beginning; "" where there is none."""
    words = [word for word in _WORD_OF_ENTRY.findall(entry) if not word.startswith("*")]
    return next((word for word in words if not word.endswith("*")), words[0] if words else "")


_WORD = re.compile(r"\w+")
_WORD_OF_ENTRY = re.compile(r"\*?\w+\*?|\*")


def normalised(text: str) -> str:
    """`text` in lower case, in compatible forms (full width), without accents."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "'").replace("ł", "l")
    apart = unicodedata.normalize("NFD", plain)
    bare = "".join(mark for mark in apart if not "\u0300" <= mark <= "\u036f")
    return unicodedata.normalize("NFC", bare)


@cache
def languages() -> tuple[Language, ...]:
    """All of them, by name."""
    pages = sorted((files("brain.artifacts") / "words").iterdir(), key=lambda page: page.name)
    return tuple(
        _language(page.name.removesuffix(".toml"), tomllib.loads(page.read_text("utf-8")))
        for page in pages
        if page.name.endswith(".toml") and page.name not in NO_LANGUAGES
    )


def _language(name: str, lists: dict[str, list[str]]) -> Language:
    spaced = bool(lists.pop("spaced", True))
    verb_last = bool(lists.pop("verb_last", False))
    unknown = set(lists) - set(CONCEPTS)
    assert not unknown, f"words/{name}.toml: {unknown}"
    patterns = {concept: pattern_of(lists.get(concept, []), spaced=spaced) for concept in CONCEPTS}
    verbs = [entry for concept in VERBS for entry in lists.get(concept, [])]
    return Language(name, verb_last, patterns, openings_of(verbs, spaced=spaced))


def pattern_of(
    entries: Sequence[str], *, spaced: bool = True, letter: str = r"\w"
) -> re.Pattern[str]:
    """
    Finds any of `entries` in a normalised text, the longest first; nothing where none is.

    Where words are spaced, no `letter` may stand beside an entry.
    """
    if not entries:
        return re.compile(r"(?!)")
    longest_first = sorted((normalised(entry) for entry in entries), key=len, reverse=True)
    either = "|".join(_entry(entry) for entry in longest_first)
    return re.compile(rf"(?<!{letter})(?:{either})(?!{letter})" if spaced else f"(?:{either})")


def _entry(entry: str) -> str:
    words = (r"\w+" if word == "*" else _word(word) for word in entry.split())
    return r"[\s,]+".join(words)


def _word(word: str) -> str:
    return re.escape(word).replace(r"\*", r"\w*")
