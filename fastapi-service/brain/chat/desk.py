"""
The front desk: what a client may ask of the chat, whichever door it came through.

Every answer that belongs to an ask is a frame in the client's outbox.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

import anyio
import structlog

from brain.chat.admission import Admission, Caller
from brain.chat.doors import Doors
from brain.chat.errors import UnknownAsk
from brain.chat.maintenance import SOFT_TEXT
from brain.chat.outbox import Outboxes, Reader
from brain.chat.worker import Worker
from brain.jobs.job import Job, Kind
from brain.jobs.queue import JobQueue, Placed
from brain.jobs.repository import JobRepository, Stored
from shared.errors import BoundaryError, StoreUnavailable
from shared.protocol import (
    Ask,
    Cancel,
    Close,
    End,
    Failed,
    Queued,
    Reset,
    Status,
    Summarize,
    Surface,
)
from shared.tracing import request_id_for

log = structlog.get_logger(__name__)
LOOK_SECONDS = 1.0


class Desk:
    """Passes asks, cancels and orders on, and says what became of them."""

    def __init__(
        self,
        *,
        admission: Admission,
        worker: Worker,
        queue: JobQueue,
        jobs: JobRepository,
        outboxes: Outboxes,
        doors: Doors,
        in_maintenance: Callable[[], bool],
        refused: Callable[[str], None],
    ) -> None:
        self._in_maintenance = in_maintenance
        self._refused = refused
        self._admission = admission
        self._worker = worker
        self._queue = queue
        self._jobs = jobs
        self._outboxes = outboxes
        self._doors = doors

    async def submit(
        self,
        ask: Ask,
        caller: Caller,
        *,
        client_id: str,
        surface: Surface,
        kind: Kind = "ask",
    ) -> tuple[Job, Placed]:
        """
        Queue an ask and tell its client the place, or the end it had before.

        Raises `BoundaryError` when it is refused; nothing was kept then.
        """
        try:
            job, placed = await self._admission.submit(
                ask, caller, client_id=client_id, surface=surface, kind=kind
            )
        except BoundaryError as refusal:
            self._refused(refusal.code)
            raise
        if placed.end is not None:
            self._outboxes.put(job.principal, client_id, placed.end)
        else:
            self._tell_place(job, placed)
            await self._doors.joined(job)
        return job, placed

    def _tell_place(self, job: Job, placed: Placed) -> None:
        in_maintenance = self._in_maintenance()
        queued = Queued(
            ask_id=job.ask_id,
            request_id=job.request_id,
            position=placed.position,
            maintenance=in_maintenance,
        )
        self._outboxes.put(job.principal, job.client_id, queued)
        detail = None
        if in_maintenance and not placed.repeated:
            detail = SOFT_TEXT
            status = Status(
                ask_id=job.ask_id, stage="waiting", detail=detail, position=placed.position
            )
            self._outboxes.put(job.principal, job.client_id, status)
        self._worker.note_queued(job, detail=detail)

    async def order(
        self, frame: Reset | Summarize | Close, caller: Caller, *, client_id: str, surface: Surface
    ) -> None:
        """Queue what is asked of a whole conversation. Raises `BoundaryError`."""
        ask = Ask(
            ask_id=frame.ask_id,
            user_id=frame.user_id,
            conversation_id=frame.conversation_id,
            text="",
        )
        await self.submit(ask, caller, client_id=client_id, surface=surface, kind=frame.type)

    async def cancel(self, frame: Cancel, caller: Caller, *, client_id: str) -> None:
        """
        Stop an ask of this client; one that has ended gets its end frame again.

        Raises `UnknownAsk`.
        """
        request_id = request_id_for(caller.principal, client_id, frame.ask_id)
        ended = await self.stop(request_id)
        if ended is not None and ended.end is not None:
            self._outboxes.put(caller.principal, client_id, ended.end)

    def knows(self, ask_id: str, caller: Caller, *, client_id: str) -> bool:
        """Whether this ask is on its way into the queue, waiting or running."""
        request_id = request_id_for(caller.principal, client_id, ask_id)
        return self._queue.find(request_id) is not None

    async def took(self, ask_id: str, caller: Caller, *, client_id: str) -> bool:
        """
        Whether this ask was kept before, on its way or ended; False when the store does not tell
        in time, as a cancel must be felt within two seconds.
        """
        with anyio.move_on_after(LOOK_SECONDS), suppress(StoreUnavailable):
            request_id = request_id_for(caller.principal, client_id, ask_id)
            return await self._jobs.get(request_id) is not None
        return False

    async def stop(self, request_id: str) -> Stored | None:
        """
        Stop a request; what the store has when it had ended already, None when it ends now.

        Raises `UnknownAsk`.
        """
        if self._worker.cancel(request_id):
            return None
        stored = await self._jobs.get(request_id)
        if stored is None or stored.end is None:
            raise UnknownAsk
        return stored

    async def find(self, request_id: str) -> Stored:
        """What is known of a request. Raises `UnknownAsk`."""
        known = self._queue.find(request_id)
        if known is not None:
            return known
        stored = await self._jobs.get(request_id)
        if stored is None:
            raise UnknownAsk
        return stored

    def position(self, request_id: str) -> int:
        """The place of a waiting request (1 = next)."""
        return self._queue.position(request_id)

    async def greet(
        self, caller: Caller, *, client_id: str, session_id: str | None, after: int
    ) -> Reader:
        """
        A place in the client's outbox.

        What the client has not acknowledged and no longer stands in the outbox follows from the
        store. Raises `StoreUnavailable`.
        """
        ends = await self._jobs.unshown(caller.principal, client_id)
        outbox = self._outboxes.of(caller.principal, client_id)
        # No await from here: an end that came while the store was read is kept in the outbox.
        reader = outbox.greet(session_id, after)
        kept = outbox.kept_ends()
        for end in ends:
            if end.ask_id not in kept:
                outbox.put(end)
        return reader

    async def acknowledge(self, ends: Sequence[End], caller: Caller, *, client_id: str) -> None:
        """These end frames were shown."""
        if not ends:
            return
        try:
            await self._jobs.shown(
                caller.principal, client_id, [end.ask_id for end in ends if end.ask_id]
            )
        except BoundaryError as failure:
            # They stay in the store and come again after a restart: shown twice beats never.
            log.warning("ack.not_saved", code=failure.code, ends=len(ends))


def failed(failure: BoundaryError, ask_id: str | None) -> Failed:
    """The frame for a failure that did not become the end of a stored job."""
    return Failed(
        ask_id=ask_id, code=failure.code, message=failure.message, retryable=failure.retryable
    )
