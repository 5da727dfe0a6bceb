"""
What files are called and which type they have.

    label of a fence, word of a person, ending, content → ending → media type

The table is `words/formats.toml`; an ending it does not know is asked of Pygments.
"""

import json
import re
import tomllib
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath

from pygments.lexers import (  # type: ignore[import-untyped]  # has no types
    find_lexer_class_by_name,
    find_lexer_class_for_filename,
)
from pygments.util import ClassNotFound  # type: ignore[import-untyped]

from brain.artifacts.readers.filenames import MAX_CHARS, NAMELESS, clean_name, suffix_of

PLAIN, MARKDOWN = ".txt", ".md"
MAX_STEM_CHARS = 40
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.I)
"""Names that Windows keeps for devices (Microsoft, "Naming Files, Paths, and Namespaces")."""

_UNFIT = re.compile(r'[<>:"|?*]')
FILENAME = re.compile(r"(?<![\w./\\:@-])[\w-][\w.-]*\.[A-Za-z][A-Za-z0-9]{0,9}(?![\w@/])")
"""A bare name with an ending, as people write it in a sentence."""


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of text file. `code`: its word alone ("Python") does not ask for a file."""

    suffix: str
    media_type: str
    words: tuple[str, ...] = ()
    code: bool = False


@dataclass(frozen=True, slots=True)
class Formats:
    """The table: by ending, by fence label; what stands for formats that cannot be written."""

    by_suffix: Mapping[str, Format]
    by_label: Mapping[str, str]
    instead: Mapping[str, str]
    """Word of a format that cannot be written ("pdf") → ending of the file made instead."""

    commands: frozenset[str]
    whole: Mapping[str, str]


@cache
def formats() -> Formats:
    """What `words/formats.toml` says."""
    page = (files("brain.artifacts") / "words" / "formats.toml").read_text("utf-8")
    table = tomllib.loads(page)
    whole, commands = table.pop("whole"), table.pop("commands")
    documents = table.pop("documents")
    instead = dict.fromkeys(documents["instead_of"], MARKDOWN)
    by_suffix: dict[str, Format] = {}
    by_label: dict[str, str] = {}
    for suffix, row in table.items():
        words = tuple(row["words"])
        by_suffix[suffix] = Format(suffix, row["media"], words, code=row.get("code", False))
        by_label |= dict.fromkeys(row["labels"], suffix)
        instead |= dict.fromkeys(row.get("instead_of", ()), suffix)
    return Formats(by_suffix, by_label, instead, frozenset(commands["labels"]), whole)


def safe_name(name: str) -> str:
    """
    `name` as every system can save it: no folder, control or reserved character, no device name,
    not hidden unless it is a well-known dot file, at most `MAX_CHARS` long.
    """
    hidden = PurePosixPath(name.replace("\\", "/")).name in formats().whole.values()
    clean = clean_name(_UNFIT.sub("_", name)).rstrip(". ") or NAMELESS
    if hidden and name.rpartition("/")[2].startswith("."):
        clean = f".{clean}"
    return f"_{clean}"[:MAX_CHARS] if _RESERVED.match(clean) else clean


def suffix_for_label(label: str) -> str:
    """The ending of what a fence with this label holds; "" for no label or an unknown one."""
    label = label.casefold()
    known = formats().by_label.get(label)
    if known is not None or not label:
        return known or ""
    try:
        patterns: tuple[str, ...] = tuple(find_lexer_class_by_name(label).filenames)
    except ClassNotFound:
        return ""
    endings = (pattern[1:] for pattern in patterns if re.fullmatch(r"\*\.[\w+-]+", pattern))
    return next(endings, "").lower()


def media_type_of(name: str) -> str:
    """The media type of a text file by its name."""
    known = formats().by_suffix.get(suffix_of(name))
    if known is not None:
        return known.media_type
    lexer = find_lexer_class_for_filename(name)
    kinds: tuple[str, ...] = tuple(lexer.mimetypes) if lexer is not None else ()
    return kinds[0] if kinds else "text/plain"


def suffix_by_content(text: str) -> str:
    """The ending that `text` itself suggests; `PLAIN` when it suggests none."""
    start = text.lstrip("\ufeff \t\r\n")
    for pattern, suffix in _STARTS:
        if pattern.match(start):
            return suffix
    if start[:1] in ("{", "[") and _is_json(text):
        return ".json"
    if _PYTHON.search(text):
        return ".py"
    if re.search(r"^#{1,3} \S", text, re.M):
        return MARKDOWN
    return ".csv" if _is_csv(text) else PLAIN


def name_by_content(text: str, suffix: str) -> str:
    """The name that `text` gives itself (its class, function, title); "" when it gives none."""
    patterns = _NAMES_INSIDE.get(suffix, ())
    for pattern in patterns:
        found = pattern.search(text)
        if found is not None:
            inside = found.group(1)
            stem = inside if suffix == ".java" else slug(inside)
            return f"{stem}{suffix}" if stem else ""
    return ""


def slug(words: str) -> str:
    """A few words as the stem of a file name: "Docker Guide!" is "docker_guide"; "" for none."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", words)
    letters = unicodedata.normalize("NFKC", spaced).casefold()
    stem = "_".join(re.findall(r"\w+", letters)).strip("_")
    if len(stem) > MAX_STEM_CHARS:
        stem = stem[:MAX_STEM_CHARS].rpartition("_")[0] or stem[:MAX_STEM_CHARS]
    return stem


