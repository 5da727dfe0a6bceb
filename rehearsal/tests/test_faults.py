"""Faults are taken in order, as often as they say, by those they are meant for."""

import orjson
import pytest

from rehearsal.faults import Fault, FaultError, Faults, parse_faults


def test_a_fault_happens_as_often_as_it_says() -> None:
    faults = Faults([Fault(kind="error", times=2)])
    taken = [faults.take(("error",), model="a") for _ in range(3)]
    assert [fault is not None for fault in taken] == [True, True, False]


def test_a_fault_for_ever_never_ends_until_it_is_cleared() -> None:
    faults = Faults([Fault(kind="slow", times="forever", factor=3)])
    assert [faults.slowness("a", on="generate") for _ in range(5)] == [3.0] * 5
    faults.clear()
    assert faults.slowness("a", on="generate") == 1.0


def test_a_fault_of_another_model_or_moment_stays_armed() -> None:
    faults = Faults([Fault(kind="error", model="a", on="load")])
    assert faults.take(("error",), model="b", on="load") is None
    assert faults.take(("error",), model="a", on="generate") is None
    assert faults.take(("error",), model="a", on="load") is not None


def test_the_report_can_be_read_back() -> None:
    faults = Faults([Fault(kind="drop", times=3, after_tokens=2), Fault(kind="vanish")])
    faults.take(("drop",), model="a")
    left = parse_faults(faults.report())
    assert [(fault.kind, fault.times) for fault in left] == [("drop", 2), ("vanish", 1)]


@pytest.mark.parametrize(
    "text", [b"{}", b"nothing", orjson.dumps([{"kind": "flood"}]), b'[{"kind":"error","times":0}]']
)
def test_a_list_that_cannot_be_read_is_refused(text: bytes) -> None:
    with pytest.raises(FaultError, match="Fault "):
        parse_faults(text)
