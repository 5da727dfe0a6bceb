"""
Which files an answer holds.

    answer → fenced blocks → those that are files → names → bytes

No block for a file asked for in words: the whole answer is the file. Nothing is rewritten; a block
becomes a file as it was written.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from brain.artifacts.detect import Wish
from brain.artifacts.fences import HOLDS_FENCES, Block, blocks_in
from brain.artifacts.names import (
    FILENAME,
    MARKDOWN,
    PLAIN,
    formats,
    free_name,
    media_type_of,
    name_by_content,
    safe_name,
    suffix_by_content,
    suffix_for_label,
)
from brain.artifacts.readers.filenames import suffix_of

MAX_FILES = 10
"""More blocks than this are an explanation, not files."""

WORTH_A_FILE = 3
"""Lines of code that become a file although nobody spoke of one."""

WEB = frozenset({".html", ".css", ".js", ".ts"})
"""Kinds of code that make one thing together."""

STEMS = {".html": "index", ".css": "style", ".js": "script", ".md": "answer", ".txt": "answer"}


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file out of an answer. `version` counts the files of this name in the conversation."""

    filename: str
    media_type: str
    data: bytes
    version: int = 1


@dataclass(frozen=True, slots=True)
class _Piece:
    """Text that becomes a file; `name` "" where nobody has named it yet."""

    text: str
    suffix: str
    name: str = ""


def files_in(answer: str, wish: Wish) -> tuple[NewFile, ...]:
    """The files of `answer`, at most `MAX_FILES`, no two of one name; none where it holds none."""
    pieces = _pieces(answer, wish)
    versions = {made.filename.casefold(): made.version for made in wish.earlier}
    named: dict[str, _Piece] = {}
    for piece, name in zip(pieces, _names(pieces, wish), strict=True):
        named[free_name(safe_name(name), named)] = piece
    return tuple(
        NewFile(
            name,
            media_type_of(name),
            piece.text.encode("utf-8", "replace"),
            versions.get(name.casefold(), 0) + 1,
        )
        for name, piece in named.items()
    )


# ---------------------------------------------------------------- which parts


def _pieces(answer: str, wish: Wish) -> list[_Piece]:
    blocks = [block for block in blocks_in(answer) if block.text.strip()]
    own = [piece for piece in (_named_by_answer(block) for block in blocks) if piece is not None]
    if own and not (_is_prose(wish.suffix) and not _holds(own, wish)):
        return own[:MAX_FILES]
    if _is_prose(wish.suffix):
        return _prose(answer, blocks, wish)
    wanted = [_piece(block) for block in _candidates(blocks, wish)]
    if len(wish.names) > 1:
        return wanted[: len(wish.names)]
    if wanted:
        return _longest_of_each_kind(wanted, wish)
    return [_Piece(_without_greeting(answer), wish.suffix)] if wish.firm and answer.strip() else []


def _is_prose(suffix: str) -> bool:
    return suffix in (MARKDOWN, PLAIN)


def _holds(pieces: Iterable[_Piece], wish: Wish) -> bool:
    """Whether one of them is what was asked for."""
    return any(piece.suffix == wish.suffix or piece.name in wish.names for piece in pieces)


def _prose(answer: str, blocks: Sequence[Block], wish: Wish) -> list[_Piece]:
    """A document: the block that is one, else the whole answer with the examples in it."""
    documents = [block for block in blocks if _holds_document(block, wish.suffix)]
    if documents and _is_most_of(documents, answer):
        return [_Piece(block.text, wish.suffix) for block in documents[:MAX_FILES]]
    text = _without_greeting(answer)
    return [_Piece(text, wish.suffix)] if text.strip() else []


def _holds_document(block: Block, suffix: str) -> bool:
    labels = HOLDS_FENCES if suffix == MARKDOWN else {"text", "txt", "plaintext", "plain", ""}
    return block.label in labels


def _is_most_of(blocks: Sequence[Block], answer: str) -> bool:
    """Whether little is said around them; else they are examples in a document."""
    return 2 * sum(len(block.text) for block in blocks) > len(answer)


def _candidates(blocks: Sequence[Block], wish: Wish) -> Sequence[Block]:
    """The blocks of the wanted kind; else those that are no commands or output; else all."""
    floor = 1 if wish.firm else WORTH_A_FILE
    long = [block for block in blocks if block.lines >= floor]
    code = [block for block in long if block.label not in formats().commands]
    if wish.suffix:
        exact = [block for block in code or long if _suffix(block) == wish.suffix]
        if exact:
            return exact
    return code or (long if wish.firm else [])