def free_name(name: str, taken: Collection[str]) -> str:
    """`name`, or with the first number that is free: "notes_2.md". Case does not tell names."""
    used = {one.casefold() for one in taken}
    suffix = suffix_of(name)
    stem = name[: len(name) - len(suffix)]
    number, free = 2, name
    while free.casefold() in used:
        free, number = f"{stem}_{number}{suffix}", number + 1
    return free


_PYTHON = re.compile(
    r"^(?:async )?def \w+\(.*:\s*$|^class \w+.*:\s*$|^import [a-z_]\w*\s*$|^from [\w.]+ import \w",
    re.M,
)
_STARTS = tuple(
    (re.compile(pattern, re.I), suffix)
    for pattern, suffix in (
        (r"#!.*\bpython", ".py"),
        (r"#!.*\b(ba|z|da)?sh\b", ".sh"),
        (r"#!.*\bnode\b", ".js"),
        (r"<!doctype html|<html\b", ".html"),
        (r"(<\?xml[^>]*>\s*)?<svg\b", ".svg"),
        (r"<\?xml\b", ".xml"),
        (r"<\?php\b", ".php"),
        (r"BEGIN:VCALENDAR", ".ics"),
        (r"\\documentclass", ".tex"),
        (r"(diff --git|--- a/)", ".diff"),
        (r"(create table|select\s.+\sfrom|insert into)\b", ".sql"),
        (r"package \w+\s*\n(.|\n)*?^func ", ".go"),
    )
)
_NAMES_INSIDE: Mapping[str, tuple[re.Pattern[str], ...]] = {
    suffix: tuple(re.compile(pattern, re.M | re.I) for pattern in patterns)
    for suffix, patterns in {
        ".py": (r"^class (\w+)", r"^(?:async )?def ((?!main\b)\w+)"),
        ".js": (
            r"^(?:export )?(?:default )?class (\w+)",
            r"^(?:export )?(?:default )?(?:async )?function (\w+)",
        ),
        ".ts": (
            r"^(?:export )?(?:default )?class (\w+)",
            r"^(?:export )?(?:default )?(?:async )?function (\w+)",
        ),
        ".java": (r"^\s*public (?:final |abstract )?(?:class|interface|enum|record) (\w+)",),
        ".rs": (r"^(?:pub )?fn ((?!main\b)\w+)",),
        ".go": (r"^func ((?!main\b)\w+)",),
        ".sql": (r"create table (?:if not exists )?(\w+)",),
        ".html": (r"<title>\s*([^<\n]+)",),
        ".md": (r"^# +(.+?)\s*#*$", r"^## +(.+?)\s*#*$"),
    }.items()
}


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _is_csv(text: str) -> bool:
    rows = text.strip().splitlines()
    commas = {row.count(",") for row in rows}
    return len(rows) > 1 and len(commas) == 1 and commas != {0}
