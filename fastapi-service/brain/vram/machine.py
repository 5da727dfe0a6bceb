"""What the machine itself has left for models, from the newest reading of its memory."""

from math import inf

from brain.vram.memory.sample import MemorySample
from brain.vram.options import VramOptions
from brain.vram.pressure import Pressure, Thresholds, hard_reserve_gb

SMOOTHING = 0.1
"""Weight of the newest reading in what other programs take."""

ALWAYS_SECONDS = 600.0


class Machine:
    """The second test of a load: it must fit what is free, whatever the limits say."""

    def __init__(self, options: VramOptions) -> None:
        self._options = options
        self.sample: MemorySample | None = None
        self.pressure = Pressure(
            Thresholds(options.psi_warning, options.psi_critical, options.reserve_gb)
        )
        self.external_gb: float | None = None
        """What other programs take, smoothed."""

        self._least_external_gb = inf
        self._watched_since: float | None = None
        self._since: list[tuple[float, float]] = []
        """Memory taken (+) and given back (-) by models after the newest reading."""

    def note(self, sample: MemorySample, *, models_gb: float, loading: bool) -> None:
        """Take in a reading; `models_gb` is what models of ours really take by our books."""
        self.sample = sample
        self._since = [(at, gb) for at, gb in self._since if at > sample.at]
        self.pressure.observe(sample, loading=loading)
        total, free = self.total_gb, self._read_gb()
        if loading or total is None or free is None:
            return
        external = max(0.0, total - free - models_gb)
        before = external if self.external_gb is None else self.external_gb
        self.external_gb = before + SMOOTHING * (external - before)
        self._watched_since = sample.at if self._watched_since is None else self._watched_since
        self._least_external_gb = min(self._least_external_gb, self.external_gb)

    def moved(self, gb: float, *, at: float) -> None:
        """A model took `gb` of real memory, or gave it back (negative)."""
        self._since.append((at, gb))

    @property
    def total_gb(self) -> float | None:
        """All the memory models could use: the accelerator's own, or the machine's."""
        if self.sample is None:
            return None
        discrete = self.sample.kind == "discrete"
        return self.sample.gpu_total_gb if discrete else self.sample.total_gb

    @property
    def free_gb(self) -> float | None:
        """What was free at the newest reading, less what models took since. None: unknown."""
        read = self._read_gb()
        return None if read is None else read - sum(gb for _, gb in self._since if gb > 0)

    @property
    def returning_gb(self) -> float:
        """What models gave back since the newest reading, which therefore lacks it."""
        return -sum(gb for _, gb in self._since if gb < 0)

    @property
    def reserve_gb(self) -> float:
        """What no load may touch."""
        return hard_reserve_gb(self.total_gb, self._options.reserve_gb)

    @property
    def ceiling_gb(self) -> float | None:
        """
        The most a model can ever get here: all, less the reserve and what others always take.

        What others take counts as "always" once it was watched for ten minutes.
        """
        total = self.total_gb
        if total is None or self.sample is None:
            return None
        watched = 0.0 if self._watched_since is None else self.sample.at - self._watched_since
        always = self._least_external_gb if watched >= ALWAYS_SECONDS else 0.0
        return total - self.reserve_gb - always

    def _read_gb(self) -> float | None:
        if self.sample is None:
            return None
        discrete = self.sample.kind == "discrete"
        return self.sample.gpu_free_gb if discrete else self.sample.available_gb
