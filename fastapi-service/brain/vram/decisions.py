"""What the orchestrator decided and why: for people, never to decide by."""

from dataclasses import dataclass
from typing import Literal

DecisionKind = Literal[
    "swap", "probe", "pressure", "soft_limit", "keep_alive", "conservative", "admin", "crash"
]
KEPT = 100


@dataclass(frozen=True, slots=True)
class Decision:
    """Models that were sent out of memory (or fell out of it) for one reason."""

    at: float
    kind: DecisionKind
    model: str
    """The model it was for; empty when it was for none."""

    victims: tuple[str, ...]
    reason: str
    runner_up: tuple[str, ...] = ()
    """What the policy would have chosen otherwise."""

    cost: float | None = None
    """Expected seconds of loading again, by the policy's own scale."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """A model that would leave, its memory, and what it is doing now."""

    model: str
    gb: float
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a load would do now, without doing it."""

    model: str
    server: str
    fits: bool
    """It is in memory, or would be without anybody leaving."""

    need_gb: float
    free_gb: float
    """Under the hard limit of its memory."""

    victims: tuple[Leaving, ...]
    runner_up: tuple[str, ...]
    why: str
    would_wait_for: tuple[str, ...]
    """Models that answer now or are on their way, and whose end would be waited for."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What comparing the books with the servers changed."""

    registry_count: int
    backend_count: int
    cleaned_models: tuple[str, ...]
    adopted_models: tuple[str, ...]
