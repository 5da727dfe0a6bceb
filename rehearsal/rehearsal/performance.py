"""Saying a reply at the speed of its model: prefill, tokens one by one, and what goes wrong."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import anyio

from rehearsal import tokens
from rehearsal.conversation import Call
from rehearsal.errors import Dropped, ProcessDied, Refusal, RunnerDied
from rehearsal.faults import Fault
from rehearsal.record import RequestEntry
from rehearsal.replies import Reply, babbled
from rehearsal.script import ScriptedModel
from rehearsal.stage import Rehearsal

SHORTEST_SLEEP = 0.001
"""Real seconds; what is due sooner is said at once, the plan of hours keeps the speed right."""

UNEVENNESS = 0.5
_STRIKING = ("error", "drop", "hang", "oom", "die")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the answer: thinking, text or tool calls (whole); several where put together."""

    text: str = ""
    thinking: str = ""
    calls: tuple[Call, ...] = ()

    def with_more(self, part: "Part") -> "Part":
        """This and then `part`."""
        return Part(self.text + part.text, self.thinking + part.thinking, self.calls + part.calls)


@dataclass(frozen=True, slots=True)
class Scene:
    """What is to be said by whom. `limit` is the most tokens allowed, None for no limit."""

    model: ScriptedModel
    reply: Reply
    prompt_tokens: int
    limit: int | None = None
    shaped: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went; lengths in real seconds. Not `counted`: the server forgets its counts."""

    reason: Literal["stop", "length"]
    tokens: int
    prompt_tokens: int
    prefill_seconds: float
    eval_seconds: float
    counted: bool = True


Emit = Callable[[Part], Awaitable[None]]


async def perform(scene: Scene, *, stage: Rehearsal, entry: RequestEntry, emit: Emit) -> Outcome:
    """
    Play the scene, handing every part to `emit` when its time has come.

    Raises the `Refusal` or `Dropped` a fault asks for, after as many tokens as it says.
    """
    kinds = (*_STRIKING, "uncounted", *(("babble",) if scene.shaped else ()))
    fault = stage.faults.take(kinds, model=scene.model.name, on="generate")
    entry.fault = None if fault is None else fault.kind
    slowness = stage.faults.slowness(scene.model.name, on="generate")
    entry.prompt_tokens = scene.prompt_tokens
    began = stage.pace.real()
    striking = fault if fault is not None and fault.kind in _STRIKING else None
    if striking is not None and striking.after_tokens == 0:
        await _strike(striking)
    prefill = scene.model.prefill_seconds_per_1k * scene.prompt_tokens / 1000 * slowness
    await stage.pace.sleep(prefill)
    prefilled = stage.pace.real()
    rate = scene.model.tokens_per_second / slowness
    reply = scene.reply
    if fault is not None and fault.kind == "babble":
        reply = replace(reply, text=babbled(reply.text))
    reason = await _speak(
        _parts(reply), limit=scene.limit, striking=striking, rate=rate,
        stage=stage, entry=entry, emit=emit,
    )  # fmt: skip
    return Outcome(
        reason=reason,
        tokens=entry.tokens,
        prompt_tokens=scene.prompt_tokens,
        prefill_seconds=prefilled - began,
        eval_seconds=stage.pace.real() - prefilled,
        counted=fault is None or fault.kind != "uncounted",
    )


async def say_nothing(_: Part) -> None:
    """Where `emit` has no one to tell: an embedding has no words."""


async def _speak(
    parts: Iterable[tuple[Part, int]],
    *,
    limit: int | None,
    striking: Fault | None,
    rate: float,
    stage: Rehearsal,
    entry: RequestEntry,
    emit: Emit,
) -> Literal["stop", "length"]:
    began = stage.pace.now()
    reason: Literal["stop", "length"] = "stop"
    for part, size in parts:
        if striking is not None and entry.tokens >= striking.after_tokens:
            await _strike(striking)
        if limit is not None and entry.tokens >= limit:
            reason = "length"
            break
        due = began + (entry.tokens + stage.random.uniform(0.0, UNEVENNESS)) / rate
        await _until(due, stage)
        entry.tokens += size
        if entry.first_token is None:
            entry.first_token = stage.pace.real()
        await emit(part)
    if striking is not None:
        await _strike(striking)
    return reason


def _parts(reply: Reply) -> Iterator[tuple[Part, int]]:
    """The reply piece by piece, each with its tokens."""
    for piece in tokens.pieces(reply.thinking):
        yield Part(thinking=piece), 1
    for piece in tokens.pieces(reply.text):
        yield Part(text=piece), 1
    if reply.calls:
        yield Part(calls=reply.calls), sum(tokens.count(str(call)) for call in reply.calls)


async def _until(due: float, stage: Rehearsal) -> None:
    early = due - stage.pace.now()
    if stage.pace.as_real(early) >= SHORTEST_SLEEP:
        await stage.pace.sleep(early)
    else:
        await anyio.lowlevel.checkpoint()


async def _strike(fault: Fault) -> None:
    match fault.kind:
        case "hang":
            await anyio.sleep_forever()
        case "drop":
            raise Dropped
        case "oom":
            raise RunnerDied(fault.message)
        case "die":
            raise ProcessDied(fault.down_seconds)
        case _:
            raise Refusal(fault.message or "rehearsed failure", status=fault.status)
