"""
A request of `/v1`: a conversation brought along whole, continued by a model, not remembered.

It waits in the same queue, for the same leases, as a question does. What it asks stays in memory:
its client waits on an open connection and cannot come back for the answer, so a request that a new
brain finds in the store has nobody left to hear it and is ended as cancelled.
"""

from collections.abc import Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import Field, field_serializer

from brain.catalogue.models import Kind, ModelSpec
from brain.chat.compaction import Compaction
from brain.chat.draft import Draft, Tell, milliseconds, tell_progress, tell_status, your_turn
from brain.chat.errors import Cancelled
from brain.jobs.job import Job
from brain.llm.messages import Call, Finished, Leased, Script, Text, Thinking, Turn
from brain.llm.speaker import Speaker
from brain.routing.residency import best_stand_in
from brain.routing.router import Router
from brain.routing.routes import Choice
from brain.vram.errors import BackendUnreachable, ModelUnavailable
from brain.vram.orchestrator import Orchestrator
from shared.clock import Clock
from shared.errors import InvalidRequest
from shared.protocol import AskOptions, Delta, Done, Timings, Usage
from shared.protocol import Thinking as ThinkingFrame

AUTO = "auto"
"""The name that stands for: choose a model for me."""

IMAGE_CHARS = 4000
"""What a picture counts: about as many tokens as models make of one."""

MAX_ANSWER_CHARS = 1_000_000
"""A model that says more has lost itself; the answer ends there as one that was too long."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a program asks: `script.model` is a model's name or `AUTO`."""

    script: Script
    streams: bool

    @property
    def is_routed(self) -> bool:
        """Whether we are to choose the model."""
        return self.script.model == AUTO

    @property
    def question(self) -> str:
        """The last thing the person said, which is what routing goes by."""
        said = [turn for turn in self.script.turns if isinstance(turn, Turn)]
        return next((turn.text for turn in reversed(said) if turn.role == "user"), "")

    @property
    def length(self) -> int:
        """Characters of everything it brings along: what was said and shown, and which tools."""
        tools = sum(len(f"{tool.description}{tool.parameters}") for tool in self.script.tools)
        said = sum(len(turn.text) for turn in self.script.turns)
        return said + tools + self.images * IMAGE_CHARS

    @property
    def images(self) -> int:
        """How many pictures it brings along."""
        return sum(len(turn.images) for turn in self.script.turns if isinstance(turn, Turn))


@dataclass(frozen=True, slots=True)
class Offer:
    """A model a program may name, who has it, and what it is for."""

    model: str
    server: str
    rehearsal: bool
    kind: Kind = "chat"


class Completed(Done):
    """
    The end of a completion, with what the frames of the protocol have no field for.

    It is heard only by the handler of `/v1`. The store keeps the figures and none of the words.
    """

    finish: Literal["stop", "length", "tool_calls"] = "stop"
    calls: Sequence[Call] = Field(default=(), exclude=True)
    thoughts: str = Field(default="", exclude=True)

    @field_serializer("text")
    def _not_kept(self, _: str) -> str:
        return ""


class NotCapable(InvalidRequest):
    """The model cannot do what the request needs."""

    def __init__(self, model: str, ability: str) -> None:
        super().__init__(f"{model} cannot {ability}; please choose another model.")


