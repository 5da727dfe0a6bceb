"""
One question, step by step. The only file that knows the order.

    load the conversation → choose the route → look up → fit the window → speak → to be remembered
                                                                                → too long? compact

Steps do not know each other; plain values go from one to the next. What happens meanwhile is told
through `tell` as frames; the answer comes back as data.
"""

from dataclasses import replace

import anyio

from brain.chat.artifacts import Artifacts, closing, instructed_to_write
from brain.chat.compaction import Compaction, ask_for_minutes
from brain.chat.draft import (
    Draft,
    Tell,
    milliseconds,
    tell_progress,
    tell_status,
    your_turn,
)
from brain.chat.errors import EmptyAnswer, NothingToSummarize
from brain.chat.looking_up import (
    LookingUp,
    framed,
    instructed,
    reserved,
    sources_of,
    tools_of,
    used_tools,
)
from brain.chat.reading import PICTURE_TOKENS, Reading
from brain.chat.record import record, why_told
from brain.context.checkpoint import Checkpoint
from brain.context.conversation import Conversation, Entry
from brain.context.repository import ConversationRepository
from brain.context.summary import checkpoint_of, older, read_minutes
from brain.context.window import fit, room_for_prompt
from brain.llm.errors import ContextExceeded
from brain.llm.messages import Heard, Leased, Text, Thinking
from brain.llm.speaker import Prompt, Speaker
from brain.llm.tokens import Estimates
from brain.routing.prompts import system_prompt
from brain.routing.router import Router
from brain.routing.routes import Choice, Previous, parse_route
from brain.vram.orchestrator import Orchestrator
from shared.clock import Clock
from shared.protocol import Delta, Done, Timings
from shared.protocol import Thinking as ThinkingFrame
from shared.store import Write

MAX_ANSWER_BYTES = 180_000
"""About 40,000 words; with what JSON adds it fits into a row of the store (400 KB)."""

SHORTER = "memory is tight: using a shorter history"
KEPT_TURNS = 2
"""Turns that stay as they were said when a person asks for a summary."""


