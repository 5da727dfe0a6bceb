"""Reading the small text files a kernel shows, or a plain file in the place of one."""

import os
from pathlib import Path

MAX_BYTES = 1 << 20
"""More than any file read here has; a file that never ends is cut."""


class Unreadable(Exception):
    """A file is not there, may not be read, or does not hold what it should; a sentence."""


def read_text(path: Path) -> str:
    """
    The text of `path`, which takes microseconds. Raises `Unreadable`.

    Nothing is waited for: a pipe in the place of the file reads as empty.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            content = file.read(MAX_BYTES) or b""
    except OSError as failure:
        raise Unreadable(f"{path} cannot be read: {failure.strerror or failure}") from failure
    if not content.strip():
        raise Unreadable(f"{path} is empty")
    return content.decode("ascii", errors="replace")


def whole_number(text: str) -> int | None:
    """`text` as a number from 0, or None."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 100 else None


def counters(text: str) -> dict[str, int]:
    """Lines of the form `name number`, others left out (vmstat, memory.stat)."""
    rows = (line.split() for line in text.splitlines())
    pairs = ((row[0], whole_number(row[1])) for row in rows if len(row) == 2)
    return {name: number for name, number in pairs if number is not None}


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
