"""The JSON objects of a chat completion: deltas of a stream, or the whole."""

from collections.abc import Iterator
from typing import Any

import orjson

from rehearsal.conversation import Call
from rehearsal.performance import Outcome, Part
from rehearsal.stage import Rehearsal

ARGUMENT_PIECE = 8
"""Characters of a tool call's arguments in one delta: clients must put them together."""


class Teller:
    """Builds the objects of one completion."""

    def __init__(self, stage: Rehearsal, *, model: str) -> None:
        self._stage = stage
        self._model = model
        self._id = f"chatcmpl-{stage.random.getrandbits(64):016x}"
        self._created = int(stage.pace.wall())
        self._called = False

    def opening(self) -> dict[str, Any]:
        """The first delta names the role."""
        return self._chunk({"role": "assistant", "content": ""})

    def chunks(self, part: Part) -> Iterator[dict[str, Any]]:
        """The deltas of a part."""
        if part.thinking:
            yield self._chunk({"reasoning_content": part.thinking})
        if part.text:
            yield self._chunk({"content": part.text})
        for at, call in enumerate(part.calls):
            self._called = True
            yield from self._call_chunks(at, call)

    def ending(self, outcome: Outcome) -> dict[str, Any]:
        """The last delta, with the reason."""
        return self._chunk({}, finish_reason=self._reason(outcome))

    def usage(self, outcome: Outcome) -> dict[str, Any]:
        """The chunk after the last one, for who asked for it."""
        return {**self._head("chat.completion.chunk"), "choices": [], "usage": usage(outcome)}

    def whole(self, part: Part, outcome: Outcome) -> dict[str, Any]:
        """The completion in one object."""
        message: dict[str, Any] = {"role": "assistant", "content": part.text or None}
        if part.thinking:
            message["reasoning_content"] = part.thinking
        if part.calls:
            self._called = True
            message["tool_calls"] = [
                self._call(call, orjson.dumps(call.arguments).decode()) for call in part.calls
            ]
        choice = {"index": 0, "message": message, "finish_reason": self._reason(outcome)}
        body = {**self._head("chat.completion"), "choices": [choice]}
        return {**body, "usage": usage(outcome)} if outcome.counted else body

    def _call_chunks(self, at: int, call: Call) -> Iterator[dict[str, Any]]:
        yield self._chunk({"tool_calls": [{"index": at, **self._call(call, "")}]})
        arguments = orjson.dumps(call.arguments).decode()
        for start in range(0, len(arguments), ARGUMENT_PIECE):
            piece = {"arguments": arguments[start : start + ARGUMENT_PIECE]}
            yield self._chunk({"tool_calls": [{"index": at, "function": piece}]})

    def _call(self, call: Call, arguments: str) -> dict[str, Any]:
        return {
            "id": f"call_{self._stage.random.getrandbits(32):08x}",
            "type": "function",
            "function": {"name": call.name, "arguments": arguments},
        }

    def _reason(self, outcome: Outcome) -> str:
        return "tool_calls" if self._called and outcome.reason == "stop" else outcome.reason

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self._id, "object": kind, "created": self._created, "model": self._model}


def usage(outcome: Outcome) -> dict[str, int]:
    """Tokens, under OpenAI's names."""
    return {
        "prompt_tokens": outcome.prompt_tokens,
        "completion_tokens": outcome.tokens,
        "total_tokens": outcome.prompt_tokens + outcome.tokens,
    }
