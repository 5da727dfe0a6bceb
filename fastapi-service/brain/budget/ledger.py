"""
Weeks, limits and sums: what a person may still use.

Weeks begin on Monday 00:00 where `BUDGET_TIMEZONE` says. Which week it is follows from the moment
alone, so nothing has to be reset at midnight and a clock change needs no care.
"""

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Tier = Literal["free", "admin"]
TYPICAL_TOKENS = 1_000
"""What instructions, some conversation before and a usual answer come to."""

CHARS_PER_TOKEN = 3
"""On the careful side of what one token holds in most languages."""


@dataclass(frozen=True, slots=True)
class Week:
    """A calendar week; `name` is the date of its Monday, `ends` the next one at 00:00."""

    name: str
    ends: datetime


def week_of(moment: float, zone: ZoneInfo) -> Week:
    """The week that `moment` (seconds since 1970) falls into."""
    day = datetime.fromtimestamp(moment, zone).date()
    monday = day - timedelta(days=day.weekday())
    ends = datetime.combine(monday + timedelta(days=7), time(), tzinfo=zone)
    return Week(monday.isoformat(), ends)


@dataclass(frozen=True, slots=True)
class Standing:
    """
    A person's week in tokens. `limit` is the tier's, `bonus` comes on top of it.

    `reserved` is set aside for questions that have not ended, `resets_at` the next Monday 00:00 as
    ISO 8601 in UTC.
    """

    used: int
    reserved: int
    limit: int
    bonus: int
    resets_at: str
    tier: Tier

    @property
    def total(self) -> int:
        """What may be used in all."""
        return self.limit + self.bonus


@dataclass(slots=True)
class Page:
    """What one person has used in one week; `complete` once the store has been read."""

    week: str
    used: int = 0
    bonus: int = 0
    complete: bool = False
    counted: set[str] = field(default_factory=set)

    def count(self, request_id: str, tokens: int) -> None:
        """Add a request unless it is there already."""
        if request_id not in self.counted:
            self.counted.add(request_id)
            self.used += tokens


def fits(tokens: int, standing: Standing) -> bool:
    """
    Whether a question that will take about `tokens` may be taken.

    Someone with nothing under way may always use what is left, if only in part of an answer; what
    is asked beside other questions must fit together with all of them.
    """
    spoken_for = standing.used + standing.reserved
    if spoken_for >= standing.total:
        return False
    return not standing.reserved or spoken_for + tokens <= standing.total


def expected_tokens(length: int) -> int:
    """About what a question of `length` characters will cost before more is known about it."""
    return length // CHARS_PER_TOKEN + TYPICAL_TOKENS
