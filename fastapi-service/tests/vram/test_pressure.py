"""When the machine counts as short of memory, and for how long."""

import math
from collections.abc import Iterator
from itertools import count

import pytest

from brain.vram.memory.sample import MemorySample, Psi
from brain.vram.pressure import (
    Level,
    Pressure,
    Thresholds,
    hard_reserve_gb,
    soft_reserve_gb,
)

START = 1_750_000_000.0
ROOMY, UNDER_SOFT, UNDER_HARD = 60.0, 9.0, 5.0  # of 120 GB: reserves are 6 and 12


class Machine:
    """Feeds a `Pressure` one sample a second; what is set stays until it is set again."""

    def __init__(self, pressure: Pressure) -> None:
        self.pressure = pressure
        self.at = START
        self.full: float | None = 0.0
        self.available: float | None = ROOMY
        self.refaults: Iterator[int] | None = None
        self.loading = False

    def run(self, seconds: int, *, full: float | None = None) -> Level:
        """The level after so many samples."""
        for _ in range(seconds):
            self.at += 1.0
            self.full = self.full if full is None else full
            sample = MemorySample(
                at=self.at,
                total_gb=120.0,
                available_gb=self.available,
                psi=None if self.full is None else stalls(self.full),
                refaults=next(self.refaults) if self.refaults else 0,
            )
            self.pressure.observe(sample, loading=self.loading)
        return self.pressure.level


def stalls(full: float, total_us: int = 0) -> Psi:
    return Psi(full, 0.0, 0.0, full, 0.0, 0.0, total_us, total_us)


@pytest.fixture
def machine() -> Machine:
    return Machine(Pressure())


def short_of_memory() -> Machine:
    machine = Machine(Pressure())
    machine.available = UNDER_SOFT
    return machine


def test_a_quiet_machine_is_calm(machine: Machine) -> None:
    assert machine.run(100) is Level.CALM
    assert machine.pressure.reason == ""


def test_stalls_have_to_last_three_seconds_for_a_warning() -> None:
    machine = short_of_memory()
    assert machine.run(3, full=12.0) is Level.CALM
    assert machine.run(1) is Level.WARN


def test_heavy_stalls_have_to_last_one_second_to_be_critical() -> None:
    machine = short_of_memory()
    assert machine.run(1, full=20.0) is Level.CALM
    assert machine.run(1) is Level.CRIT


def test_the_threshold_itself_is_not_above_it() -> None:
    machine = short_of_memory()
    assert machine.run(60, full=10.0) is Level.CALM
    assert machine.run(60, full=15.0) is Level.WARN


def test_a_sample_below_starts_the_duration_again() -> None:
    machine = short_of_memory()
    for _ in range(10):
        machine.run(3, full=12.0)
        assert machine.run(1, full=9.9) is Level.CALM


def test_stalls_alone_are_not_believed(machine: Machine) -> None:
    assert machine.run(120, full=90.0) is Level.CALM


@pytest.mark.parametrize("full", [12.0, 40.0])
def test_scanning_for_pages_corroborates(machine: Machine, full: float) -> None:
    machine.refaults = count()
    assert machine.run(5, full=full) is (Level.WARN if full < 15 else Level.CRIT)


def test_scanning_more_than_ten_seconds_ago_corroborates_nothing(machine: Machine) -> None:
    machine.refaults = iter([0, 5, *[5] * 200])
    machine.run(12, full=0.0)
    assert machine.run(100, full=40.0) is Level.CALM


def test_our_own_load_streaming_through_the_page_cache_is_no_reason(machine: Machine) -> None:
    machine.refaults, machine.loading = count(step=1000), True
    assert machine.run(60, full=40.0) is Level.CALM
    machine.available = UNDER_SOFT  # but then it is one
    assert machine.run(5) is Level.CRIT


