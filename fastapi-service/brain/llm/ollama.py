"""
The dialect of Ollama's `/api/chat`: newline-delimited JSON.

Protocol: docs/api.md and api/types.go in Ollama's repository. Zero counts are left out there, and
tool calls come whole in one line.
"""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from typing import Any

from strands.types.tools import ToolSpec

from brain.llm.connection import parse
from brain.llm.dialect import Said, Stop, Wish, effort, is_on
from brain.llm.messages import Call, Result, Sampling, Text, Thinking, Turn
from brain.vram.backends.ollama import FOR_EVER


class OllamaDialect:
    """Pure: values in, values out."""

    path = "/api/chat"

    def body(
        self,
        wish: Wish,
        turns: Sequence[Turn | Result],
        *,
        system: str | None,
        tools: Sequence[ToolSpec],
    ) -> dict[str, Any]:
        """The question, with exactly the load options that the model was loaded with."""
        body: dict[str, Any] = {
            "model": wish.spec.name,
            "messages": [
                *([{"role": "system", "content": system}] if system else []),
                *(_message(turn) for turn in turns),
            ],
            "stream": True,
            "keep_alive": FOR_EVER,
            "options": wish.spec.load_options | _options(wish.sampling),
            # By default the oldest messages are dropped in silence when the context is full.
            "truncate": False,
        }
        if wish.spec.thinking == "boolean":
            body["think"] = is_on(wish.think)
        elif wish.spec.thinking == "level":
            body["think"] = effort(wish.think)
        if wish.schema is not None:
            body["format"] = wish.schema
        if tools:
            # There is no way to insist on a call here (`tool_choice`): the model decides.
            body["tools"] = [_tool(spec) for spec in tools]
        return body

    def reader(self, model: str) -> "OllamaReader":
        """A reader for one answer."""
        return OllamaReader(model)


class OllamaReader:
    """One answer: lines until the one that is `done`."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._calls = 0
        self._stop: Stop | None = None

    def feed(self, line: bytes) -> Iterable[Said]:
        """What the line says."""
        chunk = parse(self._model, line)
        message = chunk.get("message") or {}
        if thinking := message.get("thinking"):
            yield Thinking(thinking)
        if text := message.get("content"):
            yield Text(text)
        for call in message.get("tool_calls") or ():
            function = call.get("function") or {}
            self._calls += 1
            yield Call(
                call.get("id") or f"call_{self._calls}",
                str(function.get("name", "")),
                function.get("arguments") or {},
            )
        if chunk.get("done"):
            self._stop = Stop(
                reason="length" if chunk.get("done_reason") == "length" else "end",
                input_tokens=chunk.get("prompt_eval_count") or 0,
                output_tokens=chunk.get("eval_count") or 0,
            )

    def end(self) -> Iterable[Said]:
        """The stop, if there was one."""
        if self._stop is not None:
            yield self._stop


def _options(sampling: Sampling) -> dict[str, Any]:
    """Runtime options only, by Ollama's names (api/types.go, `Options`)."""
    options = {
        "num_predict": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        "stop": list(sampling.stop) or None,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
    }
    return {name: value for name, value in options.items() if value is not None}


def _message(turn: Turn | Result) -> dict[str, Any]:
    if isinstance(turn, Result):
        return {
            "role": "tool",
            "content": turn.text,
            "tool_name": turn.name,
            "tool_call_id": turn.id,
        }
    message: dict[str, Any] = {"role": turn.role, "content": turn.text}
    if turn.images:
        message["images"] = [b64encode(raw).decode() for _, raw in turn.images]
    if turn.thinking and turn.calls:
        message["thinking"] = turn.thinking  # lets the model go on where it was before the tool
    if turn.calls:
        message["tool_calls"] = [
            {"id": call.id, "function": {"name": call.name, "arguments": call.arguments}}
            for call in turn.calls
        ]
    return message


def _tool(spec: ToolSpec) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": spec["name"],
            "description": spec["description"],
            "parameters": spec["inputSchema"]["json"],
        },
    }
