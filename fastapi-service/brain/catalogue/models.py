"""What is known about a model before it is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal

BackendKind = Literal["ollama", "sglang"]
"""The kind of server a model lives on: one we load into, or one whose models are always loaded."""

Kind = Literal["chat", "ocr", "embedding"]
"""What a model is for. One for transcribing can be spoken with, but nobody is offered it."""

Thinking = Literal["none", "boolean", "level"]
"""How a model is told to think: not at all, on or off, or `low`, `medium`, `high` (never off)."""


class Priority(IntEnum):
    """Who leaves memory first: LOW before NORMAL before HIGH; CRITICAL never leaves."""

    LOW = 0
    NORMAL = 1
    HIGH = 2
    CRITICAL = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One row of the roster, or what a server said about a model that is not in it."""

    name: str
    size_gb: float
    """Memory it takes when loaded, GB of 10^9 bytes; a measured size replaces it after one load."""

    priority: Priority = Priority.NORMAL
    backend: BackendKind = "ollama"
    context_tokens: int = 8192
    """How much it is loaded to see at once: question, history and answer together."""

    kind: Kind = "chat"
    thinking: Thinking = "none"
    tools: bool = False
    vision: bool = False
    options: Mapping[str, int | float | bool] = field(default_factory=dict, hash=False)
    """Further load-time options of the server, by its own names."""

    @property
    def load_options(self) -> dict[str, int | float | bool]:
        """
        The options every call for this model must carry, the load and each chat alike.

        Ollama loads a model again when a request brings other load-time options than the last one
        (server/sched.go, `needsReload`), so there is one place that makes them.
        """
        return {"num_ctx": self.context_tokens, **self.options}
