"""
Whether a request wants files. Pure, and well under ten milliseconds.

    text → sentences, without pasted code and quotations → words → Wish, UNSURE, None

Precision comes first: a sentence that only mentions files means None, one that may mean either is
UNSURE, and the model is asked (`asking`). A request for code is a wish without anybody speaking of
a file: such a wish is `firm=False`, and only a block of code becomes a file then.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Final, Literal

from brain.artifacts.names import FILENAME, MARKDOWN, Format, formats, suffix_for_label
from brain.artifacts.readers.filenames import suffix_of
from brain.artifacts.wording import Language, Span, languages, normalised, pattern_of, words_of

MAX_CHARS = 2_000
"""What is wished for stands at the beginning or the end of a long text."""

NEAR_WORDS = 4
CODE_NEAR_WORDS = 6


@dataclass(frozen=True, slots=True)
class Earlier:
    """A file made before in this conversation. `latest`: it came with the last answer."""

    filename: str
    version: int = 1
    latest: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """
    What files are wanted.

    firm      a file was asked for in words; else only blocks of code become files
    names     what they shall be called, as far as the request says
    suffix    the wanted ending, "" where the answer shows it
    changes   the name of the earlier file that shall be changed, or ""
    instead   the word for a format that cannot be written ("pdf"); `suffix` is made instead
    earlier   the files of the conversation so far, the oldest first
    """

    firm: bool = True
    names: tuple[str, ...] = ()
    suffix: str = ""
    changes: str = ""
    instead: str = ""
    earlier: tuple[Earlier, ...] = ()


class _Unsure(Enum):
    UNSURE = "unsure"


UNSURE: Final = _Unsure.UNSURE
Unsure = Literal[_Unsure.UNSURE]
_Verdict = Literal["file", "change", "code", "unsure", "never"]


def wish_of(text: str, earlier: Sequence[Earlier] = ()) -> Wish | Unsure | None:
    """Whether `text` asks for files; `earlier` are those of its conversation, oldest first."""
    sentences = list(_sentences(text))
    words = frozenset[str]().union(*(words_of(sentence) for sentence in sentences))
    if not any(language.verbs.may_be_in(words) for language in languages()):
        return None
    verdicts = {
        verdict
        for language in languages()
        for sentence in sentences
        for verdict in _verdicts(sentence, language, earlier)
    }
    if "never" in verdicts:
        return None
    if "change" in verdicts:
        return wish_when_asked(text, earlier, changes=True)
    if "file" in verdicts:
        return wish_when_asked(text, earlier)
    if "code" in verdicts:
        return wish_when_asked(text, earlier, firm=False)
    return UNSURE if "unsure" in verdicts else None


def wish_when_asked(
    text: str, earlier: Sequence[Earlier] = (), *, firm: bool = True, changes: bool = False
) -> Wish:
    """The wish in `text`, given that it is one: names, ending, the file that is changed."""
    shown = _without_code(text)
    names = tuple(dict.fromkeys(_fitting_names(shown)))
    known = {one.filename.casefold(): one.filename for one in earlier}
    changed = next((known[name.casefold()] for name in names if name.casefold() in known), "")
    if changes and not changed:
        changed = earlier[-1].filename
    others = tuple(name for name in names if name.casefold() not in known)
    suffix, instead = _format_of(shown)
    suffix = suffix_of(others[0]) if len(others) == 1 else suffix or suffix_of(changed)
    return Wish(
        firm=firm,
        names=others,
        suffix=suffix,
        changes=changed,
        instead=instead,
        earlier=tuple(earlier),
    )


# ---------------------------------------------------------------- a sentence in a language


def _verdicts(sentence: str, language: Language, earlier: Sequence[Earlier]) -> Iterator[_Verdict]:
    if language.says("never", sentence):
        yield "never"
        return
    if earlier:
        yield from _changes(sentence, language, earlier)
    verbs = sorted({*language.spans("make", sentence), *language.spans("keep", sentence)})
    if not verbs or _asks_before(sentence, language, verbs[-1]):
        return
    evidence = _evidence(sentence, language, verbs)
    if evidence == "file" and language.says("self", sentence):
        yield "unsure"
    elif evidence is not None:
        yield evidence


def _evidence(sentence: str, language: Language, verbs: Sequence[Span]) -> _Verdict | None:
    """What the words after (or before) the verbs speak of, the strongest first."""
    first, keeps = verbs[0], language.says("keep", sentence)
    behind = sentence if language.verb_last else sentence[first[0] :]
    named = [*_NAME.finditer(behind), *_ENDING.finditer(behind)]
    if language.says("into", sentence):
        return "file"
    if any(
        _reaches(sentence, language, verbs, file, NEAR_WORDS)
        for file in language.spans("file", sentence)
    ):
        return "file"
    code = any(
        _reaches(sentence, language, verbs, noun, CODE_NEAR_WORDS)
        for noun in language.spans("code", sentence)
    )
    if named and (keeps or not code):
        subject = not language.verb_last and language.says("about", behind[: named[0].start()])
        return "unsure" if subject and not keeps else "file"
    if code:
        return "code"
    texts = [span for kind, span in _kinds(sentence) if kind is None or not kind.code]
    if any(_reaches(sentence, language, verbs, span, NEAR_WORDS) for span in texts):
        return "unsure" if _NO_FILE.search(behind) else "file"
    if keeps and any(_is_wanted(sentence, span) for span in texts):
        return "file"
    if any(_is_wanted(behind, span) for kind, span in _kinds(behind) if kind and kind.code):
        return "code"
    return "unsure" if keeps and (texts or language.says("file", behind)) else None


def _changes(sentence: str, language: Language, earlier: Sequence[Earlier]) -> Iterator[_Verdict]:
    verbs = language.spans("change", sentence)
    if not verbs or _asks_before(sentence, language, verbs[0]):
        return
    known = {one.filename.casefold() for one in earlier}
    if any(found.group() in known for found in _NAME.finditer(sentence)):
        yield "change"
    elif language.says("refers", sentence):
        yield "change" if earlier[-1].latest else "unsure"
    else:
        yield "unsure"


def _reaches(
    sentence: str, language: Language, verbs: Iterable[Span], noun: Span, near: int
) -> bool:
    """Whether `noun` is what one of `verbs` makes: close behind it, no "about" between."""
    if language.verb_last:
        return True
    for verb in verbs:
        between = sentence[verb[1] : noun[0]]
        if noun[0] < verb[1] or len(between.split()) > near:
            continue
        if not language.says("about", between) and not _stops(sentence, language, noun):
            return True
    return False


def _stops(sentence: str, language: Language, noun: Span) -> bool:
    """Whether the word right behind makes another thing of it: "a file system"."""
    behind = re.match(r" (\w+)", sentence[noun[1] :])
    return behind is not None and behind.group(1) in _COMPOUNDS


def _asks_before(sentence: str, language: Language, verb: Span) -> bool:
    """Whether somebody asks how it is done; Japanese and Korean ask at the end."""
    asked = language.spans("ask", sentence)
    return any(language.verb_last or span[0] <= verb[0] for span in asked)


_COMPOUNDS = frozenset(
    {"system", "systems", "cabinet", "server", "extension", "size", "format", "formats", "path",
     "permission", "permissions", "manager", "descriptor", "handle", "handling", "i", "type"}
)  # fmt: skip
_NO_FILE = re.compile(r"\b(?:table|tabelle|tabla|tableau|tabella|tabela|tabel|таблиц\w*|list)\b")


# ---------------------------------------------------------------- the text


_CODE_BLOCK = re.compile(r"(`{3,}|~{3,}).*?(?:\1|\Z)", re.S)
_QUOTED = re.compile(
    r"\"[^\"\n]{0,400}\"|“[^”\n]{0,400}”|„[^“”\n]{0,400}[“”]|«[^»\n]{0,400}»|「[^」\n]{0,400}」|(?<!\w)'[^'\n]{0,400}'(?!\w)"
)
_SENTENCE = re.compile(r"(?<=[!?;])\s+|(?<=\w\.)\s+(?=\S)|[\n。！？；]+")
_NAME = re.compile(
    r"(?<![\w./\\:@-])[\w-][\w.-]*\.[a-z][a-z0-9]{0,9}(?![\w@/])|(?<!\w)(?:dockerfile|makefile)(?!\w)"
)
_ENDING = re.compile(r"(?<![\w.])\.[a-z][a-z0-9]{0,7}(?!\w)")
_WHOLE = {"readme": "README.md", "dockerfile": "Dockerfile", "makefile": "Makefile"}


def _sentences(text: str) -> list[str]:
    if len(text) > MAX_CHARS:
        text = f"{text[: MAX_CHARS // 2]}\n{text[-MAX_CHARS // 2 :]}"
    plain = normalised(_QUOTED.sub(_name_or_nothing, _without_code(text)))
    return [part for part in (one.strip() for one in _SENTENCE.split(plain)) if part]


def _name_or_nothing(quoted: re.Match[str]) -> str:
    """A quotation is no request; a file name in quotation marks is one's own."""
    inside = quoted.group()[1:-1].strip()
    return inside if FILENAME.fullmatch(inside) else " … "


