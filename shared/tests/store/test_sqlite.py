"""What SQLite adds to the contract: a file, several processes, kills and repairs."""

import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from shared.clock import ManualClock
from shared.errors import StoreUnavailable
from shared.store import Absent, ConditionFailed, Key, Put
from shared.store.sqlite import SqliteStore
from shared.store.sqlite_file import FileGone

TABLE = "things"

WRITER = """
import sys
from pathlib import Path
import anyio
import anyio.lowlevel
import anyio.to_thread
from shared.clock import SystemClock
from shared.store import Key, Put
from shared.store.sqlite import SqliteStore
from shared.store.sqlite_file import FileGone

async def main(path, count):
    store = SqliteStore(Path(path), tables=["things"], clock=SystemClock())
    for n in range(int(count)):
        await store.add(Key("things", "counter"), "n", 1)
        await store.write(
            Put(Key("things", "left", f"{n:06}"), {"n": n}),
            Put(Key("things", "right", f"{n:06}"), {"n": n}),
        )
        print(n, flush=True)
    await store.aclose()

anyio.run(main, *sys.argv[1:])
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "store.db"


@pytest.fixture
async def store(path: Path, clock: ManualClock) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore(path, tables=[TABLE], clock=clock, busy_seconds=0.3)
    yield opened
    await opened.aclose()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Another process in the middle of a long write."""
    other = sqlite3.connect(path, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
    finally:
        other.close()


def _writer(path: Path, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(count)], stdout=subprocess.PIPE, text=True
    )


