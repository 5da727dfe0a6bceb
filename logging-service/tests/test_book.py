from pathlib import Path

import pytest

from logsink.book import NAME, Book
from logsink.files import Files, Portion
from shared.clock import ManualClock


def line(number: int, sender: str = "s1") -> bytes:
    return b'{"event":"a","log_sender":"%b","log_number":%d}\n' % (sender.encode(), number)


def lines(*numbers: int) -> bytes:
    return b"".join(map(line, numbers))


def day(folder: Path, name: str = "2026-11-20") -> Path:
    (folder / name).mkdir(exist_ok=True)
    return folder / name


def test_the_files_themselves_say_what_they_hold(tmp_path: Path) -> None:
    (day(tmp_path) / "app.log").write_bytes(lines(1, 2) + line(9, "other") + lines(3))
    (day(tmp_path) / "error.log").write_bytes(lines(2))
    found = Book.recovered(tmp_path).numbers
    assert found == {"app": {"s1": 3, "other": 9}, "error": {"s1": 2}, "debug": {}}


def test_a_line_that_a_kill_cut_off_is_removed(tmp_path: Path) -> None:
    path = day(tmp_path) / "app.log"
    path.write_bytes(lines(1, 2) + line(3)[:-4])
    assert Book.recovered(tmp_path).numbers["app"] == {"s1": 2}
    assert path.read_bytes() == lines(1, 2)


def test_words_in_a_record_do_not_pass_for_its_number(tmp_path: Path) -> None:
    said = rb'{"text":"\"log_sender\":\"s1\",\"log_number\":99}","of":'
    said += rb'{"log_sender":"s1","log_number":77}}'
    (day(tmp_path) / "app.log").write_bytes(lines(1) + said + b"\n")
    assert Book.recovered(tmp_path).numbers["app"] == {"s1": 1}


@pytest.mark.parametrize("at_once", [True, False])
def test_what_was_rotated_away_is_known_after_a_kill(tmp_path: Path, at_once: bool) -> None:
    book = Book(tmp_path)
    files = Files(tmp_path, book, max_bytes=120, backup_count=2, clock=ManualClock())
    numbers = range(1, 30)
    for group in [numbers] if at_once else [[one] for one in numbers]:
        files.write(Portion("app", line(500, "early") * (group[0] == 1) + lines(*group)))
        if not at_once:
            book.settle({"app": {"early": 500, "s1": group[-1]}, "error": {}, "debug": {}})
    assert Book.recovered(tmp_path).numbers["app"] == {"early": 500, "s1": 29}


async def test_what_was_written_yesterday_is_known_after_a_kill_today(tmp_path: Path) -> None:
    clock, book = ManualClock(), Book(tmp_path)
    files = Files(tmp_path, book, max_bytes=0, backup_count=0, clock=clock)
    files.write(Portion("app", lines(1, 2)))
    book.settle({"app": {"s1": 2}, "error": {}, "debug": {}})
    await clock.advance(86_400)
    files.write(Portion("app", line(7, "other")))
    assert Book.recovered(tmp_path).numbers["app"] == {"s1": 2, "other": 7}


def test_a_damaged_book_does_not_stop_the_start(tmp_path: Path) -> None:
    for content in (b"{", b"[]", b'{"app":7}', b'{"app":{"s":"x"},"error":{},"debug":{}}'):
        (tmp_path / NAME).write_bytes(content)
        (day(tmp_path) / "app.log").write_bytes(lines(4))
        assert Book.recovered(tmp_path).numbers["app"] == {"s1": 4}


def test_an_empty_folder_has_nothing(tmp_path: Path) -> None:
    (day(tmp_path) / "app.log").touch()
    assert Book.recovered(tmp_path).numbers == {"app": {}, "error": {}, "debug": {}}
