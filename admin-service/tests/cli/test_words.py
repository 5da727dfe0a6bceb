import pytest

from admin.cli.words import footer, ordinal, place, printable, stage
from shared.protocol import Budget, Done, Source, Status, Timings, Usage


@pytest.mark.parametrize(
    ("number", "word"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (13, "13th"),
     (21, "21st"), (101, "101st"), (111, "111th")],
)  # fmt: skip
def test_ordinals_are_english(number: int, word: str) -> None:
    assert ordinal(number) == word


def test_a_place_in_the_queue_reads_as_one_says_it() -> None:
    assert place(1) == "next in the queue"
    assert place(3) == "3rd in the queue"


def test_a_load_names_the_model_and_the_time_it_takes() -> None:
    status = Status(ask_id="a", stage="loading_model", model="gpt-oss:20b", eta_seconds=8.2)
    assert stage(status) == "loading gpt-oss:20b, about 8 s"


def test_a_waiting_ask_tells_its_place_and_why() -> None:
    assert stage(Status(ask_id="a", stage="waiting", position=2)) == "2nd in the queue"
    waiting = Status(ask_id="a", stage="waiting", detail="making room in memory")
    assert stage(waiting) == "waiting (making room in memory)"


def test_the_footer_tells_route_model_why_and_that_it_was_a_rehearsal() -> None:
    done = Done(
        ask_id="a",
        request_id="r",
        text="t",
        route="math",
        model="m:1b",
        why="it is an equation",
        rehearsal=True,
        usage=Usage(input_tokens=10, output_tokens=20),
        timings=Timings(queued_ms=50, load_ms=1300, total_ms=3440),
        budget=Budget(used=30, limit=100, resets_at="2026-01-01"),
        sources=[Source(title="Page", url="http://p")],
    )
    assert footer(done) == [
        "math · m:1b · it is an equation · rehearsal",
        "10 tokens in, 20 out · 3.4 s (loaded 1.3 s) · 30 of 100 tokens this week",
        "[1] Page http://p",
    ]


def test_a_real_answer_is_not_called_rehearsal() -> None:
    done = Done(ask_id="a", request_id="r", text="t", model="m:1b")
    assert footer(done)[0] == "m:1b"


def test_control_codes_do_not_reach_the_terminal() -> None:
    assert printable("a\x1b[2Jb\x07c\r\nd\te\x9b") == "a[2Jbc\nd\te"
