from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brain.budget.ledger import Standing, expected_tokens, fits, week_of

BERLIN = ZoneInfo("Europe/Berlin")


def standing(used: int = 0, reserved: int = 0, limit: int = 1000, bonus: int = 0) -> Standing:
    return Standing(used, reserved, limit, bonus, "", "free")


@pytest.mark.parametrize(
    ("moment", "zone", "monday"),
    [
        (datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC), "UTC", "2026-11-16"),
        (datetime(2026, 11, 23, tzinfo=UTC), "UTC", "2026-11-23"),
        (datetime(2026, 11, 22, 22, 59, tzinfo=UTC), "Europe/Berlin", "2026-11-16"),
        (datetime(2026, 11, 22, 23, 0, tzinfo=UTC), "Europe/Berlin", "2026-11-23"),
        (datetime(2026, 7, 5, 22, 0, tzinfo=UTC), "Europe/Berlin", "2026-07-06"),
        (datetime(2026, 11, 22, 14, 59, tzinfo=UTC), "Asia/Tokyo", "2026-11-16"),
        (datetime(2026, 11, 22, 15, 0, tzinfo=UTC), "Asia/Tokyo", "2026-11-23"),
        (datetime(2027, 1, 1, tzinfo=UTC), "UTC", "2026-12-28"),
    ],
)
def test_a_week_begins_on_monday_at_midnight_of_the_zone(
    moment: datetime, zone: str, monday: str
) -> None:
    assert week_of(moment.timestamp(), ZoneInfo(zone)).name == monday


@pytest.mark.parametrize(
    ("sunday", "hours"),
    [
        (datetime(2026, 3, 29, 12, tzinfo=BERLIN), 167),  # clocks go forward
        (datetime(2026, 10, 25, 12, tzinfo=BERLIN), 169),  # and back
        (datetime(2026, 7, 5, 12, tzinfo=BERLIN), 168),
    ],
)
def test_a_week_in_which_clocks_change_still_ends_at_midnight(sunday: datetime, hours: int) -> None:
    week = week_of(sunday.timestamp(), BERLIN)
    begins = datetime.fromisoformat(week.name).replace(tzinfo=BERLIN)
    assert (week.ends.timestamp() - begins.timestamp()) / 3600 == hours
    assert (week.ends.weekday(), week.ends.hour) == (0, 0)


@given(st.floats(0, 4e9), st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns"]))
def test_weeks_follow_each_other_without_a_gap(moment: float, name: str) -> None:
    zone = ZoneInfo(name)
    week = week_of(moment, zone)
    assert moment < week.ends.timestamp()
    assert week_of(week.ends.timestamp() - 1, zone).name == week.name
    assert week_of(week.ends.timestamp(), zone).name == week.ends.date().isoformat()


@pytest.mark.parametrize(
    ("now", "may"),
    [
        (standing(), True),
        (standing(used=999), True),
        (standing(used=1000), False),
        (standing(used=1000, bonus=1), True),
        (standing(reserved=600), False),
        (standing(reserved=500), True),
        (standing(used=400, reserved=600), False),
        (standing(used=400, reserved=600, bonus=500), True),
    ],
)
def test_what_is_left_may_be_used_once_and_not_twice(now: Standing, may: bool) -> None:
    assert fits(500, now) is may


def test_a_longer_question_is_expected_to_cost_more() -> None:
    assert expected_tokens(3000) - expected_tokens(0) == 1000
