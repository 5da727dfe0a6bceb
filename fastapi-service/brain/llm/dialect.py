"""
What differs between chat protocols: how a question is written and how an answer is read.

Two dialects exist, Ollama's and OpenAI's; both are pure, so that the part which talks to the
network (`chat_model`) exists once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from strands.types.tools import ToolSpec

from brain.catalogue.models import ModelSpec
from brain.llm.messages import (
    AS_IT_LIKES,
    Call,
    Result,
    Sampling,
    Schema,
    Text,
    Think,
    Thinking,
    ToolChoice,
    Turn,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How an answer shall be made. `schema` asks for JSON of that form."""

    spec: ModelSpec
    think: Think | None = None
    sampling: Sampling = AS_IT_LIKES
    schema: Schema | None = None
    tool_choice: ToolChoice = "auto"


@dataclass(frozen=True, slots=True)
class Stop:
    """The model ended; counts are the server's, 0 where it did not count."""

    reason: Literal["end", "length"]
    input_tokens: int
    output_tokens: int


Said = Text | Thinking | Call | Stop


class Reader(Protocol):
    """Reads one answer, line by line."""

    def feed(self, line: bytes) -> Iterable[Said]:
        """What the line says. Raises `BackendFailed` and what `refusal` makes of an error line."""

    def end(self) -> Iterable[Said]:
        """What is left when the stream has ended; a `Stop` is missing if it was cut off."""


class Dialect(Protocol):
    """One chat protocol."""

    @property
    def path(self) -> str:
        """Where questions are POSTed, below the server's address."""

    def body(
        self,
        wish: Wish,
        turns: Sequence[Turn | Result],
        *,
        system: str | None,
        tools: Sequence[ToolSpec],
    ) -> dict[str, Any]:
        """The JSON body of the question."""

    def reader(self, model: str) -> Reader:
        """A reader for one answer."""


def effort(think: Think | None) -> Literal["low", "medium", "high"]:
    """For a model that has levels and cannot stop thinking: low unless more is wanted."""
    match think:
        case None | False:
            return "low"
        case True:
            return "medium"
        case _:
            return think


def is_on(think: Think | None) -> bool:
    """For a model with a switch: off unless wanted. Servers take an absent switch for on."""
    return bool(think)
