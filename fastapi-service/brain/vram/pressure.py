"""
How short the machine is of memory: CALM, WARN or CRIT, from samples alone.

Stalls by themselves mean little (false alarms of early systemd-oomd), so a level also asks for
duration, direction and corroboration, and leaves later than it comes:

            enter                                            leave
  WARN   stalls > 10 % for 3 s, not falling, corroborated   < 5 % for 30 s
  CRIT   stalls > 15 % for 1 s, not falling, corroborated   < 7 % for 30 s and
         or available < hard reserve, at once               available > hard reserve + headroom

Stalls: `full avg10`. Corroborated: available < soft reserve, or the kernel scanned for pages or
read dropped ones again in the last 10 s. While we load a model ourselves, its file fills the page
cache and explains the scanning, so then only the available memory corroborates. The headroom is
4 GB, or a tenth of a small machine's memory: more than that may never come free there.
"""

import math
from collections import deque
from dataclasses import dataclass
from enum import IntEnum

from brain.vram.memory.sample import MemorySample

WARN_SECONDS = 3.0
CRIT_SECONDS = 1.0
LEAVE_SECONDS = 30.0
GROWTH_SECONDS = 10.0
HOLD_SECONDS = 60.0
HEADROOM_GB = 4.0
HEADROOM_SHARE = 0.1
LEAVE_WARN = 5.0 / 10.0
LEAVE_CRIT = 7.0 / 15.0
"""Where a level leaves, as shares of where it enters."""

FALLING = 0.85
FALLING_SECONDS = 2.0
"""
Under 0.85 of before is falling (oomd, PressureRisingBeyond). "Before" is one refresh of the
kernel's averages ago (2 s): in between they stand still, and a pure decay is 0.82 a refresh.
"""

AVERAGE_SECONDS = 10.0
MIN_RESERVE_GB = 2.0
RESERVE_SHARE = 0.05


