"""Goals and whether they are reached."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import exp, fsum, log
from typing import Any


@dataclass(frozen=True)
class Goal:
    """`value` should be at most `aim`."""

    name: str
    value: float
    aim: float
    unit: str = ""

    def __str__(self) -> str:
        word = "reached" if self.value <= self.aim else "MISSED "
        return f"{word}  {self.name}: {self.value:.3g}{self.unit} (aim {self.aim:.3g}{self.unit})"

    def row(self) -> dict[str, Any]:
        return asdict(self) | {"reached": self.value <= self.aim}


def geomean(values: Sequence[float]) -> float:
    return exp(fsum(log(value) for value in values) / len(values))


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
