"""The blocking side of `SqliteStore`: connections, batches and queries. Runs in threads only."""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from shared.clock import Clock
from shared.errors import StoreUnavailable
from shared.store.base import Change, ConditionFailed, Item, ItemTooLarge, Key, Put, Row, Write
from shared.store.items import after as item_after
from shared.store.items import holds, prefix_end, whole_seconds

PURGE_EVERY_SECONDS = 60.0
PURGE_ROWS = 1000

SCHEMA = """
CREATE TABLE IF NOT EXISTS rows (
    tbl TEXT NOT NULL, pk TEXT NOT NULL, sk TEXT NOT NULL,
    item TEXT NOT NULL, expires_at INTEGER,
    PRIMARY KEY (tbl, pk, sk)
);
CREATE INDEX IF NOT EXISTS rows_by_expiry ON rows (expires_at) WHERE expires_at IS NOT NULL;
"""
ALIVE = "(expires_at IS NULL OR expires_at > ?)"
GET = f"SELECT item, expires_at FROM rows WHERE tbl = ? AND pk = ? AND sk = ? AND {ALIVE}"
PUT = """
INSERT INTO rows (tbl, pk, sk, item, expires_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (tbl, pk, sk) DO UPDATE SET item = excluded.item, expires_at = excluded.expires_at
"""
DELETE = "DELETE FROM rows WHERE tbl = ? AND pk = ? AND sk = ?"
PURGE = "DELETE FROM rows WHERE rowid IN (SELECT rowid FROM rows WHERE expires_at <= ? LIMIT ?)"


class FileGone(StoreUnavailable):
    """The file was removed or replaced while it was in use; what it held is not in the new one."""

    sentence = (
        "The database file was removed or replaced while Trollama was running. Its operator puts "
        "it back, or restarts Trollama with ./stop.sh and ./start.sh: where there is no file, that "
        "makes a new, empty one."
    )


@dataclass(eq=False, slots=True)
class Pending:
    """One transaction on its way into the file, and what became of it."""

    writes: Sequence[Write]
    done: bool = False
    failure: Exception | None = None
    result: Item = field(default_factory=dict)
    """The object of the last put or change, as it is now stored."""


