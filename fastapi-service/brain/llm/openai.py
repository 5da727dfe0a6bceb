"""
The dialect of OpenAI's `/v1/chat/completions`: server-sent events.

Spoken by SGLang, vLLM, llama.cpp and others, who differ where OpenAI's API reference ends: thinking
comes as `reasoning_content` or `reasoning`, usage may be missing although it was asked for, and the
arguments of a tool call come in pieces.
"""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from strands.types.tools import ToolSpec

from brain.llm.connection import parse
from brain.llm.dialect import Said, Stop, Wish, effort, is_on
from brain.llm.messages import Call, Result, Sampling, Schema, Text, Thinking, Turn
from brain.vram.errors import BackendFailed

PREFIX = b"data:"
DONE = b"[DONE]"


class OpenAIDialect:
    """Pure: values in, values out."""

    path = "/v1/chat/completions"

    def body(
        self,
        wish: Wish,
        turns: Sequence[Turn | Result],
        *,
        system: str | None,
        tools: Sequence[ToolSpec],
    ) -> dict[str, Any]:
        """The question; `chat_template_kwargs` is how SGLang and vLLM switch thinking."""
        body: dict[str, Any] = {
            "model": wish.spec.name,
            "messages": [
                *([{"role": "system", "content": system}] if system else []),
                *(_message(turn) for turn in turns),
            ],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        body |= _options(wish.sampling)
        if wish.spec.thinking == "boolean":
            body["chat_template_kwargs"] = {"enable_thinking": is_on(wish.think)}
        elif wish.spec.thinking == "level":
            body["reasoning_effort"] = effort(wish.think)
        if wish.schema is not None:
            body["response_format"] = _form(wish.schema)
        if tools:
            body["tools"] = [_tool(spec) for spec in tools]
            if wish.tool_choice != "auto":
                body["tool_choice"] = wish.tool_choice
        return body

    def reader(self, model: str) -> "OpenAIReader":
        """A reader for one answer."""
        return OpenAIReader(model)


@dataclass(slots=True)
class _Parts:
    """A tool call as far as it has come."""

    id: str = ""
    name: str = ""
    arguments: str = ""


class OpenAIReader:
    """One answer: events until the stream ends; the usage comes behind the reason to stop."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._calls: dict[int, _Parts] = {}
        self._finish: str | None = None
        self._usage: dict[str, Any] = {}

    def feed(self, line: bytes) -> Iterable[Said]:
        """What the line says; comments and field names other than `data` say nothing."""
        if not line.startswith(PREFIX):
            if line.startswith(b"{"):
                parse(self._model, line)  # an error in place of an event
            return
        event = line.removeprefix(PREFIX).strip()
        if event == DONE:
            self._finish = self._finish or "stop"
            return
        chunk = parse(self._model, event)
        self._usage = chunk.get("usage") or self._usage
        for choice in chunk.get("choices") or ():
            self._finish = choice.get("finish_reason") or self._finish
            yield from self._said(choice.get("delta") or {})

    def _said(self, delta: dict[str, Any]) -> Iterable[Said]:
        if thinking := delta.get("reasoning_content") or delta.get("reasoning"):
            yield Thinking(thinking)
        if text := delta.get("content"):
            yield Text(text)
        for call in delta.get("tool_calls") or ():
            parts = self._calls.setdefault(call.get("index") or 0, _Parts())
            function = call.get("function") or {}
            parts.id = call.get("id") or parts.id
            parts.name = function.get("name") or parts.name
            parts.arguments += function.get("arguments") or ""

    def end(self) -> Iterable[Said]:
        """The tool calls, which are whole only now, and the stop, if there was one."""
        if self._finish is None:
            return
        if self._finish != "length":
            for index, parts in sorted(self._calls.items()):
                yield Call(parts.id or f"call_{index}", parts.name, self._arguments(parts))
        yield Stop(
            reason="length" if self._finish == "length" else "end",
            input_tokens=self._usage.get("prompt_tokens") or 0,
            output_tokens=self._usage.get("completion_tokens") or 0,
        )

    def _arguments(self, parts: _Parts) -> dict[str, Any]:
        try:
            arguments = orjson.loads(parts.arguments or "{}")
        except orjson.JSONDecodeError as invalid:
            reason = f"it called {parts.name} with arguments that are not JSON"
            raise BackendFailed(self._model, reason) from invalid
        return arguments if isinstance(arguments, dict) else {}


def _options(sampling: Sampling) -> dict[str, Any]:
    options = {
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        "stop": list(sampling.stop) or None,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
    }
    return {name: value for name, value in options.items() if value is not None}


def _form(schema: Schema) -> dict[str, Any]:
    if schema == "json":
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


def _message(turn: Turn | Result) -> dict[str, Any]:
    if isinstance(turn, Result):
        return {"role": "tool", "content": turn.text, "tool_call_id": turn.id}
    message: dict[str, Any] = {"role": turn.role, "content": _content(turn)}
    if turn.calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {
                    "name": call.name,
                    "arguments": orjson.dumps(call.arguments).decode(),
                },
            }
            for call in turn.calls
        ]
    return message


def _content(turn: Turn) -> str | list[dict[str, Any]]:
    """Text alone stays a string: templates of models that cannot see know nothing else."""
    if not turn.images:
        return turn.text
    text = [{"type": "text", "text": turn.text}] if turn.text else []
    urls = [
        f"data:{media_type};base64,{b64encode(raw).decode()}" for media_type, raw in turn.images
    ]
    return [*text, *({"type": "image_url", "image_url": {"url": url}} for url in urls)]


def _tool(spec: ToolSpec) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": spec["name"],
            "description": spec["description"],
            "parameters": spec["inputSchema"]["json"],
        },
    }