def _longest_of_each_kind(pieces: Sequence[_Piece], wish: Wish) -> list[_Piece]:
    """A block of the same kind beside a longer one shows how to use it, or a part of it."""
    best: dict[str, _Piece] = {}
    for piece in pieces:
        known = best.get(piece.suffix)
        if known is None or len(piece.text) > len(known.text):
            best[piece.suffix] = piece
    kinds = [piece for piece in best.values() if piece.suffix != ".sh"] or list(best.values())
    if not wish.firm and not WEB.issuperset(best):
        return [max(kinds, key=lambda piece: len(piece.text))]
    return kinds[:MAX_FILES]


def _piece(block: Block) -> _Piece:
    whole = formats().whole.get(block.label)
    return _Piece(block.text, _suffix(block), whole or "")


def _suffix(block: Block) -> str:
    return suffix_for_label(block.label) or suffix_by_content(block.text)


_GREETING = re.compile(r"\s*(?!#)[^\n]{1,200}\n+(?:---+\s*\n+)?(?=# \S)")


def _without_greeting(answer: str) -> str:
    """Without the one line ("Here is your guide:") before the title of a document."""
    found = _GREETING.match(answer)
    return answer[found.end() :] if found else answer


# ---------------------------------------------------------------- names


def _names(pieces: Sequence[_Piece], wish: Wish) -> list[str]:
    """One name a piece: from the answer, the request, the file that is changed, the content."""
    asked = list(wish.names)
    names = []
    for piece in pieces:
        name = piece.name or _asked_name(piece, asked, alone=len(pieces) == 1)
        if not name and wish.changes and (len(pieces) == 1 or _same_kind(piece, wish)):
            name = wish.changes
        names.append(name or _own_name(piece, wish))
    return names


def _asked_name(piece: _Piece, asked: list[str], *, alone: bool) -> str:
    """Takes the first fitting name out of `asked`."""
    for name in asked:
        if alone or suffix_of(name) == piece.suffix:
            asked.remove(name)
            return name
    return ""


def _same_kind(piece: _Piece, wish: Wish) -> bool:
    return suffix_of(wish.changes) == piece.suffix


def _own_name(piece: _Piece, wish: Wish) -> str:
    suffix = piece.suffix or wish.suffix or suffix_by_content(piece.text)
    inside = name_by_content(piece.text, suffix)
    return inside or f"{STEMS.get(suffix, 'file')}{suffix}"


_TITLE = re.compile(r"""(?:title|file(?:name)?|name|path)\s*=\s*["']?([^"'\s}]+)""", re.I)
_COMMENT = re.compile(
    r"^(?:#!.*\n)?\s*(?:#|//|--|;|%|/\*|<!--)\s*(?:file(?:name)?|datei|path)?\s*:?\s*"
    r"([\w./\\-]+\.\w{1,10})\s*(?:\*/|-->)?\s*$",
    re.I | re.M,
)
_LINE_NAME = re.compile(
    r"[`*_\"“„]*([\w./\\-]*[\w-]\.[A-Za-z]\w{0,9}|Dockerfile|Makefile)[`*_\"”“]*"
)
_LEAD = re.compile(
    r"^\s*(?:#{1,6}|[-*+]|\d+[.)])?\s*[*_]*"
    r"(?:(?:file ?name|file|datei(?:name)?|fichier|archivo|arquivo|plik|bestand|dosya|файл"
    r"|文件|ファイル|파일)(?:\s*\d+)?\s*[:：*_]*)?\s*",
    re.I,
)


def _named_by_answer(block: Block) -> _Piece | None:
    """The block with the name that the answer gives it; None when it gives none."""
    name = _name_in_info(block) or _name_before(block.before) or _name_in_comment(block.text)
    if not name:
        return None
    last = re.split(r"[/\\]", name)[-1]
    return replace(_piece(block), name=last, suffix=suffix_of(last) or _suffix(block))


def _name_in_info(block: Block) -> str:
    """`python title="a.py"` (Docusaurus), `python a.py`, `python:a.py`, `a.py`."""
    titled = _TITLE.search(block.info)
    if titled is not None:
        return titled.group(1)
    bare = block.info.split(" ")[0]
    return bare if FILENAME.fullmatch(re.split(r"[/\\]", bare)[-1]) else ""


def _name_before(prose: str) -> str:
    """A last line that is a name and little else: "**main.py**", "### 1. File: src/main.py:"."""
    lines = [line.strip() for line in prose.splitlines() if line.strip()]
    if not lines:
        return ""
    rest = lines[-1][len(_lead(lines[-1])) :]
    found = _LINE_NAME.match(rest)
    if found is None:
        return ""
    behind = rest[found.end() :].strip(" :：*_)")
    return found.group(1) if not behind or behind.startswith("(") else ""


def _lead(line: str) -> str:
    found = _LEAD.match(line)
    return found.group() if found else ""


def _name_in_comment(text: str) -> str:
    found = _COMMENT.match(text)
    return found.group(1) if found else ""
