"""One memory that several models share, and the plan that is being carried out in it."""

from dataclasses import dataclass, field

from brain.vram.policies.planner import Values
from brain.vram.policies.view import Choice
from brain.vram.residents import MACHINE, Place


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What an operator says about a server; None: nothing."""

    memory_gb: float | None = None
    """
    What models may take there, GB of 10^9 bytes. A server that loads them has a memory of its own
    then, wherever it is.
    """

    slots: int | None = None
    """Leases at once, over all its models; `parallel`: on each of them."""

    parallel: int | None = None
    disk_gb_per_second: float | None = None
    preferred: frozenset[str] | None = None
    """The models that should rather go there than elsewhere; None: all."""


@dataclass(slots=True)
class Domain:
    """A memory with its limits (GB of 10^9 bytes)."""

    name: str
    hard_gb: float
    soft_gb: float
    head: int | None = None
    """The waiting caller whose model is brought in next."""

    contested: frozenset[Place] = field(default_factory=frozenset)
    """The models that have to leave for the head's; using one now is overtaking it."""

    pending: Place | None = None
    """The model that room is being made for: its victims are leaving."""

    drained: Choice | None = None
    """What is draining for the head."""

    values: Values | None = None
    """What each set of models is worth, by the planner's newest answer."""

    is_stale: bool = False
    """Something was loaded since that was computed; `is_solving`: a newer one is on its way."""

    is_solving: bool = False

    @property
    def is_machine(self) -> bool:
        """Whether the machine's own memory facts are about this memory."""
        return self.name == MACHINE

    def forget_head(self) -> None:
        """Nobody waits for room here."""
        self.head, self.contested = None, frozenset()
