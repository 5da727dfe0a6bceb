"""What a model will cost: learned from loads, guessed before the first one."""

from brain.catalogue.models import ModelSpec
from brain.vram.residents import Place

GB_PER_SECOND = 2.0
"""A guess between a SATA and an NVMe disk, until a load was measured."""

NEWEST_WEIGHT = 0.5
"""Loads differ mostly by whether the file is in the page cache, so the newest counts as much as
all before it."""


class Estimates:
    """Learned load times and sizes, by model and server."""

    def __init__(self) -> None:
        self._load_seconds: dict[Place, float] = {}
        self._measured_gb: dict[Place, float] = {}

    def learn(self, place: Place, *, seconds: float, measured_gb: float | None) -> None:
        """Remember how long a load took and what the model takes in memory."""
        before = self._load_seconds.get(place, seconds)
        self._load_seconds[place] = before + NEWEST_WEIGHT * (seconds - before)
        if measured_gb:
            self._measured_gb[place] = measured_gb

    def load_seconds(self, place: Place, spec: ModelSpec) -> float:
        """How long a load of the model is likely to take."""
        return self._load_seconds.get(place, spec.size_gb / GB_PER_SECOND)

    def need_gb(self, place: Place, spec: ModelSpec, *, ceiling_gb: float) -> float:
        """
        Memory to reserve for a load.

        A model whose listed size fits is never refused because it measured a little more: it then
        needs all of `ceiling_gb`.
        """
        measured = self._measured_gb.get(place)
        if measured is None:
            return spec.size_gb
        return min(measured, ceiling_gb) if spec.size_gb <= ceiling_gb else measured
