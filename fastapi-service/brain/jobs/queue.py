"""
Who is next.

      put ──▶ waiting ──take──▶ running ──end──▶ gone
                 ▲                 │
                 └── give back ────┘  (a failed attempt, a missed heartbeat, a restart)

First come, first served, except that a conversation is answered one question at a time, a question
that was given back may have to wait for its hour, neither of which holds up the others, that
people share (`brain.jobs.order`), and that who needs a model which is in memory may pass a few who
do not (`brain.jobs.overtaking`), also while one who runs waits for its model (`brain.jobs.slots`).
What needs no model (reset, close) waits only for its own conversation.
A job is in the store before `put` returns. A question that finds a free worker is stored as taken
in the same write, which makes three store operations a message: put, read the history, end. What
comes before its first word is done meanwhile (`brain.jobs.kept`).

Everything here runs in one event loop; what is decided is decided without an `await` in between.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

import anyio
import structlog

from brain.jobs.errors import QueueFull
from brain.jobs.job import Job
from brain.jobs.kept import Kept
from brain.jobs.order import WITHOUT_MODEL, Place
from brain.jobs.overtaking import Start
from brain.jobs.repository import JobRepository, State, Stored
from brain.jobs.schedule import Schedule, Signal
from brain.jobs.slots import Slot
from shared.clock import Clock
from shared.errors import StoreUnavailable
from shared.protocol import End
from shared.store import Write

log = structlog.get_logger(__name__)
CLAIM_RETRY_SECONDS = 1.0
OPEN_SECONDS = 5.0
"""How long `put` waits for a queue that is still being read."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on a job: its `attempt`-th attempt (from 1)."""

    job: Job
    attempt: int
    kept: Kept = field(default_factory=Kept.already, compare=False)


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of `put`: a position (1 = next), or the end frame of the same ask before."""

    request_id: str
    position: int
    repeated: bool = False
    end: End | None = None


class JobQueue:
    """
    The durable queue of one brain: at most `max_waiting` wait, at most `workers` are answered.

    `likely` is the model that a job will probably want, None when nobody can tell; `resident` are
    the models in memory. Both answer at once.
    """

    def __init__(
        self,
        repository: JobRepository,
        *,
        clock: Clock,
        max_waiting: int,
        workers: int,
        max_attempts: int,
        visibility_seconds: float,
        likely: Callable[[Job], str | None],
        resident: Callable[[], Collection[str]],
    ) -> None:
        self._repository = repository
        self._clock = clock
        self.max_waiting = max_waiting
        self.workers = workers
        self.max_attempts = max_attempts
        self._visibility_seconds = visibility_seconds
        self._signal = Signal()
        self._schedule = Schedule(
            workers=workers, likely=likely, resident=resident, freed=self._signal.set
        )
        self._line, self._slots = self._schedule.line, self._schedule.slots
        self._arriving: dict[str, tuple[Place, Kept]] = {}
        self._ready: deque[Claim] = deque()
        self._last_order = 0
        self._opened = anyio.Event()
        self._refused: set[str] = set()

    async def open(self) -> list[Stored]:
        """
        Take over what earlier brains left and put it back in its order.

        Returns the jobs that have used up their attempts; the caller ends them.
        """
        worn_out = self._line_up(await self._repository.take_over())
        self._opened.set()
        return worn_out

    async def reconcile(self) -> list[Stored]:
        """
        Line up open jobs of the store that this queue does not know; returns those to be ended.

        Their attempts are used up, or their asker was told that they were not taken. Raises
        `Superseded` when another brain has taken over.
        """
        return self._line_up(await self._repository.adopt(self._knows))

    def _line_up(self, found: Sequence[Stored]) -> list[Stored]:
        worn_out = []
        for stored in found:
            if self._knows(stored.job.request_id):
                continue  # its asker repeated it while the store was read
            self._last_order = max(self._last_order, stored.job.order)
            place = Place(stored.job, attempts=stored.attempts)
            refused = stored.job.request_id in self._refused
            self._refused.discard(stored.job.request_id)
            if refused or stored.attempts >= self.max_attempts:
                self._slots.start(place)
                worn_out.append(stored)
            else:
                self._line.rejoin(place)
        self._signal.set()
        return worn_out

    def next_order(self) -> int:
        """A number above all earlier ones: microseconds since 1970, or one more than the last."""
        self._last_order = max(self._last_order + 1, int(self._clock.now() * 1_000_000))
        return self._last_order

    async def put(self, job: Job) -> Placed:
        """
        Keep `job` and give it its place; the same request again finds its first place or its end.

        Raises `QueueFull`, `StoreUnavailable` (also while what earlier brains left is unread).
        """
        with anyio.move_on_after(OPEN_SECONDS):
            await self._opened.wait()
        if not self.is_open:
            raise StoreUnavailable("the queue has not been read yet")
        await self._arrived(job.request_id)
        if self._knows(job.request_id):
            return Placed(job.request_id, self.position(job.request_id), repeated=True)
        place = Place(job, heartbeat_at=self._clock.monotonic())
        start = self._start_now(place)
        if start is None and self._is_full() and job.kind not in WITHOUT_MODEL:
            known = await self.known(job.request_id)
            if known is None:
                raise QueueFull(len(self._line))
            return known
        return await self._keep(place, start)

    async def known(self, request_id: str) -> Placed | None:
        """
        The place or the end of a request that was taken before; None when it never was.

        Raises `StoreUnavailable`.
        """
        await self._arrived(request_id)
        if self._knows(request_id):
            return Placed(request_id, self.position(request_id), repeated=True)
        before = await self._repository.get(request_id)
        return None if before is None else self._again(before)

    async def take(self) -> Claim:
        """Wait for the next job that may start, and claim it."""
        while True:
            if self._ready:
                claim = self._ready.popleft()
                if claim.kept.is_refused:
                    continue
                return claim
            start = self._schedule.next(self._clock.monotonic())
            if start is None:
                await self._signal.wait()
                continue
            place = start.place
            self._schedule.start(start)
            try:
                await self._repository.take(place.job, attempts=place.attempts + 1)
            except StoreUnavailable:
                log.warning("job.claim_failed", request_id=place.job.request_id)
                self._schedule.rejoin(place)
                await self._clock.sleep(CLAIM_RETRY_SECONDS)
                continue
            place.attempts += 1
            place.heartbeat_at = self._clock.monotonic()
            return Claim(place.job, place.attempts)

    def slot(self, claim: Claim) -> Slot:
        """The slot that `claim` holds, to be lent while it waits for its model."""
        return Slot(self._slots, claim.job.request_id)

    async def heartbeat(self, claim: Claim) -> None:
        """Say that `claim` is alive. Raises `Superseded`, `StoreUnavailable`."""
        await self._repository.heartbeat(claim.job)
        place = self._slots.started.get(claim.job.request_id)
        if place is not None:
            place.heartbeat_at = self._clock.monotonic()

    def overdue(self) -> list[str]:
        """Request ids whose worker has sent no heartbeat for the visibility timeout."""
        limit = self._clock.monotonic() - self._visibility_seconds
        ready = {claim.job.request_id for claim in self._ready}
        return [
            request_id
            for request_id, place in self._slots.started.items()
            if place.attempts and place.heartbeat_at <= limit and request_id not in ready
        ]

    async def give_back(self, claim: Claim, *, after_seconds: float, counts: bool) -> None:
        """
        Let `claim` wait again, at its old place, for at least `after_seconds`.

        `counts` False forgets the attempt (nothing of it was shown). Call `wake` when it is due.
        """
        place = self._slots.started[claim.job.request_id]
        attempts = claim.attempt if counts else claim.attempt - 1
        await self._repository.give_back(claim.job, attempts=attempts)
        place.attempts = attempts
        place.not_before = self._clock.monotonic() + after_seconds
        self._schedule.rejoin(place)

    def wake(self) -> None:
        """Look again whether something may start."""
        self._signal.set()

    def cancel(self, request_id: str) -> Job | None:
        """
        Note that this job is to end; a waiting one is taken out and the caller must end it.

        Raises `StoreUnavailable` while it is not known yet what earlier brains left.
        """
        if not self.is_open:
            raise StoreUnavailable("the queue has not been read yet")
        place = self._find(request_id)
        if place is None:
            return None
        place.cancelled = True
        if place not in self._line:
            return None
        self._schedule.withdraw(place)
        return place.job

    def is_cancelled(self, request_id: str) -> bool:
        """Whether somebody wants this job, which is running or on its way, to end."""
        place = self._find(request_id)
        return place is not None and place.cancelled

    def find(self, request_id: str) -> Stored | None:
        """What is known here of a job that has not ended."""
        place = self._find(request_id)
        if place is None:
            return None
        state: State = "running" if self.is_running(request_id) else "waiting"
        return Stored(place.job, state, place.attempts)

    async def end(self, job: Job, end: End, *, also: Sequence[Write] = ()) -> None:
        """Keep the end of a running or withdrawn job. Raises as `JobRepository.end` does."""
        await self._repository.end(job, end, also=also)
        self.forget(job.request_id)

    def forget(self, request_id: str) -> None:
        """The worker of this job is free for another."""
        self._slots.leave(request_id)

    def position(self, request_id: str) -> int:
        """The rank in the order work would start (1 = next); 1 as well for what already runs."""
        for rank, job in enumerate(self.waiting(), start=1):
            if job.request_id == request_id:
                return rank
        return 1

    def waiting(self) -> list[Job]:
        """The waiting jobs in the order in which they would start now."""
        return [place.job for place in self._schedule.waiting(self._clock.monotonic())]

    def running(self) -> list[Job]:
        """The jobs that are being worked on or ended right now."""
        return [place.job for place in self._slots.started.values()]

    def of_user(self, user_id: str) -> list[Job]:
        """What this person asked and has not ended."""
        jobs = {p.job.request_id: p.job for p in self._all() if p.job.user_id == user_id}
        return list(jobs.values())

    def is_waiting(self, request_id: str) -> bool:
        """Whether this job has a place in the queue."""
        return any(place.job.request_id == request_id for place in self._line)

    def is_running(self, request_id: str) -> bool:
        """Whether a worker has this job (or is about to)."""
        return request_id in self._slots.started

    @property
    def is_open(self) -> bool:
        """Whether the queue has been read and takes questions."""
        return self._opened.is_set()

    @property
    def running_count(self) -> int:
        """How many jobs are being worked on."""
        return len(self._slots.started)

    # ------------------------------------------------------------------ decisions

    def _all(self) -> Iterator[Place]:
        return chain(self._schedule, (place for place, _ in self._arriving.values()))

    def _find(self, request_id: str) -> Place | None:
        for place in self._all():
            if place.job.request_id == request_id:
                return place
        return None

    def _knows(self, request_id: str) -> bool:
        return self._find(request_id) is not None

    def _is_full(self) -> bool:
        return len(self._line) + self._waiting_arrivals() >= self.max_waiting

    def _waiting_arrivals(self) -> int:
        return sum(1 for request_id in self._arriving if request_id not in self._slots.started)

    def _start_now(self, place: Place) -> Start | None:
        """The start of a new job that need not wait for anybody."""
        now = self._clock.monotonic()
        # Somebody else startable, or earlier in this conversation and still on the way, goes first.
        if (
            self._schedule.next(now) is not None
            or self._waiting_arrivals()
            or any(other.job.conversation == place.job.conversation for other in self._all())
        ):
            return None
        start = self._schedule.next(now, new=place)
        return start if start is not None and start.place is place else None

    # ------------------------------------------------------------------ effects

    async def _arrived(self, request_id: str) -> None:
        """Wait for a write of this request that is under way; raises what its asker reads."""
        while request_id in self._arriving:
            _, kept = self._arriving[request_id]
            if not await kept.settled() and request_id in self._refused:
                raise StoreUnavailable("the question could not be written")

    async def _keep(self, place: Place, start: Start | None) -> Placed:
        job = place.job
        claim = Claim(job, 1, Kept())
        self._arriving[job.request_id] = (place, claim.kept)
        if start is not None:
            place.attempts = 1
            self._schedule.start(start)
            self._ready.append(claim)
            self._signal.set()
        kept, before = False, None
        try:
            with anyio.CancelScope(shield=True):  # a lost socket cancels nothing
                kept = await self._repository.add(job, running=start is not None)
                before = None if kept else await self._repository.get(job.request_id)
                self._refused.discard(job.request_id)
        except StoreUnavailable:
            # It may be in the store all the same; the asker is told that it was not taken.
            self._refused.add(job.request_id)
            raise
        finally:
            del self._arriving[job.request_id]
            claim.kept.settle(kept)
            if not kept:
                self.forget(job.request_id)
        if before is not None:
            return self._again(before)
        if start is None:
            self._line.join(place)
        self._signal.set()
        return Placed(job.request_id, self.position(job.request_id))

    def _again(self, before: Stored) -> Placed:
        """The place of an ask that the store knew already."""
        request_id = before.job.request_id
        if before.end is None and not self._knows(request_id):
            # An earlier `put` was told the store had failed, yet the write had happened.
            self._line.rejoin(Place(before.job, attempts=before.attempts))
            self._signal.set()
        return Placed(request_id, self.position(request_id), repeated=True, end=before.end)
