import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin.local import logbook
from admin.local.logbook import LineSplitter, Logbook


def test_each_line_carries_its_service(tmp_path: Path) -> None:
    with Logbook(tmp_path / "local.log", echo=False) as book:
        book.write("auth", ["one", "two"])
        book.write("brain", ["three"])
    text = (tmp_path / "local.log").read_text()
    assert text == "auth      | one\nauth      | two\nbrain     | three\n"


def test_a_folder_that_came_with_the_clone_becomes_the_operators_alone(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir(mode=0o755)
    with Logbook(folder / "local.log", echo=False):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_elsewhere_that_is_linked_to_keeps_its_rights(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    (tmp_path / "logs").symlink_to(elsewhere)
    with Logbook(tmp_path / "logs" / "local.log", echo=False):
        assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o755


def test_the_tail_holds_the_last_lines_of_this_life(tmp_path: Path) -> None:
    with Logbook(tmp_path / "local.log", echo=False) as book:
        book.write("auth", [str(n) for n in range(100)])
        assert book.tail("auth")[-1] == "99"
        assert len(book.tail("auth")) == logbook.TAIL_LINES
        book.new_life("auth")
        assert book.tail("auth") == ()


def test_the_log_is_rotated_by_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logbook, "MAX_BYTES", 1000)
    with Logbook(tmp_path / "local.log", echo=False) as book:
        book.write("auth", ["x" * 80] * 100)
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(sizes) == logbook.OLD_FILES + 1
    assert max(sizes) <= 1000


def test_echo_shows_the_same_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Logbook(tmp_path / "local.log", echo=True) as book:
        book.write("auth", ["one"])
    assert capsys.readouterr().out == "auth      | one\n"


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_how_the_bytes_arrive_does_not_matter(whole: bytes, cuts: list[int]) -> None:
    at_once = LineSplitter()
    expected = at_once.feed(whole) + at_once.finish()
    splitter, found, begin = LineSplitter(), [], 0
    for cut in sorted(cuts):
        found += splitter.feed(whole[begin:cut])
        begin = max(begin, min(cut, len(whole)))
    found += splitter.feed(whole[begin:]) + splitter.finish()
    assert found == expected


def test_an_endless_line_is_cut() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"x" * (logbook.LONGEST_LINE + 1)) == ["x" * (logbook.LONGEST_LINE + 1)]
    assert splitter.finish() == []
