"""Files are their owner's, for a while, and gone afterwards with all that is known of them."""

import errno
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from brain.artifacts.errors import DiskFailed, FileTooLarge
from brain.artifacts.keeping import TABLE, FileStore, Kept, NoSuchFile
from shared.clock import ManualClock
from shared.errors import StoreUnavailable
from shared.store import Key, Store, Write

HOUR = 3600.0


async def kept(files: FileStore, size: int = 3, *, owner: str = "anna", hours: float = 1.0) -> Kept:
    return await files.put(owner, "a.txt", "text/plain", b"x" * size, ttl_seconds=hours * HOUR)


def on_disk(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def lay(folder: Path, name: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("x")


def age(folder: Path, name: str, clock: ManualClock, seconds: float) -> None:
    moment = clock.now() - seconds
    os.utime(folder / name, (moment, moment))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def remove(files: FileStore, one: Kept) -> None:
    await files.remove(one.file_id, owner=one.owner)


class Away:
    """A store that does not write."""

    def __init__(self, store: Store) -> None:
        self.get, self.query, self.add = store.get, store.query, store.add

    async def write(self, *writes: Write) -> None:
        raise StoreUnavailable("test")


# ---------------------------------------------------------------- in and out


async def test_what_was_put_is_found_and_read(files: FileStore, clock: ManualClock) -> None:
    one = await files.put(
        "anna", "n.md", "text/markdown", b"\x00\xffhi", ttl_seconds=HOUR, version=2
    )
    found = await files.find(one.file_id, owner="anna")
    assert found == one
    assert (found.filename, found.size, found.version) == ("n.md", 4, 2)
    assert found.expires_at == clock.now() + HOUR
    assert await files.read(found) == b"\x00\xffhi"


@pytest.mark.parametrize(
    "step", ["pathlib.Path.mkdir", "os.fsync", "pathlib.Path.rename", "pathlib.Path.read_bytes"]
)
async def test_a_full_disk_is_told_in_a_sentence_and_leaves_nothing_half_kept(
    step: str, files: FileStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def through() -> None:
        await files.read(await kept(files))

    with monkeypatch.context() as faulty:
        faulty.setattr(step, full)
        with pytest.raises(DiskFailed) as told:
            await through()
    assert told.value.message.startswith("The disk of the box is full;")
    assert (told.value.code, told.value.retryable) == ("store.unavailable", True)
    assert not [name for name in on_disk(folder) if name.endswith(".part")]
    await kept(files, 900)


async def test_a_part_that_went_away_is_told_in_a_sentence(files: FileStore) -> None:
    async def come() -> AsyncIterator[bytes]:
        yield b"x"

    async with files.received(come(), owner="anna", filename="a.txt", limit=9) as part:
        part.path.unlink()
        with pytest.raises(DiskFailed, match="does not work"):
            await part.keep("text/plain", ttl_seconds=HOUR)


async def test_what_cannot_be_removed_keeps_nothing_else_from_going(
    files: FileStore, folder: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{digit * 32}.part" for digit in "012"]
    for name in names:
        lay(folder, name)
        age(folder, name, clock, 2 * HOUR)
    unlink = Path.unlink

    def stuck(path: Path, missing_ok: bool = False) -> None:
        if path.name == names[0]:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", stuck)
    assert await files.sweep() == 2
    assert on_disk(folder) == names[:1]


async def test_only_the_brain_s_user_may_open_it(files: FileStore, folder: Path) -> None:
    one = await kept(files)
    assert (mode(files.path(one)), mode(folder)) == (0o600, 0o700)


async def test_another_person_s_file_is_as_if_it_were_not(files: FileStore) -> None:
    one = await kept(files)
    with pytest.raises(NoSuchFile) as foreign:
        await files.find(one.file_id, owner="bert")
    with pytest.raises(NoSuchFile) as unknown:
        await files.find("0" * 32, owner="bert")
    assert foreign.value.body() == unknown.value.body()
    assert (await files.find(one.file_id, owner=None)).owner == "anna"


@pytest.mark.parametrize("file_id", ["", "../x", "of#anna", "A" * 32, "0" * 31, "0" * 32 + "\n"])
async def test_what_is_no_id_finds_nothing(files: FileStore, file_id: str) -> None:
    await kept(files)
    with pytest.raises(NoSuchFile):
        await files.find(file_id, owner=None)


async def test_ids_tell_nothing(files: FileStore) -> None:
    ids = {(await kept(files)).file_id for _ in range(20)}
    assert len(ids) == 20
    assert all(len(one) == 32 for one in ids)


async def test_bytes_that_went_missing_are_no_file(files: FileStore) -> None:
    one = await kept(files)
    files.path(one).unlink()
    with pytest.raises(NoSuchFile):
        await files.read(one)


# ---------------------------------------------------------------- streams


async def test_a_stream_is_stopped_at_its_limit(files: FileStore, folder: Path) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"x" * 10

    with pytest.raises(FileTooLarge, match=r"a\.bin is too large"):
        async with files.received(endless(), owner="anna", filename="a.bin", limit=95):
            pass
    assert taken == 10
    assert on_disk(folder) == []


async def test_a_stream_that_breaks_off_leaves_nothing(files: FileStore, folder: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        await anyio.sleep_forever()

    with anyio.move_on_after(0.05):
        async with files.received(broken(), owner="anna", filename="a", limit=100):
            pass
    assert on_disk(folder) == []
    await kept(files, 1000)  # and takes no room


async def test_what_is_not_kept_is_gone(files: FileStore, folder: Path) -> None:
    async def piece() -> AsyncIterator[bytes]:
        yield b"abc"

    async with files.received(piece(), owner="anna", filename="a", limit=100) as part:
        assert await part.head(2) == b"ab"
    assert on_disk(folder) == []


# ---------------------------------------------------------------- room


async def test_a_person_s_files_have_room_together(files: FileStore) -> None:
    await kept(files, 600)
    with pytest.raises(FileTooLarge, match="does not fit"):
        await kept(files, 401)
    await kept(files, 400)
    await kept(files, 1000, owner="bert")


async def test_files_of_a_person_are_limited_in_number_however_small(
    files: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brain.artifacts.keeping.MAX_FILES", 3)
    for _ in range(3):
        await kept(files, 1)
    with pytest.raises(FileTooLarge, match="does not fit: 3 files"):
        await kept(files, 1)
    await kept(files, 1, owner="bert")


async def test_room_comes_back_when_files_expire(files: FileStore, clock: ManualClock) -> None:
    await kept(files, 1000)
    await clock.advance(HOUR)
    await kept(files, 1000)


async def test_a_stream_is_stopped_where_the_room_ends(files: FileStore) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"x" * 100

    with pytest.raises(FileTooLarge, match="does not fit"):
        async with files.received(endless(), owner="anna", filename="a", limit=10**9):
            pass
    assert taken == 11


async def test_room_that_was_taken_meanwhile_is_not_given_twice(files: FileStore) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * 300
        await kept(files, 600)
        yield b"x" * 300

    with pytest.raises(FileTooLarge, match="does not fit"):
        async with files.received(slow(), owner="anna", filename="a", limit=1000) as part:
            await part.keep("text/plain", ttl_seconds=HOUR)


async def test_two_at_once_do_not_share_the_last_room(files: FileStore) -> None:
    refused = []

    async def one() -> None:
        try:
            await kept(files, 600)
        except FileTooLarge as error:
            refused.append(error)

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(one)
    assert len(refused) >= 3


# ---------------------------------------------------------------- time


async def test_an_expired_file_is_gone_at_once_and_its_bytes_with_a_sweep(
    files: FileStore, store: Store, folder: Path, clock: ManualClock
) -> None:
    one, other = await kept(files), await kept(files, hours=3)
    await clock.advance(HOUR)
    with pytest.raises(NoSuchFile):
        await files.find(one.file_id, owner="anna")
    assert await files.sweep() == 1
    assert on_disk(folder) == [other.file_id]
    assert await store.get(Key(TABLE, one.file_id)) is None
    assert [row.sk for row in await store.query(TABLE, "of#anna")] == [other.file_id]
    assert await files.sweep() == 0


async def test_bytes_without_a_row_go_when_they_are_old(
    files: FileStore, store: Store, folder: Path, clock: ManualClock
) -> None:
    away = FileStore(Away(store), folder=folder, quota_bytes=1000, clock=clock)
    with pytest.raises(StoreUnavailable):
        await kept(away)
    (orphan,) = on_disk(folder)
    age(folder, orphan, clock, 10)
    assert await files.sweep() == 0
    age(folder, orphan, clock, 2 * HOUR)
    assert await files.sweep() == 1
    assert on_disk(folder) == []


async def test_broken_off_uploads_go_and_foreign_files_stay(
    files: FileStore, folder: Path, clock: ManualClock
) -> None:
    for name in ("0" * 32 + ".part", "1" * 32 + ".part", "README"):
        lay(folder, name)
        age(folder, name, clock, 2 * HOUR)
    age(folder, "1" * 32 + ".part", clock, 10)
    assert await files.sweep() == 1
    assert on_disk(folder) == ["1" * 32 + ".part", "README"]


async def test_a_slow_upload_is_not_swept_under_its_sender(
    files: FileStore, folder: Path, clock: ManualClock
) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"x"
        age(folder, on_disk(folder)[0], clock, 2 * HOUR)
        assert await files.sweep() == 0
        yield b"y"

    async with files.received(slow(), owner="anna", filename="a", limit=9) as part:
        one = await part.keep("text/plain", ttl_seconds=HOUR)
    assert await files.read(one) == b"xy"


async def test_a_sweep_before_the_first_file_finds_nothing(files: FileStore) -> None:
    assert await files.sweep() == 0


# ---------------------------------------------------------------- jobs


async def test_a_job_keeps_what_it_needs(
    files: FileStore, folder: Path, clock: ManualClock
) -> None:
    one = await kept(files)
    assert await files.hold("r1", [one.file_id], owner="anna") == [one]
    await clock.advance(5 * HOUR)
    assert await files.sweep() == 0
    assert await files.read(await files.find(one.file_id, owner="anna")) == b"xxx"
    files.release("r1")
    files.release("r1")
    assert await files.sweep() == 1
    assert on_disk(folder) == []


async def test_two_jobs_keep_it_until_both_have_ended(files: FileStore, clock: ManualClock) -> None:
    one = await kept(files)
    for request in ("r1", "r2"):
        await files.hold(request, [one.file_id], owner="anna")
    await clock.advance(HOUR)
    files.release("r1")
    assert await files.sweep() == 0
    files.release("r2")
    assert await files.sweep() == 1


async def test_a_job_gets_all_of_its_files_or_none(files: FileStore, clock: ManualClock) -> None:
    mine, foreign = await kept(files), await kept(files, owner="bert")
    with pytest.raises(NoSuchFile):
        await files.hold("r1", [mine.file_id, foreign.file_id], owner="anna")
    await clock.advance(HOUR)
    assert await files.sweep() == 2


async def test_an_expired_file_cannot_be_held_anew(files: FileStore, clock: ManualClock) -> None:
    one = await kept(files)
    await clock.advance(HOUR)
    with pytest.raises(NoSuchFile):
        await files.hold("r1", [one.file_id], owner="anna")
    assert await files.sweep() == 1


async def test_a_question_sent_again_changes_nothing(files: FileStore, clock: ManualClock) -> None:
    one = await kept(files)
    await files.hold("r1", [one.file_id], owner="anna")
    await clock.advance(HOUR)
    assert await files.hold("r1", [one.file_id], owner="anna") == [one]
    with pytest.raises(NoSuchFile):
        await files.hold("r1", [one.file_id, "0" * 32], owner="anna")
    assert await files.sweep() == 0


async def test_a_new_brain_is_told_what_open_jobs_hold(
    files: FileStore, store: Store, folder: Path, clock: ManualClock
) -> None:
    one = await kept(files)
    await files.hold("r1", [one.file_id], owner="anna")
    await clock.advance(HOUR)
    again = FileStore(store, folder=folder, quota_bytes=1000, clock=clock)
    again.still_held({"r1": [one.file_id]})
    assert await again.sweep() == 0
    again.release("r1")
    assert await again.sweep() == 1


async def test_a_file_that_is_on_its_way_out_cannot_be_held(
    files: FileStore, store: Store, folder: Path, clock: ManualClock
) -> None:
    one = await kept(files)
    reached, go_on = anyio.Event(), anyio.Event()

    class Slow(Away):
        async def write(self, *writes: Write) -> None:
            reached.set()
            await go_on.wait()
            await store.write(*writes)

    slow = FileStore(Slow(store), folder=folder, quota_bytes=1000, clock=clock)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(remove, slow, one)
        await reached.wait()
        with pytest.raises(NoSuchFile):
            await slow.hold("r1", [one.file_id], owner="anna")
        go_on.set()
    assert on_disk(folder) == []


# ---------------------------------------------------------------- the owner's wish


async def test_an_owner_removes_a_file(files: FileStore, folder: Path) -> None:
    one = await kept(files)
    with pytest.raises(NoSuchFile):
        await files.remove(one.file_id, owner="bert")
    await files.remove(one.file_id, owner="anna")
    assert on_disk(folder) == []


async def test_a_forgotten_person_leaves_no_file(
    files: FileStore, store: Store, folder: Path
) -> None:
    for _ in range(3):
        held = await kept(files)
    other = await kept(files, owner="bert")
    await files.hold("r1", [held.file_id], owner="anna")
    assert await files.forget("anna") == 3
    assert on_disk(folder) == [other.file_id]
    assert await store.query(TABLE, "of#anna") == []
    assert await files.forget("anna") == 0
