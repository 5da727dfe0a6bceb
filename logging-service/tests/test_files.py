import errno
import logging
import os
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path

import pytest

from logsink.book import Book
from logsink.files import Files, Portion, day_of, portions_of
from logsink.intake import Intake
from shared.clock import ManualClock

DAY = 86_400.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def opened(folder: Path, clock: ManualClock, *, max_bytes: int = 0, backups: int = 5) -> Files:
    folder.mkdir(exist_ok=True)
    return Files(folder, Book(folder), max_bytes=max_bytes, backup_count=backups, clock=clock)


def written(folder: Path) -> dict[str, bytes]:
    found = sorted(folder.glob("*/*.log*"))
    return {f"{path.parent.name}/{path.name}": path.read_bytes() for path in found}


def put(files: Files, *lines: bytes) -> None:
    files.write(Portion("app", b"".join(line + b"\n" for line in lines)))


def test_the_folder_is_that_of_the_local_day(tmp_path: Path, clock: ManualClock) -> None:
    files = opened(tmp_path, clock)
    put(files, b"a")
    assert list(written(tmp_path)) == [
        time.strftime("%Y-%m-%d/app.log", time.localtime(clock.now()))
    ]


async def test_a_new_day_begins_a_new_folder(tmp_path: Path, clock: ManualClock) -> None:
    files = opened(tmp_path, clock)
    put(files, b"a")
    first = day_of(clock.now())
    await clock.advance(DAY)
    put(files, b"b")
    assert written(tmp_path) == {
        f"{first}/app.log": b"a\n",
        f"{day_of(clock.now())}/app.log": b"b\n",
    }


@pytest.mark.parametrize(("max_bytes", "backups"), [(50, 3), (50, 1), (50, 0), (0, 3), (7, 2)])
@pytest.mark.parametrize("at_once", [True, False])
def test_rotation_is_that_of_the_standard_library(
    tmp_path: Path, clock: ManualClock, max_bytes: int, backups: int, at_once: bool
) -> None:
    lines = [f"{number:05}".encode() + b"x" * (number * 7 % 11) for number in range(40)]
    path = tmp_path / "theirs.log"
    # The handler begins a new file when it would reach the limit; ours may fill it.
    theirs = RotatingFileHandler(path, maxBytes=max_bytes and max_bytes + 1, backupCount=backups)
    for line in lines:
        theirs.emit(logging.LogRecord("", 0, "", 0, line.decode(), None, None))
    theirs.close()
    files = opened(tmp_path / "ours", clock, max_bytes=max_bytes, backups=backups)
    if at_once:
        put(files, *lines)
    else:
        for line in lines:
            put(files, line)
    ours = {name.partition("/")[2]: text for name, text in written(tmp_path / "ours").items()}
    assert ours == {
        one.name.replace("theirs", "app"): one.read_bytes() for one in tmp_path.glob("theirs.log*")
    }


def test_each_kind_is_rotated_by_itself(tmp_path: Path, clock: ManualClock) -> None:
    files = opened(tmp_path, clock, max_bytes=60)
    intake = Intake({})
    intake.take([b'{"level":"info"}', b'{"level":"error"}', b'{"level":"debug"}'] * 3)
    for portion in portions_of(intake.cut()):
        files.write(portion)
    names = {name.partition("/")[2]: text.count(b"\n") for name, text in written(tmp_path).items()}
    assert names == {"app.log": 3, "app.log.1": 3, "error.log": 3, "debug.log": 3}


@pytest.mark.parametrize("first", [b"first line", b"first and very long line"])
@pytest.mark.parametrize("days", [0, 1])
async def test_a_line_that_a_full_disk_cut_goes_on_in_the_same_file(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, days: int, first: bytes
) -> None:
    files = opened(tmp_path, clock, max_bytes=20)
    portion = Portion("app", first + b"\nsecond line\nthird line\n")
    write, room = os.write, 16

    def until_full(descriptor: int, data: memoryview) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = min(room, len(data))
        room -= taken
        return write(descriptor, data[:taken])

    monkeypatch.setattr(os, "write", until_full)  # no test can fill a disk
    with pytest.raises(OSError, match="No space"):
        files.write(portion)
    monkeypatch.undo()
    await clock.advance(days * DAY)
    files.write(portion)
    texts = written(tmp_path).values()
    assert all(text.endswith(b" line\n") for text in texts)
    assert sorted(b"".join(texts).splitlines()) == [first, b"second line", b"third line"]


def test_a_file_that_somebody_removed_is_made_again(tmp_path: Path, clock: ManualClock) -> None:
    files = opened(tmp_path, clock)
    put(files, b"a")
    [path] = tmp_path.glob("*/app.log")
    path.unlink()
    path.parent.rmdir()
    put(files, b"b")
    assert path.read_bytes() == b"b\n"


def test_a_restart_appends(tmp_path: Path, clock: ManualClock) -> None:
    for line in (b"a", b"b"):
        files = opened(tmp_path, clock)
        put(files, line)
        files.close()
    assert list(written(tmp_path).values()) == [b"a\nb\n"]


def test_logs_are_not_for_everybody(tmp_path: Path, clock: ManualClock) -> None:
    put(opened(tmp_path, clock), b"a")
    [path] = tmp_path.glob("*/app.log")
    assert path.stat().st_mode & 0o007 == 0
    assert path.parent.stat().st_mode & 0o007 == 0
