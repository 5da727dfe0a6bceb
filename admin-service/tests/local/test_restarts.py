import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin.local.restarts import (
    Again,
    GiveUp,
    Pace,
    after_end,
    deaths_in_a_row,
    describe,
)

PACE = Pace()


def test_the_pauses_double() -> None:
    verdicts = [after_end(1, deaths=deaths, pace=PACE) for deaths in (1, 2, 3, 4)]
    assert verdicts == [Again(0.5), Again(1.0), Again(2.0), Again(4.0)]


@given(st.integers(min_value=1, max_value=40))
def test_no_pause_is_longer_than_the_longest(deaths: int) -> None:
    verdict = after_end(1, deaths=deaths, pace=Pace(max_deaths=100))
    assert isinstance(verdict, Again)
    assert verdict.pause_seconds <= PACE.longest_pause_seconds


def test_a_crash_loop_is_given_up_and_says_how_it_ended() -> None:
    verdict = after_end(7, deaths=PACE.max_deaths, pace=PACE)
    assert isinstance(verdict, GiveUp)
    assert "5 times" in verdict.reason
    assert "code 7" in verdict.reason


@pytest.mark.parametrize("code", [2, 4])
def test_an_end_that_would_repeat_is_not_tried_again(code: int) -> None:
    assert isinstance(after_end(code, deaths=1, pace=PACE), GiveUp)


def test_a_good_life_clears_the_record() -> None:
    assert deaths_in_a_row(4, lived_seconds=PACE.good_life_seconds, pace=PACE) == 1
    assert deaths_in_a_row(4, lived_seconds=PACE.good_life_seconds - 1, pace=PACE) == 5


def test_an_end_is_told_in_words() -> None:
    assert describe(-9) == "it was ended by signal 9"
    assert describe(1) == "it exited with code 1"
    assert describe(None) == "it did not answer in time"
