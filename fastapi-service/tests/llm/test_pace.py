"""How often answers hand on their pieces."""

from contextlib import ExitStack

import pytest

from brain.llm.pace import HAND_OVERS_PER_SECOND, LONGEST_SECONDS, Pace


def resting(answers: int) -> float:
    pace = Pace()
    with ExitStack() as stack:
        for _ in range(answers):
            stack.enter_context(pace.answer())
        return pace.rest_seconds


def test_a_handful_of_answers_never_rest() -> None:
    assert [resting(answers) for answers in range(4)] == [0.0] * 4


@pytest.mark.parametrize("answers", [10, 50, 100])
def test_many_answers_together_stay_within_the_hand_overs(answers: int) -> None:
    assert answers / resting(answers) == pytest.approx(HAND_OVERS_PER_SECOND)


def test_nobody_waits_longer_than_a_moment() -> None:
    assert resting(10_000) == LONGEST_SECONDS


def test_an_answer_that_ended_counts_no_more() -> None:
    pace = Pace()
    with pace.answer():
        pass
    assert pace.rest_seconds == 0.0