def test_nor_is_what_was_scanned_just_before_it(machine: Machine) -> None:
    machine.refaults = iter([*range(5), *[5] * 20])
    machine.run(6, full=0.0)
    machine.loading = True
    assert machine.run(8, full=40.0) is Level.CALM


def test_what_our_load_scanned_is_not_held_against_others_after_it(machine: Machine) -> None:
    machine.refaults, machine.loading = iter([*range(60), *[60] * 60]), True
    machine.run(60, full=40.0)
    machine.loading = False
    assert machine.run(60) is Level.CALM


def test_falling_stalls_start_nothing() -> None:
    machine = Machine(Pressure())
    machine.run(10, full=90.0)
    machine.available = UNDER_SOFT
    decay = math.exp(-0.2)  # what the kernel's average does every 2 s after a burst
    for step in range(1, 12):
        assert machine.run(2, full=90.0 * decay**step) is Level.CALM


def test_stalls_that_hardly_fall_still_count() -> None:
    machine = short_of_memory()
    machine.run(1, full=14.0)
    machine.run(2, full=13.0)
    assert machine.run(2, full=12.5) is Level.WARN


def test_memory_under_the_hard_reserve_is_critical_at_once(machine: Machine) -> None:
    machine.available = UNDER_HARD
    assert machine.run(1) is Level.CRIT
    assert "5.0 GB" in machine.pressure.reason


def test_a_warning_ends_after_thirty_seconds_below_half() -> None:
    machine = short_of_memory()
    machine.run(10, full=12.0)
    assert machine.run(60, full=5.0) is Level.WARN
    assert machine.run(30, full=4.9) is Level.WARN
    assert machine.run(1) is Level.CALM


def test_a_crisis_ends_when_stalls_are_low_and_memory_is_there() -> None:
    machine = short_of_memory()
    machine.run(5, full=30.0)
    machine.available = 9.9  # not above 6 + 4
    assert machine.run(120, full=6.0) is Level.CRIT
    machine.available = 10.1
    assert machine.run(1) is Level.WARN  # 6 % is under 7, not under 5
    assert machine.run(31, full=1.0) is Level.CALM


def test_a_crisis_does_not_end_while_stalls_go_on(machine: Machine) -> None:
    machine.available = UNDER_HARD
    machine.run(1)
    machine.available = ROOMY
    machine.run(120, full=7.0)
    levels = [machine.run(30, full=6.9), machine.run(1)]
    assert levels == [Level.CRIT, Level.WARN]


def test_what_presses_ends_with_its_cause_and_the_level_later() -> None:
    machine = short_of_memory()
    seen = []
    for full in (30.0, 2.0):
        machine.run(10, full=full)
        seen.append((machine.pressure.level, machine.pressure.pressing))
    assert seen == [(Level.CRIT, Level.CRIT), (Level.CRIT, Level.CALM)]


def test_small_models_are_refused_for_a_minute_at_least(machine: Machine) -> None:
    machine.available = UNDER_HARD
    machine.run(31)
    entered = machine.pressure.since
    machine.available = ROOMY
    assert machine.run(1) is Level.CALM
    assert machine.pressure.refuses_low(entered + 59)
    assert not machine.pressure.refuses_low(entered + 60)


def test_small_models_are_refused_for_as_long_as_a_level_holds(machine: Machine) -> None:
    machine.available = UNDER_HARD
    machine.run(300)
    assert machine.pressure.refuses_low(machine.at)


def test_since_is_when_the_level_began(machine: Machine) -> None:
    machine.run(5)
    machine.available = UNDER_HARD
    machine.run(20)
    assert machine.pressure.since == START + 6


@pytest.mark.parametrize("before", [0.0, 12.0, 30.0])
def test_unknown_samples_change_no_level(before: float) -> None:
    machine = short_of_memory()
    level = machine.run(10, full=before)
    machine.available, machine.full = None, None
    assert machine.run(300) is level
    assert machine.pressure.pressing is Level.CALM


