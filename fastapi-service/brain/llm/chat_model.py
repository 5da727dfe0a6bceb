"""
A model server as a Strands model, over the shared connection and in the server's dialect.

Strands' own models make a client, with its TLS context, for every call (20 ms), and theirs for
Ollama drops what the model thinks and fails on counts that are missing. Subclassing is what Strands
asks for: `Agent` takes a `strands.models.Model`.
"""

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from itertools import groupby
from typing import Any, Literal, TypeVar, cast

import orjson
from pydantic import BaseModel
from strands.models import Model
from strands.types.content import Messages
from strands.types.streaming import ContentBlockDelta, StreamEvent
from strands.types.tools import ToolSpec

from brain.llm.connection import Connection
from brain.llm.dialect import Dialect, Said, Stop, Wish
from brain.llm.history import turns_of
from brain.llm.messages import Call, Result, Text, Thinking, Turn
from brain.vram.errors import BackendFailed

T = TypeVar("T", bound=BaseModel)


MAX_ROUNDS = 16
"""Rounds of one answer in which a model may call tools; afterwards it is offered none."""

MAX_ROUNDS_MORE = 4
"""For a model that calls tools it was not offered; then its answer has failed."""


def deaf(_: Text | Thinking) -> None:
    """For who waits for the whole answer."""


class ChatModel(Model):
    """
    One model for one request. `close` breaks off the call under way at once.

    What an agent's model says and thinks goes to `hear` at once, past Strands, whose events for
    each token would cost more than all the rest of it.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        dialect: Dialect,
        wish: Wish,
        hear: Callable[[Text | Thinking], None] = deaf,
    ) -> None:
        self._connection = connection
        self._dialect = dialect
        self._wish = wish
        self._hear = hear
        self._rounds = 0

    def close(self) -> None:
        """End the call under way; the server stops working for it."""
        self._connection.close()

    def get_config(self) -> dict[str, Any]:
        """What Strands may know of the model."""
        return {
            "model_id": self._wish.spec.name,
            "context_window_limit": self._wish.spec.context_tokens,
        }

    def update_config(self, **_: Any) -> None:
        """A model is made for one request; nothing about it changes."""

    async def count_tokens(self, *_: Any, **__: Any) -> int:
        """Strands asks before every call, for compaction that we do ourselves."""
        return 0

    async def stream(
        self,
        messages: Messages,
        tool_specs: list[ToolSpec] | None = None,
        system_prompt: str | None = None,
        **_: Any,
    ) -> AsyncGenerator[StreamEvent, None]:
        """
        The answer as Strands' events: thinking, text and calls each in blocks of their own, whole.

        Raises our own errors; Strands wraps them, and `agent` unwraps them again.
        """
        self._rounds += 1
        if self._rounds > MAX_ROUNDS + MAX_ROUNDS_MORE:
            raise BackendFailed(self._wish.spec.name, "it calls tools without an end")
        tools = tool_specs if tool_specs and self._rounds <= MAX_ROUNDS else ()
        blocks = _Blocks()
        yield {"messageStart": {"role": "assistant"}}
        answer = self.said(turns_of(messages), tools=tools, system=system_prompt)
        async with aclosing(answer):
            async for said in answer:
                if isinstance(said, Text | Thinking):
                    self._hear(said)
                for event in blocks.events(said):
                    yield event

    async def said(
        self,
        turns: Sequence[Turn | Result],
        *,
        tools: Sequence[ToolSpec] = (),
        system: str | None = None,
    ) -> AsyncGenerator[Said, None]:
        """The answer piece by piece; the last one is a `Stop`, or `BackendFailed` is raised."""
        name = self._wish.spec.name
        body = self._dialect.body(self._wish, turns, system=system, tools=tools)
        reader = self._dialect.reader(name)
        lines = self._connection.lines(self._dialect.path, body)
        async with aclosing(lines):
            async for together in lines:
                for said in joined(said for line in together for said in reader.feed(line)):
                    self._connection.spoke()
                    yield said
        stopped = False
        for said in reader.end():
            stopped = stopped or isinstance(said, Stop)
            yield said
        if not stopped:
            raise BackendFailed(name, "the connection ended before the answer did")

    async def structured_output(
        self, output_model: type[T], prompt: Messages, system_prompt: str | None = None, **_: Any
    ) -> AsyncGenerator[dict[str, T], None]:
        """One event, `{"output": …}`. The wish must carry the schema. Raises `BackendFailed`."""
        text = ""
        answer = self.said(turns_of(prompt), system=system_prompt)
        async with aclosing(answer):
            async for said in answer:
                if isinstance(said, Text):
                    text += said.text
        try:
            # Models with a fixed answer format of their own wrap the object in words or fences.
            yield {"output": output_model.model_validate_json(text[text.find("{") : _end(text)])}
        except ValueError as invalid:
            reason = "its answer does not have the form that was asked for"
            raise BackendFailed(self._wish.spec.name, reason) from invalid


def _end(text: str) -> int:
    return text.rfind("}") + 1


def joined(pieces: Iterable[Said]) -> Iterator[Said]:
    """The same with neighbours of one kind, text or thinking, made one."""
    for kind, group in groupby(pieces, type):
        if kind is Text or kind is Thinking:
            same = cast(list[Text | Thinking], list(group))
            whole = "".join(one.text for one in same)
            yield same[0] if len(same) == 1 else kind(whole, sum(one.pieces for one in same))
        else:
            yield from group


class _Blocks:
    """Puts what was said into Strands' blocks: one for as long as the same kind is said."""

    def __init__(self) -> None:
        self._kind: type[Text | Thinking] = Text
        self._held: list[str] = []
        self._called = False

    def events(self, said: Said) -> Iterable[StreamEvent]:
        match said:
            case Text() | Thinking():
                if type(said) is self._kind:
                    self._held.append(said.text)
                    return ()
                before = self._block()
                self._kind, self._held = type(said), [said.text]
                return before
            case Call():
                self._called = True
                return [*self._block(), *_call(said)]
            case Stop():
                return [*self._block(), *self._stop(said)]

    def _block(self) -> list[StreamEvent]:
        text = "".join(self._held)
        self._held.clear()
        if not text:
            return []
        delta: ContentBlockDelta = (
            {"text": text} if self._kind is Text else {"reasoningContent": {"text": text}}
        )
        return [
            {"contentBlockStart": {"start": {}}},
            {"contentBlockDelta": {"delta": delta}},
            {"contentBlockStop": {}},
        ]

    def _stop(self, stop: Stop) -> Iterable[StreamEvent]:
        ending: Literal["tool_use", "end_turn"] = "tool_use" if self._called else "end_turn"
        yield {"messageStop": {"stopReason": "max_tokens" if stop.reason == "length" else ending}}
        yield {
            "metadata": {
                "usage": {
                    "inputTokens": stop.input_tokens,
                    "outputTokens": stop.output_tokens,
                    "totalTokens": stop.input_tokens + stop.output_tokens,
                },
                "metrics": {"latencyMs": 0},
            }
        }


def _call(call: Call) -> Iterable[StreamEvent]:
    yield {"contentBlockStart": {"start": {"toolUse": {"toolUseId": call.id, "name": call.name}}}}
    arguments = orjson.dumps(call.arguments).decode()
    yield {"contentBlockDelta": {"delta": {"toolUse": {"input": arguments}}}}
    yield {"contentBlockStop": {}}
