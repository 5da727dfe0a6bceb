"""
What each file holds of each sender, so that a repeat after a kill is not written twice.

The files themselves are the record: each numbered line ends with its sender and number. Before a
file is set aside (rotation, a new day) what it holds is written to `.senders.json`, so that a
start reads that and the current files alone.
"""

import mmap
import os
import re
from collections.abc import Mapping
from pathlib import Path

import orjson

from logsink.intake import KINDS, Kind, Numbers

NAME = ".senders.json"
DAY = re.compile(r"\d{4}-\d\d-\d\d")
_NUMBERED = re.compile(rb'"log_sender":"([^"\\]+)","log_number":(\d+)\}\r?\n')


class Book:
    """Owned by the writer; `numbers` is what is written, never what is only received."""

    def __init__(self, folder: Path) -> None:
        self.numbers: dict[Kind, Numbers] = {kind: {} for kind in KINDS}
        self._path = folder / NAME

    @classmethod
    def recovered(cls, folder: Path) -> "Book":
        """
        From what an earlier process left in `folder`.

        A line that a kill cut off is removed: it was not acknowledged, so its sender repeats it.
        """
        book = cls(folder)
        for kind, numbers in _saved(folder / NAME).items():
            book.numbers[kind] = numbers
        for kind in KINDS:
            if (current := _newest(folder, f"{kind}.log")) is not None:
                _mend(current)
                book._read(kind, current)
        return book

    def settle(self, numbers: Mapping[Kind, Numbers]) -> None:
        """A whole batch is written."""
        self.numbers = {kind: dict(one) for kind, one in numbers.items()}

    def note(self, kind: Kind, written: bytes | mmap.mmap) -> None:
        """These lines are in the file of that kind; the numbers of a sender rise in them."""
        numbers = self.numbers[kind]
        for name, number in {one[1]: one[2] for one in _NUMBERED.finditer(written)}.items():
            sender = name.decode("utf-8", "replace")
            numbers[sender] = max(int(number), numbers.get(sender, 0))

    def save(self) -> None:
        """Write it down; raises `OSError`."""
        partial = self._path.with_suffix(".partial")
        partial.write_bytes(orjson.dumps(self.numbers))
        partial.replace(self._path)

    def _read(self, kind: Kind, path: Path) -> None:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size:
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                    self.note(kind, content)


def days_in(folder: Path) -> list[Path]:
    """The folders of days, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(one for one in folder.iterdir() if DAY.fullmatch(one.name) and one.is_dir())


def _newest(folder: Path, name: str) -> Path | None:
    found = (day / name for day in reversed(days_in(folder)))
    return next((path for path in found if path.is_file()), None)


def _saved(path: Path) -> dict[Kind, Numbers]:
    try:
        content = orjson.loads(path.read_bytes())
        return {kind: {str(k): int(n) for k, n in content[kind].items()} for kind in KINDS}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, AttributeError, TypeError):  # damaged: the files tell most of it
        return {}


def _mend(path: Path) -> None:
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            return
        with mmap.mmap(file.fileno(), 0) as content:
            whole = content.rfind(b"\n") + 1
        if whole < size:
            file.truncate(whole)
