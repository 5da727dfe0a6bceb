"""The JSON objects an Ollama answer is made of: chunks, the last one, and the counts in it."""

from collections.abc import Callable
from typing import Any

from rehearsal.performance import Outcome, Part
from rehearsal.stage import Rehearsal
from shared.clock import iso

Wording = Callable[[Part, list[str]], dict[str, Any]]
"""How one of the two endpoints says a part: given it and the ids of its tool calls."""


def chat_wording(part: Part, call_ids: list[str]) -> dict[str, Any]:
    """`/api/chat`: everything in a message; tool calls come whole."""
    message: dict[str, Any] = {"role": "assistant", "content": part.text}
    if part.thinking:
        message["thinking"] = part.thinking
    if part.calls:
        message["tool_calls"] = [
            {
                "id": call_id,
                "function": {"index": at, "name": call.name, "arguments": dict(call.arguments)},
            }
            for at, (call, call_id) in enumerate(zip(part.calls, call_ids, strict=True))
        ]
    return {"message": message}


def generate_wording(part: Part, _: list[str]) -> dict[str, Any]:
    """`/api/generate`: a bare response; it knows no tools."""
    body: dict[str, Any] = {"response": part.text}
    if part.thinking:
        body["thinking"] = part.thinking
    return body


class Teller:
    """Builds the objects of one answer."""

    def __init__(self, stage: Rehearsal, *, model: str, wording: Wording) -> None:
        self._stage = stage
        self._model = model
        self._wording = wording
        self._began = stage.pace.real()

    def chunk(self, part: Part) -> dict[str, Any]:
        """A part on its way."""
        ids = [f"call_{self._stage.random.getrandbits(32):08x}" for _ in part.calls]
        return {**self._head(), **self._wording(part, ids), "done": False}

    def bare_end(self, reason: str) -> dict[str, Any]:
        """The answer to a load or unload: nothing was counted."""
        body = self._wording(Part(), [])
        return {**self._head(), **body, "done": True, "done_reason": reason}

    def end(self, outcome: Outcome, *, whole: Part, load_seconds: float) -> dict[str, Any]:
        """The last object, with its counts; `whole` is what no chunk has said yet."""
        return {
            **self.chunk(whole),
            "done": True,
            "done_reason": outcome.reason,
            "total_duration": nanoseconds(self._stage.pace.real() - self._began),
            "load_duration": nanoseconds(load_seconds),
            **counts(outcome),
        }

    def _head(self) -> dict[str, Any]:
        return {"model": self._model, "created_at": iso(self._stage.pace.wall())}


def counts(outcome: Outcome) -> dict[str, int]:
    """What was counted and timed; as in Ollama what is zero is not there at all."""
    all_of_them = {
        "prompt_eval_count": outcome.prompt_tokens if outcome.counted else 0,
        "prompt_eval_duration": nanoseconds(outcome.prefill_seconds),
        "eval_count": outcome.tokens if outcome.counted else 0,
        "eval_duration": nanoseconds(outcome.eval_seconds),
    }
    return {name: value for name, value in all_of_them.items() if value}


def nanoseconds(seconds: float) -> int:
    """The unit of every duration in Ollama's API."""
    return int(seconds * 1_000_000_000)
