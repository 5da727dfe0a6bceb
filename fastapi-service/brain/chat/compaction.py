"""
Keeps long conversations inside the context of their models, off the path of every answer.

    consider ─▶ waiting, one a conversation ─▶ nobody is being answered ─▶ a portion summarised
                      ▲                                                      │ conditional write
                      └──────── somebody asks: broken off, tried again ──────┘

It loads no model when one in memory can do it, so that nobody's model has to leave for it. A server
that is never quiet is helped after `STARVED_SECONDS` beside its answers, by a model in memory only.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import anyio
import structlog

from brain.context.checkpoint import Checkpoint, notes
from brain.context.conversation import Entry
from brain.context.repository import ConversationRepository
from brain.context.summary import (
    checkpoint_of,
    instructions,
    is_due,
    older,
    portion,
    read_minutes,
    transcript,
)
from brain.context.window import room_for_prompt
from brain.llm.messages import Heard, Message, Text
from brain.llm.speaker import Prompt, Speaker
from brain.llm.tokens import TOKENS_PER_MESSAGE, Estimates, estimate
from brain.vram.orchestrator import Orchestrator
from shared.clock import Clock
from shared.errors import BoundaryError
from shared.store import ConditionFailed

log = structlog.get_logger(__name__)
MAX_WAITING = 100
QUIET_CHECK_SECONDS = 0.2
STARVED_SECONDS = 60.0
LIMIT_SECONDS = 300.0
FRAME_TOKENS = 60
"""What stands around the transcript."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a model is asked for minutes, its estimated size, and the entries it is shown."""

    prompt: Prompt
    estimated: int
    shown: Sequence[Entry]