def _without_code(text: str) -> str:
    return _CODE_BLOCK.sub("\n", text).replace("`", "")


def _fitting_names(text: str) -> Iterator[str]:
    """The file names in a text; "example.com" and "e.g" are none."""
    for found in FILENAME.finditer(text):
        name = found.group()
        suffix = suffix_of(name)
        if suffix in formats().by_suffix or suffix_for_label(suffix[1:]):
            yield name
    for word, name in _WHOLE.items():
        if re.search(rf"(?<![\w.]){word}(?![\w.])", text, re.I):
            yield name


_LATIN = "[a-z0-9_+#]"
"""Japanese and Chinese write "Pythonの" without a space."""


@cache
def _kind_patterns() -> tuple[tuple[Format | None, str, re.Pattern[str]], ...]:
    """Format (None: one that cannot be written), the ending to make, its words."""
    words = {one.suffix: one.words for one in formats().by_suffix.values()}
    words[MARKDOWN] = (*words[MARKDOWN], "readme")
    known = [
        (one, suffix, pattern_of(words[suffix], letter=_LATIN))
        for suffix, one in formats().by_suffix.items()
    ]
    other = [
        (None, suffix, pattern_of([word], letter=_LATIN))
        for word, suffix in formats().instead.items()
    ]
    return (*known, *other)


