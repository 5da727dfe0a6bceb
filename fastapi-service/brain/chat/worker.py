"""
Takes questions from the queue, a few at a time, and sees each one to exactly one end.

                       ┌─ answered ──────────────▶ done
    claim ── attempt ──┼─ refused, attempts used ─▶ failed
                       ├─ cancelled ─────────────▶ failed chat.cancelled
                       └─ server failed ──────────▶ back to the queue (delays nobody else)

How an end is kept and shown stands in `brain.chat.endings`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio
import structlog
from anyio.abc import TaskGroup

from brain.chat.books import Book
from brain.chat.completion import Completion
from brain.chat.draft import Draft
from brain.chat.endings import NOTHING, SAVE_RETRY_SECONDS, Endings, crash, failed
from brain.chat.orders import Orders
from brain.chat.outbox import Outboxes
from brain.chat.positions import Positions
from brain.chat.turn import Turn
from brain.jobs.errors import GivenUp
from brain.jobs.job import Job
from brain.jobs.queue import Claim, JobQueue
from brain.jobs.repository import Stored
from brain.vram.errors import BackendUnreachable, BreakerOpen, ModelLost
from shared.clock import Clock
from shared.errors import BoundaryError, StoreUnavailable
from shared.protocol import End, ToClient, Usage
from shared.store import Write

log = structlog.get_logger(__name__)
HEARTBEAT_SECONDS = 15.0
OVERDUE_CHECK_SECONDS = 5.0
RECONCILE_SECONDS = 15.0
FIRST_RETRY_SECONDS = 1.0
UNREACHABLE_RETRY_SECONDS = 2.0


@dataclass(slots=True)
class _Work:
    """
    A running attempt, and why it was stopped if somebody stopped it.

    `untold` are its frames while its asker does not know yet that it was taken.
    """

    claim: Claim
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    overdue: bool = False
    ending: bool = False
    told: bool = True
    untold: list[ToClient] = field(default_factory=list)

    def stop(self) -> None:
        if not self.ending:
            self.scope.cancel()


class Worker:
    """The only one who takes from the queue."""

    def __init__(
        self,
        queue: JobQueue,
        turn: Turn,
        completion: Completion,
        orders: Orders,
        outboxes: Outboxes,
        *,
        clock: Clock,
        backend_wait_seconds: float,
        books: Sequence[Book],
    ) -> None:
        self._queue = queue
        self._turn = turn
        self._completion = completion
        self._orders = orders
        self._outboxes = outboxes
        self._clock = clock
        self._backend_wait_seconds = backend_wait_seconds
        self._positions = Positions(outboxes)
        self._endings = Endings(queue, outboxes, clock=clock, books=books)
        self.dead_letters = 0
        """How many requests were given up since this brain began."""
        self._works: dict[str, _Work] = {}
        self._unreachable_since: dict[str, float] = {}
        self._tasks: TaskGroup | None = None
        self.ready = anyio.Event()
        """Set once what earlier brains left has been read and questions are taken."""

    async def run(self) -> None:
        """Work until cancelled. Raises `Superseded` when another brain has taken over."""
        worn_out = await self._open()
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            for job in self._queue.waiting():
                self._positions.watch(job)
                self._endings.reopen(job)
            self._tell_positions()
            for stored in worn_out:
                tasks.start_soon(self._give_up, stored)
            tasks.start_soon(self._watch_overdue)
            tasks.start_soon(self._reconcile)
            self.ready.set()
            while True:
                claim = await self._queue.take()
                self._positions.forget(claim.job.request_id)
                self._tell_positions()
                tasks.start_soon(self._work, claim)

    async def _open(self) -> list[Stored]:
        while True:
            try:
                return await self._queue.open()
            except StoreUnavailable as down:
                log.warning("queue.not_open", reason=down.reason)
                await self._clock.sleep(SAVE_RETRY_SECONDS)

    def note_queued(self, job: Job, *, detail: str | None = None) -> None:
        """This asker has just been told a position and why; tell it when that changes."""
        work = self._works.get(job.request_id)
        if work is not None and work.claim.kept.is_kept:
            self._tell_held_back(work)
        if self._queue.is_waiting(job.request_id):
            position = self._queue.position(job.request_id)
            self._positions.watch(job, told=position, detail=detail)
        self._tell_positions()

    def cancel(self, request_id: str) -> bool:
        """
        End this request with `chat.cancelled`; False when it is neither waiting nor running.

        Raises `StoreUnavailable` while it is not known yet what earlier brains left.
        """
        known = self._queue.find(request_id) is not None
        withdrawn = self._queue.cancel(request_id)
        if withdrawn is not None:
            assert self._tasks is not None, "the queue is open, so the worker runs"
            self._positions.forget(request_id)
            self._tell_positions()
            # In the worker's own task group: the caller may lose its socket at any moment.
            self._tasks.start_soon(self._end_cancelled, withdrawn, NOTHING, ())
        elif request_id in self._works:
            self._works[request_id].stop()
        return known

    def clear(self) -> int:
        """
        End everything that waits with `chat.cancelled`; how many that were.

        Raises `StoreUnavailable` while it is not known yet what earlier brains left.
        """
        if not self._queue.is_open:
            raise StoreUnavailable("the queue has not been read yet")
        waiting = self._queue.waiting()
        for job in waiting:
            self.cancel(job.request_id)
        log.info("queue.cleared", jobs=len(waiting))
        return len(waiting)

    # ------------------------------------------------------------------ one attempt

    async def _work(self, claim: Claim) -> None:
        job = claim.job
        work = self._works[job.request_id] = _Work(claim, told=not _begins_early(claim))
        claim.kept.when_refused(work.scope.cancel)
        if self._queue.is_cancelled(job.request_id):
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
        draft = Draft(work.claim, self._queue.slot(work.claim), started_at=self._clock.now())
        outcome: End | BoundaryError | None = None
        with work.scope:
            outcome = await self._try(work, draft)
        if not await draft.claim.kept.settled():
            return  # whoever asked was told that it was not taken, or that it was before
        self._tell_held_back(work)
        if outcome is None:
            await self._stopped(work, draft)
        elif isinstance(outcome, BoundaryError):
            await self._failed(work, draft, outcome)
        else:
            await self._answered(draft, outcome)

    async def _try(self, work: _Work, draft: Draft) -> End | BoundaryError:
        async with anyio.create_task_group() as beside:
            beside.start_soon(self._heartbeats, work)
            try:
                return await self._end_of(work, draft)
            except BoundaryError as failure:
                return failure
            except Exception:
                log.exception("turn.crashed")
                return crash(draft.job)
            finally:
                work.ending = True
                beside.cancel_scope.cancel()
        raise AssertionError("the block above returns or is cancelled")

    async def _end_of(self, work: _Work, draft: Draft) -> End:
        def tell(frame: ToClient) -> None:
            if work.told:
                self._show(draft.job, frame)
            else:
                work.untold.append(frame)

        if work.told:
            await draft.claim.kept.wait()
        match draft.job.kind:
            case "reset" | "close":
                return await self._orders.carry_out(draft.job)
            case "completion":
                return await self._completion.answer(draft, tell=tell)
            case "summarize":
                await self._turn.summarize(draft, tell=tell)
            case _:
                await self._turn.answer(draft, tell=tell)
        return self._turn.done(draft)

    async def _heartbeats(self, work: _Work) -> None:
        await work.claim.kept.wait()
        while True:
            await self._clock.sleep(HEARTBEAT_SECONDS)
            try:
                await self._queue.heartbeat(work.claim)
            except StoreUnavailable:
                log.warning("job.heartbeat_failed")

    # ------------------------------------------------------------------ its end

    async def _answered(self, draft: Draft, end: End) -> None:
        self._unreachable_since.pop(draft.job.request_id, None)
        await self._end(draft.job, end, usage=draft.usage(), also=self._turn.writes(draft))
        self._turn.ended(draft)
        choice = draft.choice
        log.info(
            "ask.answered",
            kind=draft.job.kind,
            route=choice.route if choice else None,
            model=choice.model if choice else None,
            attempt=draft.claim.attempt,
            output_tokens=draft.finished.output_tokens,
            seconds=round(self._clock.now() - draft.job.asked_at, 3),
        )

    async def _stopped(self, work: _Work, draft: Draft) -> None:
        if not work.overdue or self._queue.is_cancelled(draft.job.request_id):
            await self._cancelled(draft)
            return
        log.warning("job.overdue", attempt=draft.claim.attempt)
        failure = GivenUp(draft.claim.attempt)
        await self._again_or_give_up(work, draft, failure, "It took too long; trying again")

    async def _cancelled(self, draft: Draft) -> None:
        # What was shown stays part of the conversation, as the person saw it.
        await self._end_cancelled(draft.job, draft.usage(), self._turn.writes(draft, stopped=True))
        log.info("ask.cancelled", output_pieces=len(draft.pieces))

    async def _failed(self, work: _Work, draft: Draft, failure: BoundaryError) -> None:
        if self._queue.is_cancelled(draft.job.request_id):
            await self._cancelled(draft)
        elif self._may_wait(draft, failure):
            await self._back(
                work,
                f"{failure.message} Waiting for it.",
                after_seconds=UNREACHABLE_RETRY_SECONDS,
                counts=False,
            )
        elif failure.retryable and not isinstance(failure, BackendUnreachable | BreakerOpen):
            await self._again_or_give_up(work, draft, failure, failure.message)
        else:
            log.info("ask.failed", code=failure.code, attempt=draft.claim.attempt)
            await self._end(draft.job, failed(draft.job, failure))

    def _may_wait(self, draft: Draft, failure: BoundaryError) -> bool:
        """Whether nothing was shown yet and what is missing may come back in time."""
        if draft.first_token_at is not None:
            return False
        if isinstance(failure, StoreUnavailable):
            return True
        if not isinstance(failure, BackendUnreachable):
            return False
        now = self._clock.monotonic()
        since = self._unreachable_since.setdefault(draft.job.request_id, now)
        return now - since < self._backend_wait_seconds

    async def _again_or_give_up(
        self, work: _Work, draft: Draft, failure: BoundaryError, detail: str
    ) -> None:
        attempt, attempts = draft.claim.attempt, self._queue.max_attempts
        if attempt >= attempts:
            self.dead_letters += 1
            log.warning("job.dead_letter", code=failure.code, attempts=attempt)
            await self._end(draft.job, failed(draft.job, failure))
            return
        log.info("job.retry", code=failure.code, attempt=attempt)
        detail = f"{detail} (attempt {attempt + 1} of {attempts})"
        pause = FIRST_RETRY_SECONDS * 2 ** (attempt - 1)
        if attempt == 1 and isinstance(failure, ModelLost):
            pause = 0.0  # not the model's fault: it was taken away
        await self._back(work, detail, after_seconds=pause, counts=True)

    async def _back(self, work: _Work, detail: str, *, after_seconds: float, counts: bool) -> None:
        """Back to its place in the queue, saying why."""
        claim = work.claim
        job, attempt = claim.job, claim.attempt + int(counts)
        self._positions.explain(job, detail, attempt=attempt)
        while True:
            try:
                await self._queue.give_back(claim, after_seconds=after_seconds, counts=counts)
                break
            except StoreUnavailable:
                await self._clock.sleep(SAVE_RETRY_SECONDS)
        # The slot is free already; this task only rings when the pause is over.
        self._drop(work)
        if self._queue.is_cancelled(job.request_id):
            self.cancel(job.request_id)
            return
        self._positions.watch(job, attempt=attempt, detail=detail)
        self._tell_positions()
        await self._clock.sleep(after_seconds)
        self._queue.wake()

    async def _give_up(self, stored: Stored) -> None:
        failure: BoundaryError = GivenUp(stored.attempts)
        if stored.attempts < self._queue.max_attempts:
            failure = StoreUnavailable("its asker was told so")
        self.dead_letters += 1
        log.warning("job.dead_letter", request_id=stored.job.request_id, code=failure.code)
        await self._end(stored.job, failed(stored.job, failure))

    async def _end(
        self, job: Job, end: End, *, usage: Usage = NOTHING, also: Sequence[Write] = ()
    ) -> None:
        self._unreachable_since.pop(job.request_id, None)
        await self._endings.end(job, end, usage=usage, also=also)

    async def _end_cancelled(self, job: Job, usage: Usage, also: Sequence[Write]) -> None:
        assert self._tasks is not None, "the queue is open, so the worker runs"
        self._unreachable_since.pop(job.request_id, None)
        await self._endings.cancelled(job, usage=usage, also=also, tasks=self._tasks)

    # ------------------------------------------------------------------ telling and watching

    def _tell_held_back(self, work: _Work) -> None:
        work.told = True
        for frame in work.untold:
            self._show(work.claim.job, frame)
        work.untold.clear()

    def _show(self, job: Job, frame: ToClient) -> None:
        self._outboxes.put(job.principal, job.client_id, frame)

    def _tell_positions(self) -> None:
        self._positions.tell(self._queue.waiting())

    async def _watch_overdue(self) -> None:
        while True:
            await self._clock.sleep(OVERDUE_CHECK_SECONDS)
            for request_id in self._queue.overdue():
                work = self._works.get(request_id)
                if work is not None:
                    work.overdue = True
                    work.stop()

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
                self._tasks.start_soon(self._give_up, stored)


def _begins_early(claim: Claim) -> bool:
    """Whether work on it may begin while it is written: what is done first changes nothing."""
    return claim.job.kind == "ask" and not claim.job.files and not claim.kept.is_kept
