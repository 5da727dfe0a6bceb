from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsink.intake import MAX_SENDERS, Intake


def record(level: Any = "info", number: int | None = None, sender: str = "s1") -> bytes:
    fields = {"level": level, "event": "a.b"}
    if number is not None:
        fields |= {"log_sender": sender, "log_number": number}
    return orjson.dumps(fields)


def counts(intake: Intake) -> tuple[int, int, int]:
    lines = intake.cut().lines
    return len(lines["app"]), len(lines["error"]), len(lines["debug"])


@pytest.mark.parametrize("number", [None, 1])
@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("info", (1, 0, 0)),
        ("warning", (1, 0, 0)),
        ("error", (1, 1, 0)),
        ("critical", (1, 1, 0)),
        ("CRITICAL", (1, 1, 0)),
        ("debug", (0, 0, 1)),
        ("notice", (1, 0, 0)),
        (None, (1, 0, 0)),
    ],
)
def test_a_level_says_which_files_a_record_goes_into(
    level: str | None, expected: tuple[int, int, int], number: int | None
) -> None:
    intake = Intake({})
    intake.take([record(level, number)])
    assert counts(intake) == expected


@pytest.mark.parametrize(
    "line",
    [b"nope", b"[1]", b"7", b'{"level":"info"', b'{"level":["info"]}', b"\xff{}", b"[" * 9999],
)
def test_a_line_that_is_no_record_costs_only_itself(line: bytes) -> None:
    intake = Intake({})
    intake.take([record(), line, record()])
    assert (intake.records, intake.malformed) == (2, 1)
    assert counts(intake) == (2, 0, 0)


def test_an_empty_line_is_nothing() -> None:
    intake = Intake({})
    intake.take([b"", b" \r"])
    assert (intake.records, intake.malformed) == (0, 0)


def test_a_number_is_written_once() -> None:
    intake = Intake({})
    levels = {1: "info", 2: "error", 3: "debug", 4: "info"}
    lines = [record(level, number) for number, level in levels.items()]
    assert intake.take(lines[:3]) == 3
    assert intake.take(lines) == 4
    assert counts(intake) == (3, 1, 1)
    assert intake.repeated == 3


def test_two_senders_may_have_the_same_numbers() -> None:
    intake = Intake({})
    intake.take([record(number=1, sender="a"), record(number=1, sender="b")])
    assert counts(intake) == (2, 0, 0)


def test_what_only_one_of_two_files_has_is_written_to_the_other() -> None:
    intake = Intake({"app": {"s1": 5}, "error": {"s1": 2}})
    intake.take([record("error", 5), record("error", 2), record("info", 4)])
    assert counts(intake) == (0, 1, 0)
    assert intake.repeated == 2


def test_a_record_without_a_number_is_never_a_repeat() -> None:
    intake = Intake({})
    assert intake.take([record(), record()]) is None
    assert counts(intake) == (2, 0, 0)


def test_a_batch_says_what_the_files_hold_once_it_is_written() -> None:
    intake = Intake({"app": {"old": 7}})
    intake.take([record(number=3), record("debug", 4)])
    numbers = intake.cut().numbers
    assert numbers["app"] == {"old": 7, "s1": 3}
    assert numbers["debug"] == {"s1": 4}


def test_senders_of_long_ago_are_forgotten() -> None:
    intake = Intake({})
    for name in range(MAX_SENDERS + 50):
        intake.take([record(number=1, sender=f"{name}")])
    kept = intake.cut().numbers["app"]
    assert len(kept) == MAX_SENDERS
    assert "49" not in kept
    assert "50" in kept


def test_our_own_records_are_in_the_next_batch() -> None:
    intake = Intake({})
    intake.say(record("error").decode())
    assert intake.waiting
    assert counts(intake) == (1, 1, 0)
    assert not intake.waiting


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


@given(level=JSON, sender=JSON, number=JSON)
def test_no_value_of_any_field_stops_it(level: Any, sender: Any, number: Any) -> None:
    intake = Intake({})
    fields = {"level": level, "log_sender": sender, "log_number": number}
    intake.take([orjson.dumps(fields), record()])
    assert intake.records + intake.malformed == 2
    assert record() in intake.cut().lines["app"]
