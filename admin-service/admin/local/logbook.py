"""One log of everything the services write, each line with its service in front."""

import sys
from collections import deque
from collections.abc import Sequence
from logging import LogRecord
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Self

from admin.private_file import make_private_folder

MAX_BYTES = 10_000_000
OLD_FILES = 3
TAIL_LINES = 20
LONGEST_LINE = 16_384


def log_file(root: Path) -> Path:
    """Where the output of the services in `root` goes."""
    return root / "logs" / "local.log"


class Logbook:
    """
    `local.log`, rotated at 10 MB with three old ones kept, and the last lines of each service.

    `write` and the tails may be used from worker threads.
    """

    def __init__(self, path: Path, *, echo: bool) -> None:
        make_private_folder(path.parent)
        self._file = RotatingFileHandler(
            path, maxBytes=MAX_BYTES, backupCount=OLD_FILES, encoding="utf-8", errors="replace"
        )
        self._echo = echo
        self._tails: dict[str, deque[str]] = {}

    def write(self, name: str, lines: Sequence[str]) -> None:
        """Add `lines` of the service `name`; blocks as long as the disk does."""
        tail = self._tails.setdefault(name, deque(maxlen=TAIL_LINES))
        for line in lines:
            tail.append(line)
            text = f"{name:<10}| {line}"
            self._file.emit(LogRecord(name, 0, "", 0, text, None, None))
            if self._echo:
                sys.stdout.write(f"{text}\n")
        if self._echo:
            sys.stdout.flush()

    def tail(self, name: str) -> tuple[str, ...]:
        """The last lines the service wrote in this life."""
        return tuple(self._tails.get(name, ()))

    def new_life(self, name: str) -> None:
        """Forget the last lines of an earlier life."""
        self._tails.pop(name, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


class LineSplitter:
    """Bytes in, whole lines out; a line over 16 KB is cut so that it cannot fill the memory."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[str]:
        """The lines that `chunk` completes, without their line ends."""
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            whole.append(self._rest)
            self._rest = b""
        return [line.decode("utf-8", "replace").rstrip("\r") for line in whole]

    def finish(self) -> list[str]:
        """What came after the last line end."""
        rest, self._rest = self._rest, b""
        return [rest.decode("utf-8", "replace")] if rest else []
