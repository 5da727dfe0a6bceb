"""
One question, step by step. The only file that knows the order.

    load the conversation → choose the route → fit the window → speak → what to remember

Steps do not know each other; plain values go from one to the next. What happens meanwhile is told
through `tell` as frames; the answer comes back as data.
"""

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from brain.chat.errors import EmptyAnswer, NothingToSummarize
from brain.context.conversation import Conversation, Entry
from brain.context.repository import ConversationRepository
from brain.context.window import fit
from brain.jobs.job import Job
from brain.jobs.queue import Claim
from brain.llm.messages import Finished, Leased, Text, Thinking
from brain.llm.speaker import Prompt, Speaker
from brain.routing.prompts import read, system_prompt
from brain.routing.router import Router
from brain.routing.routes import Choice
from brain.vram.orchestrator import Lease, Orchestrator, Progress
from shared.clock import Clock
from shared.protocol import Delta, Done, Stage, Status, Timings, ToClient, Usage
from shared.protocol import Thinking as ThinkingFrame
from shared.store import Write

Tell = Callable[[ToClient], None]
MAX_ANSWER_BYTES = 180_000
"""About 40,000 words; with what JSON adds it fits into a row of the store (400 KB)."""


@dataclass(slots=True)
class Draft:
    """An answer as far as it has come; a cancelled turn leaves what it had."""

    claim: Claim
    started_at: float
    conversation: Conversation | None = None
    choice: Choice | None = None
    lease: Lease | None = None
    pieces: list[str] = field(default_factory=list)
    size: int = 0
    finished: Finished = field(default_factory=Finished)
    routed_at: float | None = None
    first_token_at: float | None = None

    @property
    def job(self) -> Job:
        return self.claim.job

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class Turn:
    """Answers one claim at a time; holds no state between turns."""

    def __init__(
        self,
        *,
        conversations: ConversationRepository,
        router: Router,
        speaker: Speaker,
        vram: Orchestrator,
        clock: Clock,
        streaming: bool,
    ) -> None:
        self._conversations = conversations
        self._router = router
        self._speaker = speaker
        self._vram = vram
        self._clock = clock
        self._streaming = streaming

    async def answer(self, draft: Draft, *, tell: Tell) -> None:
        """Fill `draft`. Raises `BoundaryError` with the sentence for the person."""
        job = draft.job
        draft.conversation = await self._conversations.load(job.conversation)
        _status(tell, draft, "routing")
        draft.choice = await self._router.choose(
            job.text, job.options, tell=lambda progress: _progress(tell, draft, progress)
        )
        draft.routed_at = self._clock.now()
        await self._speak(draft, self._prompt(draft), tell)
        if not draft.text.strip():
            raise EmptyAnswer(draft.choice.model)
        _status(tell, draft, "saving")

    async def summarize(self, draft: Draft, *, tell: Tell) -> None:
        """Fill `draft` with a summary of the conversation instead of an answer."""
        job = draft.job
        conversation = draft.conversation = await self._conversations.load(job.conversation)
        if not conversation.entries:
            raise NothingToSummarize
        model = self._router.for_summary()
        draft.choice = Choice("general", model, "summaries have a model of their own")
        draft.routed_at = self._clock.now()
        system = read("summary")
        messages = fit(
            system=system,
            entries=conversation.entries,
            question=Entry("user", read("summary_request")),
            context_tokens=self._vram.spec(model).context_tokens,
            name_speakers=len(conversation.participants) > 1,
        )
        await self._speak(draft, Prompt(model=model, system=system, messages=messages), tell)
        if not draft.text.strip():
            raise EmptyAnswer(model)

    def _prompt(self, draft: Draft) -> Prompt:
        job, conversation, choice = draft.job, draft.conversation, draft.choice
        assert conversation is not None
        assert choice is not None
        system = system_prompt(choice.route, job.surface)
        others = set(conversation.participants) - {job.user_id}
        messages = fit(
            system=system,
            entries=conversation.entries,
            question=Entry("user", job.text, job.user_name),
            context_tokens=self._vram.spec(choice.model).context_tokens,
            name_speakers=bool(others),
        )
        return Prompt(model=choice.model, system=system, messages=messages, think=job.options.think)

    async def _speak(self, draft: Draft, prompt: Prompt, tell: Tell) -> None:
        stream = self._speaker.stream(
            prompt, tell=lambda progress: _progress(tell, draft, progress)
        )
        async with aclosing(stream) as pieces:
            async for piece in pieces:
                match piece:
                    case Text(text=text):
                        self._piece(draft, text, tell)
                    case Thinking(text=text):
                        self._thought(draft, text, tell)
                    case Leased(lease=lease):
                        draft.lease = lease
                        _status(tell, draft, "generating", model=lease.spec.name)
                    case Finished():
                        draft.finished = piece
                if draft.size > MAX_ANSWER_BYTES:
                    break  # a model that has lost itself; what it said so far is the answer

    def _piece(self, draft: Draft, text: str, tell: Tell) -> None:
        draft.size += len(text.encode())
        if draft.first_token_at is None:
            draft.first_token_at = self._clock.now()
        draft.pieces.append(text)
        if self._streaming:
            tell(Delta(ask_id=draft.job.ask_id, attempt=draft.claim.attempt, text=text))

    def _thought(self, draft: Draft, text: str, tell: Tell) -> None:
        if draft.first_token_at is None:
            draft.first_token_at = self._clock.now()
            _status(tell, draft, "thinking", model=draft.choice.model if draft.choice else None)
        if draft.job.options.think and self._streaming:
            tell(ThinkingFrame(ask_id=draft.job.ask_id, attempt=draft.claim.attempt, text=text))

    def done(self, draft: Draft) -> Done:
        """The end frame of a finished draft."""
        job, choice, lease = draft.job, draft.choice, draft.lease
        assert choice is not None
        assert lease is not None
        rehearsal = lease.server.rehearsal
        return Done(
            ask_id=job.ask_id,
            request_id=job.request_id,
            attempt=draft.claim.attempt,
            text=draft.text,
            route=choice.route,
            model=choice.model,
            why=f"{choice.why} (rehearsal)" if rehearsal else choice.why,
            rehearsal=rehearsal,
            usage=Usage(
                input_tokens=draft.finished.input_tokens,
                output_tokens=draft.finished.output_tokens,
            ),
            timings=self._timings(draft),
        )

    def writes(self, draft: Draft) -> list[Write]:
        """What must be stored so that the conversation goes on from here."""
        if draft.conversation is None or not draft.text or draft.job.kind != "ask":
            return []
        job, choice = draft.job, draft.choice
        return self._conversations.remember(
            draft.conversation,
            order=job.order,
            user_id=job.user_id,
            user_name=job.user_name,
            question=job.text,
            answer=draft.text,
            about={
                "route": choice.route if choice else None,
                "model": choice.model if choice else None,
                "request_id": job.request_id,
            },
        )

    def _timings(self, draft: Draft) -> Timings:
        asked, now = draft.job.asked_at, self._clock.now()
        routed = draft.routed_at or now
        first = draft.first_token_at
        return Timings(
            queued_ms=_ms(draft.started_at - asked),
            routing_ms=_ms(routed - draft.started_at),
            load_ms=_ms(draft.lease.load_seconds if draft.lease else 0.0),
            first_token_ms=None if first is None else _ms(first - asked),
            total_ms=_ms(now - asked),
        )


def _status(tell: Tell, draft: Draft, stage: Stage, *, model: str | None = None) -> None:
    attempt = draft.claim.attempt
    tell(Status(ask_id=draft.job.ask_id, attempt=attempt, stage=stage, model=model))


def _progress(tell: Tell, draft: Draft, progress: Progress) -> None:
    tell(
        Status(
            ask_id=draft.job.ask_id,
            attempt=draft.claim.attempt,
            stage=progress.stage,
            model=progress.model,
            eta_seconds=progress.eta_seconds,
            detail=progress.detail,
        )
    )


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1000))