def _garble(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is no database, it only looks like a file" * 100)


def _remove_all(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


async def test_folder_and_file_are_made_for_the_owner_alone(store: SqliteStore, path: Path) -> None:
    await store.write(Put(Key(TABLE, "a"), {}))
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_processes_that_start_together_share_one_file(store: SqliteStore, path: Path) -> None:
    writers = [_writer(path, 60) for _ in range(2)]
    for _ in range(60):
        await store.add(Key(TABLE, "counter"), "n", 1)
    for writer in writers:
        with writer:
            await anyio.to_thread.run_sync(writer.communicate)
    assert [writer.returncode for writer in writers] == [0, 0]
    assert await store.get(Key(TABLE, "counter")) == {"n": 180}


async def test_a_killed_process_loses_nothing_it_was_promised_and_halves_nothing(
    store: SqliteStore, path: Path
) -> None:
    with _writer(path, 100_000) as writer:
        assert writer.stdout is not None
        for _ in range(150):
            promised = int(await anyio.to_thread.run_sync(writer.stdout.readline))
        writer.kill()
        promised = max([promised, *map(int, writer.stdout.read().split())])
    left, right = [[row.sk for row in await store.query(TABLE, side)] for side in ("left", "right")]
    assert left == right
    assert promised + 1 <= len(left) <= promised + 2
    await store.write(Put(Key(TABLE, "after"), {}))


async def test_a_lock_held_too_long_is_unavailable_and_passes(
    store: SqliteStore, path: Path
) -> None:
    await store.write(Put(Key(TABLE, "a"), {"n": 1}))
    with _locked(path):
        with anyio.fail_after(5), pytest.raises(StoreUnavailable) as failed:
            await store.write(Put(Key(TABLE, "a"), {"n": 2}))
        assert "locked" in failed.value.reason
        assert await store.get(Key(TABLE, "a")) == {"n": 1}
    await store.write(Put(Key(TABLE, "a"), {"n": 3}))
    assert await store.get(Key(TABLE, "a")) == {"n": 3}


async def test_writes_that_wait_together_each_get_their_own_outcome(
    path: Path, clock: ManualClock
) -> None:
    store = SqliteStore(path, tables=[TABLE], clock=clock)
    await store.write(Put(Key(TABLE, "taken"), {}))
    outcomes: dict[str, str] = {}

    async def put(pk: str) -> None:
        try:
            await store.write(Put(Key(TABLE, pk), {}, when=Absent()), Put(Key(TABLE, pk + "2"), {}))
        except ConditionFailed:
            outcomes[pk] = "refused"
        else:
            outcomes[pk] = "written"

    async with anyio.create_task_group() as tasks:
        with _locked(path):
            for pk in ("first", "taken", "same"):
                tasks.start_soon(put, pk)
            await anyio.wait_all_tasks_blocked()
    assert outcomes == {"first": "written", "taken": "refused", "same": "written"}
    assert await store.get(Key(TABLE, "taken2")) is None
    await store.aclose()


async def test_cancelling_a_waiting_write_takes_it_back_and_harms_no_other(
    path: Path, clock: ManualClock
) -> None:
    store = SqliteStore(path, tables=[TABLE], clock=clock)
    await store.write(Put(Key(TABLE, "start"), {}))
    scopes = {name: anyio.CancelScope() for name in ("begun", "waiting", "patient")}

    async def put(name: str) -> None:
        with scopes[name]:
            await store.write(Put(Key(TABLE, name), {}), Put(Key(TABLE, name, "2"), {}))

    async with anyio.create_task_group() as tasks:
        with _locked(path):
            for name in scopes:
                tasks.start_soon(put, name)
                await anyio.wait_all_tasks_blocked()
            scopes["begun"].cancel()
            scopes["waiting"].cancel()
            await anyio.wait_all_tasks_blocked()
    found = {name: len(await store.query(TABLE, name)) for name in scopes}
    assert found == {"begun": 2, "waiting": 0, "patient": 2}
    await store.aclose()


@pytest.mark.parametrize("moments", range(6))
async def test_a_write_cancelled_at_its_turn_harms_no_other(
    store: SqliteStore, moments: int
) -> None:
    """Whoever has the turn carries the others' writes; at each moment of it somebody may go."""
    scope = anyio.CancelScope()

    async def put(name: str) -> None:
        await store.write(Put(Key(TABLE, name), {}))

    async def leave() -> None:
        with scope:
            await put("leaver")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(leave)
        tasks.start_soon(put, "stayer")
        for _ in range(moments):
            await anyio.lowlevel.checkpoint()
        scope.cancel()
    assert await store.get(Key(TABLE, "stayer")) == {}


async def test_a_file_that_is_no_database_is_unavailable_until_it_is_gone(
    store: SqliteStore, path: Path
) -> None:
    _garble(path)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="does not answer"):
            await store.get(Key(TABLE, "a"))
        with pytest.raises(StoreUnavailable):
            await store.write(Put(Key(TABLE, "a"), {}))
    _remove_all(path.parent)
    await store.write(Put(Key(TABLE, "a"), {"n": 1}))
    assert await store.get(Key(TABLE, "a")) == {"n": 1}


async def test_a_file_removed_while_in_use_is_never_silently_made_anew(
    store: SqliteStore, path: Path, clock: ManualClock
) -> None:
    await store.write(Put(Key(TABLE, "a"), {"n": 1}))
    _remove_all(path.parent)
    with pytest.raises(FileGone, match=r"removed or replaced.+\./start\.sh.+empty"):
        await store.get(Key(TABLE, "a"))
    with pytest.raises(FileGone, match="removed or replaced"):
        await store.write(Put(Key(TABLE, "a"), {"n": 2}))
    assert list(path.parent.iterdir()) == []
    restarted = SqliteStore(path, tables=[TABLE], clock=clock)
    assert await restarted.get(Key(TABLE, "a")) is None
    with pytest.raises(FileGone):
        await store.get(Key(TABLE, "a"))
    await restarted.aclose()


async def test_a_file_that_is_put_back_is_used_again(store: SqliteStore, path: Path) -> None:
    await store.write(Put(Key(TABLE, "a"), {"n": 1}))
    elsewhere = path.parent.rename(path.parent.with_name("elsewhere"))
    with pytest.raises(FileGone):
        await store.get(Key(TABLE, "a"))
    elsewhere.rename(path.parent)
    assert await store.get(Key(TABLE, "a")) == {"n": 1}


async def test_a_file_replaced_while_in_use_needs_a_restart(
    store: SqliteStore, path: Path, tmp_path: Path, clock: ManualClock
) -> None:
    for n in range(20):
        await store.write(Put(Key(TABLE, "p", str(n)), {"text": "x" * 2000}))
    copy = tmp_path / "backup.db"
    with sqlite3.connect(path) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    for connection in (source, target):
        connection.close()
    _remove_all(path.parent)
    copy.replace(path)
    with pytest.raises(FileGone):
        await store.query(TABLE, "p")
    await store.aclose()
    restarted = SqliteStore(path, tables=[TABLE], clock=clock)
    assert len(await restarted.query(TABLE, "p")) == 20
    await restarted.aclose()


async def test_a_place_that_cannot_hold_a_file_is_unavailable_until_it_can(
    store: SqliteStore, path: Path
) -> None:
    path.parent.write_text("a file where a folder should be")
    with pytest.raises(StoreUnavailable):
        await store.write(Put(Key(TABLE, "a"), {}))
    path.parent.unlink()
    await store.write(Put(Key(TABLE, "a"), {}))


async def test_expired_rows_leave_the_file_in_passing(
    store: SqliteStore, path: Path, clock: ManualClock
) -> None:
    for n in range(5):
        await store.write(Put(Key(TABLE, str(n)), {}, expires_at=clock.now() + 10))
    await clock.advance(120)
    await store.write(Put(Key(TABLE, "stays"), {}))
    other = sqlite3.connect(path)
    assert other.execute("SELECT pk FROM rows").fetchall() == [("stays",)]
    other.close()


async def test_a_closed_store_says_so(path: Path, clock: ManualClock) -> None:
    store = SqliteStore(path, tables=[TABLE], clock=clock)
    await store.write(Put(Key(TABLE, "a"), {}))
    await store.aclose()
    with pytest.raises(StoreUnavailable) as refused:
        await store.get(Key(TABLE, "a"))
    assert refused.value.reason == "the store has been closed"
    with pytest.raises(StoreUnavailable):
        await store.write(Put(Key(TABLE, "a"), {}))
    assert sorted(file.name for file in path.parent.iterdir()) == [path.name]