class Turn:
    """Answers one claim at a time; holds no state between turns."""

    def __init__(
        self,
        *,
        conversations: ConversationRepository,
        router: Router,
        speaker: Speaker,
        vram: Orchestrator,
        estimates: Estimates,
        compaction: Compaction,
        reading: Reading,
        artifacts: Artifacts,
        looking_up: LookingUp,
        clock: Clock,
        streaming: bool,
    ) -> None:
        self._conversations = conversations
        self._router = router
        self._speaker = speaker
        self._vram = vram
        self._estimates = estimates
        self._compaction = compaction
        self._reading = reading
        self._artifacts = artifacts
        self._looking_up = looking_up
        self._clock = clock
        self._streaming = streaming

    async def answer(self, draft: Draft, *, tell: Tell) -> None:
        """Fill `draft`. Raises `BoundaryError` with the sentence for the person."""
        with self._compaction.making_way():
            await self._answer(draft, tell)

    async def summarize(self, draft: Draft, *, tell: Tell) -> None:
        """Fill `draft` with a summary of the conversation instead of an answer."""
        with self._compaction.making_way():
            await self._summarize(draft, tell)

    def ended(self, draft: Draft) -> None:
        """The end of `draft` is stored and shown: see whether its conversation became too long."""
        if draft.job.kind != "ask" or draft.conversation is None or draft.choice is None:
            return
        order = draft.job.order
        said = [Entry("user", draft.job.text, order=order), Entry("assistant", draft.text)]
        self._compaction.consider(
            draft.job.conversation,
            [*draft.conversation.recent, *said],
            model=draft.choice.model,
        )

    async def _answer(self, draft: Draft, tell: Tell) -> None:
        job = draft.job
        conversation = await self._conversations.load(job.conversation)
        draft.conversation = conversation
        await self._reading.read(draft, tell)
        self._artifacts.wish(draft)
        tell_status(tell, draft, "routing", detail=_news(conversation))
        draft.choice = await self._router.choose(
            job.text,
            job.options,
            previous=_previous(conversation),
            has_images=bool(draft.pictures),
            tell=lambda progress: tell_progress(tell, draft, progress),
            begin=draft.claim.kept.wait,
        )
        await your_turn(draft, tell)
        draft.routed_at = self._clock.now()
        draft.looked_up = await self._looking_up.begin(draft, tell)
        await self._speak_fitting(draft, tell)
        if not draft.text.strip():
            raise EmptyAnswer(draft.choice.model)
        tell_status(tell, draft, "saving")
        await self._artifacts.hand_over(draft, tell)
        self._close(draft, tell)

    def _close(self, draft: Draft, tell: Tell) -> None:
        """What stands under the answer, beside what the model said."""
        text = closing(draft)
        if text:
            draft.pieces.append(text)
            if self._streaming:
                tell(Delta(ask_id=draft.job.ask_id, attempt=draft.claim.attempt, text=text))

    async def _summarize(self, draft: Draft, tell: Tell) -> None:
        conversation = await self._conversations.load(draft.job.conversation)
        draft.conversation = conversation
        if not conversation.entries:
            raise NothingToSummarize
        model = self._router.for_summary()
        draft.choice = Choice("general", model, "summaries have a model of their own")
        draft.routed_at = self._clock.now()
        draft.checkpoint = await self._minutes(draft, conversation, model, tell)

    async def _minutes(
        self, draft: Draft, conversation: Conversation, model: str, tell: Tell
    ) -> Checkpoint | None:
        """
        Show the minutes of all that was said; the checkpoint they make, if they can stand for it.

        What does not fit into one question is asked in portions; the person sees the last reply,
        which holds those before.
        """
        context = self._vram.spec(model).context_tokens
        checkpoint, left = conversation.checkpoint, conversation.recent
        covered = {entry.order for entry in older(left, room=0, keep_turns=KEPT_TURNS)}
        while left:
            ratio = self._estimates.ratio(model)
            asked = ask_for_minutes(checkpoint, left, model=model, context=context, ratio=ratio)
            left = left[len(asked.shown) :]
            draft.pieces.clear()
            draft.size = 0
            await self._speak(draft, asked.prompt, asked.estimated, tell, shown=not left)
            minutes = None if draft.finished.truncated else read_minutes(draft.text)
            if minutes is None and (left or not draft.text.strip()):
                raise EmptyAnswer(model)
            if minutes is None:
                return None
            checkpoint = checkpoint_of(
                minutes,
                checkpoint,
                covered=[entry for entry in asked.shown if entry.order in covered],
                room=room_for_prompt(context),
                at=self._clock.now(),
                model=model,
            )
        return checkpoint if covered else None

    async def _speak_fitting(self, draft: Draft, tell: Tell) -> None:
        assert draft.choice is not None
        context = self._vram.spec(draft.choice.model).context_tokens
        prompt, estimated = self._prompt(draft, tell, context_tokens=context)
        try:
            await self._speak(draft, prompt, estimated, tell)
        except ContextExceeded:
            # The estimate was off for this text: once more with less of what was said before.
            prompt, estimated = self._prompt(draft, tell, context_tokens=context * 2 // 3)
            await self._speak(draft, prompt, estimated, tell)

    def _prompt(self, draft: Draft, tell: Tell, *, context_tokens: int) -> tuple[Prompt, int]:
        """The prompt and its size as estimated without correction; shorter in need of memory."""
        job, conversation, choice = draft.job, draft.conversation, draft.choice
        assert conversation is not None
        assert choice is not None
        others = set(conversation.participants) - {job.user_id}
        pictures = self._reading.pictures_for(draft, tell)
        system = system_prompt(choice.route, job.surface, job.options.language)
        fitted = fit(
            system=instructed_to_write(draft, instructed(draft, system)),
            entries=conversation.recent,
            question=Entry("user", framed(draft), job.user_name, enclosed=tuple(draft.enclosed)),
            context_tokens=context_tokens - reserved(draft),
            name_speakers=bool(others),
            checkpoint=conversation.checkpoint,
            ratio=self._estimates.ratio(choice.model),
            level=self._vram.pressure,
            reserved=len(pictures) * PICTURE_TOKENS,
        )
        draft.cut = fitted.cut
        if fitted.shortened:
            tell_status(tell, draft, "routing", model=choice.model, detail=SHORTER)
        prompt = Prompt(
            model=choice.model,
            system=fitted.system,
            messages=[*fitted.messages[:-1], replace(fitted.messages[-1], images=pictures)],
            think=job.options.think,
            temperature=job.options.temperature,
            tools=tools_of(draft),
        )
        return prompt, fitted.estimated

    async def _speak(
        self, draft: Draft, prompt: Prompt, estimated: int, tell: Tell, *, shown: bool = True
    ) -> None:
        enough = anyio.CancelScope()

        def hear(piece: Heard) -> None:
            match piece:
                case Text(text=text):
                    draft.heard += piece.pieces
                    self._piece(draft, text, tell, shown=shown)
                    if draft.size > MAX_ANSWER_BYTES:
                        enough.cancel()  # it has lost itself; what it said so far is the answer
                case Thinking(text=text):
                    draft.heard += piece.pieces
                    self._thought(draft, text, tell, shown=shown)
                case Leased(lease=lease):
                    draft.lease = lease
                    draft.begins(int(estimated * self._estimates.ratio(prompt.model)))
                    tell_status(tell, draft, "generating", model=lease.spec.name)

        async def begin() -> None:
            await draft.claim.kept.wait()
            await your_turn(draft, tell)

        with enough:
            finished = await self._speaker.speak(
                prompt,
                hear=hear,
                tell=lambda progress: tell_progress(tell, draft, progress),
                begin=begin,
                arrived=draft.job.asked_at,
                patient=draft.job.options.model is None,
            )
            draft.ends(finished)
            if not used_tools(draft):
                counted = finished.input_tokens
                self._estimates.learn(prompt.model, estimated=estimated, counted=counted)

    def _piece(self, draft: Draft, text: str, tell: Tell, *, shown: bool) -> None:
        text = draft.joined(text)
        draft.size += len(text.encode())
        if draft.first_token_at is None:
            draft.first_token_at = self._clock.now()
        draft.pieces.append(text)
        if self._streaming and shown:
            tell(Delta(ask_id=draft.job.ask_id, attempt=draft.claim.attempt, text=text))

    def _thought(self, draft: Draft, text: str, tell: Tell, *, shown: bool) -> None:
        if draft.first_token_at is None:
            draft.first_token_at = self._clock.now()
            tell_status(tell, draft, "thinking", model=draft.choice.model if draft.choice else None)
        if draft.job.options.think and self._streaming and shown:
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
            why=why_told(choice, rehearsal=rehearsal),
            rehearsal=rehearsal,
            sources=sources_of(draft),
            artifacts=draft.saved,
            usage=draft.usage(),
            timings=self._timings(draft),
        )

    def writes(self, draft: Draft, *, stopped: bool = False) -> list[Write]:
        """What must be stored so that the conversation goes on from here."""
        job = draft.job
        if draft.conversation is not None and draft.checkpoint is not None:
            return self._conversations.keep_checkpoint(
                draft.conversation, draft.checkpoint, order=job.order
            )
        if draft.conversation is None or not draft.text or job.kind != "ask":
            return []
        return self._conversations.remember(
            draft.conversation,
            order=job.order,
            user_id=job.user_id,
            user_name=job.user_name,
            door=job.surface,
            question=job.text,
            answer=draft.text,
            file_ids=job.files,
            enclosed=draft.enclosed,
            made=draft.made,
            about=record(
                job,
                draft.choice,
                rehearsal=draft.lease is not None and draft.lease.server.rehearsal,
                sources=sources_of(draft),
                usage=draft.usage(),
                timings=self._timings(draft),
                stopped=stopped,
            ),
        )

    def _timings(self, draft: Draft) -> Timings:
        asked, now = draft.job.asked_at, self._clock.now()
        routed = draft.routed_at or now
        first = draft.first_token_at
        return Timings(
            queued_ms=milliseconds(draft.started_at - asked),
            routing_ms=milliseconds(routed - draft.started_at),
            load_ms=milliseconds(draft.lease.load_seconds if draft.lease else 0.0),
            first_token_ms=None if first is None else milliseconds(first - asked),
            total_ms=milliseconds(now - asked),
        )


def _previous(conversation: Conversation) -> Previous | None:
    if conversation.last_answer is None:
        return None
    question, answer = conversation.last_answer
    route = parse_route(answer.route or "")
    if route is None or answer.model is None:
        return None
    return Previous(question.text, route, answer.model)


def _news(conversation: Conversation) -> str | None:
    """What happened to the conversation since the last answer was made, once."""
    checkpoint, last = conversation.checkpoint, conversation.last_answer
    if checkpoint is None or (last is not None and last[1].checkpoints == checkpoint.number):
        return None
    return checkpoint.news
