"""
The one task that writes: takes what has come in since the last time, writes it, acknowledges it.

    connections ──lines──▶ Intake ──cut()──▶ Writer ──thread──▶ Files
         ▲                                     │
         └── {"written": number} ──────────────┘     and: read on, when there is room again

While one batch is being written the next one grows, so that a busy server writes large pieces.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import anyio
import anyio.to_thread
import structlog

from logsink.book import Book
from logsink.files import Files, Portion, portions_of
from logsink.intake import Intake, Kind, Numbers
from shared.clock import Clock

log = structlog.get_logger(__name__)
AGAIN_SECONDS = 0.5
"""Between two attempts to write on a disk that refuses."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why nothing can be written, and since when (monotonic seconds)."""

    reason: str
    since: float


@dataclass(frozen=True, slots=True)
class _UnderWay:
    """A batch that is being written, and who waits for it."""

    portions: Sequence[Portion]
    numbers: Mapping[Kind, Numbers]
    after: Sequence[Callable[[], None]]


class Writer:
    """Owns the files from here on. `trouble` is None while they can be written."""

    def __init__(self, intake: Intake, files: Files, book: Book, *, clock: Clock) -> None:
        self.trouble: Trouble | None = None
        self._intake = intake
        self._files = files
        self._book = book
        self._clock = clock
        self._more = anyio.Event()
        self._after: list[Callable[[], None]] = []
        self._under_way: _UnderWay | None = None

    def tell_when_written(self, then: Callable[[], None]) -> None:
        """Call `then` when everything taken in so far is in the files."""
        self._after.append(then)
        self._more.set()

    def wake(self) -> None:
        """Write what has come in, although nobody waits for it."""
        self._more.set()

    async def run(self) -> None:
        """Until cancelled; what is left then is for `finish`."""
        while True:
            await self._more.wait()
            await self._round()

    async def finish(self, *, limit_seconds: float) -> bool:
        """Write what is left and close the files; whether all of it is written."""
        with anyio.move_on_after(limit_seconds, shield=True):
            while self._under_way or self._after or self._intake.waiting:
                await self._round()
        try:
            self._files.close()
        except OSError as failure:
            self._complain(failure)
        return not (self._under_way or self._after or self._intake.waiting)

    async def _round(self) -> None:
        if self._under_way is None:
            self._more = anyio.Event()
            batch, after = self._intake.cut(), self._after
            self._after = []
            self._under_way = _UnderWay(portions_of(batch), batch.numbers, after)
        current = self._under_way
        # Cancelled here, the thread is waited for, and `finish` goes on where it stopped.
        while not await anyio.to_thread.run_sync(self._attempt, current.portions):
            await self._clock.sleep(AGAIN_SECONDS)
        self._book.settle(current.numbers)
        self._under_way = None
        for then in current.after:
            then()

    def _attempt(self, portions: Sequence[Portion]) -> bool:
        """In a thread: blocks as long as the disk does."""
        try:
            for portion in portions:
                self._files.write(portion)
        except OSError as failure:
            self._complain(failure)
            return False
        if self.trouble is not None:
            seconds = round(self._clock.monotonic() - self.trouble.since, 1)
            self.trouble = None
            log.warning("files.written_again", after_seconds=seconds)
        return True

    def _complain(self, failure: OSError) -> None:
        if self.trouble is None:
            reason = failure.strerror or type(failure).__name__
            self.trouble = Trouble(reason, self._clock.monotonic())
            log.error("files.not_written", error=reason, file=failure.filename)
