from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsink.files import day_of
from logsink.retention import clean, expired

NOW = 1_750_000_000.0


def back(days: int) -> str:
    return (date.fromisoformat(day_of(NOW)) - timedelta(days=days)).isoformat()


@pytest.mark.parametrize(
    ("retention_days", "kept"),
    [(2, [0, 1, 2]), (1, [0, 1]), (0, [0]), (0.001, [0]), (30, list(range(31)))],
)
def test_a_day_goes_when_it_has_been_over_for_so_long(
    retention_days: float, kept: list[int]
) -> None:
    days = [back(number) for number in range(40)]
    gone = expired(days, now=NOW, retention_days=retention_days)
    assert [number for number in range(40) if back(number) not in gone] == kept


@given(retention=st.floats(0, 50), now=st.floats(1.7e9, 1.9e9))
def test_no_record_younger_than_that_is_removed(retention: float, now: float) -> None:
    written = now - retention * 86_400
    assert expired([day_of(written)], now=now, retention_days=retention) == []


def test_only_our_files_go(tmp_path: Path) -> None:
    for name in ("app.log", "error.log.1", "debug.log.12"):
        (tmp_path / back(9)).mkdir(exist_ok=True)
        (tmp_path / back(9) / name).touch()
        (tmp_path / back(8)).mkdir(exist_ok=True)
        (tmp_path / back(8) / name).touch()
    (tmp_path / back(8) / "notes.txt").write_text("mine")
    (tmp_path / back(8) / "app.log.gz").write_text("mine")
    (tmp_path / "local.log").touch()
    (tmp_path / "2020-99-99").mkdir()
    (tmp_path / "2020-01-01").touch()
    assert clean(tmp_path, now=NOW, retention_days=2) == [back(9), back(8)]
    assert {path.name for path in tmp_path.rglob("*")} == {
        back(8), "notes.txt", "app.log.gz", "local.log", "2020-99-99", "2020-01-01",
    }  # fmt: skip