class Completion:
    """The worker's side: what is asked is left with `expecting`, and answered from there."""

    def __init__(
        self,
        *,
        router: Router,
        speaker: Speaker,
        vram: Orchestrator,
        compaction: Compaction,
        clock: Clock,
    ) -> None:
        self._router = router
        self._speaker = speaker
        self._vram = vram
        self._compaction = compaction
        self._clock = clock
        self._requests: dict[str, Request] = {}

    def offers(self) -> list[Offer]:
        """The models that a program may name now, by name."""
        servers = self._vram.status().servers
        found = []
        for spec in sorted(self._usable(), key=lambda spec: spec.name):
            server = next((one for one in servers if spec.name in one.models), None)
            if spec.kind != "embedding" and server is not None:
                found.append(Offer(spec.name, server.name, server.rehearsal, spec.kind))
        return found

    def check(self, request: Request) -> None:
        """
        Refuse at once what could only be refused later.

        Raises `ModelUnavailable`, `NotCapable`; nothing for a model whose server was not seen yet.
        """
        if request.is_routed:
            return
        model = request.script.model
        if self._vram.lacks(model) and self._vram.lacks(f"{model}:latest"):
            raise ModelUnavailable(model)
        try:
            spec = self._vram.spec(model)
        except (BackendUnreachable, ModelUnavailable):
            return
        if spec.kind == "embedding":
            raise NotCapable(model, "chat")
        if request.script.tools and not spec.tools:
            raise NotCapable(model, "call tools")
        if request.images and not spec.vision:
            raise NotCapable(model, "see pictures")

    def length_of(self, job: Job) -> int:
        """How much `job` asks in characters, also where its words are in no store."""
        request = self._requests.get(job.request_id)
        return len(job.text) if request is None else request.length

    @contextmanager
    def expecting(self, request_id: str, request: Request) -> Iterator[None]:
        """Keep what is asked for the time somebody waits for the answer."""
        self._requests[request_id] = request
        try:
            yield
        finally:
            del self._requests[request_id]

    async def answer(self, draft: Draft, *, tell: Tell) -> Completed:
        """Fill `draft` and return its end. Raises `Cancelled` when nobody waits for it any more."""
        request = self._requests.get(draft.job.request_id)
        if request is None:
            raise Cancelled
        with self._compaction.making_way():
            return await self._continue(request, draft, tell)

    async def _continue(self, request: Request, draft: Draft, tell: Tell) -> Completed:
        tell_status(tell, draft, stage="routing")
        choice = draft.choice = await self._choose(request, draft, tell)
        await your_turn(draft, tell)
        draft.routed_at = self._clock.now()
        said = _Said(request, draft, tell, self._clock)
        stream = self._speaker.complete(
            replace(request.script, model=choice.model),
            tell=lambda progress: tell_progress(tell, draft, progress),
            arrived=draft.job.asked_at,
            patient=request.is_routed,
        )
        async with aclosing(stream) as pieces:
            async for piece in pieces:
                match piece:
                    case Text():
                        draft.heard += piece.pieces
                        said.text(piece.text)
                    case Thinking():
                        draft.heard += piece.pieces
                        said.thought(piece.text)
                    case Call():
                        said.calls.append(piece)
                    case Leased():
                        await your_turn(draft, tell)
                        draft.lease = piece.lease
                        tell_status(tell, draft, stage="generating", model=piece.lease.spec.name)
                    case Finished():
                        draft.ends(piece)
                if said.size > MAX_ANSWER_CHARS:
                    draft.ends(Finished(truncated=True))
                    break
        return self._completed(draft, choice, said)

    async def _choose(self, request: Request, draft: Draft, tell: Tell) -> Choice:
        choice = await self._router.choose(
            request.question,
            AskOptions(model=None if request.is_routed else request.script.model),
            has_images=request.is_routed and request.images > 0,
            tell=lambda progress: tell_progress(tell, draft, progress),
            begin=draft.claim.kept.wait,
        )
        if not request.script.tools or self._vram.spec(choice.model).tools:
            return choice
        found = best_stand_in(self._usable(), resident=(), tools=True)
        if found is None or not found.tools or not request.is_routed:
            raise NotCapable(choice.model, "call tools")
        why = f"{choice.why}; {choice.model} cannot call tools, {found.name} can"
        return replace(choice, model=found.name, why=why)

    def _usable(self) -> Iterator[ModelSpec]:
        specs = (self._vram.spec(name) for name in self._vram.available())
        return (spec for spec in specs if self._vram.could_fit(spec))

    def _completed(self, draft: Draft, choice: Choice, said: "_Said") -> Completed:
        job, now = draft.job, self._clock.now()
        assert draft.lease is not None
        first = draft.first_token_at
        return Completed(
            ask_id=job.ask_id,
            request_id=job.request_id,
            attempt=draft.claim.attempt,
            text=draft.text,
            route=choice.route,
            model=choice.model,
            why=choice.why,
            rehearsal=draft.lease.server.rehearsal,
            usage=Usage(
                input_tokens=draft.finished.input_tokens,
                output_tokens=draft.finished.output_tokens,
            ),
            timings=Timings(
                queued_ms=milliseconds(draft.started_at - job.asked_at),
                routing_ms=milliseconds((draft.routed_at or now) - draft.started_at),
                load_ms=milliseconds(draft.lease.load_seconds),
                first_token_ms=None if first is None else milliseconds(first - job.asked_at),
                total_ms=milliseconds(now - job.asked_at),
            ),
            finish="length" if draft.finished.truncated else "tool_calls" if said.calls else "stop",
            calls=tuple(said.calls),
            thoughts="".join(said.thoughts),
        )


class _Said:
    """What the model has said so far, passed on as it comes where the client wants that."""

    def __init__(self, request: Request, draft: Draft, tell: Tell, clock: Clock) -> None:
        self._streams = request.streams
        self._thinks_aloud = bool(request.script.think)
        self._draft = draft
        self._tell = tell
        self._clock = clock
        self.calls: list[Call] = []
        self.thoughts: list[str] = []
        self.size = 0

    def text(self, text: str) -> None:
        self._note(text)
        self._draft.pieces.append(text)
        if self._streams:
            job, attempt = self._draft.job, self._draft.claim.attempt
            self._tell(Delta(ask_id=job.ask_id, attempt=attempt, text=text))

    def thought(self, text: str) -> None:
        self._note(text)
        if not self._thinks_aloud:
            return
        self.thoughts.append(text)
        if self._streams:
            job, attempt = self._draft.job, self._draft.claim.attempt
            self._tell(ThinkingFrame(ask_id=job.ask_id, attempt=attempt, text=text))

    def _note(self, text: str) -> None:
        self.size += len(text)
        if self._draft.first_token_at is None:
            self._draft.first_token_at = self._clock.now()
