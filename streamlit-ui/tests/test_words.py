from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ui.conversation import Listed, Message, Timings, Week
from ui.words import by_day, lasting, meter, resets, size, title_of, under_an_answer, zone

NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)  # a Friday
BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = "2026-11-23T00:00:00.000Z"


def test_the_week_begins_anew_on_the_persons_own_clock() -> None:
    assert (
        resets(MONDAY, now=NOW, tz=BERLIN) == "Starts anew on Monday at 01:00, in 2 days 6 hours."
    )
    honolulu = ZoneInfo("Pacific/Honolulu")
    assert resets(MONDAY, now=NOW, tz=honolulu).startswith("Starts anew on Sunday at 14:00")


def test_a_moment_nobody_told_is_not_told_on() -> None:
    assert resets("", now=NOW, tz=BERLIN) == ""


def test_the_meter_counts_what_is_set_aside_but_tells_what_is_used() -> None:
    told = meter(
        Week(used=20_000, reserved=30_000, limit=90_000, bonus=10_000, resets_at=MONDAY),
        now=NOW, tz=BERLIN,
    )  # fmt: skip
    assert told.share == pytest.approx(0.5)
    assert told.used == "20,000 of 100,000 tokens used this week."


def test_a_full_week_says_so_and_the_bar_ends() -> None:
    told = meter(Week(used=130, limit=100, resets_at=MONDAY), now=NOW, tz=BERLIN)
    assert told.share == 1.0
    assert told.used == "All 100 tokens of this week are used."


@pytest.mark.parametrize("week", [Week(used=5, limit=None), Week(used=5, limit=9, enforced=False)])
def test_without_a_limit_there_is_no_bar(week: Week) -> None:
    told = meter(week, now=NOW, tz=BERLIN)
    assert (told.used, told.resets) == ("5 tokens used this week, without a limit.", "")


def test_a_limit_of_nothing_is_full() -> None:
    assert meter(Week(limit=0, resets_at=MONDAY), now=NOW, tz=BERLIN).share == 1.0


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (timedelta(seconds=1), "1 minute"),
        (timedelta(minutes=59, seconds=40), "1 hour"),
        (timedelta(hours=25), "1 day 1 hour"),
        (timedelta(days=2, minutes=5), "2 days 5 minutes"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(left: timedelta, said: str) -> None:
    assert lasting(left) == said


def test_an_unknown_time_zone_is_utc() -> None:
    assert zone("Moon/Crater").key == zone(None).key == "UTC"


def test_sizes_are_those_of_the_brain() -> None:
    assert [size(12), size(3_400), size(10_000_000), size(10_500_000)] == [
        "12 bytes", "3 KB", "10 MB", "10.5 MB",
    ]  # fmt: skip


def test_a_title_is_one_short_line() -> None:
    assert title_of("  two\nlines ") == "two lines"
    assert title_of("word " * 20, chars=12) == "word word w…"
    assert title_of(" ") == "New conversation"


def test_under_an_answer_stands_what_is_known() -> None:
    whole = Message(
        role="assistant", text="", route="math", model="rnj-1:8b", why="it is an equation",
        timings=Timings(total_ms=2_140),
    )  # fmt: skip
    assert under_an_answer(whole) == "math · rnj-1:8b · it is an equation · 2.1 s"
    assert under_an_answer(Message(role="assistant", text="", model="m")) == "m"
    cut = Message(role="assistant", text="", model="m", stopped=True)
    assert under_an_answer(cut) == "stopped · m"


def test_conversations_are_grouped_by_the_persons_own_days() -> None:
    def used(identity: str, at: datetime) -> Listed:
        return Listed(conversation_id=identity, updated_at=at.isoformat())

    late = datetime(2026, 11, 19, 23, 30, tzinfo=UTC)  # past midnight in Berlin
    listed = (used("a", NOW), used("b", late), used("c", late - timedelta(hours=2)))
    old = used("d", NOW - timedelta(days=30))
    grouped = by_day((*listed, old), now=NOW, tz=BERLIN)
    told = [(name, [one.conversation_id for one in ones]) for name, ones in grouped]
    assert told == [("Today", ["a", "b"]), ("Yesterday", ["c"]), ("Earlier", ["d"])]