def _kinds(sentence: str) -> list[tuple[Format | None, Span]]:
    """The formats that a normalised sentence names."""
    return [
        (kind, found.span())
        for kind, _, pattern in _kind_patterns()
        for found in pattern.finditer(sentence)
    ]


def _format_of(text: str) -> tuple[str, str]:
    """The wanted ending, and the word of the format it replaces; "" for none or several."""
    plain = normalised(text)
    endings = [suffix for suffix in _endings(plain) if suffix]
    if endings:
        return endings[-1], ""
    found = [
        (match.start(), kind, suffix, match.group())
        for kind, suffix, pattern in _kind_patterns()
        for match in pattern.finditer(plain)
    ]
    wanted = [one for one in found if _is_wanted(plain, (one[0], one[0] + len(one[3])))] or found
    suffixes = {suffix for _, _, suffix, _ in wanted}
    if len(suffixes) != 1:
        return "", ""
    _, kind, suffix, word = max(wanted, key=lambda one: len(one[3]))
    return suffix, word if kind is None else ""


def _endings(plain: str) -> Iterator[str]:
    for found in _ENDING.finditer(plain):
        suffix = found.group()
        yield suffix if suffix in formats().by_suffix else suffix_for_label(suffix[1:])


def _is_wanted(plain: str, kind: Span) -> bool:
    """Whether a format is the one to make: "as CSV", "a CSV file"."""
    before, behind = plain[max(0, kind[0] - 30) : kind[0]], plain[kind[1] :].lstrip(" -")
    return plain.startswith("in ", kind[0]) or any(
        one.patterns["file"].match(behind) is not None
        or any(end == len(before.rstrip()) for _, end in one.spans("take", before))
        for one in languages()
    )
