"""What a service says about itself at `GET /health` (protocol sections 4 and 5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from shared.clock import iso

Level = Literal["healthy", "degraded", "unhealthy"]
WORST_LAST: tuple[Level, ...] = ("healthy", "degraded", "unhealthy")


@dataclass(frozen=True, slots=True)
class Health:
    """The parts of a service and how each of them is."""

    service: str
    version: str
    components: Mapping[str, Level]

    @property
    def status(self) -> Level:
        """The service is as well as its worst part; one without parts is healthy."""
        return max(self.components.values(), key=WORST_LAST.index, default="healthy")

    def report(self, *, now: float) -> dict[str, Any]:
        """The body of the answer; `now` in seconds since 1970."""
        return {
            "status": self.status,
            "timestamp": iso(now),
            "service": self.service,
            "version": self.version,
            "components": dict(self.components),
        }
