"""What a caller of the orchestrator holds, and how it learns that it holds it no more."""

from collections.abc import Callable
from dataclasses import dataclass, field

from brain.catalogue.models import ModelSpec
from brain.vram.errors import ServerKind


@dataclass(frozen=True, slots=True)
class Server:
    """Where a leased model is to be spoken to."""

    name: str
    kind: ServerKind
    url: str
    rehearsal: bool
    """Its answers are scripted; whoever shows one says so."""


@dataclass(slots=True)
class Loss:
    """Whether a leased model left memory while it was in use."""

    reason: str = ""
    """Part of a sentence; empty while all is well."""

    notify: Callable[[], None] | None = None
    """Called at once when the model is lost; must not block. For closing a silent connection."""

    def happen(self, reason: str) -> None:
        """The model is gone."""
        self.reason = reason
        if self.notify is not None:
            self.notify()


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to use a model: it stays in memory for as long as this is held."""

    spec: ModelSpec
    server: Server
    load_seconds: float
    """How long the load took that this caller waited for; 0 when the model was in memory."""

    loss: Loss = field(default_factory=Loss)
