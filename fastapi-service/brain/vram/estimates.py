"""What a model will cost: learned from loads, guessed before the first one."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from brain.catalogue.models import ModelSpec
from brain.vram.residents import Place, Resident

GB_PER_SECOND = 2.0
"""A guess between a SATA and an NVMe disk, until a load was measured."""

NEWEST_WEIGHT = 0.5
"""Loads differ mostly by whether the file is in the page cache, so the newest counts as much as
all before it."""

PEAK_HALF_LIFE_SECONDS = 600.0
"""How slowly a highest measured size is forgotten: a long context comes again."""

WAKE_SECONDS = 3.0
"""A guess for waking a parked model (vLLM's sleep mode, level 1 and 2: 0.1 to 6 s)."""


@dataclass(slots=True)
class _Learned:
    load_seconds: float | None = None
    wake_seconds: float | None = None
    measured_gb: float | None = None
    ratio: float | None = None
    """Measured over listed size."""

    parked_gb: float | None = None


class Estimates:
    """Learned load times and sizes, by server, model and context."""

    def __init__(self) -> None:
        self._learned: dict[str, _Learned] = {}

    def learn(
        self, place: Place, spec: ModelSpec, *, seconds: float, measured_gb: float | None
    ) -> None:
        """Remember how long a load took and what the model takes in memory."""
        one = self._at(place, spec)
        before = one.load_seconds if one.load_seconds is not None else seconds
        one.load_seconds = before + NEWEST_WEIGHT * (seconds - before)
        if measured_gb:
            self.learn_size(place, spec, measured_gb)

    def learn_size(self, place: Place, spec: ModelSpec, measured_gb: float) -> None:
        """Remember what the model took in memory when it was loaded."""
        one = self._at(place, spec)
        one.measured_gb = measured_gb
        if spec.size_gb > 0:
            one.ratio = measured_gb / spec.size_gb

    def learn_wake(self, place: Place, spec: ModelSpec, *, seconds: float) -> None:
        """Remember how long it took to wake the model."""
        self._at(place, spec).wake_seconds = seconds

    def learn_parked(self, place: Place, spec: ModelSpec, parked_gb: float) -> None:
        """Remember what the model takes while it sleeps."""
        self._at(place, spec).parked_gb = parked_gb

    def load_seconds(
        self, place: Place, spec: ModelSpec, *, gb_per_second: float = GB_PER_SECOND
    ) -> float:
        """How long a load of the model is likely to take."""
        known = self._at(place, spec).load_seconds
        return known if known is not None else spec.size_gb / gb_per_second

    def wake_seconds(self, place: Place, spec: ModelSpec) -> float:
        """How long waking the model is likely to take."""
        known = self._at(place, spec).wake_seconds
        return known if known is not None else WAKE_SECONDS

    def parked_gb(self, place: Place, spec: ModelSpec) -> float:
        """What the model takes while it sleeps, 0 when that was never seen."""
        return self._at(place, spec).parked_gb or 0.0

    def need_gb(self, place: Place, spec: ModelSpec, *, ceiling_gb: float) -> float:
        """
        Memory to reserve for a load: the listed size corrected by what was measured.

        A model whose listed size fits is never refused because it measured a little more: it then
        needs all of `ceiling_gb`.
        """
        one = self._at(place, spec)
        corrected = spec.size_gb * one.ratio if one.ratio is not None else one.measured_gb
        if corrected is None:
            return spec.size_gb
        return min(corrected, ceiling_gb) if spec.size_gb <= ceiling_gb else corrected

    def dump(self) -> dict[str, Any]:
        """Everything, as plain JSON, for `load` after a restart."""
        return {key: asdict(one) for key, one in self._learned.items()}

    def load(self, dumped: Mapping[str, Any]) -> None:
        """Take over what `dump` made."""
        self._learned |= {key: _Learned(**row) for key, row in dumped.items()}

    def _at(self, place: Place, spec: ModelSpec) -> _Learned:
        key = f"{place.server} {place.model} {spec.context_tokens}"
        return self._learned.setdefault(key, _Learned())


def note_size(resident: Resident, measured_gb: float, *, at: float) -> None:
    """
    Take over a measured size: charged is the highest seen, half forgotten every ten minutes.

    Contexts grow and shrink, so the newest figure alone would promise memory that is needed again.
    """
    share = 0.5 ** (max(0.0, at - resident.peak_at) / PEAK_HALF_LIFE_SECONDS)
    faded = measured_gb + max(0.0, resident.peak_gb - measured_gb) * share
    resident.peak_gb, resident.peak_at = max(measured_gb, faded), at
    resident.charged_gb, resident.measured = resident.peak_gb, True
