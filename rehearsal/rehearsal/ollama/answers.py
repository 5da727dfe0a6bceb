"""The JSON objects an Ollama answer is made of: chunks, the last one, and the counts in it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rehearsal.performance import Outcome, Part
from rehearsal.stage import Rehearsal
from shared.clock import iso

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Wording:
    """How one of the two endpoints says a part: given (part, ids of its tool calls)."""

    body: Callable[[Part, list[str]], dict[str, Any]]


def _chat(part: Part, call_ids: list[str]) -> dict[str, Any]:
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


def _generate(part: Part, _: list[str]) -> dict[str, Any]:
    body: dict[str, Any] = {"response": part.text}
    if part.thinking:
        body["thinking"] = part.thinking
    return body


CHAT = Wording(_chat)
GENERATE = Wording(_generate)


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
        return {**self._head(), **self._wording.body(part, ids), "done": False}

    def bare_end(self, reason: str) -> dict[str, Any]:
        """The answer to a load or unload: nothing was counted."""
        body = self._wording.body(Part(), [])
        return {**self._head(), **body, "done": True, "done_reason": reason}

    def end(self, outcome: Outcome, *, whole: Part, load_seconds: float) -> dict[str, Any]:
        """The last object, with counts; as in Ollama what is zero is not there at all."""
        said = (
            self.chunk(whole)
            if whole != Part()
            else {**self._head(), **self._wording.body(whole, [])}
        )
        counts = {
            "total_duration": self._nanoseconds(self._stage.pace.real() - self._began),
            "load_duration": self._nanoseconds(load_seconds),
            "prompt_eval_count": outcome.prompt_tokens if outcome.counted else 0,
            "prompt_eval_duration": self._nanoseconds(outcome.prefill_seconds),
            "eval_count": outcome.tokens if outcome.counted else 0,
            "eval_duration": self._nanoseconds(outcome.eval_seconds),
        }
        present = {name: value for name, value in counts.items() if value}
        return {**said, "done": True, "done_reason": outcome.reason, **present}

    def _head(self) -> dict[str, Any]:
        return {"model": self._model, "created_at": iso(self._stage.pace.wall())}

    @staticmethod
    def _nanoseconds(seconds: float) -> int:
        return int(seconds * NANOSECONDS)
