"""What people see of the last hours: how full memory was, what came and went, and why."""

from dataclasses import replace
from itertools import pairwise

from brain.catalogue.models import Priority
from brain.vram.decisions import Decision
from brain.vram.memory.sample import MemorySample
from brain.vram.pressure import Level
from brain.vram.status import LoadedModel, Status
from brain.vram.timeline import FOUND, GONE, KEPT_SAMPLES, ROOM, Event, Timeline, events_between
from shared.clock import ManualClock

NOTHING = Status(
    soft_gb=10.0,
    hard_gb=12.0,
    used_gb=0.0,
    memories=(),
    loaded=(),
    loading=(),
    waiting=(),
    servers=(),
    enabled=True,
    memory=MemorySample(at=0.0, total_gb=20.0, available_gb=15.0),
    reserve_gb=2.0,
    external_gb=None,
    level=Level.CALM,
    level_since=0.0,
    level_reason="",
    breaker=(),
    decisions=(),
)


def loaded(name: str, *, at: float = 5.0, estimate_gb: float = 4.0) -> LoadedModel:
    return LoadedModel(
        name=name,
        server="ollama",
        backend="ollama",
        state="ready",
        size_gb=4.0,
        measured=True,
        priority=Priority.NORMAL,
        leases=0,
        loaded_at=at,
        last_used=None,
        use_count=0,
        estimate_gb=estimate_gb,
        peak_gb=4.0,
        context_tokens=8192,
    )


def swap(model: str, *victims: str, at: float = 4.0) -> Decision:
    return Decision(at, "swap", model, victims, "it cost the least")


def test_a_load_is_told_with_who_left_for_it() -> None:
    before = replace(NOTHING, loaded=(loaded("old"),))
    after = replace(NOTHING, loaded=(loaded("new"),), decisions=(swap("new", "old"),))
    assert events_between(before, after, at=6.0) == [
        Event(5.0, "loaded", "new", "it was asked for; old left for it: it cost the least"),
        Event(4.0, "unloaded", "old", "it cost the least"),
    ]


def test_a_load_after_an_earlier_swap_of_the_same_model_is_not_blamed_on_that() -> None:
    decisions = (Decision(5.0, "keep_alive", "", ("new",), "idle"), swap("new", "old", at=1.0))
    before = replace(NOTHING, decisions=decisions)
    after = replace(before, loaded=(loaded("new", at=9.0),))
    assert events_between(before, after, at=10.0) == [Event(9.0, "loaded", "new", ROOM)]


def test_what_a_server_had_or_dropped_by_itself_is_told_as_that() -> None:
    here = replace(NOTHING, loaded=(loaded("m", estimate_gb=0.0),))
    assert events_between(NOTHING, here, at=6.0) == [Event(5.0, "found", "m", FOUND)]
    assert events_between(here, NOTHING, at=8.0) == [Event(8.0, "unloaded", "m", GONE)]


def test_a_model_that_leaves_later_than_it_was_decided_is_told_once() -> None:
    decided = (Decision(4.0, "pressure", "", ("m",), "memory is short"),)
    before = replace(NOTHING, loaded=(loaded("m"),))
    leaving = replace(before, decisions=decided)
    gone = replace(NOTHING, decisions=decided)
    assert len(events_between(before, leaving, at=5.0)) == 1
    assert events_between(leaving, gone, at=7.0) == []


def test_a_crash_is_told_as_one() -> None:
    before = replace(NOTHING, loaded=(loaded("m"),))
    after = replace(NOTHING, decisions=(Decision(4.0, "crash", "", ("m",), "its server died"),))
    assert events_between(before, after, at=5.0) == [Event(4.0, "crashed", "m", "its server died")]


def test_pressure_is_told_when_it_begins_and_ends() -> None:
    short = replace(NOTHING, level=Level.CRIT, level_since=3.0, level_reason="18 % stalls")
    assert events_between(NOTHING, short, at=5.0) == [
        Event(3.0, "pressure", "", "crit: 18 % stalls")
    ]
    calm = replace(NOTHING, level_since=9.0)
    assert events_between(short, calm, at=9.5) == [Event(9.0, "pressure", "", "calm")]


def test_what_was_there_at_the_first_look_did_not_just_happen() -> None:
    assert events_between(None, replace(NOTHING, loaded=(loaded("m"),)), at=1.0) == []


async def test_a_sample_is_kept_every_ten_seconds_and_six_hours_of_them() -> None:
    clock = ManualClock()
    timeline = Timeline(lambda: replace(NOTHING, loaded=(loaded("m"),)), clock=clock)
    for seconds in [2.0] * 50 + [10.0] * KEPT_SAMPLES:
        timeline.note()
        await clock.advance(seconds)
    samples, _ = timeline.since(0.0)
    assert len(samples) == KEPT_SAMPLES
    assert {round(after.at - before.at) for before, after in pairwise(samples)} == {10}
    assert samples[-1].models == {"m": 4.0}
    assert len(timeline.since(clock.now() - 60)[0]) == 6


async def test_looks_between_two_samples_add_none() -> None:
    clock = ManualClock()
    timeline = Timeline(lambda: NOTHING, clock=clock)
    for _ in range(50):
        timeline.note()
        await clock.advance(2.0)
    samples, _ = timeline.since(0.0)
    assert {round(after.at - before.at) for before, after in pairwise(samples)} == {10}
    assert len(samples) == 10
