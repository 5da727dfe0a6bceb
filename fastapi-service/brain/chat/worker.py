"""
Takes questions from the queue, a few at a time, and sees each one to exactly one end.

                       ┌─ answered ──────────────▶ done
    claim ── attempt ──┼─ refused, attempts used ─▶ failed
                       ├─ cancelled ─────────────▶ failed chat.cancelled
                       └─ server failed ──────────▶ back to the queue (delays nobody else)

The end frame is in the store before anybody sees it; only a cancel, which must be felt within two
seconds, is shown first when the store does not answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio
import structlog
from anyio.abc import TaskGroup

from brain.chat.errors import Cancelled
from brain.chat.outbox import Outboxes
from brain.chat.turn import Draft, Turn
from brain.jobs.errors import GivenUp
from brain.jobs.job import Job
from brain.jobs.queue import Claim, JobQueue
from brain.jobs.repository import Stored
from brain.vram.errors import BackendUnreachable
from shared.clock import Clock
from shared.errors import BoundaryError, StoreUnavailable
from shared.protocol import End, Failed, Status, ToClient
from shared.store import ConditionFailed, Write

log = structlog.get_logger(__name__)
HEARTBEAT_SECONDS = 15.0
OVERDUE_CHECK_SECONDS = 5.0
RECONCILE_SECONDS = 15.0
CANCEL_SAVE_SECONDS = 1.0
SAVE_RETRY_SECONDS = 1.0
FIRST_RETRY_SECONDS = 1.0
UNREACHABLE_RETRY_SECONDS = 2.0


@dataclass(slots=True)
class _Work:
    """A running attempt, and why it was stopped if somebody stopped it."""

    claim: Claim
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    cancelled: bool = False
    overdue: bool = False
    ending: bool = False

    def stop(self, *, overdue: bool = False) -> None:
        self.cancelled = self.cancelled or not overdue
        self.overdue = self.overdue or overdue
        if not self.ending:
            self.scope.cancel()


class Worker:
    """The only one who takes from the queue."""

    def __init__(
        self,
        queue: JobQueue,
        turn: Turn,
        outboxes: Outboxes,
        *,
        clock: Clock,
        backend_wait_seconds: float,
    ) -> None:
        self._queue = queue
        self._turn = turn
        self._outboxes = outboxes
        self._clock = clock
        self._backend_wait_seconds = backend_wait_seconds
        self._works: dict[str, _Work] = {}
        self._cancelled_early: set[str] = set()
        self._told: dict[str, int] = {}
        self._tasks: TaskGroup | None = None
        self.ready = anyio.Event()
        """Set once what earlier brains left has been read and questions are taken."""

    async def run(self) -> None:
        """Work until cancelled. Raises `Superseded` when another brain has taken over."""
        worn_out = await self._open()
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            self.ready.set()
            for job in self._queue.waiting():
                self._told[job.request_id] = 0
            self._tell_positions()
            for stored in worn_out:
                tasks.start_soon(self._give_up, stored.job, stored.attempts)
            tasks.start_soon(self._watch_overdue)
            tasks.start_soon(self._reconcile)
            while True:
                claim = await self._queue.take()
                self._tell_positions()
                tasks.start_soon(self._work, claim)

    async def _open(self) -> list[Stored]:
        while True:
            try:
                return await self._queue.open()
            except StoreUnavailable as down:
                log.warning("queue.not_open", reason=down.reason)
                await self._clock.sleep(SAVE_RETRY_SECONDS)

    def note_queued(self, job: Job, position: int) -> None:
        """Remember which position the asker was told."""
        self._told[job.request_id] = position
        self._tell_positions()

    def cancel(self, request_id: str) -> bool:
        """End this request with `chat.cancelled`; False when it is neither waiting nor running."""
        assert self._tasks is not None, "a worker that does not run has nothing to cancel"
        work = self._works.get(request_id)
        if work is not None:
            work.stop()
            return True
        job = self._queue.withdraw(request_id)
        if job is not None:
            self._tell_positions()
            # In the worker's own task group: the caller may lose its socket at any moment.
            self._tasks.start_soon(self._end_cancelled, job, ())
            return True
        if self._queue.is_running(request_id):
            self._cancelled_early.add(request_id)
            return True
        return False

    # ------------------------------------------------------------------ one attempt

    async def _work(self, claim: Claim) -> None:
        job = claim.job
        work = self._works[job.request_id] = _Work(claim)
        self._told.pop(job.request_id, None)
        if job.request_id in self._cancelled_early:
            self._cancelled_early.discard(job.request_id)
            work.stop()
        with structlog.contextvars.bound_contextvars(request_id=job.request_id):
            try:
                await self._attempt(work)
            finally:
                self._drop(work)

    def _drop(self, work: _Work) -> None:
        request_id = work.claim.job.request_id
        if self._works.get(request_id) is work:  # the next attempt may have begun already
            del self._works[request_id]

    async def _attempt(self, work: _Work) -> None:
        draft = Draft(work.claim, started_at=self._clock.now())
        failure: BoundaryError | None = None
        with work.scope:
            failure = await self._try(work, draft)
        if work.scope.cancelled_caught:
            await self._stopped(work, draft)
        elif failure is None:
            await self._answered(draft)
        else:
            await self._failed(work, draft, failure)

    async def _try(self, work: _Work, draft: Draft) -> BoundaryError | None:
        async with anyio.create_task_group() as beside:
            beside.start_soon(self._heartbeats, work)
            try:
                await self._turn_of(draft)
            except BoundaryError as failure:
                return failure
            except Exception:
                log.exception("turn.crashed")
                return BoundaryError(
                    "Something went wrong inside Trollama; the operator can find it in the log "
                    f"under request {draft.job.request_id}."
                )
            finally:
                work.ending = True
                beside.cancel_scope.cancel()
        return None

    async def _turn_of(self, draft: Draft) -> None:
        def tell(frame: ToClient) -> None:
            self._show(draft.job, frame)

        if draft.job.kind == "summarize":
            await self._turn.summarize(draft, tell=tell)
        else:
            await self._turn.answer(draft, tell=tell)

    async def _heartbeats(self, work: _Work) -> None:
        while True:
            await self._clock.sleep(HEARTBEAT_SECONDS)
            try:
                await self._queue.heartbeat(work.claim)
            except StoreUnavailable:
                log.warning("job.heartbeat_failed")

    # ------------------------------------------------------------------ its end

    async def _answered(self, draft: Draft) -> None:
        end = self._turn.done(draft)
        await self._end(draft.job, end, also=self._turn.writes(draft))
        log.info(
            "ask.answered",
            route=end.route,
            model=end.model,
            why=end.why,
            attempt=end.attempt,
            output_tokens=end.usage.output_tokens,
            total_ms=end.timings.total_ms,
        )

    async def _stopped(self, work: _Work, draft: Draft) -> None:
        if work.cancelled:
            # What was shown stays part of the conversation, as the person saw it.
            await self._end_cancelled(draft.job, self._turn.writes(draft))
            log.info("ask.cancelled", output_pieces=len(draft.pieces))
        elif work.overdue:
            log.warning("job.overdue", attempt=draft.claim.attempt)
            failure = GivenUp(draft.claim.attempt)
            await self._again_or_give_up(work, draft, failure, "It took too long; trying again")

    async def _failed(self, work: _Work, draft: Draft, failure: BoundaryError) -> None:
        if isinstance(failure, BackendUnreachable | StoreUnavailable) and not draft.pieces:
            waited = self._clock.now() - draft.job.asked_at
            if waited < self._backend_wait_seconds:
                await self._wait_for_server(work, draft, failure)
                return
        elif failure.retryable:
            await self._again_or_give_up(work, draft, failure, failure.message)
            return
        log.info("ask.failed", code=failure.code, attempt=draft.claim.attempt)
        await self._end(draft.job, _failed(draft.job, failure))

    async def _wait_for_server(self, work: _Work, draft: Draft, failure: BoundaryError) -> None:
        self._status(draft, draft.claim.attempt, f"{failure.message} Waiting for it.")
        await self._back(work, after_seconds=UNREACHABLE_RETRY_SECONDS, counts=False)

    async def _again_or_give_up(
        self, work: _Work, draft: Draft, failure: BoundaryError, detail: str
    ) -> None:
        attempt, attempts = draft.claim.attempt, self._queue.max_attempts
        if attempt >= attempts:
            log.warning("job.dead_letter", code=failure.code, attempts=attempt)
            await self._end(draft.job, _failed(draft.job, failure))
            return
        log.info("job.retry", code=failure.code, attempt=attempt)
        self._status(draft, attempt + 1, f"{detail} (attempt {attempt + 1} of {attempts})")
        pause = FIRST_RETRY_SECONDS * 2 ** (attempt - 1)
        await self._back(work, after_seconds=pause, counts=True)

    async def _back(self, work: _Work, *, after_seconds: float, counts: bool) -> None:
        while True:
            try:
                await self._queue.give_back(work.claim, after_seconds=after_seconds, counts=counts)
                break
            except StoreUnavailable:
                await self._clock.sleep(SAVE_RETRY_SECONDS)
        # The slot is free already; this task only rings when the pause is over.
        self._drop(work)
        self._told[work.claim.job.request_id] = 0
        self._tell_positions()
        await self._clock.sleep(after_seconds)
        self._queue.wake()

    async def _give_up(self, job: Job, attempts: int) -> None:
        log.warning("job.dead_letter", request_id=job.request_id, attempts=attempts)
        await self._end(job, _failed(job, GivenUp(attempts)))

    async def _end(self, job: Job, end: End, *, also: Sequence[Write] = ()) -> None:
        """Store the end, however long that takes, then show it."""
        while not await self._save_end(job, end, also):
            await self._clock.sleep(SAVE_RETRY_SECONDS)
        self._show(job, end)

    async def _end_cancelled(self, job: Job, also: Sequence[Write]) -> None:
        """The same, but shown after a second even if the store does not answer."""
        end = _failed(job, Cancelled())
        saved = False
        with anyio.move_on_after(CANCEL_SAVE_SECONDS):
            saved = await self._save_end(job, end, also)
        self._show(job, end)
        while not saved:
            await self._clock.sleep(SAVE_RETRY_SECONDS)
            saved = await self._save_end(job, end, also)

    async def _save_end(self, job: Job, end: End, also: Sequence[Write]) -> bool:
        try:
            await self._queue.end(job, end, also=also)
        except ConditionFailed:
            # The conversation was reset meanwhile: the answer is shown but not remembered.
            return await self._save_end(job, end, ())
        except StoreUnavailable:
            log.warning("job.end_not_saved")
            return False
        return True

    # ------------------------------------------------------------------ telling

    def _show(self, job: Job, frame: ToClient) -> None:
        self._outboxes.put(job.principal, job.client_id, frame)

    def _status(self, draft: Draft, attempt: int, detail: str) -> None:
        job = draft.job
        self._show(job, Status(ask_id=job.ask_id, attempt=attempt, stage="waiting", detail=detail))

    def _tell_positions(self) -> None:
        """Tell everybody whose place in the queue has changed."""
        waiting = self._queue.waiting()
        for position, job in enumerate(waiting, start=1):
            told = self._told.get(job.request_id)
            if told is not None and told != position:
                self._told[job.request_id] = position
                self._show(job, Status(ask_id=job.ask_id, stage="waiting", position=position))

    async def _reconcile(self) -> None:
        assert self._tasks is not None
        while True:
            await self._clock.sleep(RECONCILE_SECONDS)
            try:
                worn_out = await self._queue.reconcile()
            except StoreUnavailable as down:
                log.warning("queue.not_reconciled", reason=down.reason)
                continue
            for stored in worn_out:
                self._tasks.start_soon(self._give_up, stored.job, stored.attempts)

    async def _watch_overdue(self) -> None:
        while True:
            await self._clock.sleep(OVERDUE_CHECK_SECONDS)
            for request_id in self._queue.overdue():
                work = self._works.get(request_id)
                if work is not None:
                    work.stop(overdue=True)


def _failed(job: Job, failure: BoundaryError) -> Failed:
    return Failed(
        ask_id=job.ask_id,
        code=failure.code,
        message=failure.message,
        retryable=failure.retryable,
    )
