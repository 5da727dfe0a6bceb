"""
Which record goes into which file, and which was written before.

    app.log     INFO and above: what happened, errors included, so that one file tells the story
    error.log   ERROR and above, once more: what somebody should look at
    debug.log   DEBUG alone

A sender that wants every record in the files exactly once numbers them: the last two fields of a
record are `"log_sender":"<id of the process>","log_number":<1, 2, 3 …>`. A number that a file has
is not written to that file again. Records without them are written as they come.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import orjson

Kind = Literal["app", "error", "debug"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Numbers = dict[str, int]
"""Sender → the highest of its numbers."""

MAX_SENDERS = 1000
"""Senders remembered; one is a process, and those that ended come no more."""

OWN_LINES = 1000
_FILES_OF: Mapping[Kind, tuple[Kind, ...]] = {
    "app": ("app",),
    "error": ("app", "error"),
    "debug": ("debug",),
}
_KIND_OF: dict[object, Kind] = {
    "debug": "debug", "trace": "debug", "DEBUG": "debug", "TRACE": "debug",
    "error": "error", "critical": "error", "fatal": "error",
    "ERROR": "error", "CRITICAL": "error", "FATAL": "error",
}  # fmt: skip
"""Every other level goes to app.log alone."""


@dataclass(slots=True)
class Batch:
    """
    What is written together: lines without their ends for each file.

    `numbers`: for each file, what it holds of each sender once all of this is written.
    """

    lines: Mapping[Kind, list[bytes]] = field(default_factory=lambda: {one: [] for one in KINDS})
    numbers: Mapping[Kind, Numbers] = field(default_factory=dict)


class Intake:
    """Sorts the lines of all connections; `written` is what the files already hold."""

    def __init__(self, written: Mapping[Kind, Numbers]) -> None:
        self.records = 0
        self.repeated = 0
        self.malformed = 0
        self._numbers = {kind: dict(written.get(kind, {})) for kind in KINDS}
        self._batch = Batch()
        self._own: deque[str] = deque(maxlen=OWN_LINES)

    def take(self, lines: Iterable[bytes]) -> int | None:
        """Keep `lines` for the next batch; the last number among them, None when there is none."""
        app, in_app = self._batch.lines["app"], self._numbers["app"]
        kind_of, loads, last, count = _KIND_OF.get, orjson.loads, None, 0
        for line in lines:
            try:
                record = loads(line)
                kind = kind_of(record.get("level"))
                number = record.get("log_number")
            except (ValueError, AttributeError, TypeError):  # no JSON; no object; no such level
                self.malformed += bool(line.strip())
                continue
            count += 1
            if type(number) is not int or type(sender := record.get("log_sender")) is not str:
                if kind != "debug":
                    app.append(line)
                if kind is not None:
                    self._batch.lines[kind].append(line)
                continue
            last = number
            if kind is None and number > in_app.get(sender, 0):
                in_app[sender] = number
                app.append(line)
            else:
                self._take_once(kind or "app", sender, number, line)
        self.records += count
        return last

    def _take_once(self, kind: Kind, sender: str, number: int, line: bytes) -> None:
        fresh = False
        for one in _FILES_OF[kind]:
            # Asked for each file: a kill may have come when only the first of them was written.
            if number > self._numbers[one].get(sender, 0):
                fresh = True
                self._numbers[one][sender] = number
                self._batch.lines[one].append(line)
        self.repeated += not fresh

    def say(self, line: str) -> None:
        """A record of the log server itself, for the next batch; from any thread."""
        self._own.append(line)

    @property
    def waiting(self) -> bool:
        """Whether there is something for a batch."""
        return bool(self._own) or any(self._batch.lines.values())

    def cut(self) -> Batch:
        """Everything taken since the last time."""
        while self._own:
            self.take([self._own.popleft().encode("utf-8", "replace")])
        batch = self._batch
        for numbers in self._numbers.values():
            for oldest in list(numbers)[: max(0, len(numbers) - MAX_SENDERS)]:
                del numbers[oldest]
        batch.numbers = {kind: dict(numbers) for kind, numbers in self._numbers.items()}
        self._batch = Batch()
        return batch
