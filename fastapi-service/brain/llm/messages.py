"""The vocabulary: what is said to a model, and the pieces in which its answer comes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from brain.vram.orchestrator import Lease

Think = bool | Literal["low", "medium", "high"]
"""Whether a model is to think before it answers, and how long."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """
    What is asked of a model. The last message is the user's.

    `think` None leaves it to us: as little as the model allows. `max_tokens` None lets the model
    end by itself. `tools` are functions decorated with `strands.tool`.
    """

    model: str
    system: str
    messages: Sequence[Message]
    think: Think | None = None
    max_tokens: int | None = None
    tools: Sequence[Callable[..., Any]] = ()


@dataclass(frozen=True, slots=True)
class Leased:
    """The first piece: the model is in memory and about to be asked."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer, about one token; whoever breaks off may count them."""

    text: str


@dataclass(frozen=True, slots=True)
class Thinking:
    """A piece of what the model thinks before it answers, about one token."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The last piece: the server's own counts over all rounds, 0 where it did not count."""

    input_tokens: int = 0
    output_tokens: int = 0
    truncated: bool = False
    """The answer hit `max_tokens` or the end of the context, and breaks off."""


Piece = Leased | Text | Thinking | Finished
