"""The body of `/v1/chat/completions`, as far as SGLang, vLLM and OpenAI agree on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rehearsal.conversation import Call, Conversation, Message
from rehearsal.errors import BadRequest


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Part(_Body):
    type: str
    text: str = ""


class _Function(_Body):
    name: str
    arguments: str = "{}"


class _ToolCall(_Body):
    id: str = ""
    function: _Function


class _Message(_Body):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[_Part] | None = None
    tool_calls: list[_ToolCall] | None = None
    tool_call_id: str | None = None


class _StreamOptions(_Body):
    include_usage: bool = False


class _ResponseFormat(_Body):
    type: str
    json_schema: dict[str, Any] | None = None


class CompletionBody(_Body):
    """Body of `/v1/chat/completions`."""

    model: str
    messages: list[_Message] = Field(min_length=1)
    stream: bool = False
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: Any = None
    response_format: _ResponseFormat | None = None
    chat_template_kwargs: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """What is wanted of a model; `thinks` is False where the request switches thinking off."""

    model: str
    conversation: Conversation
    stream: bool
    include_usage: bool
    limit: int | None
    thinks: bool


def parse_completion(body: Mapping[str, Any]) -> Completion:
    """Raises `BadRequest` with the field that is wrong."""
    try:
        asked = CompletionBody.model_validate(body)
    except ValidationError as invalid:
        first = invalid.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadRequest(f"{where}: {first['msg']}") from invalid
    tools = () if asked.tool_choice == "none" else asked.tools or ()
    return Completion(
        model=asked.model,
        conversation=Conversation(
            messages=_messages(asked.messages),
            tools=tuple(str(tool.get("function", {}).get("name", "")) for tool in tools),
            shape=_shape(asked.response_format),
        ),
        stream=asked.stream,
        include_usage=asked.stream_options is not None and asked.stream_options.include_usage,
        limit=asked.max_completion_tokens or asked.max_tokens,
        thinks=(asked.chat_template_kwargs or {}).get("enable_thinking") is not False,
    )


def _messages(given: list[_Message]) -> tuple[Message, ...]:
    """Tool results name the call they answer; its name comes from the call itself."""
    names: dict[str, str] = {}
    messages = []
    for said in given:
        calls = said.tool_calls or ()
        names.update((call.id, call.function.name) for call in calls)
        text, images = _content(said.content)
        messages.append(
            Message(
                role="system" if said.role == "developer" else said.role,
                text=text,
                images=images,
                calls=tuple(Call(call.function.name, _arguments(call)) for call in calls),
                tool_name=names.get(said.tool_call_id or ""),
            )
        )
    return tuple(messages)


def _content(content: str | list[_Part] | None) -> tuple[str, int]:
    """(text, how many images)."""
    if content is None or isinstance(content, str):
        return content or "", 0
    text = "\n".join(part.text for part in content if part.type == "text")
    return text, sum(1 for part in content if part.type == "image_url")


def _arguments(call: _ToolCall) -> dict[str, Any]:
    try:
        arguments = orjson.loads(call.function.arguments or "{}")
    except orjson.JSONDecodeError as invalid:
        raise BadRequest(f"tool call {call.id}: the arguments are not JSON") from invalid
    if not isinstance(arguments, dict):
        raise BadRequest(f"tool call {call.id}: the arguments are no object")
    return arguments


def _shape(wanted: _ResponseFormat | None) -> Mapping[str, Any] | None:
    match wanted:
        case None:
            return None
        case _ResponseFormat(type="json_schema", json_schema=schema):
            inner = (schema or {}).get("schema")
            if not isinstance(inner, dict):
                raise BadRequest("response_format: json_schema.schema is missing")
            return inner
        case _ResponseFormat(type="json_object"):
            return {}
        case _:
            return None
