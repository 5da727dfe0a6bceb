"""
`logs/YYYY-MM-DD/{app,error,debug}.log`: appended to, rotated by size, a new folder each day.

The day is that of this machine's clock and time zone when the line is written, so that
`logs/$(date +%Y-%m-%d)/app.log` is the file of today. Rotation is that of
`logging.handlers.RotatingFileHandler`: `app.log.1` is the newest of the old ones, and a limit or a
count of zero means no rotation.

"Written" means that write(2) has returned: the kernel has the line, and a kill of this process
loses nothing. A power failure may take the last half minute (no fsync; decision 19).
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from logsink.book import Book
from logsink.intake import KINDS, Batch, Kind
from shared.clock import Clock

FILE_MODE = 0o640
FOLDER_MODE = 0o750
LF = 0x0A


@dataclass(slots=True)
class Portion:
    """The lines of a batch for one file; `at` bytes are written, `noted` of them in the book."""

    kind: Kind
    data: bytes
    at: int = 0
    noted: int = 0

    @property
    def within_a_line(self) -> bool:
        """Whether a failure cut a line in two, whose rest must follow in the same file."""
        return 0 < self.at < len(self.data) and self.data[self.at - 1] != LF


@dataclass(slots=True)
class _Open:
    path: Path
    descriptor: int
    size: int
    inode: int


def day_of(now: float) -> str:
    """The name of a day's folder; `now` in seconds since 1970."""
    return time.strftime("%Y-%m-%d", time.localtime(now))


def portions_of(batch: Batch) -> list[Portion]:
    """What of a batch goes where."""
    lines = [(kind, batch.lines[kind]) for kind in KINDS if batch.lines[kind]]
    return [Portion(kind, b"\n".join((*found, b""))) for kind, found in lines]


class Files:
    """Owned by the writer: no two threads at once. Every call may raise `OSError`."""

    def __init__(
        self, folder: Path, book: Book, *, max_bytes: int, backup_count: int, clock: Clock
    ) -> None:
        self._folder = folder
        self._book = book
        self._max_bytes = max_bytes if backup_count else 0
        self._backup_count = backup_count
        self._clock = clock
        self._open: dict[Kind, _Open] = {}

    def write(self, portion: Portion) -> None:
        """
        Append what is left of `portion`. After an `OSError` call it again with the same one: it
        goes on where it stopped.
        """
        file = self._current(portion)
        while portion.at < len(portion.data):
            end = self._end_of_what_fits(portion, file.size)
            if end == portion.at:
                self._rotate(portion)
                file = self._current(portion)
                continue
            count = os.write(file.descriptor, memoryview(portion.data)[portion.at : end])
            portion.at += count
            file.size += count

    def close(self) -> None:
        """Note what is written, and let go of the files."""
        for kind in list(self._open):
            self._let_go(kind)
        self._book.save()

    def _end_of_what_fits(self, portion: Portion, size: int) -> int:
        data, at = portion.data, portion.at
        room = self._max_bytes - size
        if not self._max_bytes or len(data) - at <= room:
            return len(data)
        if portion.within_a_line:
            return data.find(b"\n", at) + 1
        if room > 0 and (end := data.rfind(b"\n", at, at + room) + 1):
            return end
        return at if size else data.find(b"\n", at) + 1  # a line longer than a file: alone in one

    def _current(self, portion: Portion) -> _Open:
        kind = portion.kind
        path = self._folder / day_of(self._clock.now()) / f"{kind}.log"
        file = self._open.get(kind)
        if file is not None and (portion.within_a_line or file.path == path) and _is_there(file):
            return file
        if file is not None:
            self._note(portion)
            self._let_go(kind)
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, FILE_MODE)
        status = os.fstat(descriptor)
        self._open[kind] = opened = _Open(path, descriptor, status.st_size, status.st_ino)
        return opened

    def _rotate(self, portion: Portion) -> None:
        path = self._open[portion.kind].path
        # First what frees room: on a full disk the next steps need a little.
        _old(path, self._backup_count).unlink(missing_ok=True)
        self._note(portion)
        self._let_go(portion.kind)
        for number in range(self._backup_count - 1, 0, -1):
            with suppress(FileNotFoundError):
                _old(path, number).rename(_old(path, number + 1))
        path.rename(_old(path, 1))

    def _note(self, portion: Portion) -> None:
        self._book.note(portion.kind, portion.data[portion.noted : portion.at])
        portion.noted = portion.at
        self._book.save()

    def _let_go(self, kind: Kind) -> None:
        os.close(self._open.pop(kind).descriptor)


def names_of(day: Path) -> Iterator[Path]:
    """The files in a day's folder that are ours."""
    for kind in KINDS:
        for path in day.glob(f"{kind}.log*"):
            if path.name == f"{kind}.log" or path.suffix[1:].isdecimal():
                yield path


def _old(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def _is_there(file: _Open) -> bool:
    """Whether nobody removed or replaced it; what goes into a removed file is lost."""
    try:
        return file.path.stat().st_ino == file.inode
    except FileNotFoundError:
        return False
