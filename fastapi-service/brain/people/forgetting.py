"""
Forget me.

    stop what runs → move what was linked → conversations → files → requests and their answers
    → usage → votes → preferences

Each step may be repeated, and each removes last what it is found by: a run that broke off is
finished by the next.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import anyio
import structlog

from brain.artifacts.keeping import FileStore
from brain.budget import repository as usage
from brain.context.shelf import Left, Shelf
from brain.jobs.job import Job
from brain.jobs.queue import JobQueue
from brain.jobs.repository import JobRepository
from brain.people.feedback import Feedback
from brain.people.history import TABLE, Asked, History, row_of
from brain.people.linking import Linking
from brain.people.preferences import PreferenceBook
from shared.clock import Clock
from shared.errors import Busy
from shared.store import MAX_WRITES, Delete, Key, Put, Row, Store, Write

log = structlog.get_logger(__name__)
STOP_SECONDS = 10.0
LOOK_EVERY_SECONDS = 0.05
ASKS_A_STEP = 100
SUM = "forgotten"


class StillEnding(Busy):
    """A request of this person was stopped but has not ended yet."""

    def __init__(self) -> None:
        super().__init__("A question of yours is still being stopped; please try again.")


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How much there was of each."""

    cancelled: int
    conversations: int
    messages: int
    files: int
    asks: int
    usage: int
    votes: int
    preferences: bool


class Forgetting:
    """Removes a person. `stop` ends a request (False: it had ended already)."""

    def __init__(
        self,
        store: Store,
        *,
        shelf: Shelf,
        jobs: JobRepository,
        queue: JobQueue,
        history: History,
        feedback: Feedback,
        preferences: PreferenceBook,
        linking: Linking,
        files: FileStore,
        stop: Callable[[str], bool],
        clock: Clock,
    ) -> None:
        self._store = store
        self._shelf = shelf
        self._jobs = jobs
        self._queue = queue
        self._history = history
        self._feedback = feedback
        self._preferences = preferences
        self._linking = linking
        self._files = files
        self._stop = stop
        self._clock = clock

    async def forget(self, user_id: str) -> Forgotten:
        """
        Remove everything the brain keeps about `user_id` but the sum of this week's usage.

        The sum stays so that forgetting is no way around the budget. Raises `StillEnding`.
        """
        identities = await self._linking.identities_of(user_id)
        cancelled = await self._stop_all([user_id, *identities])
        async with self._linking.caught_up(user_id):
            left = await self._forget_conversations(user_id)
            forgotten = Forgotten(
                cancelled=cancelled,
                conversations=left.conversations,
                messages=left.messages,
                files=await self._files.forget(user_id),
                asks=await self._forget_asks(user_id),
                usage=await self._forget_usage(user_id),
                votes=await self._feedback.forget(user_id),
                preferences=await self._preferences.forget(user_id),
            )
            await self._linking.forget(user_id)
        log.info("person.forgotten", conversations=left.conversations, asks=forgotten.asks)
        return forgotten

    async def _stop_all(self, ids: Collection[str]) -> int:
        # What ends later would write its end, and the answer, behind our back.
        own = self._open_of(ids)
        for job in own:
            self._stop(job.request_id)
        with anyio.move_on_after(STOP_SECONDS):
            while self._open_of(ids):
                await self._clock.sleep(LOOK_EVERY_SECONDS)
        if self._open_of(ids):
            raise StillEnding
        return len(own)

    def _open_of(self, ids: Collection[str]) -> list[Job]:
        return [job for one in ids for job in self._queue.of_user(one)]

    async def _forget_conversations(self, user_id: str) -> Left:
        """Also in those that were not moved yet, as others are asking there."""
        identities = await self._linking.identities_of(user_id)
        all_left = [
            await self._shelf.forget(user_id, also=identities),
            *[
                await self._shelf.forget(identity, also=[user_id])
                for identity in self._linking.open_of(user_id)
            ],
        ]
        return Left(
            conversations=sum(left.conversations for left in all_left),
            messages=sum(left.messages for left in all_left),
        )

    async def _forget_asks(self, user_id: str) -> int:
        count = 0
        while asks := (await self._history.page(user_id, limit=ASKS_A_STEP))[0]:
            for asked in asks:
                await self._store.write(*self._erase(user_id, asked))
            count += len(asks)
        return count

    def _erase(self, user_id: str, asked: Asked) -> list[Write]:
        kept = self._jobs.erase(
            asked.request_id,
            principal=asked.principal,
            client_id=asked.client_id,
            ask_id=asked.ask_id,
        )
        return [*kept, Delete(row_of(user_id, asked.order))]

    async def _forget_usage(self, user_id: str) -> int:
        """Only the sum of the last week stays, as one row without route, model or hour."""
        found = await self._store.query(TABLE, user_id, prefix=usage.USAGE)
        rows = [row for row in found if not row.sk.endswith(usage.MOVED)]
        weeks = sorted({_week(row) for row in rows})
        for week in weeks[:-1]:
            await self._fold(user_id, [row for row in rows if _week(row) == week], sum_to=None)
        if weeks:
            last = [row for row in rows if _week(row) == weeks[-1]]
            await self._fold(user_id, last, sum_to=f"{usage.USAGE}{weeks[-1]}#{SUM}")
        return len([row for row in rows if not row.sk.endswith(SUM)])

    async def _fold(self, user_id: str, rows: Sequence[Row], *, sum_to: str | None) -> None:
        """Delete `rows`; what they cost is added to the row `sum_to` in the same transactions."""
        tokens = sum(row.item["tokens"] for row in rows if row.sk == sum_to)
        others = [row for row in rows if row.sk != sum_to]
        for start in range(0, len(others), MAX_WRITES - 1):
            batch = others[start : start + MAX_WRITES - 1]
            writes: list[Write] = [Delete(Key(TABLE, user_id, row.sk)) for row in batch]
            tokens += sum(row.item["tokens"] for row in batch)
            if sum_to is not None:
                writes.append(
                    Put(
                        Key(TABLE, user_id, sum_to),
                        {"tokens": tokens},
                        expires_at=self._clock.now() + usage.KEEP_SECONDS,
                    )
                )
            await self._store.write(*writes)


def _week(row: Row) -> str:
    return row.sk.split("#")[1]