def ask_for_minutes(
    previous: Checkpoint | None, entries: Sequence[Entry], *, model: str, context: int, ratio: float
) -> Asked:
    """
    The question to `model` about as many of `entries`, oldest first, as its `context` can take.

    `ratio` is how many tokens of the model an estimated one is.
    """
    so_far = estimate(notes(previous.facts, previous.text)) if previous else 0
    room = int(room_for_prompt(context) / ratio) - estimate(instructions()) - so_far
    room = max(room - FRAME_TOKENS - TOKENS_PER_MESSAGE * 2, context // 8)
    shown = portion(entries, room=room)
    text = transcript(previous, shown, room=room)
    prompt = Prompt(
        model=model,
        system=instructions(),
        messages=[Message(role="user", text=text)],
        max_tokens=context - room_for_prompt(context),
    )
    size = estimate(instructions()) + estimate(text) + 2 * TOKENS_PER_MESSAGE
    return Asked(prompt, size, shown)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A conversation that has become too long for `model`, which answers there."""

    model: str
    since: float


class Compaction:
    """Summarises one conversation at a time; nobody ever waits for it."""

    def __init__(
        self,
        *,
        conversations: ConversationRepository,
        speaker: Speaker,
        vram: Orchestrator,
        wanted_model: Callable[[], str],
        estimates: Estimates,
        clock: Clock,
    ) -> None:
        self._conversations = conversations
        self._speaker = speaker
        self._vram = vram
        self._wanted_model = wanted_model
        self._estimates = estimates
        self._clock = clock
        self._waiting: dict[str, _Waiting] = {}
        self._asked = anyio.Event()
        self._answering = 0
        self._interruptible: anyio.CancelScope | None = None

    def consider(self, key: str, entries: Sequence[Entry], *, model: str) -> None:
        """
        Summarise conversation `key` soon if `entries`, all that no checkpoint covers, are too much.

        `model` is the one that answers there. Never waits; when very many are waiting already, this
        one has to come again.
        """
        if key in self._waiting or len(self._waiting) >= MAX_WAITING:
            return
        if is_due(entries, room=self._room(model)):
            self._waiting[key] = _Waiting(model, self._clock.monotonic())
            self._asked.set()

    @contextmanager
    def making_way(self) -> Iterator[None]:
        """While this is held somebody is being answered: a summary being written is broken off."""
        self._answering += 1
        if self._interruptible is not None:
            self._interruptible.cancel()
        try:
            yield
        finally:
            self._answering -= 1

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits and nothing is being summarised."""
        return not self._waiting

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._asked.wait()
            self._asked = anyio.Event()
            while self._waiting:
                key = next(iter(self._waiting))
                await self._once(key, self._waiting[key])

    async def _once(self, key: str, waiting: _Waiting) -> None:
        may_be_broken_off = await self._turn_comes(waiting)
        with anyio.CancelScope() as scope:
            self._interruptible = scope if may_be_broken_off else None
            try:
                with anyio.fail_after(LIMIT_SECONDS):
                    await self._compact(key, waiting.model)
            except (BoundaryError, TimeoutError) as failure:
                log.warning("conversation.not_summarised", reason=str(failure))
            except Exception:
                log.exception("conversation.not_summarised")
            finally:
                self._interruptible = None
        if scope.cancelled_caught:
            log.info("conversation.summary_postponed")
            self._waiting[key] = self._waiting.pop(key)  # others first, then this one again
        else:
            del self._waiting[key]

    async def _turn_comes(self, waiting: _Waiting) -> bool:
        """Wait until nobody is answered, or this waited too long; whether it may be broken off."""
        while self._answering:
            starved = self._clock.monotonic() - waiting.since > STARVED_SECONDS
            if starved and self._model(waiting.model) in self._resident():
                return False
            await self._clock.sleep(QUIET_CHECK_SECONDS)
        return True

    async def _compact(self, key: str, answering: str) -> None:
        """Summarise portion after portion until what is left is short enough."""
        room = self._room(answering)
        while True:
            conversation = await self._conversations.load(key)
            entries = await self._conversations.uncovered(conversation)
            covered = older(entries, room=room)
            if not covered or not is_due(entries, room=room):
                return
            checkpoint = await self._checkpoint(conversation.checkpoint, covered, answering, room)
            if checkpoint is None:
                return
            newest = max(entry.order for entry in (*conversation.entries, *entries))
            writes = self._conversations.keep_checkpoint(conversation, checkpoint, order=newest)
            try:
                await self._conversations.write(writes)
            except ConditionFailed:
                log.info("conversation.summary_outdated")
                return
            log.info(
                "conversation.summarised",
                messages=checkpoint.messages,
                facts=len(checkpoint.facts),
                model=checkpoint.model,
            )

    async def _checkpoint(
        self, previous: Checkpoint | None, entries: Sequence[Entry], answering: str, room: int
    ) -> Checkpoint | None:
        model = self._model(answering)
        asked = ask_for_minutes(
            previous,
            entries,
            model=model,
            context=self._vram.spec(model).context_tokens,
            ratio=self._estimates.ratio(model),
        )
        minutes = read_minutes(await self._spoken(asked))
        if minutes is None:
            log.warning("conversation.summary_unusable", model=model)
            return None
        return checkpoint_of(
            minutes,
            previous,
            covered=asked.shown,
            room=room,
            at=self._clock.now(),
            model=model,
        )

    async def _spoken(self, asked: Asked) -> str:
        """What the model says; empty if it broke off, because half a summary is none."""
        said: list[str] = []

        def hear(piece: Heard) -> None:
            if isinstance(piece, Text):
                said.append(piece.text)

        finished = await self._speaker.speak(asked.prompt, hear=hear)
        self._estimates.learn(
            asked.prompt.model, estimated=asked.estimated, counted=finished.input_tokens
        )
        return "" if finished.truncated else "".join(said)

    def _model(self, answering: str) -> str:
        wanted, resident = self._wanted_model(), self._resident()
        return answering if answering in resident and wanted not in resident else wanted

    def _resident(self) -> frozenset[str]:
        return frozenset(one.name for one in self._vram.status().loaded)

    def _room(self, model: str) -> int:
        context = self._vram.spec(model).context_tokens
        return int(room_for_prompt(context) / self._estimates.ratio(model))
