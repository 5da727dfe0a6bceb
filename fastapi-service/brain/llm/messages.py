"""The vocabulary: what is said to a model, and the pieces in which its answer comes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from brain.vram.orchestrator import Lease

Think = bool | Literal["low", "medium", "high"]
"""Whether a model is to think before it answers, and how long."""


Image = tuple[str, bytes]
"""A picture: its media type (`MEDIA_TYPES`) and the bytes of the file."""

MEDIA_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Of the pictures that are passed on; these every kind of server reads."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation. Only a model that sees may be given `images`."""

    role: Literal["user", "assistant"]
    text: str
    images: Sequence[Image] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """
    What is asked of a model. The last message is the user's.

    `think` None leaves it to us: as little as the model allows. `max_tokens` None lets the model
    end by itself, `temperature` None leaves it to the server. `tools` are functions decorated with
    `strands.tool`.
    """

    model: str
    system: str
    messages: Sequence[Message]
    think: Think | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    tools: Sequence[Callable[..., Any]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """
    How the next token is chosen and when to stop; None leaves it to the server.

    All of these are options of one request: none makes Ollama load a model again.
    """

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: Sequence[str] = ()
    presence_penalty: float | None = None
    frequency_penalty: float | None = None


AS_IT_LIKES = Sampling()
"""Everything left to the server."""

Schema = Mapping[str, Any] | Literal["json"]
"""The form an answer must have: a JSON Schema, or any JSON object."""


@dataclass(frozen=True, slots=True)
class Call:
    """The model wants a tool to be run."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool gave back, for the call of the same id."""

    id: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Turn:
    """One message: an assistant's thinking, text and calls stay together, as they were said."""

    role: Literal["system", "user", "assistant"]
    text: str
    thinking: str = ""
    calls: Sequence[Call] = ()
    images: Sequence[Image] = ()


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that whoever asks can run; `parameters` is a JSON Schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any]


ToolChoice = Literal["auto", "required"]
"""Whether the model decides if it calls a tool, or must call one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """
    A conversation to be continued exactly as it is: whoever asks runs the tools the model calls.

    Unlike a `Prompt` it may hold system messages anywhere, calls and their results.
    """

    model: str
    turns: Sequence[Turn | Result]
    tools: Sequence[Tool] = ()
    tool_choice: ToolChoice = "auto"
    sampling: Sampling = AS_IT_LIKES
    schema: Schema | None = None
    think: Think | None = None


@dataclass(frozen=True, slots=True)
class Leased:
    """The first piece: the model is in memory and about to be asked."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer, made of `pieces` of the server's, each about one token."""

    text: str
    pieces: int = 1


@dataclass(frozen=True, slots=True)
class Thinking:
    """A piece of what the model thinks before it answers, counted alike."""

    text: str
    pieces: int = 1


@dataclass(frozen=True, slots=True)
class Finished:
    """The last piece: the server's own counts over all rounds, 0 where it did not count."""

    input_tokens: int = 0
    output_tokens: int = 0
    truncated: bool = False
    """The answer hit `max_tokens` or the end of the context, and breaks off."""


Heard = Leased | Text | Thinking
Piece = Heard | Finished
