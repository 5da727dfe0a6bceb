"""What a make-believe server really has in memory, whatever the books say."""

from dataclasses import dataclass, field

from brain.vram.events import AbortLoad, Probe, StartLoad, StartUnload
from brain.vram.residents import Inventory
from memory_world.setups import ROSTER, ServerSetup

PARKED_SHARE = 0.1


@dataclass
class Box:
    """One server. GB of 10^9 bytes."""

    setup: ServerSetup
    up: bool = True
    memory: dict[str, float] = field(default_factory=dict)
    parked: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """It begins anew: empty, or with the one model it lives for."""
        self.parked = {}
        sleeper = self.setup.sleeps and not self.setup.loads
        self.memory = {name: ROSTER[name].size_gb for name in self.setup.models if sleeper}

    def put(self, model: str, gb: float) -> None:
        """The model is in memory now."""
        self.parked.pop(model, None)
        self.memory[model] = gb

    def drop(self, model: str) -> None:
        """The model is gone; a server that lives for one model begins anew with it."""
        if not self.setup.loads:
            self.restart()
            return
        self.memory.pop(model, None)
        self.parked.pop(model, None)

    def park(self, model: str) -> float:
        """The model sleeps now; what it still takes."""
        gb = self.memory.pop(model, None)
        if gb is not None:
            self.parked[model] = gb * PARKED_SHARE
        return self.parked.get(model, 0.0)

    def taken_gb(self, model: str) -> float:
        """What the model takes now."""
        return self.memory.get(model, 0.0) + self.parked.get(model, 0.0)

    def inventory(self, *, without: str = "") -> Inventory:
        """What it would say about itself; forgetful about one model."""
        return Inventory(
            installed={name: ROSTER[name] for name in self.setup.models},
            loaded={name: gb for name, gb in self.memory.items() if name != without},
            rehearsal=self.setup.rehearsal,
            parked=dict(self.parked),
        )


@dataclass
class Pending:
    """Orders that were given and not answered yet."""

    loads: list[StartLoad] = field(default_factory=list)
    unloads: list[StartUnload | AbortLoad] = field(default_factory=list)
    looks: list[tuple[Probe, Inventory]] = field(default_factory=list)
    """With what was so when the question was asked."""

    def __bool__(self) -> bool:
        return bool(self.loads or self.unloads)
