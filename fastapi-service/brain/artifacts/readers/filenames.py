"""The name of a file that somebody sent, made harmless."""

import re
import unicodedata

MAX_CHARS = 120
NAMELESS = "file"
_JOINER = "\N{ZERO WIDTH JOINER}"
"""Holds the emoji of a family together; all other invisible characters go."""


def clean_name(filename: str) -> str:
    """
    The last part of a path with / or \\, without control, direction and lone surrogate characters
    (a right-to-left override can make "exe.gpj" look like "jpg.exe"), at most `MAX_CHARS` long
    with its suffix kept; `NAMELESS` where nothing is left.
    """
    last = re.split(r"[/\\]", filename.rstrip("/\\"))[-1]
    shown = "".join(mark for mark in last if _is_shown(mark))
    name = " ".join(unicodedata.normalize("NFC", shown).split()).lstrip(".").strip()
    if len(name) > MAX_CHARS:
        suffix = suffix_of(name)
        name = name[: MAX_CHARS - len(suffix)] + suffix
    return name or NAMELESS


def suffix_of(name: str) -> str:
    """ ".pdf" of "Notes.PDF"; "" where a name has none that looks like one."""
    found = re.search(r"\.\w{1,12}$", name)
    return found.group().lower() if found else ""


def _is_shown(mark: str) -> bool:
    return mark == _JOINER or mark.isspace() or not unicodedata.category(mark).startswith("C")
