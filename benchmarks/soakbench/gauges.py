"""What is measured all the time during a soak: the limits, and the memory of the brain."""

from dataclasses import dataclass, field
from statistics import median
from time import monotonic
from typing import Any, Never

import anyio
import anyio.to_thread
import psutil

from small_machine import taken_bytes
from soakbench.platform import HARD_GB, MB_PER_GB, Platform

EVERY_SECONDS = 0.5
INTERPRETER_MB = 6.0
"""What the process of a scripted model takes besides its share."""

WARM_SECONDS = 90.0
ROUNDING_GB = 0.05
GROWTH_MB = 8.0
GROWTH_SHARE = 0.06
MIB = 1 << 20


@dataclass
class Gauges:
    """Samples, and the violations seen in them."""

    platform: Platform
    wrong: list[str] = field(default_factory=list)
    brain_mib: list[tuple[int, float, float]] = field(default_factory=list)
    """(pid, seconds, MiB resident)."""

    charged_gb: float = 0.0
    real_gb: float = 0.0
    lowest_gb: float = float("inf")
    looks: int = 0
    levels: dict[str, int] = field(default_factory=dict)

    async def live(self) -> Never:
        """Until cancelled."""
        while True:
            await anyio.to_thread.run_sync(self._look)
            await anyio.sleep(EVERY_SECONDS)

    def _look(self) -> None:
        runners = self.platform.runners
        taken = sum(max(0.0, taken_bytes(pid) / 1e6 - INTERPRETER_MB) for pid in runners)
        real_gb = taken / MB_PER_GB
        self.real_gb = max(self.real_gb, real_gb)
        if real_gb > HARD_GB + ROUNDING_GB:
            self.wrong.append(f"models really take {real_gb:.1f} GB of {HARD_GB:g} GB")
        brain = self.platform.brain
        if brain is not None:
            try:
                resident = psutil.Process(brain.pid).memory_info().rss / MIB
                self.brain_mib.append((brain.pid, monotonic(), resident))
            except psutil.NoSuchProcess:
                return
        try:
            self._status(self.platform.ask_brain("/vram/status"))
        except OSError:
            return  # it is just being killed or started

    def _status(self, told: Any) -> None:
        self.looks += 1
        used = told["memory"]["model_usage_gb"]
        self.charged_gb = max(self.charged_gb, used)
        level = told["pressure"]["level"]
        self.levels[level] = self.levels.get(level, 0) + 1
        if used > told["limits"]["hard_gb"] + ROUNDING_GB:
            names = [(one["name"], one["state"], one["size_gb"]) for one in told["loaded_models"]]
            self.wrong.append(f"models are charged {used:.1f} GB: {names}, {told['loading']}")

    def growth(self) -> dict[str, float] | None:
        """
        How the memory of the last brain grew once it was warm; None when it did not live on.

        The medians of its first and last quarter are compared, MiB; `mib_per_hour` is the slope of
        the least squares line.
        """
        if not self.brain_mib:
            return None
        pid = self.brain_mib[-1][0]
        life = [(at, mib) for one, at, mib in self.brain_mib if one == pid]
        warm = [(at, mib) for at, mib in life if at - life[0][0] >= WARM_SECONDS]
        if len(warm) < WARM_SECONDS / EVERY_SECONDS:
            return None
        quarter = len(warm) // 4
        first = median(mib for _, mib in warm[:quarter])
        last = median(mib for _, mib in warm[-quarter:])
        return {
            "seconds": round(warm[-1][0] - warm[0][0]),
            "first_mib": round(first, 1),
            "last_mib": round(last, 1),
            "mib_per_hour": round(3600 * _slope(warm), 1),
        }

    def violations(self) -> list[str]:
        """What is wrong, a sentence each."""
        growth = self.growth()
        found = list(self.wrong)
        if growth is not None:
            grown = growth["last_mib"] - growth["first_mib"]
            if grown > max(GROWTH_MB, GROWTH_SHARE * growth["first_mib"]):
                found.append(f"the brain grew by {grown:.1f} MiB in {growth['seconds']:g} s")
        return found


def _slope(points: list[tuple[float, float]]) -> float:
    """Of the least squares line through (x, y)."""
    x_mean = sum(x for x, _ in points) / len(points)
    y_mean = sum(y for _, y in points) / len(points)
    over = sum((x - x_mean) * (y - y_mean) for x, y in points)
    return over / sum((x - x_mean) ** 2 for x, _ in points)