class Level(IntEnum):
    """How short of memory the machine is."""

    CALM = 0
    WARN = 1
    CRIT = 2


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Per cent of `full avg10`, and the memory to be left alone (None: `hard_reserve_gb`)."""

    warning: float = 10.0
    critical: float = 15.0
    reserve_gb: float | None = None


def hard_reserve_gb(total_gb: float | None, reserve_gb: float | None = None) -> float:
    """Memory that is never given to models: `reserve_gb` if set, else max(2 GB, 5 % of all)."""
    if reserve_gb is not None:
        return reserve_gb
    return max(MIN_RESERVE_GB, RESERVE_SHARE * (total_gb or 0.0))


def soft_reserve_gb(total_gb: float | None, reserve_gb: float | None = None) -> float:
    """Twice the hard reserve: below it, stalls are believed."""
    return 2 * hard_reserve_gb(total_gb, reserve_gb)


class Pressure:
    """Levels over time; samples come in order. An unknown sample changes no level."""

    def __init__(self, thresholds: Thresholds | None = None) -> None:
        self._thresholds = thresholds or Thresholds()
        self._stalls = _Stalls()
        self._scanning = _Scanning()
        self._above_warning = _Held()
        self._above_critical = _Held()
        self._below_warning = _Held()
        self._below_critical = _Held()
        self.level = Level.CALM
        self.since = 0.0
        """When the level was entered, seconds since 1970."""

        self.pressing = Level.CALM
        """
        What the newest sample alone calls for: the level whose enter condition holds now. A level
        outlasts its cause by its hysteresis; what is done about it should not.
        """

        self.reason = ""
        """Why the level is what it is, a sentence; empty while calm."""

        self._refuse_until = 0.0

    def refuses_low(self, at: float) -> bool:
        """Whether loads of LOW models are refused: while a level holds, and 60 s at least."""
        return self.level > Level.CALM or at < self._refuse_until

    def observe(self, sample: MemorySample, *, loading: bool = False) -> Level:
        """Take in the next sample; `loading`: a model of ours is being loaded right now."""
        at, full = sample.at, self._stalls.note(sample)
        scanning = self._scanning.note(sample, loading=loading)
        hard_gb = hard_reserve_gb(sample.total_gb, self._thresholds.reserve_gb)
        available = sample.available_gb
        short = available is not None and available < hard_gb
        believed = scanning or (available is not None and available < 2 * hard_gb)
        self.pressing = self._entered(at, full, short=short, believed=believed)
        if self.pressing > self.level:
            self._enter(self.pressing, at, _why(sample, full, scanning=scanning))
            self._refuse_until = at + HOLD_SECONDS
            return self.level
        roomy = available is not None and available > hard_gb + _headroom_gb(sample.total_gb)
        lower = self._left(at, full, known=available is not None or full is not None, roomy=roomy)
        if lower < self.level:
            self._enter(lower, at, self.reason if lower else "")
        return self.level

    def _entered(self, at: float, full: float | None, *, short: bool, believed: bool) -> Level:
        one = self._thresholds
        warn = self._above_warning.seconds(full is not None and full > one.warning, at)
        crit = self._above_critical.seconds(full is not None and full > one.critical, at)
        if short:
            return Level.CRIT
        if self._stalls.falling or not believed:
            return Level.CALM
        if crit >= CRIT_SECONDS:
            return Level.CRIT
        return Level.WARN if warn >= WARN_SECONDS else Level.CALM

    def _left(self, at: float, full: float | None, *, known: bool, roomy: bool) -> Level:
        """The level to fall to, which is the present one unless its leave condition holds."""
        one = self._thresholds
        calm = 0.0 if full is None else full  # without PSI the available memory decides alone
        warn = self._below_warning.seconds(known and calm < one.warning * LEAVE_WARN, at)
        crit = self._below_critical.seconds(known and calm < one.critical * LEAVE_CRIT, at)
        if self.level is Level.CRIT and not (crit >= LEAVE_SECONDS and roomy):
            return self.level
        return Level.CALM if warn >= LEAVE_SECONDS else min(self.level, Level.WARN)

    def _enter(self, level: Level, at: float, reason: str) -> None:
        if level is not self.level:
            self.level, self.since, self.reason = level, at, reason


@dataclass(slots=True)
class _Held:
    """For how long a condition has held without a break."""

    since: float | None = None

    def seconds(self, holds: bool, at: float) -> float:
        """Seconds up to and with `at`; -1 when it does not hold."""
        if not holds:
            self.since = None
            return -1.0
        if self.since is None or at < self.since:
            self.since = at
        return at - self.since


class _Stalls:
    """
    The share of time everything stood still, per cent over about 10 s.

    The kernel's average is up to 2 s old when it is read; `total` is not. So the same average is
    made of the totals at each sample too, and the larger one counts. Looking once a second, all
    bursts of 5 s at 40 % are noticed within 7 s so; by the kernel's average alone 40 % of them.
    """

    def __init__(self) -> None:
        self._own = 0.0
        self._last: MemorySample | None = None
        self._seen: deque[tuple[float, float]] = deque()
        self.falling = False

    def note(self, sample: MemorySample) -> float | None:
        if sample.psi is None:
            return None
        if self._last is not None and sample.at < self._last.at:
            self._seen.clear()
        self._own = self._averaged(sample)
        value = max(sample.psi.full_avg10, self._own)
        self._last = sample
        self._seen.append((sample.at, value))
        while len(self._seen) > 1 and self._seen[1][0] <= sample.at - FALLING_SECONDS:
            self._seen.popleft()
        before_at, before = self._seen[0]
        self.falling = before_at <= sample.at - FALLING_SECONDS and value < FALLING * before
        return value

    def _averaged(self, sample: MemorySample) -> float:
        if sample.psi is None or self._last is None or self._last.psi is None:
            return 0.0
        seconds = sample.at - self._last.at
        if seconds <= 0:
            return self._own
        stalled = (sample.psi.full_total_us - self._last.psi.full_total_us) / 1e6
        share = 100.0 * min(1.0, max(0.0, stalled / seconds))
        keep = math.exp(-seconds / AVERAGE_SECONDS)
        return self._own * keep + share * (1 - keep)


class _Scanning:
    """Whether the kernel had to look for pages in the last 10 s, for others than our own load."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._loading = False
        self._grew_at = -math.inf

    def note(self, sample: MemorySample, *, loading: bool) -> bool:
        ours = loading or self._loading
        if sample.refaults is not None:
            if self._last is not None and sample.refaults > self._last and not ours:
                self._grew_at = sample.at
            self._last = sample.refaults
        self._loading = loading
        return not loading and 0 <= sample.at - self._grew_at <= GROWTH_SECONDS


def _headroom_gb(total_gb: float | None) -> float:
    return HEADROOM_GB if total_gb is None else min(HEADROOM_GB, HEADROOM_SHARE * total_gb)


def _why(sample: MemorySample, full: float | None, *, scanning: bool) -> str:
    parts = []
    if full is not None:
        parts.append(f"everything stood still for {full:.0f} % of the last 10 s")
    if sample.available_gb is not None:
        parts.append(f"{sample.available_gb:.1f} GB of memory are available")
    if scanning:
        parts.append("the kernel is looking for pages to free")
    return ", ".join(parts)