class SqliteFile:
    """
    Connections to one file, opened when needed and again after any trouble.

    The file is made on the first use where there is none. From then on it is the only one: a new
    one in its place would silently lose what a service has promised to keep.
    """

    def __init__(self, path: Path, *, clock: Clock, busy_seconds: float) -> None:
        self._path = path
        self._clock = clock
        self._busy_seconds = busy_seconds
        self._idle: list[sqlite3.Connection] = []
        self._file: tuple[int, int] | None = None
        """Device and inode of the file that was opened first."""

        self._guard = threading.Lock()
        self._closed = False
        self._purge_due = clock.monotonic()

    def get(self, key: Key) -> Item | None:
        """The object under `key`, or None."""
        with self._connection() as sql:
            row = _row(sql, key, self._clock.now())
        return None if row is None else orjson.loads(row[0])

    def query(
        self,
        table: str,
        pk: str,
        *,
        prefix: str,
        after: str | None,
        limit: int | None,
        newest_first: bool,
    ) -> list[Row]:
        """See `Store.query`."""
        where, values = (
            ["tbl = ?", "pk = ?", "sk >= ?", ALIVE],
            [table, pk, prefix, self._clock.now()],
        )
        end = prefix_end(prefix)
        if end is not None:
            where.append("sk < ?")
            values.append(end)
        if after is not None:
            where.append("sk < ?" if newest_first else "sk > ?")
            values.append(after)
        order = "DESC" if newest_first else "ASC"
        statement = (
            f"SELECT sk, item FROM rows WHERE {' AND '.join(where)} ORDER BY sk {order} LIMIT ?"
        )
        with self._connection() as sql:
            rows = sql.execute(statement, [*values, -1 if limit is None else limit]).fetchall()
        return [Row(sk, orjson.loads(item)) for sk, item in rows]

    def commit(self, batch: Sequence[Pending]) -> None:
        """
        Carry out `batch` in one SQLite transaction and give each member its own outcome.

        When the file fails, all of them failed.
        """
        trouble: StoreUnavailable | None = StoreUnavailable("the batch broke off")
        try:
            with self._connection() as sql:
                sql.execute("BEGIN IMMEDIATE")
                for pending in batch:
                    self._apply(sql, pending)
                self._purge(sql)
                sql.execute("COMMIT")
            trouble = None
        except StoreUnavailable as unavailable:
            trouble = unavailable
        finally:
            for pending in batch:
                pending.done = True
                if trouble is not None:
                    pending.failure = type(trouble)(trouble.reason)

    def close(self) -> None:
        """Close all connections; the last one of all processes folds the WAL into the file."""
        with self._guard:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    # ------------------------------------------------------------------ one transaction

    def _apply(self, sql: sqlite3.Connection, pending: Pending) -> None:
        """Judge all writes, then do them: a refused transaction has touched nothing."""
        now = self._clock.now()
        effects: list[tuple[Key, Item | None, int | None]] = []
        for index, write in enumerate(pending.writes):
            row = _row(sql, write.key, now)
            current = None if row is None else orjson.loads(row[0])
            if not holds(write.when, current):
                pending.failure = ConditionFailed(index)
                return
            try:
                item = item_after(write, current)
            except (ItemTooLarge, ValueError) as refused:
                pending.failure = refused
                return
            effects.append((write.key, item, _expiry(write, None if row is None else row[1])))
        for key, item, expires_at in effects:
            address = (key.table, key.pk, key.sk)
            if item is None:
                sql.execute(DELETE, address)
            else:
                sql.execute(PUT, (*address, orjson.dumps(item).decode(), expires_at))
                pending.result = item

    def _purge(self, sql: sqlite3.Connection) -> None:
        """Now and then remove some of what has expired, in passing."""
        if self._clock.monotonic() >= self._purge_due:
            self._purge_due = self._clock.monotonic() + PURGE_EVERY_SECONDS
            sql.execute(PURGE, (self._clock.now(), PURGE_ROWS))

    # ------------------------------------------------------------------ connections

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection outside any transaction; SQLite's failures become `StoreUnavailable`."""
        try:
            connection = self._borrow()
        except (sqlite3.Error, OSError) as trouble:
            raise StoreUnavailable(f"{self._path}: {trouble}") from trouble
        healthy = False
        try:
            yield connection
            healthy = True
        except sqlite3.Error as trouble:
            healthy = _is_busy(trouble)
            raise StoreUnavailable(f"{self._path}: {trouble}") from trouble
        finally:
            self._give_back(connection, healthy=healthy)

    def _borrow(self) -> sqlite3.Connection:
        with self._guard:
            if self._closed:
                raise StoreUnavailable("the store has been closed")
            if self._file is not None and _identity(self._path) != self._file:
                raise FileGone(f"{self._path} was removed or replaced while in use")
            if self._idle:
                return self._idle.pop()
        return self._open()

    def _give_back(self, connection: sqlite3.Connection, *, healthy: bool) -> None:
        if healthy and connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        with self._guard:
            if healthy and not self._closed and not connection.in_transaction:
                self._idle.append(connection)
                return
        connection.close()

    def _open(self) -> sqlite3.Connection:
        """A new connection; the first makes folder (0700), file (0600) and schema if missing."""
        if self._file is None:
            if not self._path.parent.is_dir():
                self._path.parent.mkdir(parents=True, mode=0o700)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        file = _identity(self._path)
        sql = sqlite3.connect(
            self._path, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False
        )
        try:
            self._prepare(sql)
        except BaseException:
            sql.close()
            raise
        with self._guard:
            self._file = self._file or file
        return sql

    def _prepare(self, sql: sqlite3.Connection) -> None:
        deadline = time.monotonic() + self._busy_seconds
        while True:
            try:
                # Two processes turning on WAL at once are told "busy" without the usual wait.
                sql.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError as trouble:
                if not _is_busy(trouble) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        sql.execute("PRAGMA synchronous = FULL")
        if (
            sql.execute("SELECT 1 FROM sqlite_master WHERE name = 'rows_by_expiry'").fetchone()
            is None
        ):
            sql.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")


def _row(sql: sqlite3.Connection, key: Key, now: float) -> Any:
    return sql.execute(GET, (key.table, key.pk, key.sk, now)).fetchone()


def _expiry(write: Write, present: int | None) -> int | None:
    match write:
        case Put():
            return whole_seconds(write.expires_at)
        case Change():
            return present if write.expires_at is None else whole_seconds(write.expires_at)
    return None


def _is_busy(trouble: sqlite3.Error) -> bool:
    return getattr(trouble, "sqlite_errorcode", 0) & 0xFF in (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
