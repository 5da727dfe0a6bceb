"""What is known about the machine's memory at one moment; None is unknown, never a guess."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["unified", "discrete", "unknown"]
"""Whether the accelerator uses the machine's memory or its own; without one, nobody knows."""


@dataclass(frozen=True, slots=True)
class Psi:
    """
    How long tasks stood still for want of memory (kernel, Documentation/accounting/psi.rst).

    `some`: at least one task, `full`: all tasks at once. Averages are per cent of the last 10, 60
    and 300 seconds, which the kernel refreshes every 2 s; totals are microseconds since the start.
    """

    some_avg10: float
    some_avg60: float
    some_avg300: float
    full_avg10: float
    full_avg60: float
    full_avg300: float
    some_total_us: int = 0
    full_total_us: int = 0


@dataclass(frozen=True, slots=True)
class MemorySample:
    """One reading. GB are 10^9 bytes, `at` is seconds since 1970."""

    at: float
    total_gb: float | None = None
    """MemTotal, or the limit of our control group where that is smaller."""

    available_gb: float | None = None
    """
    What may still be taken without swapping: MemAvailable, or what our control group leaves.

    The page cache is in it. cudaMemGetInfo on unified memory reports MemFree, which is not this.
    """

    psi: Psi | None = None
    refaults: int | None = None
    """Pages scanned for reclaim and pages read again after it, since the start: it only grows."""

    kind: Kind = "unknown"
    gpu_total_gb: float | None = None
    gpu_free_gb: float | None = None
    """Sums over the accelerators that have memory of their own."""

    problem: str = ""
    """Why something is unknown, as sentences for an operator."""
