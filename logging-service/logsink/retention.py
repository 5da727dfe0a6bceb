"""Days that are over long enough are removed."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

from logsink.book import days_in
from logsink.files import day_of, names_of


def expired(days: Iterable[str], *, now: float, retention_days: float) -> list[str]:
    """
    The days (YYYY-MM-DD) that ended at least `retention_days` before `now`, in local time.

    So every record is kept for at least that long; the day that is not over is always kept.
    """
    last = date.fromisoformat(day_of(now - retention_days * 86_400)) - timedelta(days=1)
    return [day for day in days if _date(day) <= last]


def clean(folder: Path, *, now: float, retention_days: float) -> list[str]:
    """Remove the log files of expired days; the days. Other people's files stay."""
    days = {day.name: day for day in days_in(folder)}
    gone = expired(days, now=now, retention_days=retention_days)
    for name in gone:
        for path in names_of(days[name]):
            path.unlink(missing_ok=True)
        with suppress(OSError):  # something else lies there, too
            days[name].rmdir()
    return gone


def _date(day: str) -> date:
    try:
        return date.fromisoformat(day)
    except ValueError:  # no day of any calendar, so not ours
        return date.max
