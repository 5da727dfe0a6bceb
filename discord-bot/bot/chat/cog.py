"""
The conversations: what is heard becomes questions, what the brain says becomes living messages.

    Discord ─heard─▶ decide ─▶ thread? ─▶ Ask ─▶ link            link ─frame─▶ LiveAnswer ─▶ Discord
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import discord
import structlog
from anyio.abc import TaskGroup

from bot import texts
from bot.chat.ask import (
    Decision,
    QuestionId,
    Rules,
    parse_question_id,
    title_of,
    wants_cancel,
)
from bot.chat.books import Book, Opened, remember
from bot.chat.delivery import Delivery, Gone, Undelivered
from bot.chat.finding import Found, asker_of, messages_of
from bot.chat.hearing import ask_of, is_said, words_of
from bot.chat.judging import Judge
from bot.chat.live_answer import Fetch, LiveAnswer
from bot.chat.places import place_for, say, tell
from bot.chat.screen import Screen
from bot.link import Link
from bot.memory import Memory
from shared.clock import Clock
from shared.protocol import AskOptions, Done, Failed, Notice, ToClient

log = structlog.get_logger(__name__)
ANEW_SECONDS = 15 * 60.0
"""How long after its answer a changed question is still asked anew."""

MOST_OPEN = 500
"""Questions in hand, ten times the brain's queue as it comes; more are refused. Only while the
brain is away do so many pile up."""

AGAIN_SECONDS = 30.0
"""How long to wait when Discord did not take the end of an answer for minutes."""


@dataclass(slots=True)
class Chat:
    """All questions in hand. Handlers are called from one event loop, one step at a time."""

    link: Link
    delivery: Delivery
    fetch: Fetch
    tasks: TaskGroup
    clock: Clock
    memory: Memory
    rules: Rules
    limit: int
    max_file_size_mb: float
    other_end: Callable[[Done | Failed], bool] = lambda _: False
    """Takes the ends of what is no question (reset, summarize, close)."""

    _book: Book = field(default_factory=Book)
    _judge: Judge = field(init=False)

    def __post_init__(self) -> None:
        self._judge = Judge(self.rules)

    # ------------------------------------------------------------------ what people do

    async def heard(
        self, message: discord.Message, own: discord.ClientUser, *, missed: bool = False
    ) -> None:
        """A message was written where we can see it (`missed`: while we could not)."""
        if not is_said(message) or message.author.id == own.id:
            return
        if not self.memory.hear(message.id):
            return
        try:
            asked = await self._heard(message, own, missed=missed)
        except Exception:
            self.memory.settle(message.id)
            raise
        if not asked:
            self.memory.settle(message.id)

    def would_answer(
        self, message: discord.Message, own: discord.ClientUser, *, without_roles: bool = False
    ) -> Decision:
        """What would be done about it now (`without_roles`: if its author had the right ones)."""
        return self._judge.would(message, own, without_roles=without_roles)

    async def _heard(
        self, message: discord.Message, own: discord.ClientUser, *, missed: bool
    ) -> bool:
        """Whether it is a question and was asked."""
        channel_id = message.channel.id
        decision = self._judge.decide(message, own)
        if decision.does == "ignore":
            return False
        if message.guild is None:
            self.memory.use_direct(channel_id)
        words = words_of(message, own.id)
        if wants_cancel(words.text):
            await self._cancel_by_words(message)
            return False
        if not words.text and not words.files:
            await say(self.delivery, message, texts.HELP)
            return False
        if self.running >= MOST_OPEN:
            await say(self.delivery, message, texts.FULL)
            return False
        log.info("message.heard", because=decision.because, missed=missed)
        thread = title_of(words.title) if decision.does == "open_thread" else None
        target = await place_for(self.delivery, message, thread=thread)
        if target is None:
            return False
        self._judge.join(target)
        if self._book.knows(QuestionId(target, channel_id, message.id)):
            return False  # the brain told us of it before we heard it
        self.ask(message, own, target=target, missed=missed)
        return True

    def ask(
        self,
        message: discord.Message,
        own: discord.ClientUser,
        *,
        target: int,
        round_: int = 0,
        options: AskOptions | None = None,
        missed: bool = False,
        instead_of: LiveAnswer | None = None,
    ) -> None:
        """
        Ask what `message` says, and show the answer in the channel `target`.

        `round_`: another number for each time it is asked, whoever asks it and after a restart too.
        `missed`: an earlier process may have begun to show it. `instead_of`: an answer whose
        messages are written over.
        """
        question = self._book.unused(QuestionId(target, message.channel.id, message.id, round_))
        ask, complaints = ask_of(
            message, own.id, question, options=options, max_file_size_mb=self.max_file_size_mb
        )
        answer = self._answer(question, message.author.id)
        several = bool(self._book.in_place(target))
        answer.reply = target == message.channel.id and (message.guild is not None or several)
        self._book.put(Opened(answer, ask, message.content))
        remember(self._book.newest, target, message.id)
        if instead_of is not None:
            self._take_over(answer, instead_of)
        if not self.link.connected:
            answer.screen.status = texts.GOES_ON
        with structlog.contextvars.bound_contextvars(request_id=self.link.request_id(ask.ask_id)):
            self.link.ask(ask)
            self.tasks.start_soon(self._go_on if missed else self._see_through, answer)
        if complaints:
            text = "\n".join(f"⚠️ {one}" for one in complaints)
            self.tasks.start_soon(say, self.delivery, message, text)

    async def edited(self, message: discord.Message, own: discord.ClientUser) -> None:
        """
        A question that is being answered is asked again when its words change.

        So is one whose answer stands there, for a quarter of an hour and as long as nobody has
        asked anything else in that place: then the new answer takes the place of the old one.
        """
        in_hand = self._book.of_message(message.id)
        if not in_hand:
            self._ask_anew(message, own)
        for opened in in_hand:
            self._change(opened, message, own)

    def _change(self, opened: Opened, message: discord.Message, own: discord.ClientUser) -> None:
        if opened.ask is None or opened.content == message.content:
            return
        answer = opened.answer
        if answer.screen.end is not None:
            opened.changed = message, own
            return
        old = answer.ask_id
        self._book.forget(old)
        self.link.cancel(old)
        answer.question = self._book.unused(answer.question)
        answer.screen = Screen(self.limit, status=texts.CHANGED)
        ask, _ = ask_of(
            message,
            own.id,
            answer.question,
            options=opened.ask.options,
            max_file_size_mb=self.max_file_size_mb,
        )
        self._book.put(Opened(answer, ask, message.content))
        self.memory.forget_answer(old)
        self._note(answer)
        self.link.ask(ask)
        answer.changed()

    def _ask_anew(self, message: discord.Message, own: discord.ClientUser) -> None:
        ended = self._book.ended.get(message.id)
        if ended is None or ended.ask is None or ended.content == message.content:
            return
        answer = ended.answer
        place = answer.channel_id
        overtaken = self._book.newest.get(place) != message.id
        if overtaken or self.clock.monotonic() - ended.ended_at > ANEW_SECONDS:
            return
        has_files = bool(answer.screen.files) or answer.screen.whole_answer_as_file
        self.ask(
            message,
            own,
            target=place,
            options=ended.ask.options,
            instead_of=None if has_files else answer,
        )

    def deleted(self, message_id: int) -> None:
        """A question whose message is gone is stopped."""
        for opened in self._book.of_message(message_id):
            opened.answer.screen.closing_words = f"🛑 {texts.DELETED}"
            self.link.cancel(opened.answer.ask_id)

    def cancel_newest(self, user_id: int, channel_id: int) -> bool:
        """Stop the last question of this person here; whether there was one."""
        theirs = self._book.of_person(user_id, channel_id)
        if theirs:
            self._cancel(theirs[-1])
        return bool(theirs)

    def cancel_all(self, user_id: int, channel_id: int) -> None:
        """Stop every question of this person that is answered there."""
        for opened in self._book.of_person(user_id, channel_id):
            if opened.answer.channel_id == channel_id:
                self._cancel(opened)

    async def rest_in(self, channel_id: int) -> None:
        """Return when no answer there is unfinished."""
        while here := self._book.in_place(channel_id):
            await here[0].over.wait()

    def is_running(self, ask_id: str) -> bool:
        """Whether this question has no end yet."""
        return ask_id in self._book.open

    def stop(self, ask_id: str, user_id: int, *, is_admin: bool) -> bool:
        """Stop this question if it is this person's; whether it was."""
        opened = self._book.open.get(ask_id)
        if opened is None:
            return False
        if opened.answer.asker_id != user_id and not is_admin:
            return False
        self._cancel(opened)
        return True

    def _cancel(self, opened: Opened) -> None:
        self.link.cancel(opened.answer.ask_id)
        if not self.link.connected:  # no end comes for a while; the press is seen all the same
            opened.answer.screen.status = f"⏳ {texts.CANCELLING}"
            opened.answer.changed()

    def decision_in(self, channel_id: int) -> Decision | None:
        """What was decided on the last message there, for `/why`."""
        return self._judge.last_in(channel_id)

    @property
    def running(self) -> int:
        """Questions without an end."""
        return len(self._book.open)

    # ------------------------------------------------------------------ what the brain says

    def frame(self, frame: ToClient) -> None:
        """One frame; never waits."""
        ask_id = getattr(frame, "ask_id", None)
        question = parse_question_id(ask_id or "")
        if question is not None:
            self.memory.settle(question.message_id)
        if isinstance(frame, Notice) and frame.conversation_id is not None:
            self.tasks.start_soon(self._tell, frame.conversation_id, frame.message)
        if ask_id is None:
            log.info("brain.said", type=frame.type, code=getattr(frame, "code", None))
            return
        opened = self._book.open.get(ask_id)
        if opened is None and not self._book.has_finished(ask_id):
            if isinstance(frame, Done | Failed) and self.other_end(frame):
                return
            opened = self._recover(ask_id)
        if opened is not None:
            opened.answer.take(frame)
        elif isinstance(frame, Done | Failed):
            self.link.shown(ask_id)

    def brain_is(self, *, connected: bool) -> None:
        """The connection came or went; people see why nothing moves."""
        if connected:
            return
        for opened in self._book.open.values():
            opened.answer.screen.status = texts.GOES_ON
            opened.answer.changed()

    # ------------------------------------------------------------------ helpers

    def _answer(self, question: QuestionId, asker_id: int) -> LiveAnswer:
        answer = LiveAnswer(question, asker_id, Screen(self.limit), self.delivery, self.fetch)
        answer.on_sent = partial(self._note, answer)
        answer.on_cut = lambda: self.link.cancel(answer.ask_id)
        return answer

    def _note(self, answer: LiveAnswer) -> None:
        self.memory.note_answer(answer.ask_id, answer.message_ids)

    def _take_over(self, answer: LiveAnswer, before: LiveAnswer) -> None:
        answer.screen.status = texts.CHANGED
        answer.found(before.message_ids)
        answer.changed()
        self.memory.forget_answer(before.ask_id)
        self._note(answer)

    def _recover(self, ask_id: str) -> Opened | None:
        """An answer that a bot before this one began; it goes on in the messages it has."""
        question = parse_question_id(ask_id)
        if question is None:
            return None
        answer = self._answer(question, 0)
        answer.reply = question.channel_id == question.home_id
        self._book.put(opened := Opened(answer, None))
        self._judge.join(question.channel_id)
        self.tasks.start_soon(self._learn_asker, answer)
        self.tasks.start_soon(self._go_on, answer)
        return opened

    async def _learn_asker(self, answer: LiveAnswer) -> None:
        """Until then it is nobody's, and only operators can stop it."""
        answer.asker_id = await asker_of(answer.question, self.delivery)

    async def _go_on(self, answer: LiveAnswer) -> None:
        """Find the messages it has; what was shown to its end, or stopped unseen, is left."""
        ask_id = answer.ask_id
        known = self.memory.answer(ask_id)
        try:
            found = await messages_of(answer.question, known, self.delivery)
        except (Gone, Undelivered):
            log.info("answer.not_found", ask_id=ask_id)
            found = Found(list(known), None)
        end = answer.screen.end
        was_stopped = isinstance(end, Failed) and end.code == "chat.cancelled"
        if found.is_complete or (found.is_empty and was_stopped):
            self._book.forget(ask_id)
            self.link.shown(ask_id)
            return
        answer.found(found.standing, last=found.last)
        await self._see_through(answer)

    async def _see_through(self, answer: LiveAnswer) -> None:
        """From the first status line to the end that was shown."""
        try:
            await answer.begin()
            await self._until_shown(answer.run)
        except Exception:
            log.exception("answer.broke", ask_id=answer.ask_id)
            await self._show_plainly(answer)
        end = answer.screen.end
        if answer.gone and end is None:
            self.link.cancel(answer.ask_id)
        opened = self._book.open.get(answer.ask_id)
        if opened is not None:
            opened.ended_at = self.clock.monotonic()
            remember(self._book.ended, answer.question.message_id, opened)
        self._book.forget(answer.ask_id)
        self.link.shown(answer.ask_id)
        if opened is not None and opened.changed is not None:
            self._ask_anew(*opened.changed)

    async def _until_shown(self, run: Callable[[], Awaitable[bool]]) -> None:
        while not await run():
            await self.clock.sleep(AGAIN_SECONDS)

    async def _show_plainly(self, answer: LiveAnswer) -> None:
        """What broke in drawing must not cost the end, which is confirmed afterwards."""
        try:
            await self._until_shown(answer.run_plainly)
        except Exception:
            log.exception("answer.not_shown", ask_id=answer.ask_id)

    async def _tell(self, conversation_id: str, text: str) -> None:
        place = conversation_id.removeprefix("discord:")
        if place.isdecimal():
            await tell(self.delivery, int(place), text, moment=self.clock.now())

    async def _cancel_by_words(self, message: discord.Message) -> None:
        if not self.cancel_newest(message.author.id, message.channel.id):
            await say(self.delivery, message, texts.NOTHING_TO_CANCEL)
