"""
An identity elsewhere belongs to an account: what it had becomes the account's.

    note at the account ─▶ conversations ─▶ usage, bonus, history, votes ─▶ preferences ─▶ files
      └ so that forget me looks under the identity, too

What is being asked while this happens still ends under the identity, so it is repeated until
nothing of it is open. Every step may be repeated; a row is put and deleted in one transaction.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from math import inf

import anyio
import structlog

from brain.artifacts.handover import hand_over_files
from brain.budget import repository as usage
from brain.budget.budget import Budget
from brain.context.handover import hand_over
from brain.jobs.queue import JobQueue
from brain.people import feedback, history
from brain.people.history import TABLE
from brain.people.preferences import ONE_CHOICE, PreferenceBook, Preferences
from brain.people.preferences import SORT_KEY as PREFERENCES
from shared.background import keep_running
from shared.clock import Clock
from shared.store import MAX_WRITES, Change, Delete, Key, Put, Row, Store, Write

log = structlog.get_logger(__name__)
NOTE = "linked#"
AGAIN_SECONDS = 1.0
WAIT_SECONDS = 2.0
"""How long a question or a list waits for the move; what is left follows."""

WRITES_A_ROW = 3
"""There, not here any more, and in the sum of what was moved."""

KEPT_SECONDS = {
    usage.USAGE: usage.KEEP_SECONDS,
    history.PREFIX: history.KEEP_SECONDS,
    feedback.PREFIX: feedback.KEEP_SECONDS,
}
"""Rows with a moment `at`, and how long after it they go."""


class Linking:
    """Moves what belongs to linked identities, one after the other."""

    def __init__(
        self,
        store: Store,
        *,
        queue: JobQueue,
        budget: Budget,
        preferences: PreferenceBook,
        clock: Clock,
    ) -> None:
        self._store = store
        self._queue = queue
        self._budget = budget
        self._preferences = preferences
        self._clock = clock
        self._open: dict[str, tuple[str, anyio.Event]] = {}
        """Identity → the account, and what is rung after the first pass."""
        self._news = anyio.Event()
        self._moving = anyio.Lock()
        """Held while something is moved, and by who must not be moved meanwhile."""

    async def run(self) -> None:
        """Move what is asked for until cancelled."""
        await keep_running("linking", self._work, every_seconds=AGAIN_SECONDS, clock=self._clock)

    async def move(self, identity: str, account: str) -> None:
        """
        Move everything of `identity` to `account`; returns after the first pass, or two seconds.

        What is left then follows by itself.
        """
        known = self._open.get(identity)
        passed = known[1] if known is not None and known[0] == account else anyio.Event()
        self._open[identity] = (account, passed)
        self._news.set()
        with anyio.move_on_after(WAIT_SECONDS):
            await passed.wait()

    async def identities_of(self, account: str) -> list[str]:
        """The identities that were, or are being, moved to this account."""
        rows = await self._store.query(TABLE, account, prefix=NOTE)
        return sorted({*(row.sk.removeprefix(NOTE) for row in rows), *self.open_of(account)})

    def open_of(self, account: str) -> list[str]:
        """Those of which something may still be left to move."""
        return [identity for identity, (heir, _) in self._open.items() if heir == account]

    @asynccontextmanager
    async def caught_up(self, account: str) -> AsyncIterator[None]:
        """
        What could be moved to this account was, and inside nothing is moved.

        Places in conversations in which others are asking right now are left where they were.
        """
        async with self._moving:
            for identity in self.open_of(account):
                await self._pass(identity, account)
            yield

    async def forget(self, account: str) -> None:
        """Nothing is known any more of what was moved; inside `caught_up`."""
        for identity in await self.identities_of(account):
            await self._store.write(Delete(Key(TABLE, account, NOTE + identity)))
        for identity in self.open_of(account):
            self._open.pop(identity)[1].set()

    async def _work(self) -> None:
        while True:
            self._news = anyio.Event()
            for identity in list(self._open):
                async with self._moving:
                    await self._follow(identity)
            with anyio.move_on_after(AGAIN_SECONDS if self._open else inf):
                await self._news.wait()

    async def _follow(self, identity: str) -> None:
        if identity not in self._open:
            return  # forgotten meanwhile
        account, passed = self._open[identity]
        if await self._pass(identity, account) and self._open[identity][0] == account:
            del self._open[identity]
            log.info("identity.moved", user_id=account)
        passed.set()

    async def _pass(self, identity: str, account: str) -> bool:
        """Whether nothing is left to move."""
        open_ones = bool(self._queue.of_user(identity))
        note = {"at": self._clock.now()}
        await self._store.write(Put(Key(TABLE, account, NOTE + identity), note))
        done = await hand_over(
            self._store, former=identity, heir=account, is_busy=self._is_asked_in
        )
        await self._move_rows(identity, account)
        await self._move_preferences(identity, account)
        await hand_over_files(self._store, former=identity, heir=account)
        return done and not open_ones

    def _is_asked_in(self, conversation: str) -> bool:
        asked = (*self._queue.waiting(), *self._queue.running())
        return any(job.conversation == conversation for job in asked)

    async def _move_rows(self, identity: str, account: str) -> None:
        rows = await self._store.query(TABLE, identity)
        moved = [row for row in rows if _moves(row)]
        for start in range(0, len(moved), MAX_WRITES // WRITES_A_ROW):
            batch = moved[start : start + MAX_WRITES // WRITES_A_ROW]
            writes = [self._moved(row, identity, account) for row in batch]
            gone = [Delete(Key(TABLE, identity, row.sk)) for row in batch]
            await self._store.write(*writes, *gone, *self._still_used(batch, identity))
        if moved:
            self._budget.read_anew(identity)
            self._budget.read_anew(account)

    def _still_used(self, moved: Sequence[Row], identity: str) -> list[Write]:
        """What was used counts for the identity, too: unlinking it is no way around the budget."""
        tokens: Counter[str] = Counter()
        for row in moved:
            if row.sk.startswith(usage.USAGE):
                tokens[row.sk.split("#")[1]] += row.item["tokens"]
        return [
            Change(
                Key(TABLE, identity, f"{usage.USAGE}{week}{usage.MOVED}"),
                add={"tokens": used},
                expires_at=self._clock.now() + usage.KEEP_SECONDS,
            )
            for week, used in tokens.items()
        ]

    def _moved(self, row: Row, identity: str, account: str) -> Write:
        now = self._clock.now()
        if row.sk.startswith(usage.BONUS):
            return Change(
                Key(TABLE, account, row.sk),
                add={"tokens": row.item["tokens"]},
                expires_at=now + usage.KEEP_SECONDS,
            )
        kept = next(keep for prefix, keep in KEPT_SECONDS.items() if row.sk.startswith(prefix))
        key = Key(TABLE, account, _place(row, identity))
        return Put(key, row.item, expires_at=row.item.get("at", now) + kept)

    async def _move_preferences(self, identity: str, account: str) -> None:
        if await self._store.get(Key(TABLE, identity, PREFERENCES)) is None:
            return
        theirs = await self._preferences.of(identity)
        wishes = added(await self._preferences.of(account), theirs)
        await self._preferences.change(account, wishes)
        await self._preferences.forget(identity)


def added(own: Preferences, other: Preferences) -> Preferences:
    """What `other` prefers where `own` says nothing; route and model are one choice."""
    decided = set(own.model_dump(exclude_none=True))
    if decided & ONE_CHOICE:
        decided |= ONE_CHOICE
    wishes = other.model_dump(exclude_none=True)
    return Preferences(**{name: value for name, value in wishes.items() if name not in decided})


def _moves(row: Row) -> bool:
    kinds = (*KEPT_SECONDS, usage.BONUS)
    return row.sk.startswith(kinds) and not row.sk.endswith(usage.MOVED)


def _place(row: Row, identity: str) -> str:
    """Sums of what was forgotten have one name in every week, so they get another one."""
    return f"{row.sk}#{identity}" if "at" not in row.item else row.sk
