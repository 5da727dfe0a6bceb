"""
The store in one SQLite file: no server, several processes at once, nothing lost.

    callers ──▶ waiting ──▶ one batch at a time ──▶ BEGIN IMMEDIATE … COMMIT (one fsync)
                              (in a thread)           each transaction judged on its own

Writes that arrive while a batch is being committed form the next batch, so a hundred of them cost
one fsync. Each keeps its own outcome: its conditions are judged on the rows as the writes before it
left them, and only if all hold does any of it touch the file.

What "written" means here: WAL with synchronous=FULL, that is, on the disk before `write` returns. A
killed process and a lost power supply both lose nothing acknowledged.
"""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread

from shared.clock import Clock
from shared.errors import StoreUnavailable
from shared.store.base import Change, Item, Key, Row, Write
from shared.store.items import check_key, check_query, check_writes
from shared.store.sqlite_file import Pending, SqliteFile

READERS = 4
BATCH = 128
"""Transactions committed together; bounds how long another process waits for its turn."""

T = TypeVar("T")


class SqliteStore:
    """`Store` in a file that this and other processes open; see `shared.store.base`."""

    def __init__(
        self, path: Path, *, tables: Collection[str], clock: Clock, busy_seconds: float = 5.0
    ) -> None:
        """`busy_seconds`: how long to wait for another process before `StoreUnavailable`."""
        self._file = SqliteFile(path, clock=clock, busy_seconds=busy_seconds)
        self._tables = frozenset(tables)
        self._waiting: list[Pending] = []
        self._turn = anyio.Lock()
        self._writer = anyio.CapacityLimiter(1)
        self._readers = anyio.CapacityLimiter(READERS)
        self._closed = False

    async def get(self, key: Key) -> Item | None:
        check_key(key, self._tables)
        return await self._read(lambda: self._file.get(key))

    async def query(
        self,
        table: str,
        pk: str,
        *,
        prefix: str = "",
        after: str | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Sequence[Row]:
        check_query(table, pk, limit, self._tables)
        return await self._read(
            lambda: self._file.query(
                table, pk, prefix=prefix, after=after, limit=limit, newest_first=newest_first
            )
        )

    async def write(self, *writes: Write) -> None:
        check_writes(writes, self._tables)
        await self._commit(Pending(writes))

    async def add(self, key: Key, attribute: str, amount: int) -> int:
        change = Change(key, add={attribute: amount})
        check_writes([change], self._tables)
        pending = Pending([change])
        await self._commit(pending)
        return int(pending.result[attribute])

    async def aclose(self) -> None:
        """Let a running batch end, then close the file; later calls raise `StoreUnavailable`."""
        self._closed = True
        with anyio.CancelScope(shield=True):
            async with self._turn:
                await anyio.to_thread.run_sync(self._file.close)

    async def _read(self, work: Callable[[], T]) -> T:
        self._refuse_when_closed()
        return await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._readers)

    async def _commit(self, mine: Pending) -> None:
        """
        Return when `mine` is in the file, or raise why it is not.

        Whoever gets the turn commits all that wait and the others find theirs done. A caller
        cancelled while it waits takes its transaction along; one whose batch has begun cannot.
        """
        self._refuse_when_closed()
        self._waiting.append(mine)
        try:
            async with self._turn:
                if not mine.done:
                    await self._commit_waiting()
        finally:
            if mine in self._waiting:
                self._waiting.remove(mine)
        # Turns come in the order of waiting, so the one whose turn it was stood in front.
        assert mine.done
        if mine.failure is not None:
            raise mine.failure

    async def _commit_waiting(self) -> None:
        # Shielded: the batch is other people's too, and a half-done one must not share the file.
        with anyio.CancelScope(shield=True):
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            await anyio.to_thread.run_sync(self._file.commit, batch, limiter=self._writer)

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store has been closed")
