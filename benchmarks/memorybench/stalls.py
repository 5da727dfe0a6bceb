"""M8: whether short stalls are noticed, and whether our own loads are mistaken for pressure."""

from math import exp

from brain.vram.memory.sample import MemorySample, Psi
from brain.vram.pressure import Level, Pressure
from memorybench.verdict import Goal

TOTAL_GB = 128.0
PHASES = 40


def goals() -> list[Goal]:
    """Missed bursts (of 5 s, 40 % full) and levels left because of a load of ours."""
    missed = sum(not _noticed(phase / PHASES) for phase in range(PHASES))
    return [
        Goal("M8 bursts not noticed within 7 s", missed / PHASES, 0.01),
        Goal("M8 alarms while a load streams through the page cache", float(_alarms()), 0.0),
    ]


def _sample(at: float, full: float, available: float, scanned: int, stalled: float) -> MemorySample:
    total = int(stalled * 1e6)
    psi = Psi(full, full, full, full, full, full, total, total)
    return MemorySample(at, TOTAL_GB, available, psi, scanned, "unified")


def _averages(seconds: float, share: float) -> list[float]:
    """`avg10` as the kernel has it, refreshed every 2 s, for a burst at the beginning."""
    keep, average, found = exp(-2 / 10), 0.0, []
    for step in range(30):
        average = average * keep + (share if 2 * step < seconds else 0.0) * (1 - keep)
        found.append(average)
    return found


def _noticed(phase: float) -> bool:
    """Sampled once a second, `phase` of a second after the burst began; 10 GB are left."""
    pressure, averages, scanned = Pressure(), _averages(5.0, 40.0), 0
    for second in range(-20, 8):
        at = second + phase
        index = int(at // 2) - 1
        scanned += 1000 if at >= 0 else 0
        full = averages[index] if index >= 0 else 0.0
        if (
            pressure.observe(
                _sample(1000.0 + at, full, 10.0, scanned, 0.4 * min(max(at, 0.0), 5.0))
            )
            > Level.CALM
        ):
            return at <= 7.0
    return False


def _alarms() -> int:
    """A load of 50 s: the file passes through the page cache, which is scanned; 30 GB are left."""
    pressure, alarms, averages = Pressure(), 0, _averages(50.0, 40.0)
    for tick in range(600):
        at = tick / 10
        loading = at < 50.0
        full = averages[min(len(averages) - 1, int(at // 2))]
        sample = _sample(1000.0 + at, full, 30.0, 5000 * min(tick, 500), 0.4 * min(at, 50.0))
        alarms += pressure.observe(sample, loading=loading) > Level.CALM
    return alarms
