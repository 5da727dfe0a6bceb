"""What `/v1/chat/completions` answers, as OpenAI's API reference writes it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from brain.chat.completion import Completed
from brain.llm.messages import Call

END = b"data: [DONE]\n\n"
STILL_HERE = b": waiting\n\n"
"""A comment, which clients skip; it keeps what lies between from closing a silent connection."""


@dataclass(slots=True)
class Told:
    """One answer being told. `created` is in seconds since 1970."""

    request_id: str
    created: int
    model: str
    with_usage: bool = False
    rehearsal: bool = False

    def whole(self, end: Completed) -> dict[str, Any]:
        """The answer in one piece."""
        message: dict[str, Any] = {
            "role": "assistant",
            "content": end.text if end.text or not end.calls else None,
            "refusal": None,
        }
        if end.thoughts:
            message["reasoning_content"] = end.thoughts
        if end.calls:
            message["tool_calls"] = [_call(call) for call in end.calls]
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": end.finish,
        }
        return self._head("chat.completion") | {"choices": [choice], "usage": _usage(end)}

    def opening(self) -> bytes:
        """The first event: who speaks."""
        return self._chunk({"role": "assistant", "content": ""})

    def piece(self, text: str) -> bytes:
        """More text."""
        return self._chunk({"content": text})

    def thought(self, text: str) -> bytes:
        """More of what the model thinks; the field is the one SGLang, vLLM and DeepSeek use."""
        return self._chunk({"reasoning_content": text})

    def ending(self, end: Completed) -> Iterable[bytes]:
        """What comes behind the last piece."""
        for index, call in enumerate(end.calls):
            yield self._chunk({"tool_calls": [{"index": index} | _call(call)]})
        yield self._chunk({}, finish=end.finish)
        if self.with_usage:
            body = self._head("chat.completion.chunk") | {"choices": [], "usage": _usage(end)}
            yield event(body)
        yield END

    def _chunk(self, delta: Mapping[str, Any], *, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        body = self._head("chat.completion.chunk") | {"choices": [choice]}
        return event(body | {"usage": None} if self.with_usage else body)

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{self.request_id}",
            "object": kind,
            "created": self.created,
            "model": self.model,
            # The one field of the reference that says what kind of backend has answered.
            "system_fingerprint": "rehearsal" if self.rehearsal else None,
        }


def event(body: Mapping[str, Any]) -> bytes:
    """`body` as a server-sent event."""
    return b"data: " + orjson.dumps(body) + b"\n\n"


def _call(call: Call) -> dict[str, Any]:
    arguments = orjson.dumps(call.arguments).decode()
    function = {"name": call.name, "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function}


def _usage(end: Completed) -> dict[str, int]:
    used = end.usage
    return {
        "prompt_tokens": used.input_tokens,
        "completion_tokens": used.output_tokens,
        "total_tokens": used.input_tokens + used.output_tokens,
    }