def test_without_stall_information_the_available_memory_decides(machine: Machine) -> None:
    machine.full, machine.available = None, UNDER_HARD
    assert machine.run(2) is Level.CRIT
    machine.available = ROOMY
    assert machine.run(31) is Level.CALM


def test_thresholds_and_reserve_are_the_operators() -> None:
    machine = Machine(Pressure(Thresholds(warning=40.0, critical=60.0, reserve_gb=30.0)))
    machine.available = 50.0
    assert machine.run(30, full=39.0) is Level.CALM
    assert machine.run(30, full=41.0) is Level.WARN
    machine.available = 29.0
    assert machine.run(1) is Level.CRIT


@pytest.mark.parametrize(
    ("total", "setting", "hard"),
    [(24.0, None, 2.0), (120.0, None, 6.0), (None, None, 2.0), (120.0, 1.0, 1.0), (8.0, 0.0, 0.0)],
)
def test_the_reserve_is_two_gb_or_a_twentieth(
    total: float | None, setting: float | None, hard: float
) -> None:
    assert hard_reserve_gb(total, setting) == pytest.approx(hard)
    assert soft_reserve_gb(total, setting) == pytest.approx(2 * hard)


def test_a_clock_set_back_does_not_make_stalls_last_longer() -> None:
    machine = short_of_memory()
    machine.run(1, full=12.0)
    machine.at -= 3600
    assert machine.run(3) is Level.CALM
    assert machine.run(1) is Level.WARN


def test_a_clock_set_back_does_not_hide_that_stalls_fall() -> None:
    machine = Machine(Pressure())
    machine.run(10, full=90.0)
    machine.at -= 3600
    machine.run(3, full=90.0)
    machine.available = UNDER_SOFT
    for step in range(1, 10):
        assert machine.run(2, full=90.0 * 0.82**step) is Level.CALM


def kernel(at: float, *, refresh: float, share: float, seconds: float) -> Psi:
    """
    What the kernel shows `at` seconds after a burst of `share` per cent began.

    The average is renewed every 2 s (at `refresh`, `refresh` + 2, …), the total always.
    """
    average = past = 0.0
    moment = refresh
    while moment <= at:
        stalled = min(moment, seconds)
        average += ((stalled - past) * share / 2 - average) * (1 - math.exp(-0.2))
        past, moment = stalled, moment + 2
    return stalls(average, round(min(max(at, 0.0), seconds) * share * 1e4))


@pytest.mark.parametrize("refresh", [0.1, 0.4, 0.7, 1.0, 1.3, 1.6, 1.9])
@pytest.mark.parametrize("look", [0.0, 0.25, 0.5, 0.75])
def test_a_burst_of_five_seconds_is_noticed_within_seven(refresh: float, look: float) -> None:
    pressure, noticed = Pressure(), []
    for second in range(-3, 60):
        at = second + look
        psi = kernel(at, refresh=refresh, share=40.0, seconds=5.0)
        scanned = int(max(0.0, at) * 1000)
        sample = MemorySample(START + at, 120.0, ROOMY, psi, scanned)
        if pressure.observe(sample) > Level.CALM:
            noticed.append(at)
    assert noticed[0] <= 7.0


def test_a_short_hiccup_is_not_noticed() -> None:
    pressure = Pressure()
    for tenth in range(-20, 300):
        psi = kernel(tenth / 10, refresh=0.5, share=100.0, seconds=1.0)
        sample = MemorySample(START + tenth / 10, 120.0, UNDER_SOFT, psi, tenth)
        assert pressure.observe(sample) is Level.CALM


def test_a_small_machine_comes_out_of_it_with_what_it_can_have_free() -> None:
    pressure = Pressure()
    pressure.observe(MemorySample(START, 8.0, 1.9))
    levels = [pressure.observe(MemorySample(START + at, 8.0, 2.9)) for at in range(1, 40)]
    assert levels[10] is Level.CRIT
    assert levels[-1] is Level.CALM
