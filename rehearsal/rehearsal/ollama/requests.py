"""The bodies of `/api/chat` and `/api/generate`, read as Ollama reads them (docs/api.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from rehearsal.conversation import Call, Conversation, Message
from rehearsal.errors import BadRequest, Incapable
from rehearsal.ollama.keep_alive import parse_keep_alive
from rehearsal.ollama.residents import LoadPlan
from rehearsal.script import OllamaLimits, ScriptedModel

LOAD_OPTIONS = (
    "num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread", "draft_num_predict",
)  # fmt: skip
"""Beside num_ctx: options that are settled when a model is loaded; others mean a reload."""

LEVELS: Mapping[str, int] = {"low": 1, "medium": 2, "high": 3, "max": 4}
"""Levels of `think`, and how many times longer the rehearsed thinking gets."""


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Function(_Body):
    name: str
    arguments: dict[str, Any] = {}


class _ToolCall(_Body):
    function: _Function


class _Message(_Body):
    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    images: list[str] | None = None
    tool_calls: list[_ToolCall] | None = None
    tool_name: str | None = None


class _Ask(_Body):
    model: str = ""
    stream: bool | None = None
    format: str | dict[str, Any] | None = None
    keep_alive: Any = None
    options: dict[str, Any] | None = None
    think: bool | str | None = None
    truncate: bool | None = None


class ChatBody(_Ask):
    """Body of `/api/chat`."""

    messages: list[_Message] | None = None
    tools: list[dict[str, Any]] | None = None


class GenerateBody(_Ask):
    """Body of `/api/generate`."""

    prompt: str | None = None
    system: str | None = None
    images: list[str] | None = None


B = TypeVar("B", bound=_Ask)


@dataclass(frozen=True, slots=True)
class Asked:
    """
    What both endpoints come down to. No `conversation`: the model is only loaded or unloaded.

    `keep_alive` is in seconds, see `parse_keep_alive`.
    """

    model: str
    conversation: Conversation | None
    stream: bool
    think: bool | str | None
    truncate: bool
    keep_alive: float | None
    options: Mapping[str, Any]

    @property
    def limit(self) -> int | None:
        """The most tokens to answer with; Ollama's -1 and -2 are no limit."""
        limit = _integer(self.options, "num_predict")
        return None if limit is None or limit < 1 else limit


def parse_chat(body: Mapping[str, Any]) -> Asked:
    """`/api/chat`. Raises `BadRequest`."""
    asked = _validated(ChatBody, body)
    messages = tuple(
        Message(
            role=said.role,
            text=said.content or "",
            images=len(said.images or ()),
            calls=tuple(
                Call(call.function.name, call.function.arguments) for call in said.tool_calls or ()
            ),
            tool_name=said.tool_name,
        )
        for said in asked.messages or ()
    )
    tools = tuple(str(tool.get("function", {}).get("name", "")) for tool in asked.tools or ())
    conversation = Conversation(messages, tools, _shape(asked.format)) if messages else None
    return _asked(asked, conversation)


def parse_generate(body: Mapping[str, Any]) -> Asked:
    """`/api/generate`. Raises `BadRequest`."""
    asked = _validated(GenerateBody, body)
    if not asked.prompt:
        return _asked(asked, None)
    said = [Message("user", asked.prompt, images=len(asked.images or ()))]
    if asked.system:
        said.insert(0, Message("system", asked.system))
    return _asked(asked, Conversation(tuple(said), (), _shape(asked.format)))


def load_plan(asked: Asked, model: ScriptedModel, limits: OllamaLimits) -> LoadPlan:
    """How the request wants the model loaded; a num_ctx beyond the model's is capped, as there."""
    wanted = _integer(asked.options, "num_ctx") or limits.default_context
    context = min(wanted, model.context)
    others = tuple((name, asked.options[name]) for name in LOAD_OPTIONS if name in asked.options)
    return LoadPlan(model, (("num_ctx", context), *others), context, asked.keep_alive)


def check_abilities(asked: Asked, model: ScriptedModel, *, purpose: str) -> None:
    """Raises `Incapable` when the model lacks what the request needs."""
    if not model.can("completion"):
        raise Incapable(model.name, purpose)
    if asked.think and not model.can("thinking"):
        raise Incapable(model.name, "thinking")
    if asked.conversation is None:
        return
    if asked.conversation.tools and not model.can("tools"):
        raise Incapable(model.name, "tools")
    if not model.can("vision") and any(said.images for said in asked.conversation.messages):
        raise Incapable(model.name, "vision")


def thinking_times(asked: Asked, model: ScriptedModel) -> int:
    """How many times over the model thinks: 0 not at all; absent `think` means it does."""
    if not model.can("thinking"):
        return 0
    if isinstance(asked.think, str):
        return LEVELS[asked.think]
    # gpt-oss knows levels only: true and false change nothing (docs/capabilities/thinking).
    return 1 if model.always_thinks or asked.think is not False else 0


def _validated(kind: type[B], body: Mapping[str, Any]) -> B:
    try:
        return kind.model_validate(body)
    except ValidationError as invalid:
        first = invalid.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadRequest(f"json: field {where}: {first['msg'].lower()}") from invalid


def _asked(body: _Ask, conversation: Conversation | None) -> Asked:
    if not body.model:
        raise BadRequest("model is required")
    if isinstance(body.think, str) and body.think not in LEVELS:
        raise BadRequest(
            f'invalid think value: "{body.think}" '
            '(must be "high", "medium", "low", "max", true, or false)'
        )
    return Asked(
        model=body.model,
        conversation=conversation,
        stream=body.stream is not False,
        think=body.think,
        truncate=body.truncate is not False,
        keep_alive=parse_keep_alive(body.keep_alive),
        options=body.options or {},
    )


def _shape(wanted: str | Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    match wanted:
        case None | "":
            return None
        case "json":
            return {}
        case str():
            raise BadRequest(f'invalid format: "{wanted}"; expected "json" or a valid JSON Schema')
        case _:
            return wanted


def _integer(options: Mapping[str, Any], name: str) -> int | None:
    value = options.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRequest(f'option "{name}" must be of type integer')
    return int(value)
