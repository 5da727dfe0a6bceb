"""What the models are and say: a TOML file, checked, and the roster that comes with the package."""

import re
import tomllib
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

LOAD_GB_PER_SECOND = 10.0
BYTES_PER_GB = 1_000_000_000

Capability = Literal["completion", "tools", "thinking", "vision", "embedding"]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class ScriptError(Exception):
    """A script that cannot be played; the text names each wrong entry and what is wrong with it."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ScriptedModel(_Part):
    """One model: what it weighs, how fast it is and what it can do."""

    name: Annotated[str, Field(min_length=1)]
    server: Literal["ollama", "openai"] = "ollama"
    size_gb: Positive
    load_seconds: NotNegative | None = None
    tokens_per_second: Positive = 60.0
    prefill_seconds_per_1k: NotNegative = 0.4
    context: Annotated[int, Field(gt=0)] = 131_072
    capabilities: tuple[Capability, ...] = ("completion",)
    thinking: str = "This is rehearsed thinking: no model is weighing anything here."
    always_thinks: bool = False
    installed: bool = True
    family: str = "rehearsal"
    parameters: str = "?"
    quantization: str = "Q4_K_M"
    dimensions: Annotated[int, Field(gt=0)] = 256

    @property
    def seconds_to_load(self) -> float:
        """As scripted, else its size at 10 GB/s (a fast NVMe disk)."""
        return self.size_gb / LOAD_GB_PER_SECOND if self.load_seconds is None else self.load_seconds

    @property
    def size_bytes(self) -> int:
        """GB are 10^9 bytes."""
        return int(self.size_gb * BYTES_PER_GB)

    def can(self, capability: Capability) -> bool:
        """Whether the model has this capability."""
        return capability in self.capabilities


class ScriptedCall(_Part):
    """A tool call a reply begins with."""

    name: str
    arguments: dict[str, Any] = {}


class ScriptedReply(_Part):
    """What to say when the last question matches; the first that matches wins."""

    match: str
    model: str | None = None
    text: str
    thinking: str | None = None
    calls: tuple[ScriptedCall, ...] = ()

    @model_validator(mode="after")
    def _pattern_compiles(self) -> Self:
        try:
            re.compile(self.match)
        except re.error as invalid:
            raise ValueError(f"`match` is not a regular expression: {invalid}") from invalid
        return self

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """`match`, ready for use; upper and lower case are the same."""
        return re.compile(self.match, re.IGNORECASE)


class OllamaLimits(_Part):
    """How the Ollama-style server is configured, by its own variables' meaning."""

    memory_gb: Positive = 128.0
    max_loaded: Annotated[int, Field(ge=1)] = 3
    parallel: Annotated[int, Field(ge=1)] = 4
    max_queue: Annotated[int, Field(ge=0)] = 512
    keep_alive_seconds: float = 300.0
    unload_seconds: NotNegative = 0.3
    default_context: Annotated[int, Field(gt=0)] = 32_768
    when_full: Literal["evict", "fail"] = "evict"
    pull_gb_per_second: Positive = 2.0


Flavour = Literal["plain", "vllm", "sglang", "tensorrt", "lmstudio"]


class OpenAILimits(_Part):
    """How the OpenAI-style server is configured, and which product it plays."""

    flavour: Flavour = "plain"
    parallel: Annotated[int, Field(ge=1)] = 64
    can_sleep: bool = True
    weights_copy: bool = False
    control_key: str = "rehearsal"
    unload_seconds: NotNegative = 0.3
    memory_gb: Positive = 128.0


class Script(_Part):
    """Everything the two servers act out."""

    models: tuple[ScriptedModel, ...]
    replies: tuple[ScriptedReply, ...] = ()
    default_reply: str
    ollama: OllamaLimits = OllamaLimits()
    openai: OpenAILimits = OpenAILimits()
    real_memory_mb_per_gb: NotNegative = 0.0

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        seen: set[tuple[str, str]] = set()
        for model in self.models:
            if (model.server, model.name) in seen:
                raise ValueError(f"the model {model.name!r} stands there twice")
            seen.add((model.server, model.name))
        return self


def default_script() -> Script:
    """The product's roster and the replies that come with the package."""
    return parse_script(_default_text(), origin="the built-in script")


def load_script(path: Path) -> Script:
    """
    The script in the file `path`; parts it does not mention are those of the default script.

    Its replies are looked at before the built-in ones. Raises `ScriptError`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as unreadable:
        raise ScriptError(f"Cannot read the script {path}: {unreadable.strerror}.") from unreadable
    return parse_script(text, origin=str(path), over=_parse_toml(_default_text(), "default"))


def parse_script(text: str, *, origin: str, over: dict[str, Any] | None = None) -> Script:
    """The script in a TOML text, laid over the tables of `over`. Raises `ScriptError`."""
    body = _parse_toml(text, origin)
    if over is not None:
        replies = body.get("replies", [])
        both = isinstance(replies, list)
        body = {**over, **body, "replies": [*replies, *over["replies"]] if both else replies}
    try:
        return Script.model_validate(body)
    except ValidationError as invalid:
        raise ScriptError(_problems(invalid, origin)) from invalid


def _parse_toml(text: str, origin: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as invalid:
        raise ScriptError(f"{origin} is not valid TOML: {invalid}.") from invalid


def _default_text() -> str:
    return resources.files("rehearsal").joinpath("default.toml").read_text(encoding="utf-8")


def _problems(invalid: ValidationError, origin: str) -> str:
    lines = [f"{origin} cannot be played:"]
    for error in invalid.errors(include_input=False, include_url=False):
        where = ".".join(str(part) for part in error["loc"])
        what = error["msg"].removeprefix("Value error, ")
        lines.append(f"  {where or 'script'}: {what}.")
    return "\n".join(lines)
