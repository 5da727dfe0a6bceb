"""
Exactly one end for every request: in the store, with all that belongs to it, then shown.

A store that does not answer is asked until it does; only a cancel, which must be felt within two
seconds, is shown first when the store takes longer than one.
"""

from collections.abc import Callable, Sequence

import anyio
import structlog
from anyio.abc import TaskGroup

from brain.chat.books import Book
from brain.chat.errors import Cancelled
from brain.chat.outbox import Outboxes
from brain.jobs.job import Job
from brain.jobs.queue import JobQueue
from shared.clock import Clock
from shared.errors import BoundaryError, StoreUnavailable
from shared.protocol import End, Failed, Usage
from shared.store import ConditionFailed, Write

log = structlog.get_logger(__name__)
CANCEL_SAVE_SECONDS = 1.0
SAVE_RETRY_SECONDS = 1.0
NOTHING = Usage()


class Endings:
    """Keeps and shows the ends of requests, and lets the `books` have their part."""

    def __init__(
        self, queue: JobQueue, outboxes: Outboxes, *, clock: Clock, books: Sequence[Book]
    ) -> None:
        self._queue = queue
        self._outboxes = outboxes
        self._clock = clock
        self._books = books

    def reopen(self, job: Job) -> None:
        """Tell the books of a request that an earlier brain left open."""
        for book in self._books:
            book.reopen(job)

    async def end(
        self, job: Job, end: End, *, usage: Usage = NOTHING, also: Sequence[Write] = ()
    ) -> None:
        """Store the end and the writes `also`, however long that takes, then show it."""
        self._show(job, await self._save(job, end, usage, also))

    async def cancelled(
        self, job: Job, *, usage: Usage = NOTHING, also: Sequence[Write] = (), tasks: TaskGroup
    ) -> None:
        """The same for a cancel, shown after a second even if the store does not answer."""
        end = failed(job, Cancelled())
        saved = anyio.Event()

        async def save() -> None:
            await self._save(job, end, usage, also)
            saved.set()

        tasks.start_soon(save)
        with anyio.move_on_after(CANCEL_SAVE_SECONDS):
            await saved.wait()
        self._show(job, end)

    async def _save(self, job: Job, end: End, usage: Usage, also: Sequence[Write]) -> End:
        """Store the end until it is stored; the one that was, which may be a failure instead."""
        end, booked, kept = await self._booked(job, end, usage)
        while True:
            try:
                await self._queue.end(job, end, also=[*also, *booked])
            except ConditionFailed:
                also = ()  # the conversation was reset meanwhile: shown but not remembered
            except StoreUnavailable as down:
                log.warning("job.end_not_saved", reason=down.reason)
                await self._clock.sleep(SAVE_RETRY_SECONDS)
            except (BoundaryError, ValueError) as refused:
                # The store will never take it; one answer is lost, not the brain.
                log.exception("job.end_refused")
                failure = refused if isinstance(refused, BoundaryError) else crash(job)
                also = ()
                end, booked, kept = await self._booked(job, failed(job, failure), NOTHING)
            else:
                for tell in kept:
                    tell()
                return end

    async def _booked(
        self, job: Job, end: End, usage: Usage
    ) -> tuple[End, list[Write], list[Callable[[], None]]]:
        writes: list[Write] = []
        kept = []
        for book in self._books:
            entry = await book.close(job, end, usage)
            end = entry.end
            writes += entry.writes
            kept.append(entry.kept)
        return end, writes, kept

    def _show(self, job: Job, end: End) -> None:
        self._outboxes.put(job.principal, job.client_id, end)


def failed(job: Job, failure: BoundaryError) -> Failed:
    """The end frame of a request that was not answered."""
    return Failed(
        ask_id=job.ask_id,
        code=failure.code,
        message=failure.message,
        retryable=failure.retryable,
    )


def crash(job: Job) -> BoundaryError:
    """What a person reads when the fault is ours."""
    return BoundaryError(
        "Something went wrong inside Trollama; the operator can find it in the log under request "
        f"{job.request_id}."
    )
